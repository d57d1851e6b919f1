r"""How often traces of earlier files are seen in made-up pictures that have them, and in such that have none.

    python -m benchmarks.traces --out metrics/benchmarks/traces.json

Pictures are noise with the spectrum of photographs, blobs with sharp edges, rectangles of one colour, and waves with
noise, a quarter each, made from a seed. `images` says in which fraction of them a grid of 8 x 8 pixels is seen, with
which quality a JPEG is found, which are called dithered, and which have bars. `sets` says in which fraction of pairs of
sets, 40 images a side, files are said to differ in a trace: where no side has it, or one has.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from counterweight.core.process import use_one_thread
from counterweight.data.besides.files import BARS, DITHERING, GRIDS, compare_files
from counterweight.data.decode.changes import estimate_earlier_quality
from counterweight.data.decode.facts import Facts, inspect
from counterweight.data.decode.opening import Embedded

SIZES = (64, 128, 256)
QUALITIES = (50, 75, 90, 95)
SIDE = 40

Store = Callable[[Image.Image], Image.Image]


def make_pictures(count: int, size: int, seed: int) -> list[Image.Image]:
    """Return pictures (size, size) of four kinds in turn."""
    rng = np.random.default_rng(seed)
    kinds = (make_noise, make_blobs, make_rectangles, make_waves)
    levels = [kinds[place % len(kinds)](size, rng) for place in range(count)]
    return [Image.fromarray(each.clip(0, 255).astype(np.uint8)) for each in levels]


def make_noise(size: int, rng: np.random.Generator) -> Any:  # noqa: ANN401  # an array; numpy's stubs disagree on FFTs
    """Return noise whose amplitudes fall with the frequency, as those of photographs do."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.normal(size=(size, size, 3)), axes=(0, 1)) / frequency[..., None] ** rng.uniform(
        0.8, 1.6
    )
    smooth = np.fft.irfft2(spectrum, s=(size, size), axes=(0, 1))
    return 128 + 45 * smooth / smooth.std()


def make_blobs(size: int, rng: np.random.Generator) -> Any:  # noqa: ANN401
    """Return blobs of two levels in each colour, with a little noise."""
    smooth = ndimage.gaussian_filter(rng.normal(size=(size, size, 3)), (4, 4, 0))
    return 128 + 60 * np.sign(smooth) + rng.normal(0, 5, smooth.shape)


