"""Labelled images as tensors, and the one conversion between bytes and what networks see."""

from functools import cache
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

    As torchvision's `resize`, to the bit, whose import takes seconds; on any device as on a CPU.
    """
    if images.device.type != "cpu":
        return torch.cat([resize_by_products(part, size) for part in images.split(max(1, chunk // 4))])
    if len(images) <= chunk:
        return resize_chunk(images, size)
    return torch.cat([resize_chunk(part, size) for part in images.split(chunk)])


def resize_chunk(images: Tensor, size: int) -> Tensor:
    """Return uint8 images (B, C, size, size)."""
    if images.shape[2:] == (size, size):
        return images
    if len(images) == 0:
        return images.new_empty((0, images.shape[1], size, size))
    return functional.interpolate(images, (size, size), mode="bilinear", antialias=True)


def resize_by_products(images: Tensor, size: int) -> Tensor:
    """Return uint8 images (B, C, size, size) with the bytes of `resize_chunk`, by arithmetic that any device has.

    On a CPU torch resizes bytes with whole numbers, the width first, and rounds after each direction; elsewhere it
    resizes floats alone, and rounds once: of the pixels 10 to 25 % differed by a level, of which some untrained
    networks make much. Products of doubles are exact here.
    """
    for dimension in (3, 2):
        old = images.shape[dimension]
        if old == size:
            continue
        found, bits = make_resize_weights(old, size)
        weights, values = found.to(images.device), images.double()
        sums = values @ weights.T if dimension == 3 else weights @ values
        images = ((sums + 2 ** (bits - 1)) / 2**bits).floor().clamp(0, 255).to(torch.uint8)
    return images


@cache
def make_resize_weights(old: int, new: int) -> tuple[Tensor, int]:
    """Return by which whole numbers, float64 (new, old), and how many bits after the point, torch resizes bytes.

    A triangle as wide as a pixel of the smaller side; of all weights the largest has 15 bits (torch's
    `UpSampleKernel.cpp`, `compute_index_ranges_int16_weights`).
    """
    scale = old / new
    width = max(scale, 1.0)
    centres = scale * (torch.arange(new, dtype=torch.float64)[:, None] + 0.5)
    pixels = torch.arange(old, dtype=torch.float64)
    low, high = (centres - width + 0.5).to(torch.int64), (centres + width + 0.5).to(torch.int64)
    weights = (1 - ((pixels - centres + 0.5) / width).abs()).clamp(min=0) * ((pixels >= low) & (pixels < high))
    weights /= weights.sum(1, keepdim=True)
    largest, bits = weights.max().item(), 0
    while bits < 22 and int(0.5 + largest * 2 ** (bits + 1)) < 2**15:
        bits += 1
    return (weights * 2**bits + 0.5).floor(), bits
