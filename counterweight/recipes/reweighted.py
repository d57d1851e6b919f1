"""Classes weigh in the loss by the inverse of their size."""

from torch import Tensor

from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe, invert_counts


class ReweightedSettings(Settings):
    """There is nothing to set."""


class Reweighted(NetworkRecipe[ReweightedSettings]):
    """Cross-entropy in which all images of a class together weigh as much as those of any other.

    The weights are scikit-learn's `class_weight="balanced"`
    (https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html).
    """

    def weights(self, progress: float) -> Tensor:
        """Return N / (K n_c) for each class (K,)."""
        return invert_counts(self.counts)
