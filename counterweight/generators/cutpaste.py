"""Cut and paste: the foreground of an image, changed in size, shape and attitude, on another background.

Conditional GAN article (Synthetic image data generation), method 1: extract the foreground, change its shape and size
at random, rotate it about the two axes, paste it over another background. The foreground is what differs from the
colour of the image's border by more than Otsu's threshold (A Threshold Selection Method from Gray-Level Histograms,
https://doi.org/10.1109/TSMC.1979.4310076): right for objects before plain backgrounds, not for cluttered scenes.
"""

import math
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor
from torch.nn import functional

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import Generator, pick_sources

CHUNK = 2048  # images at once, which bounds the memory for float copies
LEVELS = 256
FRINGE = 0.08  # of an image's side: how far the soft edge of a foreground reaches beyond the threshold


class Settings(schema.Settings):
    """How far a foreground may be changed; every amount is drawn uniformly, up to the one given."""

    scale: Annotated[float, Ge(0), Lt(1)] = 0.2
    """Largest relative change of the foreground's size, either way."""
    shape: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Largest relative change of width against height, either way."""
    rotation: Annotated[float, Ge(0), Le(180)] = 15.0
    """Largest angle in the image's plane in degrees, either way."""
    tilt: Annotated[float, Ge(0), Lt(90)] = 30.0
    """Largest angle about the horizontal and the vertical axis in degrees, either way: the foreground foreshortens."""
    shift: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Largest shift as a fraction of height and width, either way."""
    smallest: Annotated[float, Gt(0), Lt(1)] = 0.01
    """An image with a smaller fraction of foreground than this has none that can be told: it is pasted as a whole."""


class CutPaste(Generator):
    """Foregrounds of real images of the wanted class, pasted on backgrounds of images of any class."""

    settings: Settings

    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Paste a foreground of the class of each label."""
        sources = real.images[pick_sources(labels, real, rng)]
        behind = real.images[torch.randint(len(real.images), (len(labels),), generator=rng)]
        if len(sources) == 0:
            return sources
        pairs = zip(sources.split(CHUNK), behind.split(CHUNK), strict=True)
        return torch.cat([self.paste(front.float(), back.float(), rng) for front, back in pairs])

    def paste(self, front: Tensor, back: Tensor, rng: torch.Generator) -> Tensor:
        """Return `front`'s foregrounds on `back`'s backgrounds, uint8 (B, C, H, W), from grey levels (B, C, H, W)."""
        matte = segment_foreground(front)
        matte[matte.mean(dim=(1, 2, 3)) < self.settings.smallest] = 1.0  # (B, 1, H, W) -> (B,), in place.
        grid = functional.affine_grid(self.draw_affine_maps(len(front), rng), list(front.shape), align_corners=False)
        # Colours go with their fraction of the foreground, or the old background would shine through at the edges.
        moved = functional.grid_sample(torch.cat([front * matte, matte], dim=1), grid, align_corners=False)
        colour, matte = moved[:, :-1], moved[:, -1:]
        plain = widen(segment_foreground(back), FRINGE)
        # The other image's own foreground gives way to its border's colour.
        background = back * (1 - plain) + find_border_colour(back) * plain
        return (colour + (1 - matte) * background).round().clamp(0, 255).to(torch.uint8)

    def draw_affine_maps(self, count: int, rng: torch.Generator) -> Tensor:
        """Return matrices (B, 2, 3) from the new to the old coordinates, both in [-1, 1]."""
        s, (_, height, width) = self.settings, self.shape
        spin, about_x, about_y = (
            math.radians(most) * draw_uniform((count,), rng) for most in (s.rotation, s.tilt, s.tilt)
        )
        size, stretch = 1 + s.scale * draw_uniform((count,), rng), 1 + s.shape * draw_uniform((count,), rng)
        plane = stack_matrices([[spin.cos(), -spin.sin()], [spin.sin(), spin.cos()]])
        # A plane turned about both axes and looked at from far away.
        tilted = stack_matrices([[about_y.cos(), about_y.sin() * about_x.sin()], [torch.zeros(count), about_x.cos()]])
        scale = torch.diag_embed(torch.stack([size * stretch, size / stretch], dim=1))
        # Turning and tilting happen in pixels, where both axes have one unit.
        aspect = torch.diag(torch.tensor([float(width), float(height)]))
        forward = aspect.inverse() @ tilted @ plane @ scale @ aspect
        shift = 2 * s.shift * draw_uniform((count, 2, 1), rng)  # A side is 2 long.
        # Inverted, since sampling asks of every new pixel where it comes from.
        return torch.cat([torch.linalg.inv(forward), -shift], dim=2)


def segment_foreground(images: Tensor) -> Tensor:
    """Return which pixels of grey levels (B, C, H, W) are foreground, (B, 1, H, W), 0 or 1."""
    # The channel that differs most decides: objects may have the background's brightness and another hue.
    distance = (images - find_border_colour(images)).abs().amax(dim=1)
    return (distance > find_otsu_threshold(distance)[:, None, None]).float()[:, None]


def widen(mask: Tensor, fraction: float) -> Tensor:
    """Return a mask (B, 1, H, W) that reaches further by a fraction of the longer side, by one pixel at least."""
    reach = max(1, round(fraction * max(mask.shape[2:])))
    return functional.max_pool2d(mask, 2 * reach + 1, stride=1, padding=reach)


def find_border_colour(images: Tensor) -> Tensor:
    """Return the median of each channel along the border of images (B, C, H, W), as (B, C, 1, 1)."""
    edges = [images[:, :, 0], images[:, :, -1], images[:, :, :, 0], images[:, :, :, -1]]
    # The median, not the mean: an object that touches the border does not change it. (B, C, 2H + 2W) -> (B, C)
    return torch.cat(edges, dim=2).median(dim=2).values[:, :, None, None]


def find_otsu_threshold(values: Tensor) -> Tensor:
    """Return for each map of values (B, H, W) in 0...255 the threshold (B,) that separates two groups best.

    It maximises the variance between the groups 'at most the threshold' and 'above it'.
    """
    places = values.flatten(1).round().long()  # (B, H, W) -> (B, H W)
    # Added up in place: one-hot codes of all pixels would take 256 times the memory.
    counts = torch.zeros(len(values), LEVELS, dtype=torch.double)
    counts.scatter_add_(1, places, torch.ones_like(places, dtype=torch.double))
    levels = torch.arange(LEVELS, dtype=torch.double)
    below, sums = counts.cumsum(dim=1), (counts * levels).cumsum(dim=1)
    above, rest = below[:, -1:] - below, sums[:, -1:] - sums
    # The variance between groups up to a constant factor; 0 where a group is empty.
    between = below * above * (sums / below.clamp(min=1) - rest / above.clamp(min=1)).square()
    return between.argmax(dim=1).to(values.dtype)


def stack_matrices(rows: list[list[Tensor]]) -> Tensor:
    """Return matrices (B, 2, 2) from their entries, each (B,)."""
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def draw_uniform(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Draw from [-1, 1)."""
    return 2 * torch.rand(shape, generator=rng) - 1
