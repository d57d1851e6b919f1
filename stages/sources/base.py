"""What the sources of images share: what they return, and the target size."""

from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BeforeValidator

from stages.imageset import ImageSet

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
