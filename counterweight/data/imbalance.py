"""What a scenario does to a training part: who is dropped in which draw, how many are wanted, who is the minority."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.draws import FITTED, REFERENCE, UNUSED, VALIDATION, WITHHELD, Draws
from counterweight.core.errors import UserError
from counterweight.core.groups import Indices, check_groups, check_sides, choose_together, find_spanning, join_numbers
from counterweight.core.images import GROUPED_REPEATS, ImageSet
from counterweight.core.near_duplicates import sketch
from counterweight.core.pictures import number_pictures
from counterweight.core.twins import digest_pixels, gather_twins, part_copies
from counterweight.results.imbalance import ClassCounts, Counts
from counterweight.settings.scenarios import Drop, Longtail, Natural, Scenario

Sizes = npt.NDArray[np.int64]

ENOUGH = 0.95
"""A class with so large a fraction of the images it should have gets none: one of 559 has nothing to learn from one."""


class Imbalance(NamedTuple):
    """The role of every training image in every draw, and the counts of each class by name."""

    draws: Draws
    counts: Counts


def make_imbalance(
    train: ImageSet,
    test: ImageSet,
    scenario: Scenario,
    validation_fraction: float,
    minority: list[int],
    item: str,
    seeds: Sequence[int],
    near: bool,
) -> Imbalance:
    """Choose for every draw which images are dropped, as the scenario says, and which are set aside for validation.

    A draw puts each class in an order of its own, which no scenario changes. Scenarios keep its first images, and
    each place of it is one for fitting or one for validation. So of two scenarios, what the one keeps and fits is part
    of what the other does that keeps more. Identical images have one role in a draw, and so has a group, but for what
    is dropped of one that is otherwise kept. Where there are such, sizes may be off by a few; the counts are those of
    the first draw.

    Args:
        minority: labels of the classes that the dataset names; may be empty.
        item: dataset and scenario, as in `digits/drop75`.
        seeds: of the draws.
        near: whether near duplicates are kept together, as identical images are.

    Raises:
        UserError: nothing would be left of a class, or nothing is to be balanced.
    """
    dataset, name = item.split("/")
    before = train.counts()
    kept = count_kept(scenario, before, minority)
    if empty := [own for own, count in zip(train.class_names, kept, strict=True) if not count]:
        raise UserError(f"params.yaml: scenarios.{name}: nothing would be left of class '{empty[0]}'")
    fitted, whole = (sizes - count_validation(sizes, validation_fraction) for sizes in (kept, before))
    wanted = count_wanted(scenario, whole, fitted)
    if not wanted.any():
        where = f"params.yaml: scenarios.{name}: nothing to balance in {dataset}"
        raise UserError(f"{where}: {explain_balance(scenario, whole)}")
    minority = minority or find_smallest_classes(scenario, kept, wanted)
    sketches = sketch(train.images) if near else None
    pictures = number_pictures(digest_pixels(train.images), sketches).near
    where = f"params.yaml: datasets.{dataset}"
    roles = draw_all_roles(train, kept, validation_fraction, seeds, pictures, where)
    draws = Draws(roles, item, wanted.tolist(), minority)
    return Imbalance(draws, count_classes(draws, train, test))


def count_classes(draws: Draws, train: ImageSet, test: ImageSet) -> Counts:
    """Return how many images each class has where, in the first draw."""
    wanted, minority = np.array(draws.wanted), draws.minority
    sizes = {"before": train.counts(), "wanted": wanted, "test": test.counts()}
    sizes |= {"fitted": draws.fitted(train, 0).counts(), "validation": draws.validation(train, 0).counts()}
    sizes |= {"reference": draws.reference(train, test, 1).counts()}
    sizes |= {"in_train": read_seen(test, "identical_images"), "near_train": read_seen(test, "near_duplicates")}
    sizes |= {"group_train": count_tested_groups(train, test)}
    table = {
        own: ClassCounts(**{part: int(count[label]) for part, count in sizes.items()}, minority=label in minority)
        for label, own in enumerate(train.class_names)
    }
    return Counts(table)


def read_seen(test: ImageSet, which: str) -> Sizes:
    """Return how many test images of each class are in the training part, too (K,), as was counted when they were read.

    Args:
        which: `identical_images` or `near_duplicates`.
    """
    none = [0] * len(test.class_names)
    return np.array(test.provenance.get(which, {}).get("in_train_by_class", none), dtype=np.int64)


def count_tested_groups(train: ImageSet, test: ImageSet) -> Sizes:
    """Return how many test images of each class are of a patient, video or the like that has training images (K,)."""
    named = [part.group_names for part in (train, test) if not part.provenance.get(GROUPED_REPEATS)]
    shared = [np.isin(own, named[0]) for own in named[1:] if own is not None and named[0] is not None]
    labels = test.labels[shared[0]] if shared else test.labels[:0]
    return np.bincount(labels, minlength=len(test.class_names))


def draw_all_roles(
    train: ImageSet, kept: Sizes, validation_fraction: float, seeds: Sequence[int], twins: Indices, where: str
) -> npt.NDArray[np.uint8]:
    """Return the role of every image in every draw, uint8 (D, N).

    Args:
        twins: numbers (N,) that images share which are the same picture.

    Raises:
        UserError: a class has too few groups.
    """
    labels, names = train.labels, train.class_names
    rngs = map(np.random.default_rng, seeds)
    groups = None if train.provenance.get(GROUPED_REPEATS) else train.groups  # Twins are these.
    if groups is None and not find_spanning(labels, twins).any():
        return np.stack([draw_roles(labels, kept, validation_fraction, rng, twins) for rng in rngs])
    what = f"{where}: training images to be fitted and to be set aside"
    if groups is None:
        numbers = part_copies(labels, twins)
    else:
        numbers = join_numbers(groups, twins)
        check_groups(labels, numbers, names, 2, what)
    drawn = []
    for rng in rngs:
        aside = choose_together(labels, validation_fraction, rng, numbers)
        if groups is not None:
            check_sides(labels, aside, names, numbers, what)
        drawn.append(draw_grouped_roles(labels, kept, aside, rng, numbers))
    return np.stack(drawn)


def draw_grouped_roles(
    labels: npt.NDArray[np.int64], kept: Sizes, aside: npt.NDArray[np.bool_], rng: np.random.Generator, numbers: Indices
) -> npt.NDArray[np.uint8]:
    """Return the role of every image, uint8 (N,), none of whose groups has two of fitted, set aside, and dropped.

    All classes have their groups in one order, and keep the first images of those that are fitted and of those that
    are set aside. What is dropped of a group some of which is kept is withheld or unused.

    Args:
        kept: images of each class that are not dropped (K,).
        aside: images of groups that are set aside, bool (N,); of every class some are, and some are not.
        numbers: that the images of a group share (N,).
    """
    _, groups = np.unique(numbers, return_inverse=True)
    place = rng.permutation(int(groups.max()) + 1)[groups]
    order = np.lexsort((rng.permutation(len(labels)), place))
    roles = np.full(len(labels), REFERENCE, dtype=np.uint8)
    for label, count in enumerate(kept.tolist()):
        own = order[labels[order] == label]
        tested = own[aside[own]]
        # As large a part of what is kept as of all, but some on either side if two or more are kept.
        most = min(max(1, round(count * len(tested) / max(1, len(own)))), max(0, count - 1))
        roles[tested[:most]], roles[own[~aside[own]][: count - most]] = VALIDATION, FITTED
    used = np.zeros(int(groups.max()) + 1, dtype=bool)
    used[groups[roles != REFERENCE]] = True
    dropped = (roles == REFERENCE) & used[groups]
    roles[dropped] = np.where(aside[dropped], UNUSED, WITHHELD)
    return roles


def draw_roles(
    labels: npt.NDArray[np.int64], kept: Sizes, validation_fraction: float, rng: np.random.Generator, twins: Indices
) -> npt.NDArray[np.uint8]:
    """Return the role of every image, uint8 (N,).

    Args:
        twins: numbers (N,) that identical images share; those of a class have one role, unless all of it are identical.
    """
    roles = np.full(len(labels), REFERENCE, dtype=np.uint8)
    for label, count in enumerate(kept):
        order, sizes = gather_twins(rng.permutation(np.flatnonzero(labels == label)), twins)
        ends = np.cumsum(sizes)
        # Twins are kept if their middle is; of two images and more that are, one is to be fitted, and one set aside.
        first = ends - sizes / 2 < count
        first[: min(2, count)] = True
        aside = choose_aside(sizes, count_validation(ends, validation_fraction))
        roles[order] = np.repeat(np.where(first, np.where(aside, VALIDATION, FITTED), REFERENCE), sizes)
    return roles


def choose_aside(sizes: Sizes, aims: Sizes) -> npt.NDArray[np.bool_]:
    """Choose which twins are for validation, bool (G,): the second, and others, to have as many as is aimed at.

    Of images that stand alone, a place is one for validation where one image more, up to it, means one more that is set
    aside. What is chosen of the first twins does not depend on how many follow.

    Args:
        sizes: how many images each stands for.
        aims: how many images of these and all before are to be set aside.
    """
    aside, total = np.zeros(len(sizes), dtype=bool), 0
    for place, (size, aim) in enumerate(zip(sizes.tolist(), aims.tolist(), strict=True)):
        aside[place] = place == 1 or (place > 1 and aim - total >= size / 2)
        total += size * aside[place]
    return aside


def count_validation(sizes: Sizes, fraction: float) -> Sizes:
    """Return how many images of classes with so many (K,) are set aside.

    Of two or more at least one, and never all, however small or large the fraction. With every image more of a class
    it grows by one at most.
    """
    counts: Sizes = np.clip(np.rint(fraction * sizes).astype(np.int64), 1, np.maximum(sizes - 1, 0))
    return counts


def count_kept(scenario: Scenario, counts: Sizes, minority: list[int]) -> Sizes:
    """Return how many images of each class (K,) stay in the training part.

    `longtail` orders the classes as the dataset does, but with the minority classes at the tail (Cui et
    al., Class-Balanced Loss Based on Effective Number of Samples, https://arxiv.org/abs/1901.05555).
    """
    kept = counts.copy()
    if isinstance(scenario, Drop):
        kept[minority] = np.rint(counts[minority] * (1 - scenario.fraction)).astype(np.int64)
    if isinstance(scenario, Longtail):
        order = [label for label in range(len(counts)) if label not in minority] + minority
        # From the largest class's size down to 1 / ratio of it, geometrically; sources give two classes at least.
        sizes = counts.max() * scenario.ratio ** (-np.arange(len(counts)) / (len(counts) - 1))
        kept[order] = np.minimum(counts[order], np.rint(sizes).astype(np.int64))
    return kept


def count_wanted(scenario: Scenario, whole: Sizes, fitted: Sizes) -> Sizes:
    """Return how many synthetic images of each class (K,) restore the balance of those that are fitted.

    As many as were removed; `natural` fills every class up to the largest, or to its cap if that is lower. A class
    that has nearly as many as it should have gets none.

    Args:
        whole: images of each class that would be fitted if none were dropped.
        fitted: images of each class that are.
    """
    if isinstance(scenario, Natural):
        level = whole.max() if scenario.cap is None else min(whole.max(), scenario.cap)
        whole = np.maximum(whole, level)
    return np.where(fitted < ENOUGH * whole, whole - fitted, 0)


def find_smallest_classes(scenario: Scenario, kept: Sizes, wanted: Sizes) -> list[int]:
    """Return the labels that stand for the minority where the dataset names none.

    `natural`: every class that gets images and has fewer than the classes have on average. Of 800, 798 and
    123 images that is the last alone: the two images that the second gets would say nothing, and halve the
    weight of what the others say. Of unequal classes one is always below the average. Otherwise: the smallest.
    """
    rare = (wanted > 0) & (kept < kept.mean()) if isinstance(scenario, Natural) else kept == kept.min()
    return np.flatnonzero(rare).tolist()


def explain_balance(scenario: Scenario, counts: Sizes) -> str:
    """Say why no class wants an image."""
    if not isinstance(scenario, Natural):
        return f"every class would keep {100 * ENOUGH:.0f} % of its images, or more"
    sizes = f"the classes have {counts.min()} to {counts.max()} images to be fitted"
    level = "the largest" if scenario.cap is None or scenario.cap >= counts.max() else f"cap {scenario.cap}"
    return f"{sizes}, and {100 * ENOUGH:.0f} % of {level} are enough"
