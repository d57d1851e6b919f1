r"""How often a verdict calls photographs copies that are none: splits of folders into real ones and others.

    python -m benchmarks.copies ~/caltech101/Motorbikes ~/caltech101/airplanes ~/clothing/train/t-shirt \
        --out metrics/benchmarks/copies.json

Each trial takes some photographs of a folder as real ones and others of the same folder as synthetic ones. What is
written is in how many trials the verdict has copies for a reason, for every folder and number of photographs.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.rerender import read_photographs
from counterweight.evaluation.comparison.memorization import find_copies
from counterweight.reporting.verdicts import copy_reasons

COUNTS = [(5, 62), (20, 120), (60, 120), (100, 120), (120, 400), (200, 200), (350, 350)]
"""Real photographs and others."""
QUANTILE = 0.01


def count_false_alarms(folder: Path, trials: int) -> dict[str, int]:
    """Return the number of false alarms for each pair of numbers of photographs."""
    images, found = read_photographs(folder, 64), {}
    for real, others in COUNTS:
        alarms = 0
        for trial in range(trials):
            rng = np.random.default_rng(trial)
            order = rng.permutation(len(images))[: real + others]
            sets = images.take(order[real:]), images.take(order[:real])
            copied = find_copies(*sets, None, QUANTILE, rng).result
            alarms += bool(copy_reasons(copied, "real images"))
        found[f"{real} real, {others} others"] = alarms
    return found


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    alarms = {path.name: count_false_alarms(path.expanduser(), arguments.trials) for path in arguments.folders}
    text = json.dumps({"trials": arguments.trials, "false_alarms": alarms}, indent=1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