def make_rectangles(size: int, rng: np.random.Generator) -> Any:  # noqa: ANN401
    """Return rectangles of one colour each, one on the other."""
    levels = np.zeros((size, size, 3))
    for _ in range(40):
        (upper, left), (height, width) = rng.integers(0, size, 2), rng.integers(4, size // 2, 2)
        levels[upper : upper + height, left : left + width] = rng.integers(0, 256, 3)
    return levels


def make_waves(size: int, rng: np.random.Generator) -> Any:  # noqa: ANN401
    """Return a wave with noise of up to 20 levels."""
    y, x = np.mgrid[:size, :size] / size
    phase = 2 * np.pi * (rng.uniform(1, 9) * x + rng.uniform(1, 9) * y)
    return 128 + 60 * np.sin(phase)[..., None] + rng.normal(0, rng.uniform(0, 20), (size, size, 3))


def store_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Return a picture as a JPEG shows it."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def store_palette(image: Image.Image, colours: int, dithered: bool) -> Image.Image:
    """Return a picture with a palette of its own."""
    own = image.quantize(colours)
    return image.quantize(palette=own, dither=Image.Dither.FLOYDSTEINBERG) if dithered else own


def add_bars(image: Image.Image) -> Image.Image:
    """Return a picture of which an eighth above and below is black."""
    made, bar = image.copy(), image.height // 8
    for upper in (0, image.height - bar):
        made.paste((0, 0, 0), (0, upper, image.width, upper + bar))
    return made


def look_at(image: Image.Image) -> Facts:
    """Return what is to be known of a picture as a PNG."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return inspect(Embedded("made.png", buffer.getvalue()))


def measure_images(count: int, size: int, seed: int) -> dict[str, Any]:
    """Return in which fraction of pictures of a size each trace is seen."""
    plain = make_pictures(count, size, seed)
    found: dict[str, Any] = {}
    for name, own in {
        "none": plain,
        **{f"JPEG {each}": [store_jpeg(p, each) for p in plain] for each in QUALITIES},
    }.items():
        seen = [estimate_earlier_quality(image) for image in own]
        wanted = int(name.split()[1]) if name != "none" else None
        near = [
            quality for quality in seen if quality is not None and wanted is not None and abs(quality - wanted) <= 1
        ]
        facts = [look_at(image) for image in own]
        found[name] = {
            "grid": np.mean([fact.grid for fact in facts]),
            "bars": np.mean([fact.bars is not None for fact in facts]),
            "a quality": np.mean([quality is not None for quality in seen]),
            "the quality, give or take one": len(near) / count,
        }
    for colours in (16, 256):
        for dithered in (False, True):
            own = [store_palette(image, colours, dithered) for image in plain]
            name = f"{colours} colours{', dithered' if dithered else ''}"
            found[name] = {"dithered": np.mean([look_at(image).dithered for image in own])}
    found["bars"] = {"bars": np.mean([look_at(add_bars(image)).bars is not None for image in plain])}
    return found


def measure_sets(trials: int, size: int, seed: int) -> dict[str, float]:
    """Return in which fraction of pairs of sets each trace is named, where one side has it or none has."""
    pool = make_pictures(4 * SIDE, size, seed)
    ways: dict[str, tuple[str, Store, Store]] = {
        "grid, none": (GRIDS, lambda image: image, lambda image: image),
        **{f"grid, JPEG {q}": (GRIDS, lambda image: image, partial(store_jpeg, quality=q)) for q in QUALITIES},
        "grid, both JPEG 75": (GRIDS, lambda image: store_jpeg(image, 75), lambda image: store_jpeg(image, 75)),
        "bars, none": (BARS, lambda image: image, lambda image: image),
        "bars": (BARS, lambda image: image, add_bars),
        "dithering, none": (
            DITHERING,
            lambda image: store_palette(image, 64, False),
            lambda image: store_palette(image, 64, False),
        ),
        "dithering": (
            DITHERING,
            lambda image: store_palette(image, 16, False),
            lambda image: store_palette(image, 16, True),
        ),
    }
    found = {}
    for name, (what, *stores) in ways.items():
        sides = [[look_at(store(image)) for image in pool] for store in stores]
        found[name] = float(np.mean([names_trace(sides, what, trial) for trial in range(trials)]))
        print(size, name, found[name], flush=True)
    return found


def names_trace(sides: Sequence[Sequence[Facts]], what: str, seed: int) -> bool:
    """Say whether disjoint random parts of both sides are said to differ in something."""
    order = np.random.default_rng(seed).permutation(len(sides[0]))[: 2 * SIDE].tolist()
    real, synthetic = (
        [own[place] for place in part] for own, part in zip(sides, (order[:SIDE], order[SIDE:]), strict=True)
    )
    return any(words.startswith(what) for words in compare_files(real, synthetic).differences)


def measure(images: int, trials: int, sizes: Sequence[int]) -> dict[str, Any]:
    """Return both tables, by size."""
    return {
        "images": {str(size): measure_images(images, size, size) for size in sizes},
        "sets": {str(size): measure_sets(trials, size, size) for size in sizes},
        "images of a size": images,
        "pairs of sets": trials,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=400, help="pictures of a size")
    parser.add_argument("--trials", type=int, default=1000, help="pairs of sets of each kind")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    text = json.dumps(measure(arguments.images, arguments.trials, SIZES), indent=1)
    arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    use_one_thread()
    main()
