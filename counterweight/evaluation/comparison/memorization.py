"""Are synthetic images copies of training images: distances of pixels from the nearest of them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.groups import join_numbers
from counterweight.core.images import ImageSet
from counterweight.core.near_duplicates import Sketches, sketch
from counterweight.core.pictures import number_pictures
from counterweight.core.twins import digest_pixels
from counterweight.evaluation.comparison.near_copies import NONE, find_originals
from counterweight.results.compare import Copies, Side
from counterweight.statistics.images.nearest_neighbours import (
    Nearest,
    count_likely_copies,
    find_distinct,
    find_nearest,
    find_nearest_others,
)

THUMBNAIL_SIZE = 32  # pixels; larger images are averaged down to about this, at most twice as much
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
    these are not known, one of near duplicates, too: a set that holds each image twice, or once more as a JPEG, would
    take any copy for as near as real images are.

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
    keys, made = make_thumbnails(known.images), make_thumbnails(some.images)
    distinct, near = find_distinct(keys), {}
    if train is None:
        sketches = sketch(known.images)
        distinct = find_pictures(known, sketches, keys, distinct)
        near = {"twins": len(known) - len(distinct)}
    own = keys[distinct]
    reference = find_nearest_others(own) if train is None else find_nearest(make_thumbnails(others.images), own)
    found = find_nearest(made, own)
    if train is None:
        near |= count_near(some, sketches.take(distinct), found.distance == 0)
    found = in_levels(found, keys.shape[1])
    order = np.argsort(found.distance, kind="stable")[:SHOWN]  # Stable: ties in the order of the images.
    groups = number_groups(some, others if train is not None else known.take(distinct))
    copies = count_likely_copies(found, in_levels(reference, keys.shape[1]), quantile, groups)
    return NearestPairs(
        copies.model_copy(update=near),
        some.images[order],
        known.images[distinct[found.row[order]]],
        found.distance[order],
    )


def number_groups(synthetic: ImageSet, real: ImageSet) -> dict[Side, Indices]:
    """Return the groups of the sides whose images come in groups."""
    sides: dict[Side, ImageSet] = {"synthetic": synthetic, "real": real}
    return {side: own.groups for side, own in sides.items() if own.groups is not None}


def find_pictures(images: ImageSet, sketches: Sketches, keys: Floats, distinct: Indices) -> Indices:
    """Return one of all images that show the same, sorted; all that are distinct where one would be left, or all.

    Args:
        keys: their thumbnails (N, D).
        distinct: rows of those that equal none before them.
    """
    pictures = number_pictures(digest_pixels(images.images), sketches).near
    apart = np.intersect1d(np.unique(pictures, return_index=True)[1], distinct)
    return next((rows for rows in (apart, distinct) if len(rows) > 1), np.arange(len(keys)))


def count_near(synthetic: ImageSet, real: Sketches, exact: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Return how many synthetic images are near copies of a real one, and how many show what another one does."""
    sketches = sketch(synthetic.images)
    originals = find_originals(sketches, real)
    alone = originals == NONE
    originals[alone] = len(real.waves) + np.arange(alone.sum())
    # Of a few each is a near duplicate of the others by itself; of many that copy one image each is one of that.
    pictures = join_numbers(number_pictures(digest_pixels(synthetic.images), sketches).near, originals)
    return {"near": int((~alone & ~exact).sum()), "repeats": len(pictures) - len(np.unique(pictures))}


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
