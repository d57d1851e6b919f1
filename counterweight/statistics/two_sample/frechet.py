"""Frechet distance between two sets of features, exactly, without a root of a (D, D) matrix, and its baseline.

The trace of the root of the product of two covariances is the sum of the singular values of A B', if A'A and B'B are
the covariances. Of N <= D images A is the centred table itself, of more the triangle of its covariance's Cholesky
decomposition, or its scaled eigenvectors: A B' has no more rows than there are images or features.
"""

import numpy as np
import numpy.typing as npt
from scipy import linalg

from counterweight.statistics.base.contract import Column, Numbers, Statistic
from counterweight.statistics.base.moments import center, compute_scatter
from counterweight.statistics.base.resampling import Table

Floats = npt.NDArray[np.float64]

DIRECT = 256
"""Up to so many singular values are computed as such, more as roots of eigenvalues: five times faster, less exact."""


def measure(a: tuple[Floats, Floats], b: Table, rng: np.random.Generator) -> Numbers:
    """Return the squared Frechet distance between Gaussians fitted to two sets of features.

    |ma - mb|^2 + tr(Sa + Sb - 2 (Sa Sb)^1/2) with covariances divided by N - 1: Heusel et al. 2017, GANs Trained
    by a Two Time-Scale Update Rule, equation 6 (https://arxiv.org/abs/1706.08500). In squared units of the
    features; on Inception's it is the FID. It is biased: that of n images against n others of one distribution
    is the larger, the smaller n (454 for n = 250 of 512 independent normal features). Computed in
    float64, which keeps some 1e-8 of the traces, and far more where N or M is at most min(D, 1024).

    Args:
        a: what `factorize` makes of the first set.
        b: (M, D), M >= 2.

    Returns:
        A number >= 0, also for sets that are constant or have fewer images than features.
    """
    return {"distance": measure_distance(a, factorize(b))}


def factorize(features: Table) -> tuple[Floats, Floats]:
    """Return A (K, D), K <= D, with the covariance A'A of features (N, D), N >= 2, and their mean (D,)."""
    count, dimension = features.shape
    if count <= dimension:
        table, mean = center(features)
        table /= np.sqrt(count - 1)  # So that A'A is the unbiased covariance.
        return table, mean
    products, mean = compute_scatter(features)
    products /= count - 1
    try:
        return linalg.cholesky(products, overwrite_a=True, check_finite=False), mean  # Upper: A'A = S.
    except linalg.LinAlgError:  # a feature is constant, or follows from others
        del products
    variances, axes = linalg.eigh(compute_scatter(features)[0] / (count - 1), overwrite_a=True, check_finite=False)
    # V diag(v) V' = S; a variance of 0 may round below it.
    return np.asarray(np.sqrt(np.maximum(variances, 0))[:, np.newaxis] * axes.T), mean


def measure_distance(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> float:
    """Return the squared Frechet distance between sets of which `factorize` returned factor and mean."""
    (factor_a, mean_a), (factor_b, mean_b) = a, b
    apart, traces = mean_a - mean_b, np.vdot(factor_a, factor_a) + np.vdot(factor_b, factor_b)  # tr A'A = |A|^2.
    # Of equal sets rounding may leave less than 0.
    return max(0.0, float(apart @ apart + traces - 2 * nuclear_norm(factor_a @ factor_b.T)))


def nuclear_norm(matrix: Floats) -> float:
    """Return the sum of the singular values of a matrix (K, L)."""
    if min(matrix.shape) <= DIRECT:
        return float(np.linalg.svdvals(matrix).sum())
    # The smaller side: the others are 0.
    squares = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    values = np.linalg.eigvalsh(squares)  # not SciPy's, whose threads would wait for those of the products before
    return float(np.sqrt(np.maximum(values, 0)).sum())  # Eigenvalues that are 0 may round below it.


STATISTIC = Statistic(
    measure=measure,
    prepare=factorize,
    rank=4,
    streams=True,
    symmetric=("distance",),
    columns=(
        Column(
            key="distance",
            header="Frechet ratio",
            format=".1f",
            unit="times the distance between halves of the real images",
            better="baseline",
            shown="ratio",
            meaning="Distance of means and covariances (FID, in the backbone's features); geometric mean.",
        ),
    ),
)
