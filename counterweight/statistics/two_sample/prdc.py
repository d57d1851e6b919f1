"""Precision, recall, density and coverage: whether images lie among those of the other set, beside their baselines.

A set's manifold is the union of balls around its images, each reaching to the image's k-th nearest neighbour. A point
on the edge of a ball is inside, and distances that rounding cannot tell apart are equal (see `pairwise.TIE`): so an
exact copy of an image is in its ball, also where the ball has radius 0 since the image is there k + 1 times.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.statistics.base.contract import Column, Numbers, Statistic
from counterweight.statistics.base.pairwise import center_around, compute_center, squared_distances
from counterweight.statistics.base.resampling import Features

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 5
"""k: halves of so many images or fewer have no value, since one with a smaller k could not be compared with others."""


class Balls(NamedTuple):
    """A set (N, D) and the squared radius (N,) of each image's ball."""

    centers: Features
    radii: Floats


def prepare(a: Features) -> Balls:
    """Return a set of more than five images with its balls."""
    return Balls(a, radii(a, NEIGHBOURS))


def measure(a: Balls, b: Features, rng: np.random.Generator) -> Numbers:
    """Measure how far two sets of features, the first one real, lie within each other's manifolds.

    Precision is the fraction of synthetic images in the manifold of real, recall that of real images in the manifold
    of synthetic: Kynkaanniemi et al. 2019, Improved Precision and Recall Metric, equations 1 and 2
    (https://arxiv.org/abs/1904.06991). Density is the number of real balls in which a synthetic image lies, divided
    by k, on average; coverage the fraction of real balls with a synthetic image: Naeem et al. 2020, Reliable Fidelity
    and Diversity Metrics, section 3 (https://arxiv.org/abs/2002.09797), where an edge is outside. For equal
    distributions density is 1 on average and coverage 1 - 2^-k of many images. Of a set that copies one image very
    often density can reach N / k. In float64.

    Args:
        a: what `prepare` makes of the first set.
        b: (M, D), M > 5.
    """
    return measure_overlap(a, Balls(b, radii(b, NEIGHBOURS)))


def radii(features: Features, k: int) -> Floats:
    """Return the squared distance (N,) of every row of (N, D), N > k, from its k-th nearest other row."""
    own = center_around(features, compute_center(features))
    result = np.empty(len(features))
    for place, squares, _ in squared_distances(own, own):
        rows = np.arange(place.start, place.stop)
        squares[rows - place.start, rows] = np.inf  # An image is no neighbour of its own.
        squares.partition(k - 1, axis=1)  # A selection: no full sort is needed.
        result[place] = squares[:, k - 1]
    return result


def measure_overlap(real: Balls, synthetic: Balls) -> Numbers:
    """Return the overlap of two sets."""
    # Between both sets, where norms are small and inner products round least.
    origin = (compute_center(real.centers) + compute_center(synthetic.centers)) / 2
    count, other = len(real.centers), len(synthetic.centers)
    precise = np.zeros(other, dtype=bool)
    recalled = covered = pairs = 0
    rows = center_around(real.centers, origin), center_around(synthetic.centers, origin)
    for place, squares, tolerance in squared_distances(*rows):
        squares -= tolerance  # So that what rounding cannot tell from the edge is inside.
        in_real = squares <= real.radii[place, np.newaxis]
        precise |= in_real.any(axis=0)  # Over all blocks: one real ball is enough.
        covered += int(in_real.any(axis=1).sum())
        pairs += int(in_real.sum())
        recalled += int((squares <= synthetic.radii).any(axis=1).sum())
    return {
        "precision": float(precise.mean()),
        "recall": recalled / count,
        "density": pairs / (NEIGHBOURS * other),
        "coverage": covered / count,
    }


def column(key: str, better: Literal["higher", "baseline"], meaning: str) -> Column:
    """Return the column of one of the four."""
    return Column(key=key, header=key, format=".2f", unit="fraction", better=better, meaning=meaning)


STATISTIC = Statistic(
    measure=measure,
    prepare=prepare,
    rank=6,
    least=NEIGHBOURS + 1,
    columns=(
        column("precision", "higher", "How many of the synthetic images lie among the real ones."),
        column("recall", "higher", "How many of the real images lie among the synthetic ones."),
        column(
            "density",
            "baseline",
            "Real images around a synthetic one, divided by how many there are around a real one.",
        ),
        column("coverage", "higher", "How many of the real images have a synthetic one near by."),
    ),
)
