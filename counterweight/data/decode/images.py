"""Which files are images, and how one becomes pixels."""

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import get_sampling

from counterweight.core.images import Fit
from counterweight.data.decode.changes import SUBSAMPLINGS, Changes, apply_changes, is_lossless_webp
from counterweight.data.decode.deep_colours import (
    MOST,
    check_planes,
    find_mode,
    is_deep_colour,
    join_bytes,
    scale_colours,
    take_lower_bytes,
)
from counterweight.data.decode.traces import Bars, find_bars, has_grid, is_dithered
from counterweight.data.decode.tree import (
    FORMATS,
    HEIF_ADVICE,
    HEIF_ENDINGS,
    Collected,
    can_read_heif,
    collect,
    scan_tree,
)

BACKGROUND = "white"  # behind what is transparent, and beside what is padded
DEEP_GREY = 65535  # white in 16 bits
HEIF_BRANDS = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"))
GLANCE = 256  # pixels; a JPEG is looked at in about this size
COARSENESS = 3688  # sum of the table of brightness that JPEGs of quality 50 have
LOSSY = ("AVIF", "HEIF", "JPEG", "JPEG2000", "MPO", "WEBP")
PALETTE = 256  # colours at most
ALMOST_GREY = 2  # of 255; what the rounding of a JPEG leaves of equal colours


class Embedded(NamedTuple):
    """The content of an image file that lies in another file, and a name for it in messages."""

    name: str
    content: bytes


class Altered(NamedTuple):
    """An image, and what is done to it at its own size before it is brought to another."""

    image: Path | Embedded
    changes: Changes


Encoded = Path | Embedded | Altered


class Target(NamedTuple):
    """What every image becomes: height and width in pixels, channels, and how it is brought to that shape.

    `channels` is 1 for grey, 3 for colour; `fit` is `stretch` to the size whatever the proportions, `crop` what is too
    long, or `pad` with white. `white` is which grey or colour of more than 8 bits becomes white, the same in all files;
    None: as `scale_to_8_bits` guesses it, and of colours the upper 8 of 16 bits.
    """

    size: tuple[int, int]
    channels: int
    fit: Fit
    white: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (self.channels, *self.size)


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


class Picture(NamedTuple):
    """The pixels of an image, uint8 (C, H, W), and whether it has more frames than the one that they are of."""

    pixels: npt.NDArray[np.uint8]
    several: bool


class BadFile(NamedTuple):
    """An image that cannot be read, the kind of its fault and the details."""

    name: str
    fault: str
    details: str


Result = TypeVar("Result")


def find_image_files(folder: Path, root: Path, follow_links: bool = False) -> Collected:
    """Find the image files of a folder at any depth.

    Args:
        root: folder that symbolic links must not lead out of, unless `follow_links`.

    Raises:
        UserError: a link does, a link to a folder leads back to a folder above it, or a name cannot be written down.
    """
    tree = scan_tree(os.fspath(folder), Path(os.path.realpath(root)), follow_links)
    return collect(tree, os.path.relpath(folder, root), masks=False)


def decode(image: Encoded, target: Target) -> npt.NDArray[np.uint8]:
    """Return the first frame of an image, upright as its EXIF orientation says, as uint8 (C, H, W).

    What is transparent is laid on white; greys of more than 8 bits are scaled to 8, and so are colours; a palette is
    looked up; CMYK is turned into colours by the plain formula, without its profile, as are all colour profiles left
    aside.

    Raises:
        Exception: of almost any kind, where Pillow cannot read the file or its greys have no known scale.
    """
    return decode_picture(image, target).pixels


def decode_picture(image: Encoded, target: Target) -> Picture:
    """Return what `decode` does, and whether there are more frames."""
    height, width = target.size
    with open_image(image) as file:
        deep = target.white is not None and is_deep_colour(file)
        several = has_frames(file)
        # Twice the side: the JPEG decoder may shrink that far, and the bicubic filter does the rest.
        load_upright(file, None if isinstance(image, Altered) else 2 * max(height, width))
        whole = scale_colours(read_deep_colours(image, file), file, target.white or MOST) if deep else file
        upright = make_opaque(whole, "L" if target.channels == 1 else "RGB", target.white)
    if isinstance(image, Altered):
        upright = apply_changes(upright, image.changes)
    pixels_of_it = np.asarray(fit_to_size(upright, (width, height), target.fit))
    pixels = pixels_of_it.reshape(height, width, target.channels).transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
    return Picture(pixels, several and count_frames(image) > 1)


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


