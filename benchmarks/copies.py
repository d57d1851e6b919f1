r"""How often a verdict calls photographs copies that are none: splits of folders into real ones and others.

    python -m benchmarks.copies ~/caltech101/Motorbikes ~/caltech101/airplanes ~/clothing/train/t-shirt \
        --out metrics/benchmarks/copies.json

Each trial takes some photographs of a folder as real ones and others of the same folder as synthetic ones: as they are,
blurred and pale, since such images are near to all others. What is written is in how many trials the verdict has copies
for a reason, for every folder and number of photographs; and beside it, what fraction of changed copies of the real
photographs themselves counts as copies.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from benchmarks.rerender import read_photographs
from counterweight.evaluation.comparison.memorization import find_copies
from counterweight.reporting.verdicts import copy_reasons

COUNTS = [(5, 62), (20, 120), (60, 120), (100, 120), (120, 400), (200, 200), (350, 350)]
"""Real photographs and others."""
QUANTILE = 0.01
Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


def to_bytes(levels: Floats) -> Images:
    """Round levels of 255 (N, C, H, W) to bytes."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def blur(images: Images, deviation: float) -> Images:
    """Blur images (N, C, H, W) by a Gaussian of this standard deviation in pixels."""
    return to_bytes(gaussian_filter(images.astype(np.float64), (0, 0, deviation, deviation)))


def make_pale(images: Images) -> Images:
    """Return images with three tenths of their contrast around their own means."""
    mean = images.mean(axis=(2, 3), keepdims=True)
    return to_bytes(mean + 0.3 * (images - mean))


def add_noise(images: Images, rng: np.random.Generator) -> Images:
    """Add noise of 10 levels to every pixel."""
    return to_bytes(images + rng.normal(0, 10, images.shape))


def count_found_copies(folder: Path) -> dict[str, float]:
    """Return the fraction of 200 changed copies that count as copies, beside 200 other photographs."""
    images, rng = read_photographs(folder, 64), np.random.default_rng(0)
    order = rng.permutation(len(images))
    originals, others = images.take(order[:200]), images.take(order[200:400])
    changed = {
        "noise of 10 levels": add_noise(originals.images, rng),
        "blur of 1 pixel": blur(originals.images, 1.0),
        "shifted by 1 pixel": np.roll(originals.images, 1, axis=3),
        "brighter by 15 levels": to_bytes(originals.images.astype(np.float64) + 15),
    }
    found = {
        name: find_copies(replace(originals, images=made), others, originals, QUANTILE, rng)
        for name, made in changed.items()
    }
    return {name: float(pairs.result.fraction or 0) for name, pairs in found.items()}


def count_false_alarms(folder: Path, trials: int) -> dict[str, int]:
    """Return the number of false alarms for each pair of numbers of photographs."""
    images = read_photographs(folder, 64)
    soft = {"": images.images, ", blurred": blur(images.images, 4.0), ", pale": make_pale(images.images)}
    found = {f"{real} real, {others} others{how}": 0 for real, others in COUNTS for how in soft}
    for real, others in COUNTS:
        for trial in range(trials):
            rng = np.random.default_rng(trial)
            order = rng.permutation(len(images))[: real + others]
            for how, made in soft.items():
                sets = replace(images, images=made).take(order[real:]), images.take(order[:real])
                copied = find_copies(*sets, None, QUANTILE, rng).result
                found[f"{real} real, {others} others{how}"] += bool(copy_reasons(copied, "real images"))
    return found


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    folders = {path.name: path.expanduser() for path in arguments.folders}
    alarms = {name: count_false_alarms(path, arguments.trials) for name, path in folders.items()}
    copies = {name: count_found_copies(path) for name, path in folders.items()}
    text = json.dumps({"trials": arguments.trials, "false_alarms": alarms, "found": copies}, indent=1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
