"""Kullback-Leibler divergence between Gaussians fitted to real and synthetic features, beside its baseline.

The Gaussians live in the leading principal components of the images of the common classes of both sets
together, at most `components` and one per four of the n images (at least one). Components of real alone
would follow the accidents of these very images, which the halves of real share and synthetic ones do not:
of 150 real and 94 synthetic images with 1,024 independent features of one distribution the divergence
would be 47 nats and the baseline 0.3, where now both are 0.3. They would also miss what synthetic images
alone have. Features are not scaled first: that would raise nearly dead ones to the rank of the others,
and their own units are those of the Frechet distance, too.

Covariances are Ledoit and Wolf's (2004, https://doi.org/10.1016/S0047-259X(03)00096-4): sample covariances
shrunk towards equal variances as far as n demands. A millionth of each component's variance over both
sets is added, without which a synthetic set that collapsed to one image would have no density: it is some
10^5 to 10^6 nats per component away instead of infinitely far.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.covariance import ledoit_wolf

from counterweight.statistics.base.contract import Column, Numbers, Space, Statistic, UndefinedStatisticError
from counterweight.statistics.base.moments import compute_scatter, iterate_shifted, leading_eigenpairs
from counterweight.statistics.base.resampling import Features

Floats = npt.NDArray[np.float64]

RIDGE = 1e-6
"""Added to every variance, as a fraction of the component's variance over both sets."""
IMAGES_PER_COMPONENT = 4
LARGE = 2**25
"""Tables with more values are read in blocks, which rounds otherwise, if they have more images than features."""


class Gaussian(NamedTuple):
    """Mean (K,) and covariance (K, K)."""

    mean: Floats
    covariance: Floats


def enter_space(real: Features, synthetic: Features, size: int, *, components: int) -> Space:
    """Bring both sets to their leading principal components, at most `components` and one per four of n images.

    Raises:
        UndefinedStatisticError: nothing varies.
        ValueError: `components` is below 1.
    """
    if components < 1:
        raise ValueError(f"components: at least 1, got {components}")
    allowed = min(components, max(1, size // IMAGES_PER_COMPONENT))
    # Common axes for all draws, so that their numbers are of one space.
    scores = principal_scores(np.concatenate([real, synthetic]), allowed)
    if scores.shape[1] == 0:
        raise UndefinedStatisticError("no feature varies over the images of the common classes")
    ridge = RIDGE * scores.var(axis=0)  # Of both sets: the same for either Gaussian.
    sets = scores[: len(real)], scores[len(real) :]
    return Space(*sets, partial(fit_gaussian, ridge=ridge), partial(measure, ridge=ridge))


def measure(a: Gaussian, b: Features, rng: np.random.Generator, ridge: Floats) -> Numbers:
    """Return KL(a || b) and KL(b || a) of the Gaussians of two sets, in nats, and in how many components.

    What this estimator gives at this n for equal distributions is the baseline; only the distance from it means
    anything.

    Args:
        a: what `fit_gaussian` makes of the first set.
        b: (M, K), scores of the second one.
        ridge: (K,), added to the variances.
    """
    other = fit_gaussian(np.asarray(b, dtype=np.float64), ridge)
    return {"a_to_b": gaussian_kl(*a, *other), "b_to_a": gaussian_kl(*other, *a), "components": float(len(a.mean))}


def gaussian_kl(mean_p: Floats, cov_p: Floats, mean_q: Floats, cov_q: Floats) -> float:
    """Return KL(p || q) of two Gaussians in nats, by their closed form.

    1/2 (tr(Sq^-1 Sp) + (mq - mp)' Sq^-1 (mq - mp) - k + log det Sq - log det Sp), as in Duchi, Derivations for
    Linear Algebra and Optimization (https://web.stanford.edu/~jduchi/projects/general_notes.pdf), computed from
    the Cholesky factors of both.

    Args:
        mean_p: (K,).
        cov_p: (K, K), symmetric and positive definite.
        mean_q: (K,).
        cov_q: (K, K), symmetric and positive definite.

    Raises:
        ValueError: a covariance is not positive definite or a shape does not fit.
    """
    factor_p, factor_q = linalg.cholesky(cov_p, lower=True), linalg.cholesky(cov_q, lower=True)
    # With S = L L', tr(Sq^-1 Sp) is the squared norm of Lq^-1 Lp, and log det S twice the sum of log L_ii.
    ratio = linalg.solve_triangular(factor_q, factor_p, lower=True)
    distance = linalg.solve_triangular(factor_q, mean_q - mean_p, lower=True)
    log_volumes = np.log(np.diag(factor_q)).sum() - np.log(np.diag(factor_p)).sum()
    return float((np.sum(ratio**2) + distance @ distance - len(mean_p)) / 2 + log_volumes)


def fit_gaussian(scores: Floats, ridge: Floats) -> Gaussian:
    """Fit a Gaussian to scores (N, K): Ledoit-Wolf covariance plus a ridge (K,) on its diagonal."""
    covariance, _ = ledoit_wolf(scores)
    return Gaussian(scores.mean(axis=0), covariance + np.diag(ridge))


def principal_scores(features: Features, components: int) -> Floats:
    """Return the scores (N, K) of features (N, D) on their leading principal components.

    In units in which the first component has variance 1 and stands last. K is `components`, or less where
    fewer components vary. Exact, from the smaller of the two matrices of inner products: the eigenvectors of
    the images' (N, N) are the scores up to their length, those of the features' (D, D) the axes.
    """
    count, dimension = features.shape
    if count > dimension and features.size > LARGE:
        return scores_in_blocks(features, components)
    # Relative to the first row a constant feature is exactly 0, and so it stays without its mean.
    centred = features - features[0].astype(np.float64)
    centred -= centred.mean(axis=0)
    inner = centred @ centred.T if count <= dimension else centred.T @ centred  # (N, N) or (D, D), the smaller.
    variances, vectors = leading_eigenpairs(inner, components)
    scores = vectors * np.sqrt(variances) if count <= dimension else centred @ vectors
    return np.asarray(scores / scores[:, -1:].std(axis=0))  # Ascending: the last has the greatest variance.


def scores_in_blocks(features: Features, components: int) -> Floats:
    """Return the same scores (N, K) of features (N, D), N > D, with memory for some (D, D) beside them."""
    products, mean = compute_scatter(features)
    _, vectors = leading_eigenpairs(products, components)
    del products  # Its (D, D) float64 would stay while the scores are made.
    scores = np.concatenate([block @ vectors for block in iterate_shifted(features, mean)])
    return np.asarray(scores / scores[:, -1:].std(axis=0))


STATISTIC = Statistic(
    measure=measure,
    enter_space=enter_space,
    settings=("components",),
    rank=2,
    symmetric=("components",),
    columns=(
        Column(
            key="a_to_b",
            header="KL to",
            format=".2f",
            unit="nats",
            better="baseline",
            meaning="KL divergence of synthetic from real images, between Gaussians in principal components.",
        ),
        Column(
            key="b_to_a",
            header="KL from",
            format=".2f",
            unit="nats",
            better="baseline",
            meaning="The same the other way round, of real from synthetic images.",
        ),
    ),
)
