"""Parts of images that no group is on two sides of: a patient, a video, or what is the same picture."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError

Indices = npt.NDArray[np.int64]
Chosen = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

WORK = 20_000
"""Groups that are placed, over all tries: of few groups many orders are tried, of many one is as good as another."""
MOST_TRIES = 20
PASSES = 3
"""Over the groups of a try: the first ones are placed before it is known what the others bring."""


def number_names(names: npt.NDArray[np.str_]) -> Indices:
    """Return numbers, int64 (N,), that images share whose groups have one name."""
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def gather(order: Indices, numbers: Indices) -> tuple[Indices, Indices]:
    """Bring together what has one number, each where the first of it stands in an order.

    Args:
        order: indices of images (K,).
        numbers: of all images, int64 (N,).

    Returns:
        The new order, int64 (K,), and how many images follow one another that share a number, int64 (G,); where no two
        do, it is the old order, and ones.
    """
    _, first, places, counts = np.unique(numbers[order], return_index=True, return_inverse=True, return_counts=True)
    return order[np.argsort(first[places], kind="stable")], counts[np.argsort(first)]


def find_spanning(labels: Indices, numbers: Indices) -> Chosen:
    """Return which images share their number with one of another class, bool (N,)."""
    _, places = np.unique(numbers, return_inverse=True)
    lowest, highest = np.full(len(labels), np.iinfo(np.int64).max), np.full(len(labels), -1)
    np.minimum.at(lowest, places, labels)
    np.maximum.at(highest, places, labels)
    spans: Chosen = (lowest != highest)[places]
    return spans


def choose_together(
    labels: Indices, fraction: float, rng: np.random.Generator, numbers: Indices, left: int = 1
) -> Chosen:
    """Choose a fraction of the images of every class at random, bool (N,), all that share a number or none of them.

    A class has an image on either side where its groups allow it; the fraction is met as nearly as they do. Groups of
    several classes are placed first, then those of one class.

    Args:
        numbers: that the images of a group share, int64 (N,).
        left: groups of a class that are not chosen, at least, if it has one more: they may have to be parted again.
    """
    chosen, spanning = np.zeros(len(labels), dtype=bool), find_spanning(labels, numbers)
    if spanning.any():
        own = np.flatnonzero(spanning)
        alone = {label: len(np.unique(numbers[~spanning & (labels == label)])) for label in np.unique(labels[own])}
        chosen[own] = place_spanning(labels[own], fraction, rng, numbers[own], alone, left)
    for label in np.unique(labels):
        of_class = labels == label
        order, sizes = gather(rng.permutation(np.flatnonzero(of_class & ~spanning)), numbers)
        there, away = of_class & spanning & chosen, len(np.unique(numbers[of_class & spanning & ~chosen]))
        every = len(sizes) + away + len(np.unique(numbers[there]))
        missing = max(0, count_left(left, every) - away)
        # A group is on the side where its middle lies; each image alone is chosen if it is one of the first `count`.
        count = round(fraction * int(of_class.sum())) - int(there.sum())
        most = max(int(not there.any()), int((np.cumsum(sizes) - sizes / 2 < count).sum()))
        most = max(0, min(most, len(sizes) - missing))  # 0 of one image.
        chosen[order[: sizes[:most].sum()]] = True
    return chosen


def count_left(left: int, groups: int) -> int:
    """Return how many of a class's groups are not to be chosen: one may be, whatever is to be left."""
    return max(1, min(left, groups - 1))


