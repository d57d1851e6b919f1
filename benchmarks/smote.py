"""How long SMOTE takes here, beside imbalanced-learn's own on the same rows of numbers.

    python -m benchmarks.smote --out metrics/benchmarks/smote.json

Images of 28 x 28 pixels of two classes, 4,000 and 400, of which the smaller one is filled up. Both find neighbours of
the same images and make as many; ours turns bytes into numbers before and numbers into bytes after. They take turns;
what is written are medians, and the median of the rounds' ratios, theirs by ours.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from imblearn.over_sampling import SMOTE

from counterweight.core.tensors import to_labelled
from counterweight.generators import smote

LARGE, SMALL = 4000, 400


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [LARGE, SMALL])
    pixels = rng.integers(0, 256, (len(labels), 1, 28, 28), dtype=np.uint8)
    real, rows = to_labelled(pixels, labels), pixels.reshape(len(labels), -1).astype(np.float32)
    ours = smote.SMOTE((1, 28, 28), ("large", "small"), smote.Settings())
    wanted = torch.ones(LARGE - SMALL, dtype=torch.int64)
    times: list[tuple[float, float]] = []
    for seed in range(arguments.rounds + 1):
        started = time.perf_counter()
        made = ours.sample(wanted, real, torch.Generator().manual_seed(seed))
        middle = time.perf_counter()
        theirs, _ = SMOTE(random_state=seed).fit_resample(rows, labels)
        times.append((middle - started, time.perf_counter() - middle))
        assert len(made) == len(theirs) - len(labels)
    kept = times[1:]  # The first round warms up.
    found = {
        "known": SMALL,
        "made": LARGE - SMALL,
        "ours_seconds": round(statistics.median(own for own, _ in kept), 4),
        "imblearn_seconds": round(statistics.median(other for _, other in kept), 4),
        "ratio": round(statistics.median(other / own for own, other in kept), 3),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
