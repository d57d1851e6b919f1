"""The way between two real images through the latents of a generator."""

from typing import Literal, NamedTuple

import numpy as np
import torch

from counterweight.explorer.exploration import (
    Exploration,
    Pixels,
    decode_latents,
    encode_image,
    find_latent,
)
from counterweight.networks.generative.latents import slerp

Way = Literal["linear", "spherical"]


class End(NamedTuple):
    """A real image uint8 (C, H, W) at one end of the way, and its label."""

    image: Pixels
    label: int


@torch.no_grad()
def interpolate(exploration: Exploration, start: End, end: End, steps: int, way: Way) -> Pixels:
    """Return the images uint8 (steps, C, H, W) on the way, their ends what the decoder makes of the two real ones.

    A generator that is told the label hears that of the nearer end, the second one's from the middle on.

    Args:
        exploration: of a generator with an encoder, whose classes at both ends share one model.
        start: where the way begins.
        end: where it ends.
        steps: at least 2.
        way: straight, or along a great circle about the origin (`networks/generative/latents.py`).
    """
    ends = [
        find_latent(exploration, each.label, encode_image(exploration, each.label, each.image)) for each in (start, end)
    ]
    fractions = torch.linspace(0, 1, steps)[:, None]
    first, last = (latent.expand(steps, -1) for latent in ends)
    latents = slerp(first, last, fractions) if way == "spherical" else first + fractions * (last - first)
    half = steps // 2
    parts = [
        decode_latents(exploration, start.label, latents[:half]),
        decode_latents(exploration, end.label, latents[half:]),
    ]
    return np.concatenate(parts)
