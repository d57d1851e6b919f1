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
NONE = -1


def find_originals(made: Sketches, real: Sketches) -> Indices:
    """Return of which real image each (N,) is a near duplicate, `NONE` where of none.

    By the rule by which images of a set are near duplicates of each other (`core/near_duplicates.py`), but for what
    others of them are: a generator may repeat a real image often. Both the image and the real one are to be so much
    nearer to each other than to the next real one.

    Args:
        real: of images no two of which are near duplicates of each other.
    """
    rows, own = np.flatnonzero(real.waves), np.flatnonzero(made.waves)
    copied = np.full(len(made.waves), NONE)
    if len(rows) == 0 or len(own) == 0:
        return copied
    keys = real.digits[rows].astype(np.float32)
    apart = find_nearest_others(keys).distance if len(rows) > 1 else np.full(1, np.inf)
    farthest = np.clip(RATIO * np.median(apart), NEAR, NEAR_OF_UNLIKE)
    found = find_nearest(made.digits[own].astype(np.float32), keys)
    originals = rows[found.row]
    near = find_alike(made.take(own), real.take(originals)) & (found.distance <= farthest)
    for waves, following in ((made.waves[own], found.second), (real.waves[originals], apart[found.row])):
        # Where the image equals one there is no second: it is sure, or not.
        limits = find_ratios(waves) * np.nan_to_num(np.minimum(following, farthest / RATIO))
        near &= found.distance <= np.maximum(find_sure(waves), limits)
    copied[own[near]] = originals[near]
    return copied
