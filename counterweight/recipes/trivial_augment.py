"""Each image is changed by one operation, drawn at random with its strength."""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from counterweight.core.devices import OPTIMISERS
from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe


class TrivialAugmentSettings(Settings):
    """TrivialAugment."""

    strengths: Annotated[int, Ge(2)] = 31
    """How many strengths an operation has, from none to its full one."""


class TrivialAugment(NetworkRecipe[TrivialAugmentSettings]):
    """TrivialAugment with the wide set of operations; no flips and crops, which belong to what it is combined with.

    Müller and Hutter 2021, TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation, section 3,
    https://arxiv.org/abs/2103.10158. As torchvision's `TrivialAugmentWide`, which draws from a generator that all
    threads share. The images of a batch that draw one operation have one strength: at most 14 calls for a batch.
    """

    changes_images = True
    libraries = (OPTIMISERS, "torchvision.transforms.v2")

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return the images of a batch, uint8 (B, C, H, W), each changed."""
        from counterweight.recipes.base.image_operations import (
            OPERATIONS,
            draw_operations,
        )  # torchvision takes a second

        drawn, levels = draw_operations(len(images), self.settings.strengths, rng)
        changed = images.clone()
        for which in drawn.unique().tolist():
            place = (drawn == which).nonzero().squeeze(1).to(images.device)
            changed[place] = OPERATIONS[which](images[place], levels[which])
        return changed
