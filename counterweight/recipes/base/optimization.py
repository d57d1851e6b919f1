"""How a classifier's steps are taken: optimiser, learning rate, and what every recipe does to images before its own."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.settings.classify import Augmentation, ClassifierConfig

MOMENTUM = 0.9
MARGIN = 1 / 8
"""Of a side: 4 pixels of 32, as He et al. 2016 add to CIFAR-10, zeros there; https://arxiv.org/abs/1512.03385, 4.2."""


def build_optimizer(config: ClassifierConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimiser that the settings name."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=MOMENTUM, weight_decay=decay, nesterov=True, fused=True)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, rate, weight_decay=decay, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, config: ClassifierConfig, progress: float) -> None:
    """Give an optimiser the rate for its next step; `progress` is the fraction of all steps that are done.

    `cosine` falls from the whole rate to 0 along half a wave (Loshchilov and Hutter 2017,
    https://arxiv.org/abs/1608.03983, equation 5, without restarts).
    """
    factor = (1 + math.cos(math.pi * progress)) / 2 if config.schedule == "cosine" else 1.0
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * factor


def augment_images(images: Tensor, changes: Sequence[Augmentation], rng: torch.Generator) -> Tensor:
    """Return a batch of images, uint8 (B, C, H, W), each changed at random by itself; `rng` is on the CPU."""
    if "flip" in changes:
        mirrored = torch.rand(len(images), generator=rng) < 0.5
        images = torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(3), images)
    return crop_images(images, rng) if "crop" in changes else images


def crop_images(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return images, padded by an eighth of a side with their own border, cut out at a random place each."""
    count, _, height, width = images.shape
    margins = [max(1, round(MARGIN * side)) for side in (height, width)]
    # torch pads floats alone; whole numbers up to 255 stay what they are.
    padding = [margins[1], margins[1], margins[0], margins[0]]
    padded = functional.pad(images.float(), padding, mode="replicate").to(images.dtype)
    top, left = (torch.randint(2 * margin + 1, (count, 1), generator=rng) for margin in margins)
    rows = (top + torch.arange(height)).to(images.device)
    columns = (left + torch.arange(width)).to(images.device)
    place = torch.arange(count, device=images.device)[:, None, None]
    # Indices on both sides of a slice put channels last: (B, H, W, C) -> (B, C, H, W)
    return padded[place, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
