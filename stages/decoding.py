"""Which files are images, and how one becomes pixels."""

import warnings
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

Fit = Literal["stretch", "crop", "pad"]
BACKGROUND = "white"  # behind what is transparent, and beside what is padded
DEEP_GREY = 65535  # white in 16 bits


class BadFile(NamedTuple):
    """An image file that cannot be read, the kind of its fault and the details."""

    path: Path
    fault: str
    details: str


def image_files(folder: Path) -> tuple[list[Path], int]:
    """Return the image files of a folder, at any depth and sorted, and how many other or hidden files lie there."""
    formats = Image.registered_extensions()
    known = {suffix for suffix, name in formats.items() if name in Image.OPEN or name == "MPO"}  # opened as JPEG
    # A link that leads nowhere is an image that cannot be read.
    everything = sorted(path for path in folder.rglob("*") if path.is_file() or dangling(path))
    images = [path for path in everything if path.suffix.lower() in known and not hidden(path, folder)]
    return images, len(everything) - len(images)


def dangling(path: Path) -> bool:
    """Say whether a path is a symbolic link that leads nowhere."""
    return path.is_symlink() and not path.exists()


def hidden(path: Path, folder: Path) -> bool:
    """Say whether a file, or a folder on the way to it, is hidden, as the `._x.jpg` that macOS puts into archives."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def decode(path: Path, size: tuple[int, int], channels: int, fit: Fit) -> npt.NDArray[np.uint8]:
    """Return the first frame of an image file, upright as its EXIF orientation says, as uint8 (C, H, W).

    Args:
        size: height and width in pixels.
        channels: 1 for grey, 3 for colour.
        fit: `stretch` to the size whatever the proportions, `crop` what is too long, or `pad` with white.

    Raises:
        Exception: of almost any kind, where Pillow cannot read the file or its greys have no known scale.
    """
    height, width = size
    with Image.open(path) as file:
        file.draft(None, (2 * max(height, width),) * 2)  # JPEG decodes to half, quarter... at a fraction of the cost
        image = ImageOps.exif_transpose(file)
    image = fitted(opaque(image, "L" if channels == 1 else "RGB"), (width, height), fit)
    return np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)


def opaque(image: Image.Image, mode: str) -> Image.Image:
    """Turn an image of any mode into grey (`L`) or colour (`RGB`) of 8 bits."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return shallow(image).convert(mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image)
    return image.convert(mode)


def shallow(image: Image.Image) -> Image.Image:
    """Scale greys of more than 8 bits to 8: integers from 0...65535, floats from 0...1 or, if any exceeds 1, 0...255.

    Raises:
        ValueError: a value lies outside, or is not a number.
    """
    values = np.asarray(image).astype(np.float64)
    low, high = values.min(), values.max()
    white = DEEP_GREY if image.mode != "F" else 1 if high <= 1 else 255
    if not (low >= 0 and high <= white):
        allowed = "0...1 or 0...255" if image.mode == "F" else f"0...{DEEP_GREY}"
        raise ValueError(f"greys from {low:g} to {high:g}, allowed are {allowed}")
    return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))


def fitted(image: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    """Resize to a width and height, bicubically and without aliasing."""
    if fit == "crop":
        return ImageOps.fit(image, size)
    if fit == "pad":
        return ImageOps.pad(image, size, color=BACKGROUND)
    return image.resize(size, Image.Resampling.BICUBIC)


def decode_all(
    files: Sequence[Path], size: tuple[int, int], channels: int, fit: Fit, progress: bool
) -> tuple[npt.NDArray[np.uint8], list[BadFile | None]]:
    """Return the images, uint8 (N, C, H, W), and for each file that it is bad, or None; size and fit as in `decode`."""
    images = np.empty((len(files), channels, *size), dtype=np.uint8)

    def work(index: int) -> BadFile | None:
        try:
            images[index] = decode(files[index], size, channels, fit)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's parsers raise whatever they stumble over
            return judged(files[index], error)
        return None

    silent = None if progress else True  # None: tqdm shows nothing unless there is a terminal
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata, one line per file
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with ThreadPool() as pool:
            results = pool.imap(work, range(len(files)), chunksize=8)
            return images, list(tqdm(results, total=len(files), desc="decode", unit="image", disable=silent))


def judged(path: Path, error: Exception) -> BadFile:
    """Return what is wrong with a file whose decoding raised `error`."""
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return BadFile(path, "too large", str(error))
    if not isinstance(error, UnidentifiedImageError):
        return BadFile(path, "unreadable", str(error) or type(error).__name__)
    if path.stat().st_size == 0:
        return BadFile(path, "empty", "0 bytes")
    return BadFile(path, "not an image", "of no format that Pillow knows")


def complaint(bad: list[BadFile]) -> str:
    """Describe the first bad file and say how many more there are."""
    first, *others = bad
    more = f" (and {len(others)} more bad files)" if others else ""
    return f"{first.path}: {first.fault}: {first.details}{more}"
