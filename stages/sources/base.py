"""What the sources of images share: what they return, the target size, and how a file becomes pixels."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from pydantic import BeforeValidator

from stages.imageset import ImageSet

Fit = Literal["stretch", "crop", "pad"]
BACKGROUND = "white"  # behind what is transparent, and beside what is padded
DEEP_GREY = 65535  # white in 16 bits
LARGEST = 2048  # pixels; more is surely a slip, and would fill the memory


class Loaded(NamedTuple):
    """The images of a dataset; `test` is None where the source brings no split of its own."""

    train: ImageSet
    test: ImageSet | None


def check_size(value: object) -> object:
    """Let pass a side in pixels or a list of height and width.

    Raises:
        ValueError: it is something else, or a side is not between 1 and LARGEST.
    """
    both = value if isinstance(value, list) else [value, value]
    if len(both) != 2 or not all(type(side) is int and 0 < side <= LARGEST for side in both):
        raise ValueError(f"One side in pixels, or [height, width], from 1 to {LARGEST}")
    return value


Size = Annotated[int | list[int], BeforeValidator(check_size)]


def sides(size: int | list[int]) -> tuple[int, int]:
    """Return height and width in pixels."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def setting(dataset: str, key: str) -> str:
    """Return file and key of a dataset's setting, to begin an error's message with."""
    return f"params.yaml: datasets.{dataset}.{key}"


def from_greys(greys: npt.NDArray[np.uint8], size: int | list[int], channels: int) -> npt.NDArray[np.uint8]:
    """Resize grey images, uint8 (N, h, w), bicubically and repeat them over the channels, uint8 (N, C, H, W)."""
    height, width = sides(size)
    if greys.shape[1:] != (height, width):
        greys = resized(greys, resampling(greys.shape[1], height), resampling(greys.shape[2], width))
    return np.repeat(greys[:, None], channels, axis=1)


def resized(
    greys: npt.NDArray[np.uint8], rows: npt.NDArray[np.float32], columns: npt.NDArray[np.float32], chunk: int = 4096
) -> npt.NDArray[np.uint8]:
    """Resize grey images by the matrices of their rows and columns: all at once, as MNIST has 70,000."""
    parts = (greys[start : start + chunk] for start in range(0, len(greys), chunk))
    return np.concatenate([np.rint(rows @ part @ columns.T).clip(0, 255).astype(np.uint8) for part in parts])


def resampling(old: int, new: int) -> npt.NDArray[np.float32]:
    """Return the matrix (new, old) by which Pillow resizes a line of pixels: what it makes of unit vectors."""
    lines = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(lines.resize((old, new), Image.Resampling.BICUBIC))


def decode(path: Path, size: int | list[int], channels: int, fit: Fit) -> npt.NDArray[np.uint8]:
    """Return the first frame of an image file, upright as its EXIF orientation says, as uint8 (C, H, W).

    Raises:
        Exception: of almost any kind, where Pillow cannot read the file or its greys have no known scale.
    """
    height, width = sides(size)
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
