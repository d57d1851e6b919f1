"""Kernel distance between two sets of features (KID), unbiased, and its baseline.

Inner products are taken around the mean of one set, in the features' own precision, and moved back in float64: what
float32 rounds of them, some 1e-7 of the centred norms, has no preferred sign and vanishes in the mean over all pairs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.statistics.base.moments import iterate_shifted
from counterweight.statistics.base.pairwise import compute_center, split_rows
from counterweight.statistics.base.resampling import CalibratedDistance, Features, Labels, calibrate, check_comparable

Floats = npt.NDArray[np.float64]


class Around(NamedTuple):
    """Rows (N, D) minus an origin, their products (N,) with it, and its squared norm, that of the unmoved origin."""

    rows: Features
    level: Floats
    square: float


def kernel_distance(a: Features, b: Features) -> float:
    """Return the squared maximum mean discrepancy between two sets of features under a cubic kernel.

    With k(x, y) = (x.y / D + 1)^3: Binkowski et al. 2018, Demystifying MMD GANs, section 4
    (https://arxiv.org/abs/1801.01401), by the unbiased estimator of Gretton et al. 2012, A Kernel Two-Sample Test,
    equation 3 (https://jmlr.org/papers/v13/gretton12a.html). On Inception's features it is the KID. Of all pairs
    instead of random blocks of them, which has less variance and no random numbers.

    Args:
        a: (N, D), N >= 2.
        b: (M, D), M >= 2.

    Returns:
        A number that is 0 on average for equal distributions, and so below 0 for half of all pairs of sets.

    Raises:
        ValueError: a shape is another one, there are too few images, or a value is not finite.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"at least two of either are needed, got {len(a)} and {len(b)}")
    check_comparable(a, b)
    origin = compute_center(a)
    first, other = around(a, origin), around(b, origin)
    return discrepancy(mean_within(first), mean_within(other), mean_between(first, other))


def calibrated(
    real: Features,
    real_labels: Labels,
    synthetic: Features,
    synthetic_labels: Labels,
    rng: np.random.Generator,
    *,
    repeats: int,
) -> CalibratedDistance:
    """Measure the kernel distance between real and synthetic images, and what it would be between real and real.

    Args:
        real: (N, D), with labels (N,).
        synthetic: (M, D), with labels (M,).
        repeats: number of draws, at least 1; of large sets fewer are made, as `draws_for` says.

    Raises:
        ValueError: a shape is another one, a value is not finite, or `repeats` is below 1.
    """
    tables = real, real_labels, synthetic, synthetic_labels
    return calibrate(*tables, rng, distances, repeats=repeats, least=2)


def distances(real_1: Features, real_2: Features, synthetic_2: Features) -> tuple[float, float]:
    """Return the distance of a half of real from the other half of synthetic, and from the other half of real."""
    origin = compute_center(real_1)
    first = around(real_1, origin)
    within = mean_within(first)
    values = []
    for features in (synthetic_2, real_2):
        other = around(features, origin)
        values.append(discrepancy(within, mean_within(other), mean_between(first, other)))
    return values[0], values[1]


def discrepancy(within_a: float, within_b: float, between: float) -> float:
    """Return the squared discrepancy of two sets from mean kernels of their pairs."""
    return within_a + within_b - 2 * between


def around(features: Features, origin: Floats) -> Around:
    """Return features (N, D) as they are seen from an origin (D,), in their own precision, float32 at least."""
    rows = np.empty(features.shape, dtype=np.result_type(features, np.float32))
    level, start = np.empty(len(features)), 0
    for block in iterate_shifted(features, origin):
        place = slice(start, start + len(block))
        rows[place], level[place] = block, block @ origin
        start += len(block)
    return Around(rows, level, float(origin @ origin))


def mean_within(a: Around) -> float:
    """Return the mean kernel of all pairs of different rows of a table, of which there are at least two."""
    count, result = len(a.rows), 0.0
    for place in split_rows(count, count):
        values = kernel(a, place, a, slice(place.start, count))  # the kernel is symmetric: of two blocks one is enough
        own = values[:, : place.stop - place.start]
        result += 2 * float(values.sum()) - float(own.sum()) - float(np.trace(own))
    return result / (count * (count - 1))


def mean_between(a: Around, b: Around) -> float:
    """Return the mean kernel of all pairs of a row of one table and one of another."""
    count, other = len(a.rows), len(b.rows)
    blocks = split_rows(count, other)
    return sum(float(kernel(a, place, b, slice(0, other)).sum()) for place in blocks) / (count * other)


def kernel(a: Around, rows_a: slice, b: Around, rows_b: slice) -> Floats:
    """Return (x.y / D + 1)^3 of all pairs of some rows of two tables around one origin."""
    products = (a.rows[rows_a] @ b.rows[rows_b].T).astype(np.float64, copy=False)
    products += a.level[rows_a, np.newaxis]
    products += b.level[rows_b] + a.square
    products /= a.rows.shape[1]
    products += 1
    return products * products * products
