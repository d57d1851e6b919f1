"""Which images of a source belong together: a patient's, a video's, a camera's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.groups import Indices, check_groups, number_names
from counterweight.data.sources.base.column_texts import LIKE_MISSING
from counterweight.data.sources.base.labels import describe_like_groups
from counterweight.data.sources.base.lazy_images import DatasetSplits, LazyImages
from counterweight.data.sources.base.patterns import find_all
from counterweight.settings.datasets import Grouping, MissingGroup


class GroupCounts(NamedTuple):
    """How many groups images are of, how many images the smallest and the largest has, and how many are in two parts.

    The latter are of test images whose group has training images, too.
    """

    groups: int
    smallest: int
    largest: int
    in_train: int

    def describe(self) -> str:
        """Say it in a few words."""
        said = f"{self.groups:,} of {self.smallest:,} to {self.largest:,} images"
        return f"{said}; {self.in_train:,} test images are of a group in train" if self.in_train else said


OFFER = "set group_column: "
"""In a note of a column that may name groups."""
NEEDED = 3
"""Groups of a class, at least, where it is parted into what is fitted, validated and tested."""


def find_groups(found: DatasetSplits, grouping: Grouping, where: str) -> DatasetSplits:
    """Return a dataset whose images know their groups, if a pattern or a column names them.

    Of a pattern it is what the first group in parentheses has that takes part in a match, else the whole match.

    Args:
        where: file and key of the dataset, as in `params.yaml: datasets.pets`; begins an error's message.

    Raises:
        UserError: an image has no group and is not to stand alone, the source names groups, too, or the pattern takes
            too long.
    """
    pattern, missing = grouping
    parts = [part for part in found if part is not None]
    origins = [origin for part in parts for origin in part.origins]
    facts = found.train.provenance
    if pattern is not None:
        if found.train.groups is not None and facts.get("source") != "folder":  # whose folders stand in for a pattern
            raise UserError(f"{where}.group_pattern: not beside group_column; set one of them")
        key = f"{where}.group_pattern"
        named, said = find_all(pattern, origins, key), f"{key}: '{pattern.pattern}' finds none"
    elif found.train.groups is not None:
        named, said = [name for part in parts for name in part.groups or ()], f"{where}.group_column: names none"
    else:
        return found
    names = fill_in(named, origins, missing, said)
    if "notes" in facts:
        kept = [note for note in facts["notes"] if pattern is None or OFFER not in note]
        like = describe_like_groups({*names}) if pattern is not None else []
        facts = {**facts, "notes": [*kept, *like, *describe_alone(named, origins), *describe_unknown(named)]}
    train = replace(found.train, groups=names[: len(found.train)], provenance=facts)
    return DatasetSplits(train, None if found.test is None else replace(found.test, groups=names[len(found.train) :]))


def describe_alone(names: Sequence[str], origins: Sequence[str]) -> list[str]:
    """Return a note if images without a group stand alone; arguments as of `fill_in`."""
    lacking = [origin for origin, name in zip(origins, names, strict=True) if not name]
    said = f"{len(lacking):,} of {len(names):,} images are of no group and stand alone"
    return [f"{said}, first {lacking[0]}"] if lacking else []


def describe_unknown(names: Sequence[str]) -> list[str]:
    """Return a note if the name of a group may stand for none, as `unknown` does."""
    found = Counter(name for name in names if LIKE_MISSING.fullmatch(name))
    ways = "if it means none, make such cells empty and set missing_group: alone"
    return [f"{count:,} images are of one group, '{name}'; {ways}" for name, count in found.items() if count > 1]


def fill_in(names: Sequence[str], origins: Sequence[str], missing: MissingGroup, said: str) -> list[str]:
    """Return the name of each image's group; of one that has none, where such stand alone, what it comes from.

    Args:
        names: of groups, empty where an image has none.
        said: begins an error's message.

    Raises:
        UserError: one has none and is not to stand alone.
    """
    lacking = [origin for origin, name in zip(origins, names, strict=True) if not name]
    if lacking and missing == "refuse":
        ways = "" if len(lacking) == len(origins) else "; set missing_group: alone lets each without one stand alone"
        first = f"{len(lacking):,} of {len(origins):,} images, first: {lacking[0]}"
        raise UserError(f"{said} for {first}; every image must have a group{ways}")
    return [name or origin for origin, name in zip(origins, names, strict=True)]


def number_groups(images: LazyImages) -> Indices:
    """Return numbers, int64 (N,), that the images of a group share; where there are none, each has its own."""
    if images.groups is None:
        return np.arange(len(images))
    return number_names(np.array(images.groups, dtype=np.str_))


def count_members(found: DatasetSplits) -> GroupCounts | None:
    """Return how many groups the images of a dataset are of; None where they have none."""
    train, test = found
    if train.groups is None:
        return None
    tested = [] if test is None else [*(test.groups or ())]
    sizes, trained = Counter([*train.groups, *tested]), {*train.groups}
    shared = sum(name in trained for name in tested)
    return GroupCounts(len(sizes), min(sizes.values()), max(sizes.values()), shared)


def describe_shared_groups(found: DatasetSplits, kept: bool) -> list[str]:
    """Say how many test images are of a group with training images, where the source's own parts are `kept`."""
    counts = count_members(found) if kept else None
    if counts is None or not counts.in_train:
        return []
    return [f"{counts.in_train:,} test images are of a group in train; keep_split: false splits anew, and no group"]


def check_enough_groups(found: DatasetSplits, own_split: bool, where: str) -> None:
    """Refuse a dataset of which a class has too few groups for all that it is parted into.

    Args:
        own_split: whether the source's own parts are kept.
        where: file and key of the dataset.
    """
    train, test = found
    images = train if own_split or test is None else train.concatenate(test)
    if images.groups is None:
        return
    parts = "fitted, validation and test images"
    what, needed = ("fitted and validation images", NEEDED - 1) if own_split else (parts, NEEDED)
    check_groups(images.labels, number_groups(images), images.class_names, needed, f"{where}: {what}")
