"""Images that look natural to a convolution, made of nothing but numbers: what untrained networks are calibrated on.

Discs of random size, place and colour that cover each other, as leaves do: dead leaves with radii distributed as r^-3
have the edges, the flat regions and the spectrum of photographs, the same at every size (Lee, Mumford and Huang 2001,
Occlusion Models for Natural Images, https://doi.org/10.1023/A:1011109015675). Over all lies noise whose power falls
with the square of the frequency, as that of photographs does (Field 1987, https://doi.org/10.1364/JOSAA.4.002379).
"""

import math
from functools import cache

import torch
from torch import Tensor

SEED = 0  # always: images, and what is calibrated on them, depend on no setting
LEAVES = 150
RADII = (1 / 32, 1 / 2)  # least and greatest radius, in sides of the image
TEXTURE = 0.15  # deviation of the noise, the whole range of levels being 1


@cache
def draw_natural_images(count: int, size: int) -> Tensor:
    """Return the same uint8 images (count, 3, size, size) in every process."""
    rng = torch.Generator().manual_seed(SEED)
    colours = draw_colours(count, rng)
    leaves = draw_leaves(count, size, rng)[:, None].expand(-1, 3, -1, -1)
    painted = colours.gather(2, leaves.flatten(2)).view(count, 3, size, size)
    # Some pictures are hazy and some are clear.
    contrast = 0.3 + 0.7 * torch.rand(count, 1, 1, 1, generator=rng)
    light = 0.3 + 0.4 * torch.rand(count, 1, 1, 1, generator=rng)
    levels = light + contrast * (painted - 0.5 + TEXTURE * draw_noise(count, size, rng))
    return (255 * levels).round().clamp(0, 255).to(torch.uint8)


def draw_colours(count: int, rng: torch.Generator) -> Tensor:
    """Return colours (count, 3, LEAVES + 1) in [0, 1] that are more often greyish than bright."""
    grey = torch.rand(count, 1, LEAVES + 1, generator=rng)
    return (grey + 0.15 * torch.randn(count, 3, LEAVES + 1, generator=rng)).clamp(0, 1)


def draw_leaves(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Return for every pixel (count, size, size) the number of the leaf on top, 0 where there is none."""
    low, high = (1 / radius**2 for radius in RADII)
    # The inverse of the distribution function of a density like r^-3.
    radii = size * (low + (high - low) * torch.rand(LEAVES, count, 1, 1, generator=rng)).rsqrt()
    x, y = size * torch.rand(2, LEAVES, count, 1, 1, generator=rng)
    rows = torch.arange(size).view(-1, 1)
    columns = torch.arange(size)
    top = torch.zeros(count, size, size, dtype=torch.int64)
    for leaf in range(LEAVES):
        top.masked_fill_((rows - y[leaf]) ** 2 + (columns - x[leaf]) ** 2 < radii[leaf] ** 2, leaf + 1)
    return top


def draw_noise(count: int, size: int, rng: torch.Generator) -> Tensor:
    """Return grey noise (count, 1, size, size) with amplitudes like 1 / frequency, mean 0 and deviation 1."""
    white = torch.fft.rfft2(torch.randn(count, 1, size, size, generator=rng))
    vertical, horizontal = torch.fft.fftfreq(size).view(-1, 1), torch.fft.rfftfreq(size)
    frequency = (vertical**2 + horizontal**2).sqrt()
    frequency[0, 0] = math.inf  # The mean has amplitude 0.
    noise = torch.fft.irfft2(white / frequency, s=(size, size))
    standardised: Tensor = noise / noise.std(dim=(1, 2, 3), keepdim=True)
    return standardised
