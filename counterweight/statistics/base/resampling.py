"""Drawing comparable samples from two labelled sets, and summarising what repeated draws gave."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from counterweight.core.features import Rows
from counterweight.core.groups import choose_together
from counterweight.core.results import Spread

Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.integer]
Features = npt.NDArray[np.floating]
Table = Features | Rows
"""Features (N, D) in memory, or on disk."""
Draw = tuple[Indices, Indices, Indices, Indices]
Groups = Indices | None
"""Numbers (N,) that samples share which no draw may part; None: each stands alone."""

BLOCK = 1024
"""Rows that are looked at together."""
SMALL = 500
"""Halves of at most so many images are drawn as often as was asked."""


def summarize(values: Sequence[float] | npt.NDArray[np.floating]) -> Spread:
    """Return the mean and the standard deviation of (N,) values, N >= 1.

    The deviation divides by N - 1; that of a single value is 0.
    """
    array = np.asarray(values, dtype=np.float64)
    return Spread(mean=float(array.mean()), std=float(array.std(ddof=1)) if len(array) > 1 else 0.0)


def estimate_grouped_error(values: npt.NDArray[np.float64], groups: Indices) -> float | None:
    """Return the standard error of the mean of values (N,) of which those of a group depend on each other.

    Of sums of deviations over groups in place of single ones (Liang and Zeger 1986, Longitudinal Data Analysis Using
    Generalized Linear Models, https://doi.org/10.1093/biomet/73.1.13), times G / (G - 1) for G groups; None of one.

    Args:
        groups: numbers (N,) that values of one group share.
    """
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], values - values.mean())
    count = len(sums)
    return float(np.sqrt(count / (count - 1) * np.sum(sums**2))) / len(values) if count > 1 else None


def estimate_design_effect(features: Features, groups: Indices) -> float | None:
    """Return by how much the variance of a mean exceeds that of independent samples, a median over features (N, D).

    Kish 1965, Survey Sampling: 1 + (m - 1) r for groups of m samples with a correlation of r. None where nothing varies
    or there is one group.

    Args:
        groups: numbers (N,) that samples of one group share.
    """
    varying = np.flatnonzero(np.ptp(features, axis=0) > 0) if len(features) else np.empty(0, dtype=np.int64)
    if len(np.unique(groups)) < 2 or not len(varying):
        return None
    table = features[:, varying].astype(np.float64)
    errors = [estimate_grouped_error(column, groups) or 0.0 for column in table.T]
    return float(np.median(np.square(errors) * len(table) / table.var(axis=0, ddof=1)))


def draw_matched(labels_a: Labels, labels_b: Labels, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Draw equally many of every class from two sets, so that they differ in how classes look, not in their mix.

    Of each class come as many as the set with fewer of it has, without replacement.

    Args:
        labels_a: integer (N,).
        labels_b: integer (M,).

    Returns:
        Two int64 (K,) arrays of indices into the first and the second set, ordered by class and then by
        index, so that the two have the same class at every position. Empty if no class is in both.
    """
    drawn_a, drawn_b = [], []
    for label in np.intersect1d(labels_a, labels_b):  # Sorted, so that a seed gives the same draws.
        of_a, of_b = np.flatnonzero(labels_a == label), np.flatnonzero(labels_b == label)
        count = min(len(of_a), len(of_b))
        drawn_a.append(np.sort(rng.choice(of_a, count, replace=False)))
        drawn_b.append(np.sort(rng.choice(of_b, count, replace=False)))
    return concatenate_indices(drawn_a), concatenate_indices(drawn_b)


def split_halves(labels: Labels, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Draw two disjoint random halves with the same number of every class.

    Args:
        labels: integer (N,). Of a class with an odd number of members one is left out.

    Returns:
        Two int64 (K,) arrays of indices, K <= N / 2, ordered by class and then by index.
    """
    first, second = [], []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        half = len(members) // 2  # Of one member, no half has any.
        first.append(np.sort(members[:half]))
        second.append(np.sort(members[half : 2 * half]))
    return concatenate_indices(first), concatenate_indices(second)


def stratified_split_halves(
    labels_a: Labels, labels_b: Labels, rng: np.random.Generator
) -> tuple[Indices, Indices, Indices, Indices]:
    """Draw two disjoint halves of either set, all four of the same size and the same number of every class.

    What is drawn from both sets is parted once, position by position. Where each synthetic image was made of the real
    one in its place, both end in halves of one number: compare halves of different numbers, as the two halves of real
    are compared with each other, or the images would be nearer than any others to their own originals.

    Args:
        labels_a: integer (N,).
        labels_b: integer (M,).

    Returns:
        Four int64 (K,) arrays: two of indices into the first set, two into the second. Empty if no class has
        two members in both.
    """
    of_a, of_b = draw_matched(labels_a, labels_b, rng)
    first, second = split_halves(labels_a[of_a], rng)  # Positions: the labels of both are equal there.
    return of_a[first], of_a[second], of_b[first], of_b[second]


def choose_groups(groups: Indices, fraction: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Choose whole groups at random, so many that they have about a fraction of the samples, bool (N,).

    Of two or more groups one is on either side at least; a single one is not chosen.

    Args:
        groups: int64 (N,), numbers that samples of one group share.
        fraction: between 0 and 1.
    """
    _, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(counts))
    # A group is on the side where its middle lies: the fraction is met as nearly as the order allows.
    middles = np.cumsum(counts[order]) - counts[order] / 2
    most = min(max(1, int((middles < fraction * len(groups)).sum())), max(0, len(counts) - 1))
    chosen = np.zeros(len(counts), dtype=bool)
    chosen[order[:most]] = True
    return chosen[places]


def draw_one_of_each(groups: Indices, rng: np.random.Generator) -> Indices:
    """Draw one sample of every group at random, and return their indices (K,) in ascending order.

    Args:
        groups: int64 (N,), numbers that samples of one group share.
    """
    order = rng.permutation(len(groups))
    return np.sort(order[np.unique(groups[order], return_index=True)[1]])


def split_groups(
    labels: tuple[Labels, Labels], groups: tuple[Groups, Groups], fraction: float, rng: np.random.Generator
) -> Draw:
    """Draw two parts of either set that share no group; first parts have as many of every class, and so have second.

    Args:
        labels: of both sets, integer (N,) and (M,).
        groups: of both.
        fraction: of the samples of every class, about, that the second parts have.

    Returns:
        Four int64 arrays of indices, two of (K,) and (L,) into the first set, two into the second; each ordered by
        class and then by index. A part is empty if no class is in it of both sets.
    """
    chosen = [choose_side(*side, fraction, rng) for side in zip(labels, groups, strict=True)]
    parts = []
    for second in (False, True):
        own = [np.flatnonzero(side == second) for side in chosen]
        drawn = draw_matched(labels[0][own[0]], labels[1][own[1]], rng)
        parts.append([indices[places] for indices, places in zip(own, drawn, strict=True)])
    return parts[0][0], parts[1][0], parts[0][1], parts[1][1]


def choose_side(labels: Labels, groups: Groups, fraction: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Choose about a fraction of the samples by whole groups, bool (N,), and of each class where there are several."""
    numbers = np.arange(len(labels)) if groups is None else groups
    if len(np.unique(labels)) < 2:
        return choose_groups(numbers, fraction, rng)
    return choose_together(labels.astype(np.int64), fraction, rng, numbers)


def split_group_halves(labels: tuple[Labels, Labels], groups: tuple[Groups, Groups], rng: np.random.Generator) -> Draw:
    """Draw what `stratified_split_halves` draws, but that no group is in both halves of a set.

    Halves of whole groups are not equally large: of each class as many are drawn as the smallest has.
    """
    halves = split_groups(labels, groups, 0.5, rng)
    of_half = [labels[0][halves[0]], labels[0][halves[1]]]  # Those of the other set have the same classes.
    firsts, seconds = draw_matched(of_half[0], of_half[1], rng)
    return halves[0][firsts], halves[1][seconds], halves[2][firsts], halves[3][seconds]


def count_draws(size: int, repeats: int) -> int:
    """Return how many draws to make of halves of `size` images, where `repeats` were asked for.

    All of them up to 500 images, above so many that all draws together have as many images as `repeats` of 500
    have, at least one: the more images, the less does it matter which ones were drawn, and the longer it takes.
    The deviation over a single draw is 0 and says nothing.

    Args:
        size: images of a half.
        repeats: at least 1.
    """
    return repeats if size <= SMALL else max(1, math.ceil(repeats * SMALL / size))


def draw_halves(
    labels_a: Labels,
    labels_b: Labels,
    rng: np.random.Generator,
    repeats: int,
    groups: tuple[Groups, Groups] = (None, None),
) -> list[Draw]:
    """Draw `stratified_split_halves`, or `split_group_halves` where a set has groups, as often as `count_draws` says.

    Args:
        labels_a: integer (N,).
        labels_b: integer (M,).
        repeats: at least 1.
        groups: of both sets.

    Raises:
        ValueError: `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats: at least 1, got {repeats}")

    def draw() -> Draw:
        if all(own is None for own in groups):
            return stratified_split_halves(labels_a, labels_b, rng)
        return split_group_halves((labels_a, labels_b), groups, rng)

    first = draw()
    return [first, *(draw() for _ in range(1, count_draws(len(first[0]), repeats)))]


def explain_too_few(size: int, least: int) -> str:
    """Say that halves are too small."""
    return f"halves of {size} images of the common classes; at least {least} are needed"


def take_rows(features: Table, rows: Indices) -> Table:
    """Return some rows of a table, which stay on disk if it lies there."""
    return features.view(rows) if isinstance(features, Rows) else features[rows]


def take_groups(groups: Groups, rows: Indices) -> Groups:
    """Return the groups of some rows, None where there are none."""
    return None if groups is None else groups[rows]


def check_comparable(a: Table, b: Table) -> None:
    """Refuse tables of features that cannot be compared.

    Args:
        a: (N, D), D >= 1, finite.
        b: (M, D), finite.

    Raises:
        ValueError: they are not so.
    """
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[1] != b.shape[1] or a.shape[1] == 0:
        raise ValueError(f"features (N, D) and (M, D) with D >= 1 wanted, got {a.shape} and {b.shape}")
    for table in (a, b):
        for start in range(0, len(table), BLOCK):
            if not np.isfinite(table[start : start + BLOCK]).all():
                raise ValueError("a feature is not finite")


def check_labelled(real: Table, real_labels: Labels, synthetic: Table, synthetic_labels: Labels) -> None:
    """Refuse labelled features that cannot be compared.

    Args:
        real: (N, D), D >= 1, finite, with labels (N,).
        synthetic: (M, D), finite, with labels (M,).

    Raises:
        ValueError: they are not so.
    """
    check_comparable(real, synthetic)
    for features, labels in ((real, real_labels), (synthetic, synthetic_labels)):
        if labels.shape != features.shape[:1]:
            raise ValueError(f"one label per row wanted, got {labels.shape} for {features.shape}")


def concatenate_indices(parts: list[Indices]) -> Indices:
    """Concatenate arrays of indices, of which there may be none."""
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])
