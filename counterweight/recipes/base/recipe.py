"""A recipe: how a classifier is trained. A file of this room is a row of the table."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from counterweight.core.images import ImageSet
from counterweight.core.registry import load_module
from counterweight.core.schema import Settings
from counterweight.core.tensors import Labelled
from counterweight.settings.classify import ClassifierConfig

SettingsType = TypeVar("SettingsType", bound=Settings)

Classifier = Callable[[Tensor], Tensor]
"""From what a recipe makes of images, (N, ...), to logits (N, K)."""


class Context(NamedTuple):
    """What a recipe may know when it turns images into what it learns from."""

    seed: int
    """The whole project's."""
    device: torch.device


class Recipe(ABC, Generic[SettingsType]):
    """A way of training a classifier.

    Args:
        settings: those of the recipe's own file.
        counts: images of each class that are fitted, float32 (K,), on the classifier's device.
    """

    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that are imported when `fit` needs them; several recipes and draws are fitted side by side."""
    needs_dense_end: ClassVar[bool] = False
    """Whether it puts another layer in place of the network's last one, which has to be dense."""

    def __init__(self, settings: SettingsType, counts: Tensor) -> None:
        self.settings, self.counts = settings, counts

    @classmethod
    def precheck(cls, settings: SettingsType) -> None:
        """Refuse settings that can be seen to be impossible before any work; download what is needed.

        Raises:
            UserError: they are, or a download failed.
        """
        return

    @classmethod
    def represent(cls, settings: SettingsType, images: ImageSet, context: Context) -> Tensor | None:
        """Return what stands for images, (N, ...), once for all draws; None: they themselves, uint8 (N, C, H, W)."""
        return None

    @abstractmethod
    def fit(
        self, fitted: Labelled, validation: Labelled, network: nn.Module, config: ClassifierConfig, seed: int
    ) -> Classifier:
        """Return a classifier that was fitted to some images, and chosen by others.

        Args:
            fitted: images, or what `represent` made of them, and their labels, on the classifier's device.
            validation: the same of real images that nothing was fitted to.
            network: an untrained classifier, to be changed in place; not every recipe needs one.
            seed: of batches, dropout and all else that is random.

        Raises:
            UserError: the loss is not finite.
        """


class Entry(NamedTuple):
    """What a file of this room defines."""

    recipe: type[Recipe[Settings]]
    settings: type[Settings]


def find_recipe(name: str) -> Entry:
    """Return the recipe and the settings that the file `name`.py of this room defines."""
    module = load_module("recipes", name)
    # Not what the file imports.
    own = [item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__]
    recipes = [item for item in own if issubclass(item, Recipe)]
    settings = [item for item in own if issubclass(item, Settings)]
    if len(recipes) != 1 or len(settings) != 1:
        raise TypeError(f"{module.__file__} must define one recipe and one settings class")
    return Entry(recipes[0], settings[0])
