"""Images as another camera would see the same thing: turned, moved, tilted, in another light.

All images of a batch are changed at once, each by itself. torchvision's transforms change those of a batch alike.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from counterweight.settings.views import ViewChange

CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


def change_views(images: Tensor, change: ViewChange, rng: torch.Generator, chunk: int = 1024) -> Tensor:
    """Return images, uint8 (N, C, H, W), each strongly changed at random; the border goes on outside of them.

    Args:
        rng: on the CPU: the same views on any device.
    """
    return torch.cat([change_chunk(part, change, rng) for part in images.split(chunk)])


def change_chunk(images: Tensor, change: ViewChange, rng: torch.Generator) -> Tensor:
    """Return images, uint8 (B, C, H, W)."""
    maps = draw_homographies(len(images), change, rng).to(images.device)
    turned = warp(images.float(), maps)
    return change_light(turned, change, rng).round_().clamp_(0, 255).to(torch.uint8)


def draw(shape: tuple[int, ...], most: float, rng: torch.Generator) -> Tensor:
    """Return numbers, uniform between -most and most."""
    return most * (2 * torch.rand(shape, generator=rng) - 1)


def draw_homographies(count: int, change: ViewChange, rng: torch.Generator) -> Tensor:
    """Return random maps (N, 3, 3) from places in new images to those in old ones, sides being from -1 to 1."""
    angle = draw((count,), math.radians(change.rotation), rng)
    # To less than 1 enlarges: places of the new image lie closer together in the old one.
    factor = 1 + torch.where(draw((count,), 1, rng) < 0, -1.0, 0.5) * torch.rand(count, generator=rng) * change.scale
    shift = draw((count, 1, 2), 2 * change.shift, rng)
    mirrored = torch.rand(count, generator=rng) < (0.5 if change.mirror else 0)
    tilt = draw((count, 4, 2), 2 * change.perspective, rng)
    corners = torch.tensor(CORNERS)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, sin], 1), torch.stack([-sin, cos], 1)], 1)  # (N, 2, 2)
    moved = factor[:, None, None] * (corners @ turn) + shift + tilt
    moved[..., 0] *= torch.where(mirrored, -1.0, 1.0)[:, None]
    return solve_homographies(corners.expand(count, 4, 2), moved)


def solve_homographies(old: Tensor, new: Tensor) -> Tensor:
    """Return the maps (N, 3, 3) that take four points (N, 4, 2) to four others.

    Each point gives two equations, x' (g x + h y + 1) = a x + b y + c and the same of y', in the eight unknowns.
    """
    x, y = old.unbind(2)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    first = torch.stack([x, y, one, zero, zero, zero, -x * new[..., 0], -y * new[..., 0]], 2)
    second = torch.stack([zero, zero, zero, x, y, one, -x * new[..., 1], -y * new[..., 1]], 2)
    solved = torch.linalg.solve(
        torch.cat([first, second], 1).double(), torch.cat([new[..., 0], new[..., 1]], 1).double()
    )
    return torch.cat([solved, torch.ones_like(solved[:, :1])], 1).view(-1, 3, 3).float()


def warp(images: Tensor, maps: Tensor) -> Tensor:
    """Return float images (B, C, H, W) seen through maps (B, 3, 3), bilinear."""
    height, width = images.shape[2:]
    rows = (2 * torch.arange(height, device=images.device) + 1) / height - 1  # the middles of pixels
    columns = (2 * torch.arange(width, device=images.device) + 1) / width - 1
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], 2).view(1, -1, 3) @ maps.transpose(1, 2)  # (B, H W, 3)
    grid = (places[..., :2] / places[..., 2:]).view(len(images), height, width, 2)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def change_light(images: Tensor, change: ViewChange, rng: torch.Generator) -> Tensor:
    """Return float images (B, C, H, W), brighter or darker, with more or less contrast, in another tint."""
    count, channels = images.shape[:2]
    brightness, contrast = (1 + draw((count, 1, 1, 1), change.light, rng).to(images.device) for _ in range(2))
    tint = 1 + draw((count, channels, 1, 1), change.colour, rng).to(images.device)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - middle) * contrast + middle) * brightness * tint
