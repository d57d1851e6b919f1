"""Classes weigh in the loss by the inverse of their effective number of images."""

from typing import Annotated

from annotated_types import Ge, Lt
from torch import Tensor

from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe, weigh_effective_numbers


class ClassBalancedSettings(Settings):
    """Class-balanced loss."""

    beta: Annotated[float, Ge(0), Lt(1)] = 0.9999
    """0: all classes weigh the same; near 1: by the inverse of their size. Classes of far fewer than 1 / (1 - beta)
    images weigh as in `reweighted`."""


class ClassBalanced(NetworkRecipe[ClassBalancedSettings]):
    """Softmax cross-entropy, weighted by effective numbers.

    Cui et al. 2019, Class-Balanced Loss Based on Effective Number of Samples, section 4,
    https://arxiv.org/abs/1901.05555. A batch's loss is divided by the weights of its images, not by their number.
    """

    def weights(self, progress: float) -> Tensor:
        """Return a weight for each class (K,)."""
        return weigh_effective_numbers(self.counts, self.settings.beta)
