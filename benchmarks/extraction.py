"""How fast the extract stage is beside the bare forward pass of the same network, one backbone at a time.

    python -m benchmarks.extraction --rounds 5 --out metrics/benchmarks/extraction_64.json
    python -m benchmarks.extraction --side 224 --divide 8 --rounds 3 --out metrics/benchmarks/extraction_224.json

The stage does its whole work, from its `main` to the renamed folder: settings, image table, a network with random
weights, resizing, normalisation, feature table. The bare pass knows only a network that is built and batches of floats
that are ready, of the same size and in the same order in memory. It is made in both ways in which all cores can be
busy, and the quicker one counts: all cores in every operation, as torch does of itself, and a batch per core, as the
stage does. Building the network and reading settings cost the same for any number of images, and are told apart. All
take turns, several times; medians, and the medians of the rounds' ratios, bare seconds by the stage's, are written.
Threads that share an operation wait for each other many times longer where other processes use the cores, too.
"""

import argparse
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from ruamel.yaml import YAML
from torch import Tensor, nn

from counterweight.core.images import ImageSet, write_images
from counterweight.core.tensors import resize_square
from counterweight.features.weights import load_backbone
from counterweight.networks.backbones.base.backbone import normalize
from counterweight.settings.extract import Extract
from counterweight.settings.params import load_params
from stages import extract

COUNTS = {"mobilenet_v2": 8192, "resnet152": 1024}
ORIGINAL = 100  # pixels; the stage resizes


def write_files(folder: Path, name: str, count: int, side: int) -> ImageSet:
    """Write an image table, and settings of a single backbone on the CPU."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text(encoding="utf-8"))
    params["device"] = "cpu"
    params["extract"] |= {"backbones": [name], "weights": "random", "input_size": side, "images": None}
    params["compare"]["headline"] = name
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3, ORIGINAL, ORIGINAL), dtype=np.uint8)
    images = ImageSet(pixels, np.zeros(count, np.int64), ("image",), np.arange(count).astype(np.str_), {})
    write_images(images, folder / "images.parquet")
    return images


def run_stage(folder: Path) -> None:
    """Run the stage."""
    shutil.rmtree(folder / "features", ignore_errors=True)
    extract.main(f"--params {folder}/params.yaml --images {folder}/images.parquet --out {folder}/features".split())


def build_network(name: str, side: int) -> nn.Module:
    """Return the network as the stage has it."""
    return (
        load_backbone(name, Extract(input_size=side), 0).get_submodule("network").to(memory_format=torch.channels_last)
    )


@torch.inference_mode()
def run_shared(network: nn.Module, batches: Sequence[Tensor], cores: int) -> None:
    """Do nothing but the forward pass, all cores in every operation."""
    torch.set_num_threads(cores)
    for batch in batches:
        network(batch)


def run_apart(network: nn.Module, batches: Sequence[Tensor], cores: int) -> None:
    """Do nothing but the forward pass, a batch per core."""
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(torch.inference_mode()(lambda batch: network(batch)), batches))


def measure_seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_backbone(name: str, count: int, side: int, batch_size: int, rounds: int) -> dict[str, object]:
    """Measure one backbone; the first round, which warms up, does not count."""
    cores = len(os.sched_getaffinity(0))
    with TemporaryDirectory() as text:
        folder = Path(text)
        pixels = resize_square(torch.from_numpy(write_files(folder, name, count, side).images), side)
        ready = normalize(pixels).contiguous(memory_format=torch.channels_last).split(batch_size)
        network = build_network(name, side)
        works: list[Callable[[], object]] = [
            lambda: run_shared(network, ready, cores),
            lambda: run_apart(network, ready, cores),
            lambda: run_stage(folder),
            lambda: build_network(name, side),
            lambda: load_params(folder / "params.yaml"),
        ]
        times = [[measure_seconds(work) for work in works] for _ in range(rounds + 1)][1:]
    bare = [min(row[:2]) for row in times]
    medians = (round(statistics.median(column), 3) for column in zip(*times, strict=True))
    names = ("shared_seconds", "apart_seconds", "stage_seconds", "building_seconds", "settings_seconds")
    return {
        "images": count,
        "input_size": side,
        **dict(zip(names, medians, strict=True)),
        "ratio": round(statistics.median(b / row[2] for b, row in zip(bare, times, strict=True)), 3),
        "ratio_without_building": round(
            statistics.median(b / (row[2] - row[3]) for b, row in zip(bare, times, strict=True)), 3
        ),
        "rounds": [[round(value, 3) for value in row] for row in times],
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--side", type=int, default=64, help="side in pixels to which images are resized")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--divide", type=int, default=1, help="so many times fewer images")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    params = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text(encoding="utf-8"))
    batch_size = params["extract"]["batch_size"]
    facts: dict[str, object] = {
        name: measure_backbone(name, count // arguments.divide, arguments.side, batch_size, arguments.rounds)
        for name, count in COUNTS.items()
    }
    facts |= {"batch_size": batch_size, "cores": len(os.sched_getaffinity(0)), "torch": torch.__version__}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
