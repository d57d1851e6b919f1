"""What is to be known of an image before its size and channels are chosen."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from math import ceil, isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from counterweight.data.decode.changes import SUBSAMPLINGS, Tables, is_lossless_webp, write_tables
from counterweight.data.decode.deep_colours import is_deep_colour, scale_colours
from counterweight.data.decode.images import DEEP_GREY, make_opaque
from counterweight.data.decode.opening import (
    Encoded,
    count_frames,
    find_content,
    has_frames,
    is_deep,
    load_upright,
    open_image,
    read_deep_colours,
)
from counterweight.data.decode.profiles import name_profile
from counterweight.data.decode.traces import Bars, find_bars, has_grid, is_dithered

GLANCE = 256  # pixels; a JPEG is looked at in about this size
LOSSY = ("AVIF", "HEIF", "JPEG", "JPEG2000", "MPO", "WEBP")
UNSAID = ("AVIF", "JPEG2000", "WEBP")
"""Formats that lose something and do not say how much: their files' sizes tell."""
PALETTE = 256  # colours at most
BYTE = 255
Deep = npt.NDArray[Any]
Ends = tuple[float, float]
ALMOST_GREY = 2  # of 255; what the rounding of a JPEG leaves of equal colours


class Facts(NamedTuple):
    """An image that can be read: its size upright, Pillow's names of its mode and format, and whether all is grey."""

    width: int
    height: int
    mode: str
    format: str
    grey: bool
    quality: int | None = None
    """Of a JPEG, 1 to 100, as `estimate_quality` has it; None of other formats."""
    digest: bytes = b""
    """SHA-256 of the pixels, of a JPEG those of about `GLANCE`."""
    subsampling: str | None = None
    """Of a JPEG in colour, how many values of colour it has, as in `4:2:0`; None where that has no usual name."""
    colours: int | None = None
    """Of an image with a palette, how many of its colours are used."""
    palette: bytes | None = None
    """SHA-256 of that palette."""
    lossless: bool = True
    """Whether its format keeps what it is given; of HEIF, AVIF and JPEG 2000, which may, it is not known."""
    top: float | None = None
    """The largest grey or colour of an image whose values have more than 8 bits or are floats."""
    bottom: float | None = None
    """The least of them."""
    frames: int = 1
    """How many there are of the size of the first, which alone is read."""
    bars: Bars | None = None
    """At two opposite sides, where the image has such."""
    grid: bool | None = None
    """Whether an image that was stored without loss, and has no palette, shows the blocks of an earlier JPEG."""
    dithered: bool | None = None
    """Of an image with a palette, whether it was dithered."""
    usual: bool = False
    """Of a JPEG, whether Pillow at that quality would divide by the same numbers."""
    tables: Tables | None = None
    """Of a JPEG where it would not, by what it divides."""
    transparent: bool = False
    """Whether a pixel is, wholly or in part."""
    profile: str | None = None
    """What the numbers stand for, where that is not sRGB, as `name_profile` has it."""
    length: int = 0
    """Bytes of the file, if its format is one of UNSAID; else 0."""


