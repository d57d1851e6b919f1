"""How fast the training loop is, beside a plain loop over torch's DataLoader around the same networks.

    python -m benchmarks.training cvae acgan residual_vae --out metrics/benchmarks/training.json

The plain loop is what a tutorial has: a Dataset that turns one image after another into a tensor, a DataLoader with
two workers that shuffles and stacks them, zero_grad, loss, backward, step, and the loss fetched after every step. Both
train the same generator with the same settings, losses and optimisers on the same images, in turn, several times; what
is printed are medians, and the ratio of the two speeds in each round. The loop's own overhead is that fraction of its
time that is spent outside losses, backward and the optimisers' steps.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from counterweight.cli.gallery import name_hardware, read_parts
from counterweight.core.devices import choose_device
from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase
from counterweight.generators.base.saved import build_generator, find_generator_block
from counterweight.networks.layers import use_rng
from counterweight.settings.params import load_params
from counterweight.settings.train import TrainingConfig
from counterweight.training.loop import Loop, build_optimizers
from counterweight.training.progress import Progress

QUIET = TrainingConfig(previews=0, checkpoint_seconds=None)
WORKERS = 2


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images one by one, as a tutorial has them."""

    def __init__(self, images: ImageSet) -> None:
        self.images = images
        steps = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])]
        self.transform = v2.Compose(steps)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = self.images.images[index].transpose(1, 2, 0)
        return self.transform(pixels), int(self.images.labels[index])


def run_plain(model: LearnedGenerator, phase: Phase, images: ImageSet, epochs: int) -> float:
    """Train by the plain loop and return images per second; workers start before the clock."""
    loader = DataLoader(
        Pictures(images), phase.batch_size, shuffle=True, num_workers=WORKERS, drop_last=True, persistent_workers=True
    )
    rng = torch.Generator(model.device).manual_seed(0)
    use_rng(model, rng)
    optimizers = build_optimizers(phase)
    model.train()
    next(iter(loader))
    seen, step, started = 0, 0, time.perf_counter()
    for _ in range(epochs):
        for batch, labels in loader:
            step += 1
            for update in phase.updates:
                if step % update.every:
                    continue
                optimizers[update.name].zero_grad()
                loss = model.losses(update.name, batch.to(model.device), labels.to(model.device), rng)["loss"]
                loss.backward()
                optimizers[update.name].step()
                loss.item()
            seen += len(labels)
    return seen / (time.perf_counter() - started)


def run_ours(model: LearnedGenerator, phase: Phase, images: ImageSet, epochs: int) -> tuple[float, float]:
    """Train by the project's loop and return images per second and the fraction of time that is the loop's own."""
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(model, to_labelled(images.images, images.labels), 0, QUIET, Path(folder), Progress())
        inside = [0.0]
        losses = model.losses

        def time_losses(update: str, batch: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
            with clock(inside):
                return losses(update, batch, labels, rng)

        model.losses = time_losses  # type: ignore[assignment, method-assign]
        loop.optimizers = build_optimizers(phase)
        for optimizer in loop.optimizers.values():
            optimizer.step = add_clock(optimizer.step, inside)  # type: ignore[assignment, method-assign]
        backward = Tensor.backward
        Tensor.backward = add_clock(backward, inside)  # type: ignore[assignment, method-assign]
        try:
            started = time.perf_counter()
            for _ in range(epochs):
                loop.run_epoch(phase)
            seconds = time.perf_counter() - started
        finally:
            Tensor.backward = backward  # type: ignore[method-assign]
    return loop.step * phase.batch_size / seconds, 1 - inside[0] / seconds


@contextmanager
def clock(total: list[float]) -> Iterator[None]:
    """Add the time that the block takes."""
    started = time.perf_counter()
    yield
    total[0] += time.perf_counter() - started


def add_clock(function: object, total: list[float]) -> object:
    """Return the function with its time added to the total."""

    def run_clocked(*arguments: object, **options: object) -> object:
        with clock(total):
            return function(*arguments, **options)  # type: ignore[operator]

    return run_clocked


def measure(name: str, dataset: str, images: ImageSet, epochs: int, rounds: int) -> dict[str, object]:
    """Let both loops train a generator in turn and return their medians."""
    params = load_params(Path("params.yaml"))
    block = find_generator_block(params.generators, name, dataset)
    device = choose_device(params.device)

    def build() -> tuple[LearnedGenerator, Phase]:
        model = build_generator(name, block, images, 0, name)
        assert isinstance(model, LearnedGenerator)
        model.to(device)
        phase = model.phases()[-1]
        model.on_phase_start(phase.name, to_labelled(images.images, images.labels))
        return model, phase

    loops, plains, overheads = [], [], []
    for place in range(rounds + 1):
        speed, overhead = run_ours(*build(), images, epochs)
        other = run_plain(*build(), images, epochs)
        if place:  # the first round warms up
            loops.append(speed)
            plains.append(other)
            overheads.append(overhead)
    return {
        "settings": block,
        "images_per_second": round(statistics.median(loops)),
        "plain_images_per_second": round(statistics.median(plains)),
        "ratio": round(statistics.median(a / b for a, b in zip(loops, plains, strict=True)), 2),
        "ratios": [round(a / b, 2) for a, b in zip(loops, plains, strict=True)],
        "own_overhead": round(statistics.median(overheads), 4),
        "on": name_hardware(device),
    }


def main() -> None:
    """Measure the generators named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", help="learned generators")
    parser.add_argument("--dataset", default="digits", help="dataset and block of settings")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    images, _ = read_parts(load_params(Path("params.yaml")), arguments.dataset)
    found = {}
    for name in arguments.names:
        found[name] = measure(name, arguments.dataset, images, arguments.epochs, arguments.rounds)
        print(name, json.dumps(found[name]))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    facts = {"dataset": arguments.dataset, "images": len(images), "workers": WORKERS, "torch": torch.__version__}
    arguments.out.write_text(json.dumps({**facts, "generators": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
