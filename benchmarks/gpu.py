"""What a step of a training costs a device: operators, kernels, copies and waits counted, images a second, memory.

    python -m benchmarks.gpu cvae bagan cgan ddpm --out metrics/benchmarks/gpu.json
    python -m benchmarks.gpu cvae bagan cgan ddpm --device cuda --precision bfloat16 --out metrics/benchmarks/gpu.json
    python -m benchmarks.gpu cvae bagan cgan ddpm --compile --out metrics/benchmarks/gpu_compiled.json
    python -m benchmarks.gpu cvae bagan cgan ddpm --streams 1 2 4 8 --out metrics/benchmarks/gpu_streams.json

torch.profiler counts, over some steps of the last phase of each generator, those of the project's loop and those of a
plain one: a DataLoader with two workers, the loss fetched after every step. Counts are the same on any machine, but for
kernels, copies to and from the device and waits for it, which a CPU has none of. Speed and memory are measured where
there is a device, and on a CPU too if asked for by --speed; before that an epoch warms up, in which torch.compile
translates the networks where --compile asks for it, those of the project's loop alone.

--streams trains so many draws at once, as `streams` in params.yaml does, and says how many images a second all of them
learn from, and the memory that they fill and that torch holds for their streams. On a CPU it is draws on cores.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Barrier
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader

from benchmarks.training import Pictures
from counterweight.cli.gallery import name_hardware, read_parts
from counterweight.core.devices import map_in_parallel, prepare_workers
from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase
from counterweight.generators.base.saved import build_generator, find_generator_block
from counterweight.networks.layers import use_rng
from counterweight.settings.params import load_params
from counterweight.settings.train import TrainingConfig
from counterweight.training.compile import compile_networks
from counterweight.training.loop import Loop, build_optimizers
from counterweight.training.progress import Progress

CPU = torch.device("cpu")
WARM = 1
WORKERS = 2
FETCHES = ("aten::_local_scalar_dense", "aten::nonzero")
"""Operators that wait for what the device has computed."""
INSIDE = ("aten::_fused_", "aten::one_hot")
"""Operators that look at values on a CPU alone: an optimiser's numbers of steps, and whether labels are in range."""
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx", "cudaGraphLaunch")

Run = Callable[[], int]
"""Trains for an epoch and returns the number of its steps."""


def make_ours(model: LearnedGenerator, phase: Phase, images: ImageSet, config: TrainingConfig, folder: Path) -> Run:
    """Return an epoch of the project's loop."""
    loop = Loop(model, to_labelled(images.images, images.labels), 0, config, folder, Progress())
    loop.optimizers = build_optimizers(phase)

    def run() -> int:
        before = loop.step
        loop.run_epoch(phase)
        return loop.step - before

    return run


def make_plain(model: LearnedGenerator, phase: Phase, images: ImageSet, config: TrainingConfig) -> Run:
    """Return an epoch of the plain loop, whose workers start before."""
    loader = DataLoader(
        Pictures(images), phase.batch_size, shuffle=True, num_workers=WORKERS, drop_last=True, persistent_workers=True
    )
    rng = torch.Generator(model.device).manual_seed(0)
    use_rng(model, rng)
    optimizers = build_optimizers(phase)
    autocast = torch.autocast(model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16")
    model.train()

    def run() -> int:
        step = 0
        for step, (batch, labels) in enumerate(loader, 1):
            for update in phase.updates:
                if step % update.every:
                    continue
                optimizers[update.name].zero_grad()
                with autocast:
                    losses = model.losses(update.name, batch.to(model.device), labels.to(model.device), rng)
                losses["loss"].backward()
                optimizers[update.name].step()
                losses["loss"].item()
        return step

    return run


def count(run: Run, device: torch.device) -> dict[str, float]:
    """Return what the profiler sees in a step, on average over an epoch."""
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=kinds, acc_events=True) as seen:  # of one cycle, whose end torch 2.12 warns of
        steps = run()
    calls = Counter(event.name for event in seen.events() if not has_ancestor(event, INSIDE))

    def sum_of(wanted: Callable[[str], bool]) -> float:
        return round(sum(number for name, number in calls.items() if wanted(name)) / steps, 1)

    return {
        "operators": sum_of(lambda name: name.startswith("aten::")),
        "fetches": sum_of(lambda name: name in FETCHES),
        "kernels": sum_of(lambda name: name in LAUNCHES),
        "waits": sum_of(lambda name: name in WAITS),
        "copies_to_device": sum_of(lambda name: name.startswith("Memcpy HtoD")),
        "copies_from_device": sum_of(lambda name: name.startswith("Memcpy DtoH")),
    }


def has_ancestor(event: Any, names: tuple[str, ...]) -> bool:  # noqa: ANN401 - the profiler's
    """Say whether an event lies within another whose name begins with one of these."""
    while (event := event.cpu_parent) is not None:
        if event.name.startswith(names):
            return True
    return False