def read_deep_colours(image: Encoded, upper: ImageFile.ImageFile) -> npt.NDArray[np.uint16]:
    """Return colours of 16 bits, uint16 (H, W, 3), upright, given what Pillow reads of them, upright, too."""
    with open_image(image) as file:
        take_lower_bytes(file)
        grey = all(find_mode(tile) == "RGBA" for tile in file.tile)
        load_upright(file, None)
        return join_bytes(upper, file, grey)


def has_frames(file: ImageFile.ImageFile) -> bool:
    """Say whether a file that is open but for its pixels may have several frames that are images of their own.

    Several JPEGs in one file are none such: cameras keep previews and depths so. Of a GIF it is not known yet.
    """
    return file.format == "GIF" or (file.format != "MPO" and bool(getattr(file, "is_animated", False)))


def count_frames(image: Encoded) -> int:
    """Return how many frames of its first one's size a file has that can be read, as far as this can be told.

    Pages of other sizes are previews, or what a scanner adds.
    """
    try:
        with warnings.catch_warnings(action="ignore"), open_image(image) as file:
            size = file.size
            if file.format != "TIFF":
                return int(getattr(file, "n_frames", 1))
            pages = range(1, int(getattr(file, "n_frames", 1)))
            return 1 + sum(find_page_size(file, page) == size for page in pages)
    except Exception:  # of a later frame, which is not read
        return 1


def find_page_size(file: ImageFile.ImageFile, page: int) -> tuple[int, int]:
    """Return width and height of a page of an open file."""
    file.seek(page)
    return file.size


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


@contextmanager
def open_image(image: Encoded) -> Iterator[ImageFile.ImageFile]:
    """Open an image but for its pixels."""
    image = find_content(image)
    with open_kind(image) as file:
        # Pillow only warns up to twice its limit.
        if (pixels := file.width * file.height) > (most := Image.MAX_IMAGE_PIXELS or pixels):
            raise Image.DecompressionBombError(f"{pixels} pixels, more than {most}")
        check_planes(file)
        yield file


def open_kind(image: Path | Embedded) -> ImageFile.ImageFile:
    """Open an image of which no more than the header is read; a photograph of a phone is known by its first bytes.

    Many of these are called .jpg by the programs that carry them over.
    """
    if not (is_heif(image) and can_read_heif()):
        try:
            return open_header(image, FORMATS)
        except UnidentifiedImageError:
            if not (begins_as_heif(image) and can_read_heif()):
                raise
    import pillow_heif  # where there are such images alone

    pillow_heif.register_heif_opener()
    return open_header(image, (*FORMATS, "HEIF"))


