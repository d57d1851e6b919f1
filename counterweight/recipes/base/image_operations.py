"""The operations of TrivialAugment's wide set, by torchvision, and which of them an image is changed by."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional


def draw_operations(count: int, strengths: int, rng: torch.Generator) -> tuple[Tensor, list[float]]:
    """Return for each of so many images which operation changes it, int64 (B,), and each operation's level, (14,)."""
    drawn = torch.randint(len(OPERATIONS), (count,), generator=rng)
    strength = torch.randint(strengths, (len(OPERATIONS),), generator=rng)
    sign = torch.randint(2, (len(OPERATIONS),), generator=rng) * 2 - 1
    return drawn, (strength * sign / (strengths - 1)).tolist()


def shear(images: Tensor, x: float, y: float) -> Tensor:
    """Return images (B, C, H, W) with rows moved by x pixels for each pixel down, and columns by y."""
    angles = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    sheared: Tensor = functional.affine(images, 0.0, [0, 0], 1.0, angles, center=[0, 0])
    return sheared


def translate(images: Tensor, x: float, y: float) -> Tensor:
    """Return images (B, C, H, W) moved by whole pixels, towards none."""
    moved: Tensor = functional.affine(images, 0.0, [int(x), int(y)], 1.0, [0.0, 0.0])
    return moved


def posterize(images: Tensor, level: float) -> Tensor:
    """Return images (B, C, H, W) with 8 to 2 bits a pixel."""
    coarse: Tensor = functional.posterize(images, 8 - round(6 * abs(level)))
    return coarse


def solarize(images: Tensor, level: float) -> Tensor:
    """Return images (B, C, H, W) whose pixels are inverted from a threshold on, which is 255 to 0."""
    # Rounded: the level's last digit must not decide about pixels that are just on a whole threshold.
    inverted: Tensor = functional.solarize(images, round(255 * (1 - abs(level)), 3))
    return inverted


OPERATIONS: tuple[Callable[[Tensor, float], Tensor], ...] = (
    # Of uint8 images (B, C, H, W) and a level in [-1, 1].
    lambda images, level: images,
    lambda images, level: shear(images, 0.99 * level, 0.0),
    lambda images, level: shear(images, 0.0, 0.99 * level),
    lambda images, level: translate(images, 32 * level, 0.0),
    lambda images, level: translate(images, 0.0, 32 * level),
    lambda images, level: functional.rotate(images, 135 * level),
    lambda images, level: functional.adjust_brightness(images, 1 + 0.99 * level),
    lambda images, level: functional.adjust_saturation(images, 1 + 0.99 * level),
    lambda images, level: functional.adjust_contrast(images, 1 + 0.99 * level),
    lambda images, level: functional.adjust_sharpness(images, 1 + 0.99 * level),
    posterize,
    solarize,
    lambda images, level: functional.autocontrast(images),
    lambda images, level: functional.equalize(images),
)
