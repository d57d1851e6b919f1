"""Kernel distance between two sets of features (KID), unbiased, and its floor."""

import numpy as np
import numpy.typing as npt

from stages.statistics.pairwise import row_blocks
from stages.statistics.samples import CalibratedDistance, Features, Labels, calibrate, check_comparable

Floats = npt.NDArray[np.float64]


def kernel_distance(a: Features, b: Features) -> float:
    """Return the squared maximum mean discrepancy between two sets of features under a cubic kernel.

    With k(x, y) = (x.y / D + 1)^3: Binkowski et al. 2018, Demystifying MMD GANs, section 4
    (https://arxiv.org/abs/1801.01401), by the unbiased estimator of Gretton et al. 2012, A Kernel Two-Sample Test,
    equation 3 (https://jmlr.org/papers/v13/gretton12a.html). On Inception's features it is the KID. Of all pairs
    instead of random blocks of them, which has less variance and no random numbers. In float64.

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
    first, other = a.astype(np.float64), b.astype(np.float64)
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


def distances(real_1: Features, real_2: Features, synthetic_1: Features) -> tuple[float, float]:
    """Return the distance of a half of real from a half of synthetic, and from another half of real."""
    first = real_1.astype(np.float64)
    within = mean_within(first)
    values = []
    for features in (synthetic_1, real_2):
        other = features.astype(np.float64)
        values.append(discrepancy(within, mean_within(other), mean_between(first, other)))
    return values[0], values[1]


def discrepancy(within_a: float, within_b: float, between: float) -> float:
    """Return the squared discrepancy of two sets from mean kernels of their pairs."""
    return within_a + within_b - 2 * between


def mean_within(a: Floats) -> float:
    """Return the mean kernel of all pairs of different rows of (N, D), N >= 2."""
    count, result = len(a), 0.0
    for place in row_blocks(count, count):
        values = kernel(a[place], a[place.start :])  # of every pair of blocks one, the kernel being symmetric
        own = values[:, : place.stop - place.start]
        result += 2 * float(values.sum()) - float(own.sum()) - float(np.trace(own))
    return result / (count * (count - 1))


def mean_between(a: Floats, b: Floats) -> float:
    """Return the mean kernel of all pairs of a row of (N, D) and one of (M, D)."""
    return sum(float(kernel(a[place], b).sum()) for place in row_blocks(len(a), len(b))) / (len(a) * len(b))


def kernel(a: Floats, b: Floats) -> Floats:
    """Return (x.y / D + 1)^3 of all pairs (N, M) of rows of (N, D) and (M, D)."""
    products = a @ b.T
    products /= a.shape[1]
    products += 1
    return products * products * products
