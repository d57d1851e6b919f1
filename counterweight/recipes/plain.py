"""Plain training: the row `imbalanced`, and what every generator's images are tried with."""

from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe


class PlainSettings(Settings):
    """There is nothing to set."""


class Plain(NetworkRecipe[PlainSettings]):
    """Shuffled batches, the mean cross-entropy, the most likely class."""
