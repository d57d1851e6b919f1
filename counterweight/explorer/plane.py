"""The plane of two latents: what is decoded all over it, and where real images lie."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterweight.core.images import ImageSet
from counterweight.explorer.exploration import Exploration, Pixels, decode_latents, require_latents

Floats = npt.NDArray[np.float32]
QUANTILE = 0.01
MARGIN = 0.15
MOST = 2000  # images that are shown as points


class Extent(NamedTuple):
    """A rectangle of the plane."""

    left: float
    right: float
    bottom: float
    top: float


class Cloud(NamedTuple):
    """Latents (N, 2) of real images and their labels (N,)."""

    points: Floats
    labels: npt.NDArray[np.int64]


@torch.no_grad()
def encode_cloud(exploration: Exploration, images: ImageSet, label: int) -> Cloud:
    """Return where real images lie, every n-th of them if there are many, each encoded under its own label.

    Where there is a model for each class, those of the class alone.
    """
    latents = require_latents(exploration, label)
    own = images.take(np.flatnonzero(images.labels == label)) if exploration.has_model_per_class else images
    own = own.take(np.arange(0, len(own), max(1, -(-len(own) // MOST))))
    labels = torch.from_numpy(own.labels.copy()) * (0 if exploration.has_model_per_class else 1)
    if len(own) == 0:
        return Cloud(np.empty((0, 2), dtype=np.float32), own.labels)
    return Cloud(latents.space.encode(torch.from_numpy(own.images.copy()), labels).numpy(), own.labels)


def find_extent(drawn: Tensor, cloud: Cloud | None) -> Extent:
    """Return the rectangle that holds nearly all latents that are drawn (N, 2) or encoded, with some room around."""
    points = drawn.numpy() if cloud is None else np.concatenate([drawn.numpy(), cloud.points])
    low, high = np.quantile(points, [QUANTILE, 1 - QUANTILE], axis=0)
    room = np.maximum(MARGIN * (high - low), 0.1)
    (left, bottom), (right, top) = (low - room).tolist(), (high + room).tolist()
    return Extent(left, right, bottom, top)


def decode_plane(exploration: Exploration, label: int, extent: Extent, side: int) -> Pixels:
    """Return images of a class at `side` times `side` latents, as one picture uint8 (C, side H, side W).

    Each is that of the middle of its tile; the first latent grows to the right, the second upwards.
    """
    middles = (torch.arange(side) + 0.5) / side
    across = extent.left + middles * (extent.right - extent.left)
    upwards = extent.top + middles * (extent.bottom - extent.top)  # The first row of a picture is its top.
    rows, columns = torch.meshgrid(upwards, across, indexing="ij")
    images = decode_latents(exploration, label, torch.stack([columns, rows], dim=-1).reshape(-1, 2))
    _, channels, height, width = images.shape
    # (s * s, C, H, W) -> (s, s, C, H, W) -> (C, s, H, s, W)
    tiles = images.reshape(side, side, channels, height, width).transpose(2, 0, 3, 1, 4)
    return tiles.reshape(channels, side * height, side * width)
