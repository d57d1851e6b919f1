"""Are synthetic images copies of training images: distances of pixels from the nearest of them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.images import ImageSet
from counterweight.results.compare import Copies, Side
from counterweight.statistics.images.nearest_neighbours import (
    Nearest,
    count_likely_copies,
    find_distinct,
    find_nearest,
    find_nearest_others,
)

THUMBNAIL_SIZE = 32  # pixels; larger images are averaged down to about this, at most twice as much
NEARLY = 0.1
"""Of the median distance of two real images: those that are nearer are taken for the same image. Of MNIST's, CIFAR-10's
and Caltech's no two different ones are (0.11 at least); stored as JPEGs of quality 75 nearly all are (0.02 to 0.1)."""
PAIRS = 2000
MOST = 2000  # synthetic images, and other real ones, whose neighbours are sought
SHOWN = 10

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class NearestPairs(NamedTuple):
    """The result; the synthetic images that are nearest to a training image, and those, (n, C, H, W)."""

    result: Copies
    synthetic: npt.NDArray[np.uint8]
    nearest: npt.NDArray[np.uint8]
    distances: npt.NDArray[np.float64]


def find_copies(
    synthetic: ImageSet, real: ImageSet, train: ImageSet | None, quantile: float, rng: np.random.Generator
) -> NearestPairs:
    """Count synthetic images that are nearer to one training image than other real images are.

    Distances are root mean squares over the pixels, in levels of 255. Of equal training images one is looked at; where
    these are not known, one of nearly equal real images, too: a set that holds each image twice, or once more as a
    JPEG, would take any copy for as near as real images are.

    Args:
        real: images that the generator has not seen.
        train: those that it has; None where they are not known: then `real` takes their place, and an image's distance
            from the nearest other one that of real images.
        quantile: fraction of real images below the threshold.
    """
    some, others = (draw_at_most(images, rng) for images in (synthetic, real))
    known = real if train is None else train
    if 0 in (len(some), len(others), len(known)) or (train is None and len(real) < 2):
        none = np.empty((0, *synthetic.shape), dtype=np.uint8)
        empty = np.empty(0)
        nowhere = Nearest(np.empty(0, dtype=np.int64), empty, empty)
        return NearestPairs(count_likely_copies(nowhere, nowhere, quantile), none, none, empty)
    keys = make_thumbnails(known.images)
    distinct, nearness = find_distinct(keys), 0.0
    if train is None:
        nearness = NEARLY * measure_spread(keys[distinct], rng)
        distinct, reference = find_apart(keys, distinct, nearness)
    else:
        reference = find_nearest(make_thumbnails(others.images), keys[distinct])
    made = make_thumbnails(some.images)
    found = find_nearest(made, keys[distinct])
    near = int(np.sum((found.distance > 0) & (found.distance < nearness)))
    twins = len(keys) - len(reference.row) if train is None else 0
    repeats = count_repeats(made, nearness) if train is None else 0
    found = in_levels(found, keys.shape[1])
    order = np.argsort(found.distance, kind="stable")[:SHOWN]  # Stable: ties in the order of the images.
    # Where training images are not known, the nearest others of all distinct ones, or of all where these are one.
    own = known if len(reference.row) == len(known) else known.take(distinct)
    groups = number_groups(some, others if train is not None else own)
    copies = count_likely_copies(found, in_levels(reference, keys.shape[1]), quantile, groups)
    return NearestPairs(
        copies.model_copy(update={"near": near, "twins": twins, "repeats": repeats}),
        some.images[order],
        known.images[distinct[found.row[order]]],
        found.distance[order],
    )


def number_groups(synthetic: ImageSet, real: ImageSet) -> dict[Side, Indices]:
    """Return the groups of the sides whose images come in groups."""
    sides: dict[Side, ImageSet] = {"synthetic": synthetic, "real": real}
    return {side: own.groups for side, own in sides.items() if own.groups is not None}


def measure_spread(keys: Floats, rng: np.random.Generator) -> float:
    """Return the median distance of random pairs of distinct rows (N, D); 0 of a single one."""
    first, second = rng.integers(0, len(keys), (2, PAIRS))
    apart = first != second
    return float(np.median(np.linalg.norm(keys[first[apart]] - keys[second[apart]], axis=1))) if apart.any() else 0.0


def find_apart(keys: Floats, distinct: Indices, nearness: float) -> tuple[Indices, Nearest]:
    """Return one of all images that are nearer to each other than that, and of each of them the nearest other one.

    Where that leaves one image alone, or none are so near, it is all distinct ones; where even these are a single one,
    that and what is nearest to all images, which is at no distance.

    Args:
        keys: all images (N, D).
        distinct: rows (K,) of those that equal none before them.
    """
    if len(distinct) < 2:
        return distinct, find_nearest_others(keys)
    apart = find_nearest_others(keys[distinct])
    crowded = np.flatnonzero(apart.distance < nearness)
    if not len(crowded):
        return distinct, apart
    from scipy.sparse.csgraph import connected_components  # these take a second, and few sets get as far
    from sklearn.neighbors import radius_neighbors_graph

    # Any two that are so near are both among these.
    pairs = radius_neighbors_graph(keys[distinct[crowded]], nearness)
    firsts = np.unique(connected_components(pairs, directed=False)[1], return_index=True)[1]
    kept = np.sort(np.append(np.flatnonzero(apart.distance >= nearness), crowded[firsts]))
    if len(kept) < 2:
        return distinct, apart
    return distinct[kept], find_nearest_others(keys[distinct[kept]])


def count_repeats(keys: Floats, nearness: float) -> int:
    """Return how many images (N, D) are equal to another one that is not counted, or nearer to it than that."""
    distinct = find_distinct(keys)
    return len(keys) - (len(find_apart(keys, distinct, nearness)[1].row) if len(distinct) > 1 else 1)


def in_levels(found: Nearest, pixels: int) -> Nearest:
    """Return distances as root mean squares over so many pixels (and colours)."""
    return Nearest(found.row, found.distance / np.sqrt(pixels), found.second / np.sqrt(pixels))


def draw_at_most(images: ImageSet, rng: np.random.Generator) -> ImageSet:
    """Return all images, or some drawn at random if there are too many."""
    # Sorted: in the set's own order.
    return images if len(images) <= MOST else images.take(np.sort(rng.permutation(len(images))[:MOST]))


def make_thumbnails(images: npt.NDArray[np.uint8]) -> Floats:
    """Return images (N, C, H, W), averaged over squares of pixels if they are large, as rows (N, D)."""
    height, width = images.shape[2:]
    step = max(1, min(height, width) // THUMBNAIL_SIZE)
    cut = images[:, :, : height // step * step, : width // step * step]
    # (N, C, H, W) -> (N, C, H / step, step, W / step, step)
    squares = cut.reshape(*images.shape[:2], height // step, step, width // step, step)
    means: Floats = squares.mean(axis=(3, 5), dtype=np.float32)
    return means.reshape(len(images), -1)  # (N, C, h, w) -> (N, C * h * w)