def place_spanning(
    labels: Indices, fraction: float, rng: np.random.Generator, numbers: Indices, alone: dict[int, int], left: int
) -> Chosen:
    """Choose groups of several classes, bool (N,), so that about a fraction of each class's images is chosen.

    Groups change sides, one after the other in a random order, where that brings the fractions nearer; of some orders
    the best is taken. That a class has images on either side comes before how many.

    Args:
        alone: by label, how many groups the class has beside these, which are placed later.
        left: as of `choose_together`.
    """
    of_class, names = np.unique(labels, return_inverse=True)[1], np.unique(labels).tolist()
    groups = np.unique(numbers, return_inverse=True)[1]
    totals = np.bincount(of_class, minlength=len(names)).astype(np.float64)
    others = np.array([alone[name] for name in names])
    parts = count_parts(groups, of_class)
    here = np.bincount(np.concatenate([classes for classes, _ in parts]), minlength=len(names))
    wanted = np.array([count_left(left, count) for count in (here + others).tolist()])

    def cost(have: Floats, away: Indices, classes: Indices) -> float:
        lacking = (have == 0).astype(np.int64) + np.maximum(0, wanted[classes] - away)  # groups that others have to be
        apart = (have / totals[classes] - fraction) ** 2  # at most 1 for each class
        return float(apart.sum() + (len(names) + 1) * (lacking > others[classes]).sum())

    def attempt() -> tuple[float, Chosen]:
        side, have, away = np.zeros(len(parts), dtype=bool), np.zeros(len(names)), here.copy()
        order = rng.permutation(len(parts)).tolist()
        for group in order * PASSES:
            classes, sizes = parts[group]
            moved = have[classes] + (-sizes if side[group] else sizes)
            rest = away[classes] + (1 if side[group] else -1)
            if cost(moved, rest, classes) < cost(have[classes], away[classes], classes):
                side[group], have[classes], away[classes] = not side[group], moved, rest
        return cost(have, away, np.arange(len(names))), side

    tries = [attempt() for _ in range(max(1, min(MOST_TRIES, WORK // len(parts))))]
    best: Chosen = min(tries, key=lambda found: found[0])[1][groups]
    return best


def count_parts(groups: Indices, of_class: Indices) -> list[tuple[Indices, Indices]]:
    """Return of each group its classes (k,) and how many images it has of each (k,).

    Args:
        groups: 0 to G - 1, (N,).
        of_class: 0 to K - 1, (N,).
    """
    width = int(of_class.max()) + 1
    both, sizes = np.unique(groups * width + of_class, return_counts=True)
    ends = np.flatnonzero(np.diff(both // width)) + 1
    return list(zip(np.split(both % width, ends), np.split(sizes, ends), strict=True))


def count_groups(labels: Indices, numbers: Indices, classes: int) -> Indices:
    """Return how many groups each class has images in, int64 (K,)."""
    pairs = np.unique(np.stack([labels, numbers]), axis=1)
    return np.bincount(pairs[0], minlength=classes)


def join_numbers(first: Indices, second: Indices) -> Indices:
    """Return numbers, int64 (N,), that images share which either numbering joins, directly or through others."""
    from scipy.sparse import coo_array  # a tenth of a second
    from scipy.sparse.csgraph import connected_components

    rows, columns = (np.unique(own, return_inverse=True)[1] for own in (first, second))
    if rows.max(initial=-1) + 1 == len(rows):
        return second
    # A graph of images' groups of both kinds: each image is an edge.
    count = int(rows.max(initial=-1)) + 1
    size = count + int(columns.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(rows), dtype=np.int64), (rows, count + columns)), shape=(size, size))
    joined: Indices = connected_components(edges, directed=False)[1][rows].astype(np.int64)
    return joined


def check_groups(labels: Indices, numbers: Indices, names: Sequence[str], needed: int, where: str) -> None:
    """Refuse classes with too few groups to be parted.

    Args:
        numbers: that the images of a group share (N,).
        needed: groups of each class that has images, at least.
        where: what the groups are to be parted into, and the file and key that say so; begins an error's message.
    """
    counts, sizes = count_groups(labels, numbers, len(names)), np.bincount(labels, minlength=len(names))
    few = np.flatnonzero((counts < needed) & (sizes > 0))
    if len(few):
        first = int(few[0])
        groups = f"{counts[first]:,} group{'s' if counts[first] > 1 else ''}"
        said = f"class '{names[first]}' has {sizes[first]:,} images of {groups}"
        raise UserError(f"{where}: {said}; {needed} or more are needed, since no group is on two sides")


def check_sides(
    labels: Indices, chosen: npt.NDArray[np.bool_], names: Sequence[str], numbers: Indices, where: str
) -> None:
    """Refuse a split by groups that leaves a class on one side.

    Args:
        chosen: bool (N,).
    """
    totals, sizes = np.bincount(labels, minlength=len(names)), np.bincount(labels[chosen], minlength=len(names))
    lacking = np.flatnonzero((totals > 0) & ((sizes == 0) | (sizes == totals)))
    if len(lacking):
        first = int(lacking[0])
        groups = count_groups(labels, numbers, len(names))[first]
        said = f"class '{names[first]}' ({totals[first]:,} images of {groups:,} groups) would be on one side"
        raise UserError(f"{where}: no split by groups was found that has every class on both sides: {said}")
