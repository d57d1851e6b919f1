"""Images that are recognised already count less."""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe, invert_counts


class FocalSettings(Settings):
    """Focal loss."""

    gamma: Annotated[float, Ge(0)] = 2.0
    """How much less: an image of probability p counts (1 - p)^gamma; 0: all count the same."""
    alpha: bool = False
    """Weigh classes by the inverse of their size, which is what the paper's alpha is in place of; its 0.25 is of two
    classes, an object and the background."""


class Focal(NetworkRecipe[FocalSettings]):
    """The focal loss, with the softmax's probability of the true class.

    Lin et al. 2017, Focal Loss for Dense Object Detection, equations 4 and 5, https://arxiv.org/abs/1708.02002.
    """

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        """Return -(1 - p_y)^gamma log p_y, averaged over the batch, by the classes' weights if there are any."""
        entropy = functional.cross_entropy(network(images), labels, reduction="none")
        # 1 - p; where p rounds to 1 a root of it would have an infinite slope, and infinity times 0 is no number.
        missing = (-torch.expm1(-entropy)).clamp(min=torch.finfo(entropy.dtype).tiny)
        losses = missing**self.settings.gamma * entropy
        if (weights := self.weights(progress)) is None:
            return losses.mean()
        own = weights[labels]
        return (own * losses).sum() / own.sum()

    def weights(self, progress: float) -> Tensor | None:
        """Return N / (K n_c) for each class (K,) if alpha is wanted."""
        return invert_counts(self.counts) if self.settings.alpha else None
