"""Methods: the rows of the table, each a recipe and what it adds to the real images that are fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from counterweight.core.draws import REFERENCE, Draws
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.params_file import Blocks
from counterweight.core.schema import Settings, parse_settings
from counterweight.core.seeds import derive_seed
from counterweight.recipes.base.recipe import find_recipe

PLAIN = "plain"


class Parts(NamedTuple):
    """The real images of a dataset, and which of them are fitted and set aside in each draw."""

    train: ImageSet
    test: ImageSet
    draws: Draws


@dataclass(frozen=True)
class Method:
    """A recipe, its settings, and what is added in each draw to the real images that are fitted: nothing if None."""

    recipe: str
    settings: Settings
    added: Sequence[ImageSet] | None = None

    @property
    def not_applicable(self) -> str | None:
        """Why the generator could make no images; None where it did, or is none."""
        return None if self.added is None else self.added[0].not_applicable


def list_baselines(
    recipes: Sequence[str], blocks: Blocks, train: ImageSet, draws: Draws, seed: int
) -> dict[str, Method]:
    """Return the methods that need no generator: what frames the table, and a row for each recipe.

    `balanced` gets back as many of the dropped images as synthetic ones are wanted; where nothing was dropped there is
    no such row.
    """
    imbalanced = build_method(PLAIN, blocks)
    methods = {"imbalanced": imbalanced} | {name: build_method(name, blocks) for name in recipes}
    if not (draws.roles == REFERENCE).any():
        return methods
    rngs = [np.random.default_rng(derive_seed(seed, draws.item, "restored", str(draw))) for draw in range(len(draws))]
    restored = [draws.restored(train, draw, rng) for draw, rng in enumerate(rngs)]
    return {"balanced": build_method(PLAIN, blocks, restored)} | methods


def list_generator_methods(
    name: str, recipes: Sequence[str], blocks: Blocks, added: Sequence[ImageSet], draws: Draws
) -> dict[str, Method]:
    """Return the methods that add a generator's images: plain training, and one row more for each recipe.

    Raises:
        UserError: there are images of another number of draws.
    """
    if added[0].not_applicable is None and len(added) != len(draws):
        raise UserError(f"{draws.item}/{name}: synthetic images of {len(added)} draws; {len(draws)} are needed")
    others = {f"{name}+{recipe}": build_method(recipe, blocks, added) for recipe in recipes}
    return {name: build_method(PLAIN, blocks, added)} | others


def build_method(recipe: str, blocks: Blocks, added: Sequence[ImageSet] | None = None) -> Method:
    """Return a method; what is not said of its recipe has the default of the recipe's file.

    Raises:
        UserError: the settings are not those of this recipe.
    """
    settings = parse_settings(find_recipe(recipe).settings, blocks.get(recipe, {}), f"params.yaml: recipes.{recipe}")
    return Method(recipe, settings, added)
