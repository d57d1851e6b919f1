"""Geometric transformations, colour scaling and noise.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), section 1.1: flips (1.1.1),
rotation (1.1.2), shifts (1.1.3), crops (1.1.4), colour scaling (1.1.5), Gaussian noise (1.1.6), and the
fill strategies constant, nearest, reflect and wrap for what a transformation uncovers (1.1.7).
"""

import math
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor
from torch.nn import functional

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import Generator, pick_sources

CHUNK = 4096  # images transformed at once, which bounds the memory for float copies and sampling grids


class Settings(schema.Settings):
    """How far an image may be changed; every amount is drawn uniformly, up to the one given."""

    horizontal_flip: bool = True
    """Mirror left and right in half of the images; switch it off where it changes the class, as for digits."""
    vertical_flip: bool = False
    rotation: Annotated[float, Ge(0), Le(180)] = 15.0
    """Largest angle in degrees, either way."""
    shift: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Largest shift as a fraction of height and width, either way."""
    crop: Annotated[float, Gt(0), Le(1)] = 0.9
    """Smallest side of the window that is cut out and enlarged, as a fraction of the image's side."""
    colour: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Largest relative change of each channel's intensity, either way."""
    noise: Annotated[float, Ge(0)] = 2.0
    """Standard deviation of the Gaussian noise in grey levels (0 to 255)."""
    fill: Literal["constant", "nearest", "reflect", "wrap"] = "nearest"
    """What uncovered pixels become: one grey level, the edge's, the mirrored image or its other side."""
    fill_value: Annotated[int, Ge(0), Le(255)] = 0
    """Grey level of uncovered pixels under `constant`."""


class Geometric(Generator):
    """Random transformations of real images of the wanted class, composed into one resampling."""

    settings: Settings

    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Transform an image of the class of each label."""
        sources = real.images[pick_sources(labels, real, rng)]
        if len(sources) == 0:
            return sources
        return torch.cat([self.transform(part, rng) for part in sources.split(CHUNK)])

    def transform(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return changed copies of uint8 images (B, C, H, W)."""
        settings = self.settings
        count, channels, height, width = images.shape
        # Without aligned corners, -1 and 1 are the outer edges of the outermost pixels: a side is 2 long at any size.
        grid = functional.affine_grid(self.affine(count, rng), [count, channels, height, width], align_corners=False)
        moved = resample(images.float(), grid, settings.fill, float(settings.fill_value))
        scale = 1 + settings.colour * uniform((count, channels, 1, 1), rng)
        noise = settings.noise * torch.randn(moved.shape, generator=rng)
        # Rounded, since a cast cuts off: darker by half a level on average.
        return (moved * scale + noise).round().clamp(0, 255).to(torch.uint8)

    def affine(self, count: int, rng: torch.Generator) -> Tensor:
        """Return matrices (B, 2, 3) that map output to input coordinates, both in [-1, 1]."""
        settings = self.settings
        _, height, width = self.shape
        angle = math.radians(settings.rotation) * uniform((count,), rng)
        zoom = 1 - (1 - settings.crop) * (uniform((count, 2), rng) + 1) / 2  # From `crop` to 1, for each axis.
        flips = torch.tensor([settings.horizontal_flip, settings.vertical_flip]) & (uniform((count, 2), rng) > 0)
        # A window that was cut out may lie anywhere in the image; a shift moves it further, even beyond the edge.
        # The whole of a side is 2, so a fraction of it is doubled.
        offset = (1 - zoom) * uniform((count, 2), rng) + 2 * settings.shift * uniform((count, 2), rng)
        scale = zoom * torch.where(flips, -1.0, 1.0)
        cos, sin, aspect = angle.cos(), angle.sin(), height / width
        # Coordinates run from -1 to 1 on long and short sides alike: without the aspect a turn would shear the image.
        across = torch.stack([cos * scale[:, 0], -sin * aspect * scale[:, 1], offset[:, 0]], dim=1)
        down = torch.stack([sin / aspect * scale[:, 0], cos * scale[:, 1], offset[:, 1]], dim=1)
        return torch.stack([across, down], dim=1)


def resample(images: Tensor, grid: Tensor, fill: str, value: float) -> Tensor:
    """Interpolate images (B, C, H, W) bilinearly at the points of a grid (B, H, W, 2) in [-1, 1]."""
    if fill == "constant":
        # torch fills with 0 alone: so the wanted level is moved to 0 and back.
        return functional.grid_sample(images - value, grid, padding_mode="zeros", align_corners=False) + value
    if fill == "wrap":
        # One more row and column on every side, so that interpolation across the seam finds its neighbours.
        height, width = images.shape[2:]
        grid = ((grid + 1) % 2 - 1) * torch.tensor([width / (width + 2), height / (height + 2)])  # Back into [-1, 1).
        images = functional.pad(images, (1, 1, 1, 1), mode="circular")
    mode = {"nearest": "border", "reflect": "reflection", "wrap": "border"}[fill]
    return functional.grid_sample(images, grid, padding_mode=mode, align_corners=False)


def uniform(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Draw from [-1, 1)."""
    return 2 * torch.rand(shape, generator=rng) - 1