def open_header(image: Path | Embedded, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    """Open an image of which no more than the header is read.

    Raises:
        ValueError: that promises more bytes than there is room for, which is no fault of the machine.
    """
    try:
        return Image.open(image if isinstance(image, Path) else BytesIO(image.content), formats=formats)
    except MemoryError as error:
        raise ValueError("its header promises more bytes than memory has room for") from error


def find_content(image: Encoded) -> Path | Embedded:
    """Return the file, or its content, whatever is done to the image."""
    return image.image if isinstance(image, Altered) else image


def is_heif(image: Path | Embedded) -> bool:
    """Say whether an image is one of those that phones make, by its ending or, in a table, its first bytes."""
    if isinstance(image, Path):
        return image.suffix.lower() in HEIF_ENDINGS
    return image.content[4:12] in HEIF_BRANDS


def begins_as_heif(image: Path | Embedded) -> bool:
    """Say whether an image is one of those that phones make, by its first bytes."""
    if isinstance(image, Embedded):
        return image.content[4:12] in HEIF_BRANDS
    with image.open("rb") as stream:
        return stream.read(12)[4:] in HEIF_BRANDS


def load_upright(file: Image.Image, size: int | None) -> bool:
    """Read the pixels, turn them upright and say whether width and height changed places.

    A JPEG is read at a half, a quarter... of its size, at a fraction of the cost, as long as that exceeds `size`; whole
    if that is None.
    """
    if size is not None:
        file.draft(None, (size, size))
    file.load()
    orientation = file.getexif().get(ExifTags.Base.Orientation, 1)  # Before it is turned, which removes the tag.
    ImageOps.exif_transpose(file, in_place=True)
    return orientation in range(5, 9)  # 5 to 8 are the quarter turns, mirrored or not.


def name_image(image: Encoded) -> str:
    """Return how messages call an image."""
    content = find_content(image)
    return str(content) if isinstance(content, Path) else content.name


def is_deep(image: Image.Image) -> bool:
    """Say whether an image has greys of more than 8 bits, or floats."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def make_opaque(image: Image.Image, mode: str, white: float | None = None) -> Image.Image:
    """Turn an image of any mode into grey (`L`) or colour (`RGB`) of 8 bits; `white` as in `Target`."""
    if is_deep(image):
        return scale_to_8_bits(image, white).convert(mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image)
    return image if image.mode == mode else image.convert(mode)


def scale_to_8_bits(image: Image.Image, given: float | None = None) -> Image.Image:
    """Scale greys of more than 8 bits to 8: integers from 0...65535, floats from 0...1 or, if any exceeds 1, 0...255.

    Args:
        given: the grey that becomes white, of integers and of floats; None: as above.

    Raises:
        ValueError: a value lies outside, or is not a number.
    """
    values = np.asarray(image)
    low, high = values.min(), values.max()
    white = given or (DEEP_GREY if image.mode != "F" else 1 if high <= 1 else 255)
    if not (low >= 0 and high <= white):
        allowed = f"0...{white:g}" if given or image.mode != "F" else "0...1 or 0...255"
        raise ValueError(f"greys from {low:g} to {high:g}, allowed are {allowed}")
    scaled = np.multiply(values, np.float32(255 / white), dtype=np.float32)  # exact enough
    return Image.fromarray(np.rint(scaled, out=scaled).astype(np.uint8))


def fit_to_size(image: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    """Resize to a width and height, bicubically and without aliasing."""
    if fit == "crop":
        return ImageOps.fit(image, size)
    if fit == "pad":
        return ImageOps.pad(image, size, color=BACKGROUND)
    return image.resize(size, Image.Resampling.BICUBIC)


def try_image(work: Callable[[Encoded], Result], image: Encoded) -> Result | BadFile:
    """Decode or inspect an image, or say what is wrong with it."""
    try:
        with warnings.catch_warnings(action="ignore"):  # odd metadata, one line per file
            return work(image)
    except MemoryError:  # The machine's fault, not the image's.
        raise
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        return diagnose(image, error)


def diagnose(image: Encoded, error: Exception) -> BadFile:
    """Return what is wrong with an image whose decoding raised `error`."""
    name, content = name_image(image), find_content(image)
    if isinstance(error, Image.DecompressionBombError):
        found = re.search(r"\d+ pixels", str(error))  # far above the limit it is Pillow that speaks, of twice as much
        said = found.group() if found else str(error)
        return BadFile(name, "too large", f"{said}, at most {Image.MAX_IMAGE_PIXELS} are read")
    if isinstance(error, FileNotFoundError):
        return BadFile(name, "missing", "no such file")
    if not isinstance(error, UnidentifiedImageError):
        return BadFile(name, "unreadable", " ".join(str(error).split()) or type(error).__name__)
    length = content.stat().st_size if isinstance(content, Path) else len(content.content)
    if length == 0:
        return BadFile(name, "empty", "0 bytes")
    if begins_as_heif(content):
        return BadFile(name, "not an image", "HEIC that is damaged" if can_read_heif() else f"HEIC; {HEIF_ADVICE}")
    return BadFile(name, "not an image", f"of no format that is read: {', '.join(FORMATS)}")


def describe_bad_files(bad: list[BadFile]) -> str:
    """Describe the first bad file and say how many more there are."""
    first, *others = bad
    more = f" (and {len(others)} more bad files)" if others else ""
    return f"{first.name}: {first.fault}: {first.details}{more}"
