"""How long the statistics of one backbone take of 10,000 images against 10,000.

    python -m benchmarks.two_sample --out metrics/benchmarks/two_sample.json

A process of its own makes two tables of float32 features, half of which are 0 as behind a ReLU, and calls every
statistic of features once, with the repeats of params.yaml: seconds, and the memory beside the tables at the worst
moment. Where others use the cores, too, seconds say little, and threads that wait for each other add to the
processor's seconds.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from counterweight.cli.gallery import name_hardware
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic, select_options
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import Statistic, find_statistics
from counterweight.statistics.base.resampling import Features
from counterweight.statistics.two_sample.normality import describe_families

SETTINGS = Compare(repeats=10)
LATENT = 256


def make_features(count: int, dimension: int, shift: float, seed: int) -> Features:
    """Return features (N, D) in float32 that depend on each other, without needing memory beside them."""
    mixing = np.random.default_rng(0).standard_normal((LATENT, dimension), np.float32) / np.float32(LATENT**0.5)
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((count, dimension), np.float32)
    for start in range(0, count, 1024):
        block = table[start : start + 1024]
        block += rng.standard_normal((len(block), LATENT), np.float32) @ mixing + np.float32(shift)
        np.maximum(block, 0, out=block)
    return table


def list_calls(real: Features, synthetic: Features) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    sets = [LabelledFeatures(table, np.arange(len(table)) % 10) for table in (real, synthetic)]
    rng = np.random.default_rng(0)

    def call(statistic: Statistic) -> object:
        options = select_options(statistic, SETTINGS)
        return run_statistic(statistic, sets[0], sets[1], rng, SETTINGS.repeats, options)

    found = {name: partial(call, statistic) for name, statistic in find_statistics().items()}
    return {**found, "families": lambda: [describe_families(table) for table in (real, synthetic)]}


def measure_peak() -> float:
    """Return the most memory this process ever had, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def time_statistics(count: int, dimension: int) -> None:
    """Call every statistic once and print seconds and memory."""
    todo = list_calls(make_features(count, dimension, 0.0, 1), make_features(count, dimension, 0.05, 2))
    before, worked, seconds = measure_peak(), time.process_time(), {}
    for name, call in todo.items():
        started = time.perf_counter()
        call()
        seconds[name] = round(time.perf_counter() - started, 2)
    total = round(sum(seconds.values()), 1)
    worked = round(time.process_time() - worked, 1)
    memory = round(measure_peak() - before, 2)
    print(json.dumps({"seconds": seconds, "total_seconds": total, "processor_seconds": worked, "extra_gib": memory}))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=4096)
    parser.add_argument("--one", action="store_true", help="print one backbone's seconds and memory, no more")
    parser.add_argument("--out", type=Path, help="JSON to write")
    arguments = parser.parse_args()
    sizes = [f"--count={arguments.count}", f"--dimension={arguments.dimension}"]
    if arguments.one:
        time_statistics(arguments.count, arguments.dimension)
        return
    child = [sys.executable, "-m", "benchmarks.two_sample", "--one", *sizes]
    printed = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
    facts = {
        f"{arguments.count}_images_of_{arguments.dimension}_features": json.loads(printed),
        "on": name_hardware(torch.device("cpu")),
        "numpy": np.__version__,
    }
    print(json.dumps(facts))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
