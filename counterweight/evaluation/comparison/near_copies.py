"""Images that are near duplicates of one of others, however many are of the same one."""

import numpy as np
import numpy.typing as npt

from counterweight.core.near_duplicates import (
    NEAR,
    NEAR_OF_UNLIKE,
    RATIO,
    Sketches,
    find_alike,
    find_ratios,
    find_sure,
)
from counterweight.statistics.images.nearest_neighbours import find_nearest, find_nearest_others

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
NONE = -1


def find_originals(made: Sketches, real: Sketches) -> Indices:
    """Return of which real image each (N,) is a near duplicate, `NONE` where of none.

    By the rule by which images of a set are near duplicates of each other (`core/near_duplicates.py`), but for others
    that are near duplicates of the same: a generator may repeat a real image often. The image and the real one are to
    be so much nearer to each other than either is to another real one, or to another image that is no near duplicate.

    Args:
        real: of images no two of which are near duplicates of each other.
    """
    rows, own = np.flatnonzero(real.waves), np.flatnonzero(made.waves)
    originals = np.full(len(made.waves), NONE)
    if len(rows) == 0 or len(own) == 0:
        return originals
    keys, digits = real.digits[rows].astype(np.float32), made.digits[own].astype(np.float32)
    apart = find_nearest_others(keys).distance if len(rows) > 1 else np.full(1, np.inf)
    farthest = float(np.clip(RATIO * np.median(apart), NEAR, NEAR_OF_UNLIKE))
    found = find_nearest(digits, keys)
    first, second = made.take(own), real.take(rows[found.row])
    near = find_alike(first, second)
    near &= found.distance <= choose_limits(first, found.second, farthest)
    near &= found.distance <= choose_limits(second, apart[found.row], farthest)
    if near.any() and not near.all():
        others = digits[~near]
        for images, each in ((first, digits), (second, keys[found.row])):
            near &= found.distance <= choose_limits(images, find_nearest(each, others).distance, farthest)
    originals[own[near]] = rows[found.row[near]]
    return originals


def choose_limits(images: Sketches, following: Floats, farthest: float) -> Floats:
    """Return how far a near duplicate of each image (N,) is at most.

    Args:
        following: the distance (N,) of the next image that is none; no number where the first equals the image.
        farthest: what no near duplicate is beyond.
    """
    limits: Floats = find_ratios(images.waves) * np.nan_to_num(np.minimum(following, farthest / RATIO))
    return np.maximum(limits, find_sure(images.waves))
