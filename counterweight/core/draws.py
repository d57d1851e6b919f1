"""Which images of a training part each draw uses for what: fitted, set aside for validation, or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.roles import RoleTable, read_roles, write_roles

ROLES = ("fitted", "validation", "reference", "withheld", "unused")
"""What generators and classifiers are fitted to; real images that choose a classifier's epoch; what was dropped. Where
images have groups: what was dropped of one that is fitted, too, and of one that is set aside for validation."""
FITTED, VALIDATION, REFERENCE, WITHHELD, UNUSED = range(len(ROLES))


@dataclass(frozen=True)
class Draws:
    """The roles of N training images in D draws, uint8 (D, N), which index `ROLES`.

    `wanted` says how many synthetic images of each class restore the balance, `minority` which labels the headline
    scores are of; both are the same in every draw. `item` is dataset and scenario, as in `digits/drop75`.
    """

    roles: npt.NDArray[np.uint8]
    item: str
    wanted: list[int]
    minority: list[int]

    def __len__(self) -> int:
        return len(self.roles)

    def fitted(self, train: ImageSet, draw: int) -> ImageSet:
        """Return the images that generators and classifiers are fitted to."""
        return self.describe(train.take(np.flatnonzero(self.roles[draw] == FITTED)))

    def validation(self, train: ImageSet, draw: int) -> ImageSet:
        """Return the images that choose a classifier's epoch, which nothing is fitted to."""
        return self.describe(train.take(np.flatnonzero(self.roles[draw] == VALIDATION)))

    def restored(self, train: ImageSet, draw: int, rng: np.random.Generator) -> ImageSet:
        """Return as many of the dropped images as restore the balance: what synthetic images stand in for."""
        # Of what is set aside nothing comes back: no group is in the fitted images and in those for validation.
        dropped = np.isin(self.roles[draw], (REFERENCE, WITHHELD))
        own = [rng.permutation(np.flatnonzero(dropped & (train.labels == label))) for label in range(len(self.wanted))]
        chosen = [order[:count] for order, count in zip(own, self.wanted, strict=True)]
        return self.describe(train.take(np.sort(np.concatenate(chosen))))

    def reference(self, train: ImageSet, test: ImageSet, draws: int) -> ImageSet:
        """Return the real images of the classes in want that no generator saw in the first so many draws.

        First those of the training part, dropped or set aside for validation, then those of the test part.
        """
        needy = np.asarray(self.wanted) > 0
        unseen = ~np.isin(self.roles[:draws], (FITTED, WITHHELD)).any(axis=0)  # nor others of their groups
        own = train.take(np.flatnonzero(unseen & needy[train.labels]))
        return self.describe(own.concatenate(test.take(np.flatnonzero(needy[test.labels]))))

    def seen(self, train: ImageSet, draws: int) -> ImageSet:
        """Return the images that a generator saw in one of the first so many draws."""
        return self.describe(train.take(np.flatnonzero((self.roles[:draws] == FITTED).any(axis=0))))

    def describe(self, images: ImageSet) -> ImageSet:
        """Return images that tell what is known of their scenario."""
        facts = {"item": self.item, "wanted": self.wanted, "minority": self.minority}
        return replace(images, provenance={**images.provenance, **facts})


@dataclass(frozen=True)
class FittedSets(Sequence[ImageSet]):
    """The images that are fitted in each draw, copied from the training part when they are asked for.

    So the draws that are under way have theirs in memory, and not all of them.
    """

    draws: Draws
    train: ImageSet

    def __len__(self) -> int:
        return len(self.draws)

    @overload
    def __getitem__(self, draw: int) -> ImageSet: ...
    @overload
    def __getitem__(self, draw: slice) -> list[ImageSet]: ...
    def __getitem__(self, draw: int | slice) -> ImageSet | list[ImageSet]:
        if isinstance(draw, slice):
            return [self[index] for index in range(*draw.indices(len(self)))]
        return self.draws.fitted(self.train, range(len(self))[draw])


def write_draws(draws: Draws, path: Path) -> None:
    """Write a row for each draw and image: draw, index into the training part, role; the rest is metadata."""
    facts = {"item": draws.item, "wanted": draws.wanted, "minority": draws.minority}
    # The last two stand in tables of images with groups alone: others are what they were, byte by byte.
    used = ROLES if draws.roles.max(initial=0) > REFERENCE else ROLES[:WITHHELD]
    write_roles(RoleTable(draws.roles, facts), used, path)


def read_draws(path: Path, train: ImageSet) -> Draws:
    """Read what `write_draws` wrote of a training part.

    Raises:
        UserError: there is no such file, or it is not a table of draws, or one of another number of images.
    """
    found = read_roles(path, ROLES, ("item", "wanted", "minority"), "imbalance")
    if found.roles.shape[1] != len(train):
        raise UserError(f"{path}: of {found.roles.shape[1]} images, but the training part has {len(train)}")
    return Draws(found.roles, found.facts["item"], found.facts["wanted"], found.facts["minority"])
