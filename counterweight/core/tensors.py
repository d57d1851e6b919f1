"""Labelled images as tensors, and the one conversion between bytes and what networks see."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

# Of images, in [0, 1], by channel: what torchvision's networks were trained on.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class Labelled(NamedTuple):
    """Images uint8 (N, C, H, W) and their labels int64 (N,), on one device."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> "Labelled":
        """Return both on `device`."""
        return Labelled(self.images.to(device), self.labels.to(device))


def to_labelled(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Labelled:
    """Return arrays as tensors; they are copied, since arrays read from a file are read-only and tensors are not."""
    return Labelled(torch.from_numpy(images.copy()), torch.from_numpy(labels.copy()))


def to_unit(images: Tensor) -> Tensor:
    """Turn uint8 pixels into float32 in [-1, 1]."""
    return images.float() / 127.5 - 1  # 0 to -1, 255 to 1: the range of a tanh.


def to_bytes(images: Tensor) -> Tensor:
    """Turn float pixels in [-1, 1] into uint8, rounding to the nearest value and clipping what lies outside."""
    # Rounded and clipped first: a cast cuts off, and wraps what lies outside.
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def to_network_input(images: Tensor) -> Tensor:
    """Turn uint8 pixels into float32 in [-1, 1], in the networks' memory format."""
    return to_unit(images).contiguous(memory_format=torch.channels_last)


def resize_square(images: Tensor, size: int, chunk: int = 1024) -> Tensor:
    """Return uint8 images (N, C, H, W) as (N, C, size, size), bilinear with antialiasing.

    As torchvision's `resize`, to the bit, whose import takes seconds.
    """
    return torch.cat([resize_chunk(part, size) for part in images.split(chunk)])


def resize_chunk(images: Tensor, size: int) -> Tensor:
    """Return uint8 images (B, C, size, size)."""
    if images.shape[2:] == (size, size):
        return images
    if len(images) == 0:
        return images.new_empty((0, images.shape[1], size, size))
    native = images.device.type == "cpu"  # elsewhere torch resizes floats alone
    given = images if native else images.float()
    made = functional.interpolate(given, (size, size), mode="bilinear", antialias=True)
    return made if native else made.round_().clamp_(0, 255).to(torch.uint8)