def time_epochs(run: Run, batch: int, epochs: int, device: torch.device) -> dict[str, float]:
    """Return images a second over some epochs, and the device's memory at its fullest in MiB."""
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    steps = sum(run() for _ in range(epochs))
    if on_gpu:
        torch.cuda.synchronize(device)
    found: dict[str, float] = {"images_per_second": round(steps * batch / (time.perf_counter() - began))}
    if on_gpu:
        found["peak_mebibytes"] = round(torch.cuda.max_memory_allocated(device) / 2**20)
    return found


def time_draws(
    build: Callable[[int], Run], count: int, batch: int, epochs: int, device: torch.device
) -> dict[str, Any]:
    """Return images a second that so many draws learn from at once, and MiB of the device's memory that they take.

    Args:
        build: returns an epoch of a draw, given its number.
    """
    draws = prepare_workers(count, device, [], count)
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    runs = [build(draw) for draw in range(draws)]
    ready = Barrier(draws)

    def train(run: Run) -> tuple[int, float, float]:
        try:
            for _ in range(WARM):
                run()
            ready.wait()
        except BaseException:
            ready.abort()  # else the others would wait for ever
            raise
        began = time.perf_counter()
        # An epoch ends with its losses' being fetched.
        return sum(run() for _ in range(epochs)), began, time.perf_counter()

    steps, begins, ends = zip(*map_in_parallel(train, runs, device, None, streams=count), strict=True)
    found: dict[str, Any] = {"draws": draws}
    found["images_per_second"] = round(sum(steps) * batch / (max(ends) - min(begins)))
    if on_gpu:
        found["peak_mebibytes"] = round(torch.cuda.max_memory_allocated(device) / 2**20)
        found["reserved_mebibytes"] = round(torch.cuda.max_memory_reserved(device) / 2**20)
    return found


def prepare(
    name: str, block: dict[str, Any], images: ImageSet, seed: int, device: torch.device
) -> tuple[LearnedGenerator, Phase]:
    """Return an untrained generator, and its last phase, which has begun."""
    model = build_generator(name, block, images, seed, name)
    assert isinstance(model, LearnedGenerator)
    phase = model.to(device).phases()[-1]
    model.on_phase_start(phase.name, to_labelled(images.images, images.labels))
    return model, phase


def measure_streams(
    name: str, block: dict[str, Any], images: ImageSet, config: TrainingConfig, arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Train several draws of a generator at once, and return speeds by the number of streams."""
    device, found = torch.device(arguments.device), {}
    for streams in arguments.streams:
        with tempfile.TemporaryDirectory() as folder:

            def build(draw: int, folder: Path = Path(folder)) -> Run:
                return make_ours(*prepare(name, block, images, draw, device), images, config, folder / str(draw))

            size = prepare(name, block, images, 0, CPU)[1].batch_size
            found[str(streams)] = time_draws(build, streams, size, arguments.epochs, device)
    return found


def measure(name: str, images: ImageSet, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let both loops train a generator and return counts and, if wanted, speeds of each."""
    device = torch.device(arguments.device)
    block = find_generator_block(load_params(Path("params.yaml")).generators, name, arguments.dataset)
    config = TrainingConfig(previews=0, checkpoint_seconds=None, precision=arguments.precision)
    found: dict[str, Any] = {"settings": block}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("loop", "plain"):
            model, phase = prepare(name, block, images, 0, device)
            ours = kind == "loop"
            own = model, phase, images, config
            run = make_ours(*own, Path(folder)) if ours else make_plain(*own)
            with compile_networks(model, arguments.compile and ours):
                began = time.perf_counter()
                for _ in range(WARM):
                    run()
                warm_up = round(time.perf_counter() - began, 1)
                found[kind] = {**count(run, device), "warm_up_seconds": warm_up}
                if arguments.speed or device.type == "cuda":
                    found[kind] |= time_epochs(run, phase.batch_size, arguments.epochs, device)
    if arguments.streams:
        found["streams"] = measure_streams(name, block, images, config, arguments)
    return found | {"on": name_hardware(device)}


def main() -> None:
    """Measure the generators named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", help="learned generators")
    parser.add_argument("--dataset", default="digits", help="dataset and block of settings")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--compile", action="store_true", help="let torch.compile translate networks of the loop")
    parser.add_argument("--epochs", type=int, default=4, help="that are timed")
    parser.add_argument("--streams", type=int, nargs="*", default=[], help="numbers of draws that are trained at once")
    parser.add_argument("--speed", action="store_true", help="measure speed on a CPU, too")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    images, _ = read_parts(load_params(Path("params.yaml")), arguments.dataset)
    found = {}
    for name in arguments.names:
        found[name] = measure(name, images, arguments)
        print(name, json.dumps(found[name]))
    facts = {key: getattr(arguments, key) for key in ("dataset", "device", "precision", "compile", "epochs")}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    facts |= {"images": len(images), "torch": torch.__version__}
    arguments.out.write_text(json.dumps({**facts, "generators": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
