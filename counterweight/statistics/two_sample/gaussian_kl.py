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

from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.covariance import ledoit_wolf

from counterweight.statistics.base.moments import compute_scatter, iterate_shifted, leading_eigenpairs
from counterweight.statistics.base.resampling import (
    Draw,
    Features,
    Labels,
    Spread,
    check_labelled,
    draw_halves,
    explain_too_few,
    summarize,
)

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


class CalibratedKL(TypedDict):
    """Divergences in nats between Gaussians of `n` images each in `components` dimensions, and their baseline."""

    n: int
    repeats: int
    components: int
    real_to_synthetic: Spread | None
    synthetic_to_real: Spread | None
    baseline: Spread | None
    reason: str | None


def calibrated(
    real: Features,
    real_labels: Labels,
    synthetic: Features,
    synthetic_labels: Labels,
    rng: np.random.Generator,
    *,
    components: int,
    repeats: int,
) -> CalibratedKL:
    """Estimate the divergence between real and synthetic features and what it would be between real and real.

    `real_to_synthetic` is KL(real || synthetic) of a random half of each set, n images with the same classes,
    `synthetic_to_real` the same the other way round, `baseline` that of two disjoint halves of real: what this
    estimator gives at this n for equal distributions. Only the distance from the baseline means anything.

    Args:
        real: (N, D), with labels (N,).
        synthetic: (M, D), with labels (M,).
        components: at least 1.
        repeats: number of draws, at least 1; of large sets fewer are made, as `draws_for` says.

    Returns:
        Means and standard deviations over the draws, which share images; None, with a reason, where there are
        too few images or nothing varies.

    Raises:
        ValueError: a shape is another one, a value is not finite, or a number is below 1.
    """
    check_labelled(real, real_labels, synthetic, synthetic_labels)
    if min(components, repeats) < 1:
        raise ValueError(f"components and repeats: at least 1, got {components} and {repeats}")
    of_real, of_synthetic = np.isin(real_labels, synthetic_labels), np.isin(synthetic_labels, real_labels)
    real_labels, synthetic_labels = real_labels[of_real], synthetic_labels[of_synthetic]
    draws = draw_halves(real_labels, synthetic_labels, rng, repeats)
    size = len(draws[0][0])
    if size < 2:
        return undefined(size, len(draws), explain_too_few(size, 2))
    allowed = min(components, max(1, size // IMAGES_PER_COMPONENT))
    scores = principal_scores(pooled(real, of_real, synthetic, of_synthetic), allowed)
    if scores.shape[1] == 0:
        return undefined(size, len(draws), "no feature varies over the images of the common classes")
    forward, backward, baseline = repeated_divergences(scores, len(real_labels), draws)
    return {
        "n": size,
        "repeats": len(draws),
        "components": scores.shape[1],
        "real_to_synthetic": forward,
        "synthetic_to_real": backward,
        "baseline": baseline,
        "reason": None,
    }


def pooled(
    real: Features, of_real: npt.NDArray[np.bool_], synthetic: Features, of_synthetic: npt.NDArray[np.bool_]
) -> Features:
    """Return the chosen rows of two tables one below the other, without copying a table of which all are chosen."""
    tables = (real, of_real), (synthetic, of_synthetic)
    return np.concatenate([table if chosen.all() else table[chosen] for table, chosen in tables])


def undefined(size: int, repeats: int, reason: str) -> CalibratedKL:
    """Return a result that says why there is none."""
    return {
        "n": size,
        "repeats": repeats,
        "components": 0,
        "real_to_synthetic": None,
        "synthetic_to_real": None,
        "baseline": None,
        "reason": reason,
    }


def repeated_divergences(scores: Floats, count_real: int, draws: list[Draw]) -> list[Spread]:
    """Return the spread of the three `divergences` over draws; the first `count_real` scores (N, K) are real."""
    real, synthetic, ridge = scores[:count_real], scores[count_real:], RIDGE * scores.var(axis=0)
    values = []
    for first, second, _, other in draws:
        samples = real[first], real[second], synthetic[other]
        values.append(divergences(*(fitted(sample, ridge) for sample in samples)))
    return [summarize(value) for value in np.transpose(values)]


def divergences(real: Gaussian, real_again: Gaussian, synthetic: Gaussian) -> tuple[float, float, float]:
    """Return KL(real || synthetic), KL(synthetic || real) and KL(real || real again), in nats."""
    return gaussian_kl(*real, *synthetic), gaussian_kl(*synthetic, *real), gaussian_kl(*real, *real_again)


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
    ratio = linalg.solve_triangular(factor_q, factor_p, lower=True)
    distance = linalg.solve_triangular(factor_q, mean_q - mean_p, lower=True)
    log_volumes = np.log(np.diag(factor_q)).sum() - np.log(np.diag(factor_p)).sum()
    return float((np.sum(ratio**2) + distance @ distance - len(mean_p)) / 2 + log_volumes)


def fitted(scores: Floats, ridge: Floats) -> Gaussian:
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
    inner = centred @ centred.T if count <= dimension else centred.T @ centred
    variances, vectors = leading_eigenpairs(inner, components)
    scores = vectors * np.sqrt(variances) if count <= dimension else centred @ vectors
    return np.asarray(scores / scores[:, -1:].std(axis=0))


def scores_in_blocks(features: Features, components: int) -> Floats:
    """Return the same scores (N, K) of features (N, D), N > D, with memory for some (D, D) beside them."""
    products, mean = compute_scatter(features)
    _, vectors = leading_eigenpairs(products, components)
    del products
    scores = np.concatenate([block @ vectors for block in iterate_shifted(features, mean)])
    return np.asarray(scores / scores[:, -1:].std(axis=0))
