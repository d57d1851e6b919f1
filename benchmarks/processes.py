"""One training by several processes beside one process, with one thread and with as many, in seconds per epoch.

    python -m benchmarks.processes acgan ddpm --out metrics/benchmarks/processes.json

All train the same generator from the same seed on the same images, in turn, several times; the processes are started
by torchrun and share each batch. What is written are medians of the epochs after the first, which warms up.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from counterweight.cli.gallery import name_hardware
from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator
from counterweight.networks.layers import parameter_count
from counterweight.settings.train import TrainingConfig
from counterweight.training.launch import COUNT, join
from counterweight.training.loop import fit

SHAPE, CLASSES = (3, 32, 32), tuple("abcd")
QUIET = TrainingConfig(previews=0, checkpoint_seconds=None)


def make_images(count: int) -> ImageSet:
    """Return noise of four classes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return ImageSet(pixels, np.arange(count) % len(CLASSES), CLASSES, np.array([""] * count), {})


def train(name: str, images: ImageSet, epochs: int, device: str) -> None:
    """Train in this process, or together with the others that were started, and print facts as JSON."""
    ends = [time.perf_counter()]

    def note() -> dict[str, float]:
        ends.append(time.perf_counter())
        return {}

    with join(int(os.environ.get(COUNT, "1")), device) as (processes, here), tempfile.TemporaryDirectory() as folder:
        model = build_generator(name, {"epochs": epochs + 1}, images, 0, name)
        assert isinstance(model, LearnedGenerator)
        real = to_labelled(images.images, images.labels)
        fit(model.to(here), real, 0, QUIET, Path(folder), watch=note, processes=processes)
        seconds = [end - begin for begin, end in pairwise(ends[1:])]
        if processes.leads:
            on = name_hardware(model.device)
            print(json.dumps({"seconds": seconds, "parameters": parameter_count(model), "on": on}))


def start(name: str, images: int, epochs: int, device: str, processes: int, threads: int) -> dict[str, object]:
    """Train in processes of their own and return what they say."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    words = [name, f"--images={images}", f"--epochs={epochs}", f"--device={device}", "--train"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, *launcher, "-m", "benchmarks.processes", *words]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def measure(name: str, arguments: argparse.Namespace) -> dict[str, object]:
    """Let one process and several train a generator in turn and return their medians."""
    own, count = (name, arguments.images, arguments.epochs, arguments.device), arguments.processes
    kinds = {"one_thread": (1, 1), "threads": (1, count), "processes": (count, 1)}
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    facts: dict[str, object] = {}
    for _ in range(arguments.rounds):
        for kind, (processes, threads) in kinds.items():
            facts = start(*own, processes, threads)
            found = facts["seconds"]
            assert isinstance(found, list)
            seconds[kind].append(statistics.median(found))
    return {
        "parameters": facts["parameters"],
        "on": facts["on"],
        **{f"{kind}_seconds": round(statistics.median(found), 2) for kind, found in seconds.items()},
        **{f"{kind}_of_each_round": [round(one, 2) for one in found] for kind, found in seconds.items()},
    }


def main() -> None:
    """Measure the generators named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", help="learned generators, with their defaults")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--train", action="store_true", help="train now, in this process; the command itself calls so")
    parser.add_argument("--out", type=Path, help="JSON to write")
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.names[0], make_images(arguments.images), arguments.epochs, arguments.device)
        return
    found = {}
    for name in arguments.names:
        found[name] = measure(name, arguments)
        print(name, json.dumps(found[name]))
    facts = {key: getattr(arguments, key) for key in ("images", "epochs", "rounds", "processes")}
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        load = {"torch": torch.__version__, "load": round(os.getloadavg()[0], 1)}
        arguments.out.write_text(json.dumps({**facts, **load, "generators": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
