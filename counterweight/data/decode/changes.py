"""What is done to an image so that files of two kinds become alike: made smaller, and compressed as others are."""

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image

from counterweight.data.decode.traces import BLOCK, Bars

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
"""Of colours in JPEGs, from all of them to a quarter; their places are Pillow's numbers."""
CODECS = ("JPEG2000", "AVIF", "WEBP", "JPEG")
"""Formats that images can be stored in again at a quality; several follow one another in this order."""
RATE = 1000
"""The quality of a JPEG 2000 is how many of so many bytes of the pixels the file has."""
QUALITIES = range(20, 101)
AROUND = 4  # qualities below and above which are not the one that is looked for
DIP = 0.5
"""The error at an earlier quality is a smaller fraction of those around it."""
LOOKED_AT = 256  # pixels of a side


Tables = tuple[tuple[int, ...], ...]
"""By what a JPEG divides frequencies: 64 numbers for brightness and, in colour, 64 for colours."""


class Codec(NamedTuple):
    """A format that loses something, its quality, 1 to 100, and of JPEGs in colour one of SUBSAMPLINGS.

    Of JPEG 2000 the quality is 1 to `RATE`.
    """

    format: str
    quality: int
    subsampling: str = SUBSAMPLINGS[-1]
    tables: Tables | None = None
    """Of a JPEG; None: those that Pillow writes at the quality."""
    reversible: bool = False
    """Of a JPEG 2000: which of its two wavelets."""


class Changes(NamedTuple):
    """What an image goes through, in this order; None, or nothing, leaves it as it is."""

    bars: Bars | None = None
    """These are cut off."""
    shorter: int | None = None
    """Its shorter side is brought down to so many pixels, if it is longer."""
    grey: bool = False
    """It loses its colours."""
    colours: int | None = None
    """It gets a palette of so many colours."""
    dithered: bool = False
    """Whether a palette of its own is dithered; one that is given always is."""
    codecs: tuple[Codec, ...] = ()
    """It is stored in these formats, one after the other, and read again."""
    palette: bytes | None = None
    """Red, green and blue of the colours in the palette; None: the image's own that are chosen."""


