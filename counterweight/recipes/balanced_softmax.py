"""The softmax is told how large the classes of the fitted images are, and forgets it where it predicts."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe


class BalancedSoftmaxSettings(Settings):
    """There is nothing to set."""


class BalancedSoftmax(NetworkRecipe[BalancedSoftmaxSettings]):
    """Cross-entropy of logits to which the logarithms of the class sizes are added; the bare logits predict.

    So the bare ones are those of a set in which all classes are equally large, which is what chooses the epoch, too.
    Ren et al. 2020, Balanced Meta-Softmax for Long-Tailed Visual Recognition, theorem 1,
    https://arxiv.org/abs/2007.10740. It is the logit-adjusted loss of Menon et al. with tau = 1.
    """

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        """Return -log(n_y e^z_y / sum_c n_c e^z_c), averaged over the batch."""
        # Relative to equal shares, which changes no softmax: of equally large classes exactly 0 is added.
        priors = (len(self.counts) * self.counts / self.counts.sum()).log()
        return functional.cross_entropy(network(images) + priors, labels)
