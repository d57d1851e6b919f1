"""How alike the fours are that a CVAE-GAN makes, by the weight of its KL term, and how many trainings fail.

    python -m benchmarks.cvae_gan_weight --out metrics/benchmarks/cvae_gan_weight.json

MNIST's four files lie in `mnist/` of the folder that COUNTERWEIGHT_REAL_DATA names. Trained is the generator of
presets/mnist_cpu.yaml on fewer images, of which half of the fours are dropped, as for table C.1 of the balancing
thesis; similarity is that of the table, of pairs of generated fours. A training has failed if its reconstructions are,
in the last epoch, further from their images than the mean of all images is. `keras` are networks whose weights begin as
the generator's do, `torch` those that begin as torch's. Trainings that the JSON has already, with the same settings,
are not repeated.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from counterweight.cli.gallery import name_hardware
from counterweight.core.images import ImageSet
from counterweight.core.tensors import Labelled, to_labelled, to_unit
from counterweight.data.decode.pool import Workers
from counterweight.data.sources import mnist
from counterweight.data.split.reading import choose_all, read_into_memory
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator, find_generator_block
from counterweight.generators.cvae_gan import half_square
from counterweight.settings.presets import read_preset
from counterweight.settings.train import TrainingConfig
from counterweight.statistics.images.ssim import pairwise_ssim
from counterweight.training.history import Row
from counterweight.training.loop import fit

WEIGHTS = (0.05, 0.2, 0.5, 1.0, 2.0, 5.5)
OF_TORCH = (2.0,)
"""Weights that are tried with torch's initialisation, too."""
THESIS = {"table C.1": 0.2058, "table C.2": 0.2091, "table C.1, original images": 0.1678}
FOUR, MADE = 4, 1000
QUIET = TrainingConfig(previews=0, checkpoint_seconds=None)


def read_mnist(count: int) -> tuple[ImageSet, ImageSet]:
    """Return the first images of MNIST's training part without every other four, and fours that are not among them."""
    settings = mnist.Settings(mirror=f"{os.environ['COUNTERWEIGHT_REAL_DATA']}/mnist")
    with Workers() as workers:
        part = choose_all(mnist.find(settings, "mnist").train)
        images = read_into_memory(part, "benchmarks.cvae_gan_weight", "train", workers)
    fours, first = np.flatnonzero(images.labels == FOUR), np.arange(count)
    dropped = fours[fours < count][::2]
    return images.take(np.setdiff1d(first, dropped)), images.take(np.setdiff1d(fours, first))


def build(images: ImageSet, weight: float, seed: int, initialization: str) -> LearnedGenerator:
    """Return the untrained generator of the preset, but for the weight."""
    block = find_generator_block(read_preset(Path("params.yaml"), "mnist_cpu").generators, "cvae_gan", "mnist_cpu")
    model = build_generator("cvae_gan", {**block, "kl_weight": weight}, images, seed, "presets/mnist_cpu.yaml")
    assert isinstance(model, LearnedGenerator)
    if initialization == "torch":
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            for layer in model.modules():
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                    layer.reset_parameters()
    return model


def run(images: ImageSet, weight: float, seed: int, initialization: str) -> dict[str, Any]:
    """Train a generator and measure its fours."""
    started = time.process_time()
    model, real = build(images, weight, seed, initialization), to_labelled(images.images, images.labels)
    with tempfile.TemporaryDirectory() as folder:
        history = fit(model, real, seed, QUIET, Path(folder))
    pixels = last(history, "generator", "pixels")
    made = model.sample(torch.full((MADE,), FOUR), real, torch.Generator().manual_seed(seed))
    return {
        "kl_weight": weight,
        "initialization": initialization,
        "seed": seed,
        "failed": pixels > measure_spread(real),
        "pixels": round(pixels, 1),
        "kl_nats": round(last(history, "encoder", "kl"), 2),
        "pixels_by_epoch": [round(float(row["pixels"]), 1) for row in history if row["update"] == "generator"],
        **measure_similarity(made.numpy()),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def last(history: list[Row], update: str, name: str) -> float:
    """Return the mean of a loss over the last epoch."""
    return float([row for row in history if row["update"] == update][-1][name])


def measure_spread(real: Labelled) -> float:
    """Return the distance of equation 3.4 in pixels between images and the mean of all."""
    images = to_unit(real.images)
    return float(half_square(images, images.mean(dim=0, keepdim=True)))


def measure_similarity(fours: np.ndarray) -> dict[str, Any]:
    """Return the structural similarity of random pairs, as many as there are images."""
    found = pairwise_ssim(fours, np.full(len(fours), FOUR), len(fours), np.random.default_rng(0))
    assert found.signed is not None
    assert found.unsigned is not None
    pairs = {"ssim_signed": found.signed, "ssim_unsigned": found.unsigned}
    return {name: {"mean": round(of.mean, 4), "error": round(of.error or 0.0, 4)} for name, of in pairs.items()}


def name_processor() -> str:
    """Name the model of the CPU."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def find_runs(path: Path, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the trainings of a file that was written under the same facts."""
    if not path.exists():
        return []
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    runs: list[dict[str, Any]] = found.pop("runs")
    return runs if found == json.loads(json.dumps(facts)) else []


def main() -> None:
    """Train, measure and write, after every training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", type=float, nargs="+", default=WEIGHTS)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images, others = read_mnist(arguments.images)
    ways = [("keras", weight) for weight in arguments.weights], [("torch", weight) for weight in OF_TORCH]
    plan = [(way, weight, seed) for part in ways for seed in range(arguments.seeds) for way, weight in part]
    facts: dict[str, Any] = {
        "thesis_ssim": THESIS,
        "real_fours": measure_similarity(others.images[:MADE]),
        "spread": round(measure_spread(to_labelled(images.images, images.labels)), 1),
        "settings": build(images, 0.0, 0, "keras").settings.model_dump(exclude={"kl_weight"}),
        "images": len(images),
        "fours": int((images.labels == FOUR).sum()),
        "on": f"{name_hardware(torch.device('cpu'))}, {name_processor()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    facts["runs"] = find_runs(arguments.out, facts)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    done = {(each["initialization"], each["kl_weight"], each["seed"]) for each in facts["runs"]}
    for way, weight, seed in [item for item in plan if item not in done]:
        facts["runs"].append(run(images, weight, seed, way))
        print(json.dumps(facts["runs"][-1]), flush=True)
        arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
