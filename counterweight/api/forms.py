"""In which form an array holds images, found by looking at it; and the way to bytes `(N, C, H, W)` and back."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Channels = Literal["first", "last"]

COLOURS = (1, 3)
DARK = 128
"""Numbers up to less than this, and above 1, may be of another range than that of bytes, as the 16 greys of digits."""


@dataclass(frozen=True)
class ImageForm:
    """How an array holds images."""

    shape: tuple[int, int, int]
    """Channels, height and width."""
    axes: Literal["NCHW", "NHWC", "NHW", "ND"]
    """`ND`: an image is a row of numbers, in the order that `channels` says."""
    channels: Channels
    value_range: tuple[float, float]
    """The values of black and of white."""
    dtype: np.dtype[Any]

    def to_bytes(self, images: Array) -> Bytes:
        """Return images of this form as uint8 (N, C, H, W); levels between those of a byte are rounded."""
        low, high = self.value_range
        if self.dtype != np.uint8 or (low, high) != (0, 255):
            scaled = (images.astype(np.float64) - low) * (255 / (high - low))
            images = np.rint(scaled).clip(0, 255).astype(np.uint8)
        _, height, width = self.shape
        if self.channels == "last":
            return np.ascontiguousarray(images.reshape(-1, height, width, self.shape[0]).transpose(0, 3, 1, 2))
        return np.ascontiguousarray(images.reshape(-1, *self.shape))

    def from_bytes(self, images: Bytes) -> Array:
        """Return uint8 images (N, C, H, W) in this form."""
        channels, height, width = self.shape
        ordered = images.transpose(0, 2, 3, 1) if self.channels == "last" else images
        inner = {"NCHW": self.shape, "NHWC": (height, width, channels), "NHW": (height, width)}
        placed = ordered.reshape(len(images), *inner.get(self.axes, (math.prod(self.shape),)))
        low, high = self.value_range
        if self.dtype == np.uint8 and (low, high) == (0, 255):
            return placed
        values = low + placed.astype(np.float64) * ((high - low) / 255)
        return (values if self.dtype.kind == "f" else np.rint(values)).astype(self.dtype)


def find_form(
    images: Array,
    image_shape: Sequence[int] | None = None,
    channels: Channels | None = None,
    value_range: Sequence[float] | None = None,
) -> ImageForm:
    """Find in which form an array holds images.

    Args:
        images: (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, (N, H, W) of greys, or (N, D); uint8, or numbers in
            [0, 1], [-1, 1] or [0, 255].
        image_shape: of an image in a row of D numbers: (H, W), (C, H, W) or (H, W, C); None: a square.
        channels: whether they come `first` or `last`; None: as the shape says, and first where it does not, with a
            warning.
        value_range: the values of black and of white; None: one of the three above.

    Raises:
        ValueError: it holds no images, or their form cannot be told.
    """
    if images.ndim not in (2, 3, 4) or 0 in images.shape:
        raise ValueError(f"images: (N, C, H, W), (N, H, W, C), (N, H, W) or (N, D) wanted, got {images.shape}")
    if channels not in ("first", "last", None):
        raise ValueError(f"channels: 'first' or 'last' wanted, got {channels!r}")
    levels = find_range(images, value_range)
    if images.ndim == 3:
        check_given(image_shape, images.shape[1:])
        return ImageForm((1, images.shape[1], images.shape[2]), "NHW", "first", levels, images.dtype)
    if images.ndim == 4:
        check_given(image_shape, images.shape[1:])
        place, found = place_channels(images.shape[1:], channels, "images")
        return ImageForm(found, "NCHW" if place == "first" else "NHWC", place, levels, images.dtype)
    place, found = unfold(images.shape[1], image_shape, channels)
    return ImageForm(found, "ND", place, levels, images.dtype)


def check_given(shape: Sequence[int] | None, found: Sequence[int]) -> None:
    """Refuse a shape that is not that of the images."""
    if shape is not None and tuple(shape) != tuple(found):
        raise ValueError(f"image_shape: {tuple(shape)} is said, but images are {tuple(found)}")


def place_channels(shape: Sequence[int], channels: Channels | None, what: str) -> tuple[Channels, tuple[int, int, int]]:
    """Return where the channels of a shape of three numbers are, and the shape as (C, H, W)."""
    first, last = shape[0] in COLOURS, shape[2] in COLOURS
    if (channels is None and not (first or last)) or (channels == "first" and not first):
        raise ValueError(f"{what}: 1 or 3 channels wanted, first or last, got {tuple(shape)}")
    if channels == "last" and not last:
        raise ValueError(f"{what}: 1 or 3 channels wanted as the last axis, got {tuple(shape)}")
    if channels is None and first and last:
        warn(f"{what} {tuple(shape)}: channels could be the first or the last axis; taken as first", "channels=")
    place = channels or ("first" if first else "last")
    found = shape if place == "first" else (shape[2], shape[0], shape[1])
    return place, (int(found[0]), int(found[1]), int(found[2]))


def unfold(
    numbers: int, shape: Sequence[int] | None, channels: Channels | None
) -> tuple[Channels, tuple[int, int, int]]:
    """Return where the channels of images are that are rows of so many numbers, and their shape (C, H, W)."""
    if shape is not None:
        if len(shape) not in (2, 3) or math.prod(shape) != numbers or min(shape) < 1:
            wanted = "(H, W) or (C, H, W) wanted"
            raise ValueError(f"image_shape: {tuple(shape)} is said, but images are rows of {numbers} numbers; {wanted}")
        return ("first", (1, shape[0], shape[1])) if len(shape) == 2 else place_channels(shape, channels, "image_shape")
    side = math.isqrt(numbers)
    if side * side == numbers:
        return "first", (1, side, side)
    side = math.isqrt(numbers // 3)
    if 3 * side * side != numbers:
        raise ValueError(f"images: rows of {numbers} numbers are no squares in grey or colour; say image_shape=(H, W)")
    if channels is None:
        warn(f"images: rows of {numbers} numbers: 3 colours of {side} x {side}, taken one after another", "channels=")
    return channels or "first", (3, side, side)


def find_range(images: Array, value_range: Sequence[float] | None) -> tuple[float, float]:
    """Return the values of black and of white."""
    if images.dtype.kind not in "buif":
        raise ValueError(f"images: numbers wanted, got {images.dtype}")
    low, high = float(images.min()), float(images.max())
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError("images: some numbers are not finite")
    if value_range is not None:
        levels = check_range(value_range)
        if low < levels[0] or high > levels[1]:
            raise ValueError(f"value_range: {levels} is said, but images have {low:g} to {high:g}")
        return levels
    if images.dtype == np.uint8:
        if high <= 1:
            warn("images: no byte is above 1; taken as nearly black ones of 0 to 255", "value_range=")
        return 0.0, 255.0
    if low < 0:
        if low < -1 or high > 1:
            raise ValueError(f"images: {low:g} to {high:g} are none of the usual ranges; say value_range=")
        return -1.0, 1.0
    if high <= 1:
        return 0.0, 1.0
    if high > 255:
        raise ValueError(f"images: {low:g} to {high:g} are none of the usual ranges; say value_range=")
    if high < DARK:
        warn(f"images: numbers up to {high:g}, taken as dark ones of 0 to 255", "value_range=")
    return 0.0, 255.0


def check_range(value_range: Sequence[float]) -> tuple[float, float]:
    """Return the values of black and of white that are given.

    Raises:
        ValueError: they are not two, or black is not below white.
    """
    if len(value_range) != 2 or not value_range[0] < value_range[1]:
        raise ValueError(f"value_range: (black, white), black below white, wanted, got {value_range}")
    return float(value_range[0]), float(value_range[1])


def warn(text: str, argument: str) -> None:
    """Warn of what had to be guessed."""
    warnings.warn(f"{text}; say {argument}", stacklevel=2)