def apply_changes(image: Image.Image, changes: Changes) -> Image.Image:
    """Return a grey image (`L`) or one in colour (`RGB`) after all changes, in the same mode."""
    mode = image.mode
    image = image.convert("L") if changes.grey else image
    if changes.bars is not None:
        left, upper = changes.bars
        image = image.crop((left, upper, image.width - left, image.height - upper))
    if changes.shorter is not None and changes.shorter < min(image.size):
        scale = changes.shorter / min(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    if changes.colours is not None:
        image = reduce_colours(image, changes.colours, changes.palette, changes.dithered).convert(image.mode)
    for codec in changes.codecs:
        with Image.open(BytesIO(compress(image, codec))) as file:
            image = file.convert(image.mode)
    return image if image.mode == mode else image.convert(mode)


def reduce_colours(image: Image.Image, colours: int, palette: bytes | None, dithered: bool) -> Image.Image:
    """Return an image with a palette: of so many colours of its own, or a given one, dithered as is usual with such."""
    if palette is None:
        own = image.quantize(colours, dither=Image.Dither.NONE)
        # Chosen of colours: to palettes of greys Pillow does not dither.
        return image.convert("RGB").quantize(palette=own, dither=Image.Dither.FLOYDSTEINBERG) if dithered else own
    holder = Image.new("P", (1, 1))
    holder.putpalette(palette)
    return image.convert("RGB").quantize(palette=holder, dither=Image.Dither.FLOYDSTEINBERG)


def compress(image: Image.Image, codec: Codec) -> bytes:
    """Return the content of a file."""
    buffer = BytesIO()
    own: dict[str, Any] = {"quality": codec.quality}
    if codec.format == "JPEG2000":
        own = {"quality_layers": [RATE / codec.quality], "irreversible": not codec.reversible}
    if codec.tables is not None:
        own = {"qtables": [*map(list, codec.tables)]}  # beside them a quality would be a factor
    if codec.format == "JPEG" and image.mode == "RGB":
        own["subsampling"] = codec.subsampling
    image.save(buffer, codec.format, **own)
    return buffer.getvalue()


@cache
def write_tables(quality: int) -> Mapping[int, Sequence[int]]:
    """Return by what `compress` divides the frequencies of brightness (0) and of colours (1) at a quality of JPEGs."""
    content = compress(Image.new("RGB", (BLOCK, BLOCK)), Codec("JPEG", quality))
    with Image.open(BytesIO(content)) as file:
        tables: Mapping[int, Sequence[int]] = file.quantization  # type: ignore[attr-defined]
        return tables


def estimate_quality_by_size(image: Image.Image, kind: str, size: int) -> int:
    """Return the quality, 1 to 100, with which a file of so many bytes was made whose pixels an image has.

    Stored again at its own quality an image takes fewer bytes than it took, so that too high a quality seems to fit. By
    how much too high is seen by storing it at that, and judging the file likewise.

    Args:
        kind: one of CODECS.
    """
    first = find_quality_of_size(image, kind, size)
    content = compress(image, Codec(kind, first))
    with Image.open(BytesIO(content)) as file:
        again = find_quality_of_size(file.convert(image.mode), kind, len(content))
    return max(1, 2 * first - again)


def estimate_earlier_quality(image: Image.Image) -> int | None:
    """Return the quality of the JPEG that an image was before it was stored without loss; None: none is seen.

    Stored again at that quality it hardly changes, less than at those around it (Farid 2009, Exposing Digital Forgeries
    From JPEG Ghosts, https://doi.org/10.1109/TIFS.2008.2012215). Its blocks have to begin at its upper left corner.
    """
    width, height = (min(LOOKED_AT, side) // BLOCK * BLOCK for side in image.size)
    grey = image.crop((0, 0, width, height)).convert("L")
    levels = np.asarray(grey, dtype=np.float32)
    errors = []
    for quality in QUALITIES:
        with Image.open(BytesIO(compress(grey, Codec("JPEG", quality)))) as file:
            errors.append(float(np.mean((np.asarray(file, dtype=np.float32) - levels) ** 2)))
    least = min(
        range(AROUND, len(errors) - AROUND), key=lambda place: errors[place] / (measure_around(errors, place) or 1.0)
    )
    return QUALITIES[least] if errors[least] < DIP * measure_around(errors, least) else None


def estimate_earlier_subsampling(image: Image.Image, quality: int) -> str:
    """Return which of SUBSAMPLINGS the JPEG of a quality had that an image in colour was: that of the least error."""
    width, height = (min(LOOKED_AT, side) // (2 * BLOCK) * 2 * BLOCK for side in image.size)
    part = image.crop((0, 0, width, height))
    levels = np.asarray(part, dtype=np.float32)

    def measure_error(subsampling: str) -> float:
        with Image.open(BytesIO(compress(part, Codec("JPEG", quality, subsampling)))) as file:
            return float(np.mean((np.asarray(file.convert("RGB"), dtype=np.float32) - levels) ** 2))

    return min(SUBSAMPLINGS, key=measure_error)


def measure_around(errors: list[float], place: int) -> float:
    """Return the smaller one of the errors a few qualities below and above."""
    return min(errors[place - AROUND], errors[place + AROUND])


def find_quality_of_size(image: Image.Image, kind: str, size: int) -> int:
    """Return the lowest quality at which a file of an image has so many bytes, or 100."""
    low, high = 1, 100
    while low < high:
        middle = (low + high) // 2
        if len(compress(image, Codec(kind, middle))) < size:
            low = middle + 1
        else:
            high = middle
    return low


def is_reversible(content: bytes) -> bool:
    """Say whether the beginning of a JPEG 2000 file names the wavelet that can be undone (5-3), and not the other."""
    place = content.find(b"\xff\x52")  # the marker of how all tiles are coded; the wavelet is the 14th byte from it
    return 0 <= place < len(content) - 13 and content[place + 13] == 1


def is_lossless_webp(stream: IO[bytes] | None) -> bool:
    """Say whether a WebP file has the chunk of lossless compression (VP8L); the stream stays where it is."""
    assert stream is not None, "an image that is open but for its pixels has one"
    place = stream.tell()
    stream.seek(12)  # "RIFF", its length, "WEBP"
    found = False
    while len(head := stream.read(8)) == 8:
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if kind in (b"VP8 ", b"VP8L"):
            found = kind == b"VP8L"
            break
        # A frame of an animation begins with 16 bytes, then with such chunks of its own.
        stream.seek(16 if kind == b"ANMF" else length + length % 2, 1)
    stream.seek(place)
    return found
