"""What is to be known of an image before its size and channels are chosen."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from PIL.JpegImagePlugin import get_sampling

from counterweight.data.decode.changes import SUBSAMPLINGS, is_lossless_webp
from counterweight.data.decode.deep_colours import is_deep_colour, scale_colours
from counterweight.data.decode.images import make_opaque
from counterweight.data.decode.opening import (
    Encoded,
    count_frames,
    has_frames,
    is_deep,
    load_upright,
    open_image,
    read_deep_colours,
)
from counterweight.data.decode.traces import Bars, find_bars, has_grid, is_dithered

GLANCE = 256  # pixels; a JPEG is looked at in about this size
COARSENESS = 3688  # sum of the table of brightness that JPEGs of quality 50 have
LOSSY = ("AVIF", "HEIF", "JPEG", "JPEG2000", "MPO", "WEBP")
PALETTE = 256  # colours at most
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
    frames: int = 1
    """How many there are of the size of the first, which alone is read."""
    bars: Bars | None = None
    """At two opposite sides, where the image has such."""
    grid: bool | None = None
    """Whether an image that was stored without loss, and has no palette, shows the blocks of an earlier JPEG."""
    dithered: bool | None = None
    """Of an image with a palette, whether it was dithered."""


def inspect(image: Encoded) -> Facts:
    """Return what is to be known of an image before its size and channels are chosen.

    Raises:
        Exception: exactly where `decode` raises one: the whole file is decoded.
    """
    with open_image(image) as file:
        (width, height), mode, kind = file.size, file.mode, file.format or ""
        quality = estimate_quality(getattr(file, "quantization", {}))
        subsampling = dict(enumerate(SUBSAMPLINGS)).get(get_sampling(file))
        lossless = kind not in LOSSY or (kind == "WEBP" and is_lossless_webp(file.fp))
        palette = sha256(bytes(file.getpalette() or ())).digest() if file.mode == "P" else None
        deep, several = is_deep_colour(file), has_frames(file)
        turned = load_upright(file, GLANCE)
        colours = len(file.getcolors(PALETTE) or ()) if file.mode == "P" else None
        top = float(np.asarray(file).max()) if is_deep(file) else None
        dithered = is_dithered(file) if file.mode == "P" else None
        opaque = make_opaque(file, "RGB")
        if deep:
            values = read_deep_colours(image, file)
            top = float(values.max())
            range_of_it = 2 ** max(8, int(top).bit_length()) - 1  # else 12 bits would look grey
            opaque = make_opaque(scale_colours(values, file, range_of_it), "RGB")
    grid = has_grid(opaque) if lossless and palette is None else None
    pixels = np.asarray(opaque)
    grey = bool((pixels.max(axis=2) - pixels.min(axis=2)).max() <= ALMOST_GREY)
    size = (height, width) if turned else (width, height)
    digest = sha256(repr(size).encode() + pixels.tobytes()).digest()
    facts = Facts(*size, mode, kind, grey, quality, digest, subsampling, colours, palette, lossless, top)
    frames = count_frames(image) if several else 1
    return facts._replace(frames=frames, bars=find_bars(pixels, *size), grid=grid, dithered=dithered)


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """Return the quality, 1 to 100, with which the Independent JPEG Group's encoder would quantise as coarsely.

    At quality 50 the entries of its table of brightness (ITU-T T.81, table K.1) are as they stand there, 3,688 in all;
    at others they are scaled by 50 / quality, above 50 by 2 - quality / 50 (`jpeg_quality_scaling` of libjpeg). Below
    20 more and more of them would exceed 255, and what is returned is up to 10 too high.
    """
    if 0 not in tables:
        return None
    scale = sum(tables[0]) / COARSENESS
    return max(1, min(100, round(50 / scale if scale > 1 else 100 - 50 * scale)))
