"""Precision, recall, density and coverage: whether images lie among those of the other set, beside their baselines.

A set's manifold is the union of balls around its images, each reaching to the image's k-th nearest neighbour. A point
on the edge of a ball is inside, and distances that rounding cannot tell apart are equal (see `pairwise.TIE`): so an
exact copy of an image is in its ball, also where the ball has radius 0 since the image is there k + 1 times.
"""

from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from counterweight.statistics.base.pairwise import center_around, compute_center, squared_distances
from counterweight.statistics.base.resampling import (
    Features,
    Labels,
    Spread,
    check_comparable,
    check_labelled,
    draw_halves,
    explain_too_few,
    summarize,
)

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 5


class Overlap(NamedTuple):
    """Precision, recall and coverage, 0 to 1, and density, 0 or more."""

    precision: float
    recall: float
    density: float
    coverage: float


class OverlapSpread(TypedDict):
    """The four over repeated draws."""

    precision: Spread
    recall: Spread
    density: Spread
    coverage: Spread


class CalibratedOverlap(TypedDict):
    """The overlap of `n` real with `n` synthetic images, and with n other real ones, over `repeats` draws."""

    n: int
    repeats: int
    k: int
    between: OverlapSpread | None
    baseline: OverlapSpread | None
    reason: str | None


def overlap(real: Features, synthetic: Features, k: int = NEIGHBOURS) -> Overlap:
    """Measure how far two sets of features lie within each other's manifolds.

    Precision is the fraction of synthetic images in the manifold of real, recall that of real images in the manifold
    of synthetic: Kynkaanniemi et al. 2019, Improved Precision and Recall Metric, equations 1 and 2
    (https://arxiv.org/abs/1904.06991). Density is the number of real balls in which a synthetic image lies, divided
    by k, on average; coverage the fraction of real balls with a synthetic image: Naeem et al. 2020, Reliable Fidelity
    and Diversity Metrics, section 3 (https://arxiv.org/abs/2002.09797), where an edge is outside. For equal
    distributions density is 1 on average and coverage 1 - 2^-k of many images. Of a set that copies one image very
    often density can reach N / k. In float64.

    Args:
        real: (N, D), N > k.
        synthetic: (M, D), M > k.
        k: number of neighbours, at least 1.

    Raises:
        ValueError: a shape is another one, there are too few images, k is below 1, or a value is not finite.
    """
    if k < 1 or min(len(real), len(synthetic)) <= k:
        raise ValueError(f"more than k >= 1 of either are needed, got {len(real)} and {len(synthetic)} with k = {k}")
    check_comparable(real, synthetic)
    return shared(real, radii(real, k), synthetic, radii(synthetic, k), k)


def calibrated(
    real: Features,
    real_labels: Labels,
    synthetic: Features,
    synthetic_labels: Labels,
    rng: np.random.Generator,
    *,
    repeats: int,
    k: int = NEIGHBOURS,
) -> CalibratedOverlap:
    """Measure the overlap of real and synthetic images, and what it would be between real and real.

    Args:
        real: (N, D), with labels (N,).
        synthetic: (M, D), with labels (M,).
        repeats: number of draws, at least 1; of large sets fewer are made, as `draws_for` says.
        k: number of neighbours, at least 1. Halves of k images or fewer have no result: one with a smaller k could
            not be compared with others.

    Raises:
        ValueError: a shape is another one, a value is not finite, or a number is below 1.
    """
    check_labelled(real, real_labels, synthetic, synthetic_labels)
    if k < 1:
        raise ValueError(f"k: at least 1, got {k}")
    draws = draw_halves(real_labels, synthetic_labels, rng, repeats)
    size = len(draws[0][0])
    between: list[Overlap] = []
    baseline: list[Overlap] = []
    for real_1, real_2, _, synthetic_2 in draws if size > k else []:
        first = real[real_1]
        reach = radii(first, k)
        for results, other in ((between, synthetic[synthetic_2]), (baseline, real[real_2])):
            results.append(shared(first, reach, other, radii(other, k), k))
    return {
        "n": size,
        "repeats": len(draws),
        "k": k,
        "between": summary(between),
        "baseline": summary(baseline),
        "reason": None if size > k else explain_too_few(size, k + 1),
    }


def summary(results: list[Overlap]) -> OverlapSpread | None:
    """Return means and standard deviations over several overlaps, None for none."""
    if not results:
        return None
    precision, recall, density, coverage = (summarize(values) for values in np.transpose(results))
    return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


def radii(features: Features, k: int) -> Floats:
    """Return the squared distance (N,) of every row of (N, D), N > k, from its k-th nearest other row."""
    own = center_around(features, compute_center(features))
    result = np.empty(len(features))
    for place, squares, _ in squared_distances(own, own):
        rows = np.arange(place.start, place.stop)
        squares[rows - place.start, rows] = np.inf
        squares.partition(k - 1, axis=1)
        result[place] = squares[:, k - 1]
    return result


def shared(real: Features, real_radii: Floats, synthetic: Features, synthetic_radii: Floats, k: int) -> Overlap:
    """Return the overlap of two sets (N, D) and (M, D) with the squared radii (N,) and (M,) of their balls."""
    origin = (compute_center(real) + compute_center(synthetic)) / 2
    precise = np.zeros(len(synthetic), dtype=bool)
    recalled = covered = pairs = 0
    for place, squares, tolerance in squared_distances(center_around(real, origin), center_around(synthetic, origin)):
        squares -= tolerance
        in_real = squares <= real_radii[place, np.newaxis]
        precise |= in_real.any(axis=0)
        covered += int(in_real.any(axis=1).sum())
        pairs += int(in_real.sum())
        recalled += int((squares <= synthetic_radii).any(axis=1).sum())
    count = len(real)
    return Overlap(float(precise.mean()), recalled / count, pairs / (k * len(synthetic)), covered / count)
