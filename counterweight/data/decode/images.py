"""How an image becomes pixels, and what is said of one that does not."""

import os
import re
import warnings
from collections.abc import Callable
from math import inf, isfinite
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from counterweight.core.images import Fit
from counterweight.data.decode.changes import apply_changes
from counterweight.data.decode.deep_colours import MOST, is_deep_colour, scale_colours
from counterweight.data.decode.opening import (
    Altered,
    Embedded,
    Encoded,
    begins_as_heif,
    count_frames,
    find_content,
    has_frames,
    is_deep,
    load_upright,
    name_image,
    open_image,
    read_deep_colours,
)
from counterweight.data.decode.tree import (
    FAULTS,
    FORMATS,
    HEIF_ADVICE,
    POINTER,
    WEB_PAGE,
    Collected,
    can_read_heif,
    collect,
    scan_tree,
)

BACKGROUND = "white"  # behind what is transparent, and beside what is padded
DEEP_GREY = 65535  # white in 16 bits


class Target(NamedTuple):
    """What every image becomes: height and width in pixels, channels, and how it is brought to that shape.

    `channels` is 1 for grey, 3 for colour; `fit` is `stretch` to the size whatever the proportions, `crop` what is too
    long, or `pad` with white. `white` is which grey or colour of more than 8 bits becomes white, the same in all files;
    None: as `scale_to_8_bits` guesses it, and of colours the upper 8 of 16 bits. `black`, never without `white`, is
    which becomes black, and what lies outside of both becomes the nearer one; None: 0, and nothing may lie outside.
    """

    size: tuple[int, int]
    channels: int
    fit: Fit
    white: float | None = None
    black: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (self.channels, *self.size)


class Picture(NamedTuple):
    """The pixels of an image, uint8 (C, H, W), whether it has more frames than theirs, and values outside the range."""

    pixels: npt.NDArray[np.uint8]
    several: bool
    clipped: bool = False


class BadFile(NamedTuple):
    """An image that cannot be read, the kind of its fault and the details."""

    name: str
    fault: str
    details: str
    span: tuple[float, float] | None = None
    """The least and the largest value of an image that could be read, was it told which is black."""


class NegativeValuesError(ValueError):
    """Values below 0 of which none is known to be black, all of which a range can hold."""

    def __init__(self, message: str, span: tuple[float, float]) -> None:
        """Keep the least and the largest value."""
        super().__init__(message)
        self.span = span


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
        colours, white = (
            read_deep_colours(image, file) if deep else None,
            MOST if target.white is None else target.white,
        )
        clipped = exceeds(file, colours, target)
        whole = file if colours is None else scale_colours(colours, file, white, target.black)
        upright = make_opaque(whole, "L" if target.channels == 1 else "RGB", target.white, target.black)
    if isinstance(image, Altered):
        upright = apply_changes(upright, image.changes)
    pixels_of_it = np.asarray(fit_to_size(upright, (width, height), target.fit))
    pixels = pixels_of_it.reshape(height, width, target.channels).transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
    return Picture(pixels, several and count_frames(image) > 1, clipped)


def exceeds(image: Image.Image, colours: npt.NDArray[np.uint16] | None, target: Target) -> bool:
    """Say whether values of more than 8 bits become black or white though they lie outside the range.

    Args:
        colours: those values of an image of colours; None: it has none such.
    """
    if target.black is None or target.white is None or (colours is None and not is_deep(image)):
        return False
    values = np.asarray(image) if colours is None else colours
    return bool(values.min() < target.black or values.max() > target.white)


def make_opaque(image: Image.Image, mode: str, white: float | None = None, black: float | None = None) -> Image.Image:
    """Turn an image of any mode into grey (`L`) or colour (`RGB`) of 8 bits; `white` and `black` as in `Target`."""
    if is_deep(image):
        return scale_to_8_bits(image, white, black).convert(mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image)
    return image if image.mode == mode else image.convert(mode)


def scale_to_8_bits(image: Image.Image, given: float | None = None, black: float | None = None) -> Image.Image:
    """Scale greys of more than 8 bits to 8: integers from 0...65535, floats from 0...1 or, if any exceeds 1, 0...255.

    Args:
        given: the grey that becomes white, of integers and of floats; None: as above.
        black: the grey that becomes black, beside `given`; what lies outside becomes the nearer of both; None: 0.

    Raises:
        ValueError: a value lies outside of what no black is given for, or is not a number.
        NegativeValuesError: the like, and a black can be given.
    """
    values = np.asarray(image)
    low, high = values.min(), values.max()
    if black is not None and given is not None:
        return clip_to_8_bits(values, black, given)
    guessed = image.mode == "F" and not given
    white = given or (DEEP_GREY if image.mode != "F" else 1 if high <= 1 else 255)
    if not (low >= 0 and high <= white):
        said = f"greys from {low:g} to {high:g}, allowed are {'0...1 or 0...255' if guessed else f'0...{white:g}'}"
        if -inf < low < 0 and high <= DEEP_GREY:
            raise NegativeValuesError(f"{said}, or what `black` and `white` say", (float(low), float(high)))
        raise ValueError(f"{said}, or what `white` says" if guessed else said)
    scaled = np.multiply(values, np.float32(255 / white), dtype=np.float32)  # exact enough
    return Image.fromarray(np.rint(scaled, out=scaled).astype(np.uint8))


def clip_to_8_bits(values: npt.NDArray[Any], black: float, white: float) -> Image.Image:
    """Scale values, of which those outside a range become its nearer end, to 8 bits.

    Raises:
        ValueError: a value is not a finite number.
    """
    low, high = values.min(), values.max()
    if not (isfinite(low) and isfinite(high)):
        raise ValueError(f"values from {low:g} to {high:g}, allowed are finite ones")
    scaled = np.subtract(values, np.float32(black), dtype=np.float32)
    scaled *= np.float32(255 / (white - black))
    return Image.fromarray(np.rint(scaled, out=scaled).clip(0, 255).astype(np.uint8))


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
    if isinstance(error, NegativeValuesError):
        return BadFile(name, "unreadable", str(error), error.span)
    if not isinstance(error, UnidentifiedImageError):
        return BadFile(name, "unreadable", " ".join(str(error).split()) or type(error).__name__)
    length = content.stat().st_size if isinstance(content, Path) else len(content.content)
    if length == 0:
        return BadFile(name, "empty", "0 bytes")
    if begins_as_heif(content):
        return BadFile(name, "not an image", "HEIC that is damaged" if can_read_heif() else f"HEIC; {HEIF_ADVICE}")
    begins = read_beginning(content).lstrip().lower()
    if begins.startswith(b"version https://git-lfs"):
        return BadFile(name, POINTER, FAULTS[POINTER])
    if begins.startswith((b"<!doctype html", b"<html")):
        return BadFile(name, WEB_PAGE, FAULTS[WEB_PAGE])
    return BadFile(name, "not an image", f"of no format that is read: {', '.join(FORMATS)}")


def read_beginning(content: Path | Embedded) -> bytes:
    """Return the first bytes of an image's file."""
    if isinstance(content, Embedded):
        return content.content[:64]
    with content.open("rb") as stream:
        return stream.read(64)


def describe_bad_files(bad: list[BadFile]) -> str:
    """Describe the first bad file and say how many more there are."""
    first, *others = bad
    more = f" (and {len(others)} more bad files)" if others else ""
    return f"{first.name}: {first.fault}: {first.details}{more}"
