r"""How many near copies an audit finds, and how many it finds where there are none.

    python -m benchmarks.near_copies ~/caltech101 ~/clothing/train --out metrics/benchmarks/near_copies.json

Of the images of a folder some are called real, some others synthetic, at random; then some of the real ones, saved
again in one way after another, stand beside the others. What is written is which part of the copies was found, by the
way, and of the others by themselves which part was called near copies, over all trials.
"""

import argparse
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from benchmarks.rerender import read_photographs
from counterweight.core.images import ImageSet
from counterweight.evaluation.comparison.memorization import find_copies

QUANTILE = 0.01
SIDE = 200
"""Images that are called real, and others."""
QUALITY, BRIGHTER = 70, 15
WAYS = ("JPEG", "half the size, JPEG", "brighter")
Pixels = npt.NDArray[np.uint8]


def save_again(image: Pixels, way: str) -> Pixels:
    """Return an image (C, H, W) as it is after one of `WAYS`."""
    picture = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
    size = picture.size
    if way == WAYS[1]:
        picture = picture.resize((size[0] // 2, size[1] // 2), Image.Resampling.BICUBIC)
    if way == WAYS[2]:
        picture = picture.point(lambda level: min(255, level + BRIGHTER))
    else:
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=QUALITY)
        picture = Image.open(content)
    pixels = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)


def count_near(synthetic: ImageSet, real: ImageSet) -> int:
    """Return how many synthetic images are called near copies."""
    return find_copies(synthetic, real, None, QUANTILE, np.random.default_rng(0)).result.near


def measure(images: ImageSet, trials: int) -> dict[str, object]:
    """Return what is found of the copies, by the way, and of others, as parts of them."""
    side, found, others = min(SIDE, len(images) // 2), dict.fromkeys(WAYS, 0), 0
    copied = side // 2
    for trial in tqdm(range(trials), desc=str(images.shape)):
        order = np.random.default_rng(trial).permutation(len(images))
        real, other = images.take(order[:side]), images.take(order[side : 2 * side])
        alone = count_near(other, real)
        others += alone
        rest = count_near(other.take(np.arange(copied, side)), real)
        for way in WAYS:
            again = np.stack([save_again(image, way) for image in real.images[:copied]])
            both = replace(other, images=np.concatenate([again, other.images[copied:]]))
            found[way] += count_near(both, real) - rest
    parts = {way: round(number / trials / copied, 4) for way, number in found.items()}
    return {"images": side, "copies": copied, "found": parts, "others": round(others / trials / side, 5)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    found = {path.name: measure(read_photographs(path, arguments.size), arguments.trials) for path in arguments.folders}
    text = json.dumps({"size": arguments.size, "trials": arguments.trials, "found": found}, indent=1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
