"""Larger classes are cut down to the smallest, anew in every pass."""

import torch
from torch import Tensor

from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe


class UndersampledSettings(Settings):
    """Random undersampling."""

    equal_steps: bool = True
    """An epoch makes as many passes, each over other images, as it needs for plain training's steps. Otherwise it is
    one pass, which on a long tail is few steps: the row would then say how short training does."""


class Undersampled(NetworkRecipe[UndersampledSettings]):
    """Each pass draws as many images of every class as the smallest has, without repetition.

    Buda et al. 2018, A systematic study of the class imbalance problem in convolutional neural networks, section 2.1,
    https://arxiv.org/abs/1710.05381; drawn anew, so that no image of a large class is lost for good.
    """

    def draw_batches(self, labels: Tensor, size: int, rng: torch.Generator) -> list[Tensor]:
        """Return the batches of an epoch; of equally large classes the plain ones."""
        wanted = max(1, len(labels) // size) if self.settings.equal_steps else 1
        batches: list[Tensor] = []
        while len(batches) < wanted:
            chosen = draw_equally(labels, rng)
            most = min(size, len(chosen))
            batches += chosen[: len(chosen) // most * most].split(most)
        return batches[:wanted] if self.settings.equal_steps else batches


def draw_equally(labels: Tensor, rng: torch.Generator) -> Tensor:
    """Return indices in random order, each class as often as the smallest that there is, int64 (M,)."""
    order = torch.randperm(len(labels), generator=rng)
    sizes = torch.bincount(labels)
    sizes = sizes[sizes > 0]
    by_class = labels[order].argsort(stable=True).split(sizes.tolist())
    places = torch.cat([own[: int(sizes.min())] for own in by_class])
    if len(places) == len(order):
        return order
    # Shuffled again: the first so many of a large class come early in the order.
    return order[places][torch.randperm(len(places), generator=rng)]
