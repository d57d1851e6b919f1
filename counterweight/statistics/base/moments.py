"""Means, variances and inner products of tables of features, read a block of rows at a time."""

from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg

from counterweight.statistics.base.resampling import Table

Floats = npt.NDArray[np.float64]

ROWS = 1024
"""Rows of a block: what is made in float64 of a table has so many rows, however many the table has."""
NEGLIGIBLE = 1e-10
"""Components with less variance than this fraction of the first one's are rounding errors."""


class Moments(NamedTuple):
    """Size, mean (D,) and variance (D,) of a sample; the variance of a constant feature is exactly 0."""

    size: int
    mean: Floats
    variance: Floats


def compute_moments(features: Table) -> Moments:
    """Return size, mean and variance of features (N, D), N >= 2, in float64.

    The variance is that of the second pass, around the mean (Chan, Golub and LeVeque 1983, algorithm 1.1,
    https://doi.org/10.1080/00031305.1983.10483115), divided by N - 1.
    """
    count, origin = len(features), first_row(features)
    mean = sum_arrays(block.sum(axis=0) for block in iterate_shifted(features, origin)) / count
    # A second pass: the mean of squares minus the square of the mean would cancel digits.
    squares = sum_arrays(np.square(block - mean).sum(axis=0) for block in iterate_shifted(features, origin))
    return Moments(count, origin + mean, squares / (count - 1))


def iterate_shifted(features: Table, origin: Floats) -> Iterator[Floats]:
    """Yield blocks of features (N, D) minus an origin (D,), in float64.

    Relative to its first row a constant feature is exactly 0, and so is its variance.
    """
    for start in range(0, len(features), ROWS):
        yield features[start : start + ROWS] - origin


def sum_arrays(parts: Iterator[Floats]) -> Floats:
    """Return the sum of arrays, of which there is at least one and never two in memory beside the sum."""
    return reduce(np.add, parts)


def first_row(features: Table) -> Floats:
    """Return the first row (D,) of a table in float64."""
    return np.asarray(features[0], dtype=np.float64)


def center(features: Table) -> tuple[Floats, Floats]:
    """Return features (N, D), N >= 1, minus their mean, and the mean (D,), both in float64."""
    origin = first_row(features)
    table = features[:] - origin
    mean = table.mean(axis=0)
    table -= mean
    return table, origin + mean


def compute_scatter(features: Table) -> tuple[Floats, Floats]:
    """Return the sums of squares and products (D, D) of features (N, D) around their mean, and the mean (D,).

    Divided by N - 1 they are the covariance matrix. Needs memory for two (D, D), whatever N is.
    """
    origin = first_row(features)
    mean = sum_arrays(block.sum(axis=0) for block in iterate_shifted(features, origin)) / len(features)
    products = np.zeros((features.shape[1], features.shape[1]))
    for block in iterate_shifted(features, origin + mean):
        products += block.T @ block
    return products, origin + mean


def leading_eigenpairs(inner: Floats, components: int) -> tuple[Floats, Floats]:
    """Return the largest eigenvalues (K,), ascending, and eigenvectors (L, K) of inner products (L, L).

    K is `components`, or less where fewer components vary.
    """
    last = len(inner) - 1  # eigh sorts upwards: the largest come last.
    variances, vectors = linalg.eigh(inner, subset_by_index=(max(0, last - components + 1), last))
    varying = (variances > NEGLIGIBLE * variances[-1]) & (variances > 0)
    return variances[varying], vectors[:, varying]


def principal_axes(centred: Floats, components: int) -> Floats:
    """Return the leading principal axes (D, K) of rows (N, D) around their mean, the first one first; K as above."""
    few = len(centred) <= centred.shape[1]
    variances, vectors = leading_eigenpairs(centred @ centred.T if few else centred.T @ centred, components)
    # X' u / sqrt(v) is the axis that belongs to the eigenvector u of X X'.
    axes = centred.T @ vectors / np.sqrt(variances) if few else vectors
    return np.asarray(axes[:, ::-1])


def effective_dimension(points: Table) -> float:
    """Return the participation ratio of the variances along principal components: (sum v)^2 / sum v^2.

    K for a cloud that is equally wide in K dimensions and flat in all others, 0 for points that are all the same; at
    most N - 1. From the smaller matrix of inner products, since (sum v)^2 is its trace's square and sum v^2 its norm's.
    Gao et al., A theory of multineuronal dimensionality, https://doi.org/10.1101/214262.

    Args:
        points: (N, D), N >= 1.
    """
    if len(points) <= points.shape[1]:
        table = center(points)[0]
        inner = table @ table.T
    else:
        inner = compute_scatter(points)[0]
    square = float(np.sum(inner**2))  # Squared Frobenius norm: the sum of squared eigenvalues.
    return float(np.trace(inner)) ** 2 / square if square > 0 else 0.0
