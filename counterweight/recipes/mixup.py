"""Batches of mixtures of two images and their labels."""

from typing import Annotated

import torch
from annotated_types import Ge, Lt
from scipy.special import betaincinv
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.schema import Fraction, Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe, weigh_effective_numbers


class MixupSettings(Settings):
    """Mixup."""

    alpha: Annotated[float, Ge(0)] = 1.0
    """Of the Beta distribution that a batch's share of the first image is from: 1 is uniform, 0 leaves images as they
    are."""
    deferred: Fraction | None = None
    """Fraction of the epochs after which classes weigh by effective numbers; null: they never do."""
    beta: Annotated[float, Ge(0), Lt(1)] = 0.9999
    """Of the effective numbers, as in `class_balanced`."""


class Mixup(NetworkRecipe[MixupSettings]):
    """Each image of a batch is mixed with another one of it, and the loss is the same mixture of both labels' losses.

    Zhang et al. 2018, mixup: Beyond Empirical Risk Minimization, https://arxiv.org/abs/1710.09412: one share for a
    batch, as in its published code; alpha 1 as there on CIFAR-10.
    """

    changes_images = True

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        """Return share * CE(z, y) + (1 - share) * CE(z, y of the other image)."""
        if self.settings.alpha == 0:
            return super().loss(network, images, labels, progress, rng)
        share = draw_share(self.settings.alpha, rng)
        other = torch.randperm(len(labels), generator=rng).to(labels.device)
        logits, weights = network(share * images + (1 - share) * images[other]), self.weights(progress)
        losses = [functional.cross_entropy(logits, own, weights) for own in (labels, labels[other])]
        return share * losses[0] + (1 - share) * losses[1]

    def weights(self, progress: float) -> Tensor | None:
        """Return a weight for each class (K,) in the last epochs, if it is wanted."""
        late = self.settings.deferred is not None and progress >= self.settings.deferred
        return weigh_effective_numbers(self.counts, self.settings.beta) if late else None


def draw_share(alpha: float, rng: torch.Generator) -> float:
    """Return a number from Beta(alpha, alpha)."""
    # By its quantiles: torch draws from this distribution with the generator alone that all threads share.
    return float(betaincinv(alpha, alpha, torch.rand((), dtype=torch.float64, generator=rng).item()))
