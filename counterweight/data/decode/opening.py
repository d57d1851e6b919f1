"""How the file of an image is opened: what it is by its header, its frames, and its pixels, upright."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from counterweight.data.decode.changes import Changes
from counterweight.data.decode.deep_colours import check_planes, find_mode, join_bytes, take_lower_bytes
from counterweight.data.decode.tree import FORMATS, HEIF_ENDINGS, can_read_heif

HEIF_BRANDS = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"))


class Embedded(NamedTuple):
    """The content of an image file that lies in another file, and a name for it in messages."""

    name: str
    content: bytes


class Altered(NamedTuple):
    """An image, and what is done to it at its own size before it is brought to another."""

    image: Path | Embedded
    changes: Changes


Encoded = Path | Embedded | Altered


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


def name_image(image: Encoded) -> str:
    """Return how messages call an image."""
    content = find_content(image)
    return str(content) if isinstance(content, Path) else content.name


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


def is_deep(image: Image.Image) -> bool:
    """Say whether an image has greys of more than 8 bits, or floats."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def read_deep_colours(image: Encoded, upper: ImageFile.ImageFile) -> npt.NDArray[np.uint16]:
    """Return colours of 16 bits, uint16 (H, W, 3), upright, given what Pillow reads of them, upright, too."""
    with open_image(image) as file:
        take_lower_bytes(file)
        grey = all(find_mode(tile) == "RGBA" for tile in file.tile)
        load_upright(file, None)
        return join_bytes(upper, file, grey)