def inspect(image: Encoded, ends: Ends | None = None) -> Facts:
    """Return what is to be known of an image before its size and channels are chosen.

    Args:
        ends: which values of more than 8 bits become black and white; None: not known yet, and none may be below 0.

    Raises:
        Exception: exactly where `decode` raises one that is told which grey is white: the whole file is decoded.
    """
    with open_image(image) as file:
        (width, height), mode, kind = file.size, file.mode, file.format or ""
        tables = getattr(file, "quantization", {})
        quality = estimate_quality(tables)
        subsampling = dict(enumerate(SUBSAMPLINGS)).get(get_sampling(file))
        lossless = kind not in LOSSY or (kind == "WEBP" and is_lossless_webp(file.fp))
        palette = sha256(bytes(file.getpalette() or ())).digest() if file.mode == "P" else None
        deep, several = is_deep_colour(file), has_frames(file)
        profile, turned = name_profile(file), load_upright(file, GLANCE)
        transparent = is_transparent(file)
        colours = len(file.getcolors(PALETTE) or ()) if file.mode == "P" else None
        dithered = is_dithered(file) if file.mode == "P" else None
        values = read_deep_colours(image, file) if deep else np.asarray(file) if is_deep(file) else None
        bottom, top = (None, None) if values is None else (float(values.min()), float(values.max()))
        opaque = make_plain(file, values, deep, ends)
    grid = has_grid(opaque) if lossless and palette is None else None
    pixels = np.asarray(opaque)
    grey = bool((pixels.max(axis=2) - pixels.min(axis=2)).max() <= ALMOST_GREY)
    size = (height, width) if turned else (width, height)
    digest = sha256(repr(size).encode() + pixels.tobytes()).digest()
    facts = Facts(*size, mode, kind, grey, quality, digest, subsampling, colours, palette, lossless, top, bottom)
    frames = count_frames(image) if several else 1
    facts = facts._replace(bars=find_bars(pixels, *size), grid=grid, dithered=dithered)
    usual = is_usual(tables, quality)
    own = None if usual or quality is None else share_tables(tuple(tuple(tables[place]) for place in sorted(tables)))
    facts = facts._replace(frames=frames, usual=usual, tables=own)
    return facts._replace(
        transparent=transparent, profile=profile, length=measure_length(image) if kind in UNSAID else 0
    )


def make_plain(image: Image.Image, values: Deep | None, colours: bool, ends: Ends | None) -> Image.Image:
    """Return an image as colours of 8 bits.

    Args:
        values: those that have more than 8 bits; None: none have.
        colours: whether these are of colours.
        ends: as of `inspect`.
    """
    if values is None:
        return make_opaque(image, "RGB")
    black, white = ends or (None, find_own_white(float(values.max())))
    if colours:
        return make_opaque(scale_colours(values, image, BYTE if white is None else white, black), "RGB")
    # Floats may have any range; which one all files have is known when all were looked at.
    return make_opaque(image, "RGB", white if ends or image.mode == "F" else None, black)


def is_transparent(image: Image.Image) -> bool:
    """Say whether any pixel is transparent, wholly or in part."""
    if not image.has_transparency_data:
        return False
    return int(np.asarray(image.convert("RGBA").getchannel("A")).min()) < BYTE


def measure_length(image: Encoded) -> int:
    """Return how many bytes the file of an image has."""
    content = find_content(image)
    return content.stat().st_size if isinstance(content, Path) else len(content.content)


def find_own_white(top: float) -> int | None:
    """Return the largest number of as many bits as an image's largest value needs, else 12 bits would look grey.

    None where it needs no more than 8, or no number of 16 is so large.
    """
    white = 2 ** ceil(top).bit_length() - 1 if isfinite(top) and top > BYTE else 0
    return white if BYTE < white <= DEEP_GREY else None


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """Return the quality, 1 to 100, with which the Independent JPEG Group's encoder would quantise as coarsely.

    That of which the table of brightness has the nearest sum.
    """
    if 0 not in tables:
        return None
    return 1 + int(np.abs(measure_coarseness() - sum(tables[0])).argmin())


@cache
def measure_coarseness() -> npt.NDArray[np.int64]:
    """Return the sums of the tables of brightness of qualities 1 to 100."""
    return np.array([sum(write_tables(quality)[0]) for quality in range(1, 101)])


@lru_cache(maxsize=256)
def share_tables(tables: Tables) -> Tables:
    """Return the same tables as before where they are the same: those of many files take memory once."""
    return tables


def is_usual(tables: Mapping[int, Sequence[int]], quality: int | None) -> bool:
    """Say whether a JPEG has the tables that Pillow writes at a quality; of a grey one there is the first alone."""
    if quality is None:
        return False
    known = write_tables(quality)
    return all(list(table) == list(known.get(place, ())) for place, table in tables.items())
