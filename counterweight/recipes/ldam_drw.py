"""Rare classes get a wider margin, and late in training a larger weight."""

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.schema import Fraction, Settings
from counterweight.networks.classifiers.base_last_layer import find_last_layer, replace_layer
from counterweight.recipes.base.network_recipe import NetworkRecipe, weigh_effective_numbers


class LdamDrwSettings(Settings):
    """Label-distribution-aware margins and deferred reweighting."""

    largest_margin: Annotated[float, Ge(0), Lt(1)] = 0.5
    """The smallest class's, between cosines."""
    scale: Annotated[float, Gt(0)] = 30.0
    """What the cosines are multiplied by to be logits."""
    deferred: Fraction = 0.8
    """Fraction of the epochs after which classes weigh by effective numbers."""
    beta: Annotated[float, Ge(0), Lt(1)] = 0.9999
    """Of the effective numbers, as in `class_balanced`."""


class LdamDrw(NetworkRecipe[LdamDrwSettings]):
    """Cosines as logits, from which in training a margin is taken that falls with the fourth root of the class size.

    Cao et al. 2019, Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, sections 3.2 and
    3.3, https://arxiv.org/abs/1906.07413; scale and normalised layer are those of its published code.
    """

    needs_dense_end = True

    def prepare(self, network: nn.Module, images: Tensor) -> nn.Module:
        """Put cosines in place of the last dense layer."""
        last = find_last_layer(network, images, len(self.counts))
        replace_layer(network, last, Cosines(last.weight, self.settings.scale))
        return network

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        """Return the cross-entropy of the logits s (cos_c - margin_c [c = y])."""
        margins = self.settings.scale * self.margins()
        own = functional.one_hot(labels, len(margins))
        return functional.cross_entropy(network(images) - own * margins, labels, self.weights(progress))

    def margins(self) -> Tensor:
        """Return C / n_c^(1/4) for each class (K,), with C so that the largest margin is as set."""
        roots = self.counts.clamp(min=1) ** -0.25  # a class without images is never a label
        return self.settings.largest_margin * roots / roots.max()

    def weights(self, progress: float) -> Tensor | None:
        """Return a weight for each class (K,) in the last epochs."""
        late = progress >= self.settings.deferred
        return weigh_effective_numbers(self.counts, self.settings.beta) if late else None


class Cosines(nn.Module):
    """A dense layer whose outputs are the scaled cosines between its input and its rows (B, K).

    Args:
        weight: first rows (K, D), of which the direction alone counts.
    """

    def __init__(self, weight: Tensor, scale: float) -> None:
        super().__init__()
        # Of length 1, so that a step turns the rows of large and small layers alike.
        self.weight = nn.Parameter(functional.normalize(weight.detach()))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """Return logits in [-scale, scale]."""
        return self.scale * functional.linear(functional.normalize(features), functional.normalize(self.weight))
