"""How fast the extract stage is beside the bare forward pass of the same network, one backbone at a time.

    python -m benchmarks.extraction --out metrics/benchmarks/extraction_64.json
    python -m benchmarks.extraction --side 224 --divide 4 --rounds 3 --out metrics/benchmarks/extraction_224.json
    python -m benchmarks.extraction --original 64 --out metrics/benchmarks/extraction_as_they_are.json

The stage does its whole work, from its `main` to the renamed folder: settings, image table, a network with random
weights, resizing, normalisation, feature table. Told apart are its start with the building of the network, which take
as long for any number of images, and the pass over the images, from the first that is read to the last that is written.
The bare pass knows only the network that the stage has, built before, and batches of floats that are ready, of the same
size and in the same order in memory, and works on a batch per core, as the stage does: all cores in every operation, as
torch has them of itself, were 1 to 60 % slower on idle cores, and sixteen times slower beside another process, since
threads that share an operation wait for each other. Both take turns, several times; medians, and the medians of the
rounds' ratios, bare seconds by the stage's, are written: of the clock, and of the processor, which others' work and a
core that waits for the last batch count less in.
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
from unittest.mock import patch

import numpy as np
import torch
from ruamel.yaml import YAML
from torch import Tensor, nn

from counterweight.core.images import ImageSet, write_images
from counterweight.core.tensors import resize_square
from counterweight.features.extractor import build_extractor, write_set_features
from counterweight.networks.backbones.base.backbone import normalize
from counterweight.settings.extract import Extract
from stages import extract

COUNTS = {"mobilenet_v2": 4096, "resnet152": 512}
ORIGINAL = 100
"""Side in pixels of the images, unless another is asked for; the stage resizes."""


def write_files(folder: Path, name: str, count: int, side: int, original: int) -> ImageSet:
    """Write an image table, and settings of a single backbone on the CPU."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text(encoding="utf-8"))
    params["device"] = "cpu"
    params["extract"] |= {"backbones": [name], "weights": "random", "input_size": side, "images": None}
    params["compare"]["headline"] = name
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3, original, original), dtype=np.uint8)
    images = ImageSet(pixels, np.zeros(count, np.int64), ("image",), np.arange(count).astype(np.str_), {})
    write_images(images, folder / "images.parquet")
    return images


def run_stage(folder: Path) -> tuple[float, float, float]:
    """Run the stage and return its seconds, those of its pass over the images, and the processor's of the pass."""
    shutil.rmtree(folder / "features", ignore_errors=True)
    passing: list[float] = []

    def write_and_clock(*arguments: object) -> None:
        passing.extend(measure_seconds(lambda: write_set_features(*arguments)))  # type: ignore[arg-type]

    began = time.perf_counter()
    with patch.object(extract, "write_set_features", write_and_clock):
        extract.main(f"--params {folder}/params.yaml --images {folder}/images.parquet --out {folder}/features".split())
    whole = time.perf_counter() - began
    return whole, passing[0], passing[1]


def build_network(name: str, side: int) -> nn.Module:
    """Return the network as the stage has it, without what turns bytes into its floats."""
    built = build_extractor(name, Extract(input_size=side), 0, torch.device("cpu")).network
    assert isinstance(built, nn.Module)
    return built.get_submodule("network")


def run_bare(network: nn.Module, batches: Sequence[Tensor], cores: int) -> None:
    """Do nothing but the forward pass, a batch per core."""
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(torch.inference_mode()(lambda batch: network(batch)), batches))


def measure_seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long something takes, and the processor's seconds of all threads."""
    started, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - worked


def measure_backbone(
    name: str, count: int, side: int, batch_size: int, rounds: int, original: int = ORIGINAL
) -> dict[str, object]:
    """Measure one backbone; the first round, which warms up, does not count."""
    cores = len(os.sched_getaffinity(0))
    with TemporaryDirectory() as text:
        folder = Path(text)
        pixels = resize_square(torch.from_numpy(write_files(folder, name, count, side, original).images), side)
        ready = normalize(pixels).contiguous(memory_format=torch.channels_last).split(batch_size)
        network = build_network(name, side)
        rows = [
            (*measure_seconds(lambda: run_bare(network, ready, cores)), *run_stage(folder)) for _ in range(rounds + 1)
        ]
    times = rows[1:]
    names = ("bare_seconds", "bare_processor_seconds", "stage_seconds", "pass_seconds", "pass_processor_seconds")
    medians = {
        name: round(statistics.median(column), 3) for name, column in zip(names, zip(*times, strict=True), strict=True)
    }
    ratios = {
        "ratio": [bare / own for bare, _, _, own, _ in times],
        "ratio_of_processor_seconds": [bare / own for _, bare, _, _, own in times],
        "ratio_with_start": [bare / stage for bare, _, stage, _, _ in times],
    }
    return {
        "images": count,
        "original_size": original,
        "input_size": side,
        **medians,
        "start_seconds": round(statistics.median(stage - own for _, _, stage, own, _ in times), 3),
        **{name: round(statistics.median(column), 3) for name, column in ratios.items()},
        "rounds": [[round(value, 3) for value in row] for row in times],
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--side", type=int, default=64, help="side in pixels to which images are resized")
    parser.add_argument("--original", type=int, default=ORIGINAL, help="side in pixels that images have")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--divide", type=int, default=1, help="so many times fewer images")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    params = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text(encoding="utf-8"))
    batch_size = params["extract"]["batch_size"]
    facts: dict[str, object] = {
        name: measure_backbone(
            name, count // arguments.divide, arguments.side, batch_size, arguments.rounds, arguments.original
        )
        for name, count in COUNTS.items()
    }
    facts |= {"batch_size": batch_size, "cores": len(os.sched_getaffinity(0)), "torch": torch.__version__}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
