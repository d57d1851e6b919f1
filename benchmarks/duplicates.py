"""Seconds in which 100,000 images are told which show the same: by their pixels, and as near duplicates.

    python -m benchmarks.duplicates --out metrics/benchmarks/duplicates.json

Images of random waves whose amplitudes fall with frequency as those of photographs do, in colour, in memory as `ingest`
has them when it has read them; one in ten is there a second time, then each: the same pixels, or at half the size and
back, or saved as JPEG, or both, each a quarter. Decoding is not in it. Beside the seconds stands what part of each was
found, and how many pairs of others were.
"""

import argparse
import io
import json
import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from counterweight.core.near_duplicates import find_near_duplicates, sketch
from counterweight.core.twins import digest_pixels

Images = npt.NDArray[np.uint8]
CHUNK = 1000  # images that are drawn together
REPEATED = {"one in ten": 11, "each": 2}  # one of so many images shows what another does
KINDS = ("same pixels", "half the size", "JPEG of quality 75", "both")


def draw(count: int, side: int, rng: np.random.Generator) -> Images:
    """Return pictures, uint8 (N, 3, side, side)."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)) * side
    shape = (count, 3, side, side // 2 + 1)
    noise = rng.standard_normal((count, 1, *shape[2:], 2)) * 2 + rng.standard_normal((*shape, 2))
    waves = np.fft.irfft2((noise[..., 0] + 1j * noise[..., 1]) / np.maximum(frequency, 1), (side, side))
    scaled = waves / waves.std(axis=(1, 2, 3), keepdims=True) * 45 + 128
    pictures: Images = scaled.clip(0, 255).astype(np.uint8)
    return pictures


def repeat(image: Images, kind: str) -> Images:
    """Return an image (3, H, W) once more."""
    if kind == KINDS[0]:
        return image
    picture = Image.fromarray(image.transpose(1, 2, 0))
    size = picture.size
    if kind in KINDS[1::2]:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BICUBIC)
    if kind in KINDS[2:]:
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=75)
        picture = Image.open(content)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def make_images(count: int, side: int, repeated: int) -> Images:
    """Return images (N, 3, side, side), of which so many last ones show what the first do, kinds in turn."""
    rng = np.random.default_rng(0)
    images = np.empty((count, 3, side, side), dtype=np.uint8)
    for start in tqdm(range(0, count, CHUNK), desc="drawn", unit_scale=CHUNK):
        images[start : start + CHUNK] = draw(len(images[start : start + CHUNK]), side, rng)
    for place in tqdm(range(repeated), desc="repeated"):
        images[count - repeated + place] = repeat(images[place], KINDS[place % len(KINDS)])
    return images


def measure(images: Images, repeated: int) -> dict[str, object]:
    """Return the seconds of each step, and what was found."""
    count = len(images)
    times = [time.perf_counter()]
    digests = digest_pixels(images)
    times.append(time.perf_counter())
    sketches = sketch(images)
    times.append(time.perf_counter())
    _, first, exact = np.unique(digests, return_index=True, return_inverse=True)
    places = np.sort(first)
    pairs = places[find_near_duplicates(sketches.take(places))]
    times.append(time.perf_counter())
    right = pairs[:, 1] - pairs[:, 0] == count - repeated
    near = np.isin(np.arange(repeated), pairs[right, 0])
    same = exact[:repeated] == exact[count - repeated :]
    found = {kind: float((near | same)[place :: len(KINDS)].mean()) for place, kind in enumerate(KINDS)}
    steps = dict(zip(("digests", "sketches", "near duplicates"), np.diff(times).round(2).tolist(), strict=True))
    total = round(times[-1] - times[0], 2)
    return {"images": count, "seconds": {**steps, "all": total}, "found": found, "other_pairs": int((~right).sum())}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    found: dict[str, object] = {"side": arguments.side, "cores": os.cpu_count()}
    for name, share in REPEATED.items():
        repeated = arguments.images // share
        images = make_images(arguments.images, arguments.side, repeated)
        found[name] = [measure(images, repeated) for _ in range(arguments.runs)]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
