"""Classifier two-sample test: whether a linear classifier can tell synthetic from real images it was not trained on."""

from typing import TypedDict

import numpy as np
import numpy.typing as npt
from scipy import linalg

from counterweight.statistics.base.moments import Moments, compute_moments, first_row, iterate_shifted
from counterweight.statistics.base.resampling import (
    Features,
    Indices,
    Labels,
    Spread,
    check_labelled,
    draw_halves,
    explain_too_few,
    summarize,
)
from counterweight.statistics.base.roc import roc_auc

Floats = npt.NDArray[np.float64]

LEAST = 1e-6
"""Penalty, at least, in units of the features' variance: without one a singular covariance has no inverse."""
MOST = 1e6


class CalibratedTwoSample(TypedDict):
    """Area under the ROC curve of `n` real against `n` synthetic images, over draws and of the first draw.

    `auc` is 0.5 for sets that a linear classifier cannot tell apart and 1 for sets that it always can; `interval` and
    `p_value` belong to `first`, the first draw's area.
    """

    n: int
    repeats: int
    features: int
    constant: int | None
    auc: Spread | None
    first: float | None
    interval: list[float] | None
    p_value: float | None
    reason: str | None


def calibrated(
    real: Features,
    real_labels: Labels,
    synthetic: Features,
    synthetic_labels: Labels,
    rng: np.random.Generator,
    *,
    repeats: int,
    confidence: float = 0.95,
) -> CalibratedTwoSample:
    """Train a classifier on halves of both sets and test it on the other halves.

    Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests, section 3 (https://arxiv.org/abs/1610.06545),
    with the area under the ROC curve in place of the accuracy, and ridge regression as the classifier (see
    `direction`). The test needs no baseline: of equal sets the area is 0.5 at any n.

    Args:
        real: (N, D), with labels (N,).
        synthetic: (M, D), with labels (M,).
        repeats: number of draws, at least 1; of large sets fewer are made, as `draws_for` says.
        confidence: of the interval, between 0 and 1.

    Returns:
        `constant` counts the features that have one value in the first draw's training halves. The draws share
        images: the interval and the p-value are those of one draw, as `roc.area` has them.

    Raises:
        ValueError: a shape is another one, a value is not finite, or a number is out of range.
    """
    check_labelled(real, real_labels, synthetic, synthetic_labels)
    draws = draw_halves(real_labels, synthetic_labels, rng, repeats)
    size, features, areas, constants = len(draws[0][0]), real.shape[1], [], []
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: between 0 and 1, got {confidence}")
    if size < 2:
        return undefined(size, len(draws), features)
    for real_1, real_2, synthetic_1, synthetic_2 in draws:
        weights, constant = direction(real[real_1], synthetic[synthetic_1])
        constants.append(constant)
        origin = first_row(real, real_2)
        fake = projected(synthetic, synthetic_2, origin, weights)
        areas.append(roc_auc(fake, projected(real, real_2, origin, weights), confidence))
    return {
        "n": size,
        "repeats": len(draws),
        "features": features,
        "constant": constants[0],
        "auc": summarize([result["auc"] for result in areas if result["auc"] is not None]),
        "first": areas[0]["auc"],
        "interval": areas[0]["interval"],
        "p_value": areas[0]["p_value"],
        "reason": None,
    }


def undefined(size: int, repeats: int, features: int) -> CalibratedTwoSample:
    """Return a result that says that there are too few images."""
    return {
        "n": size,
        "repeats": repeats,
        "features": features,
        "constant": None,
        "auc": None,
        "first": None,
        "interval": None,
        "p_value": None,
        "reason": explain_too_few(size, 2),
    }


def projected(features: Features, rows: Indices, origin: Floats, weights: Floats) -> Floats:
    """Return the scores (K,) of some rows of features (N, D): their products with weights (D,), an origin being 0."""
    return np.concatenate([block @ weights for block in iterate_shifted(features, origin, rows)])


def direction(real: Features, synthetic: Features) -> tuple[Floats, int]:
    """Return the weights (D,) with which ridge regression tells synthetic from real, and how many are masked.

    Features are standardised by their deviation within both sets, those without any masked. Regressing the labels
    of two equally large sets with a penalty gives a multiple of (S + c I)^-1 (ms - mr), S being the covariance within
    sets (Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning, exercise 4.2): an area knows
    no multiples. The penalty c is the one that makes S + c I a multiple of Ledoit and Wolf's covariance (2004, as in
    `gaussian_kl`): it falls with the number of images, and needs no search.

    Args:
        real: (N, D), N >= 2.
        synthetic: (N, D).
    """
    facts = compute_moments(real), compute_moments(synthetic)
    apart = facts[1].mean - facts[0].mean
    deviations = np.sqrt((facts[0].variance + facts[1].variance) / 2)
    # A feature with one value in each set separates them alone: its deviation is its distance then.
    scale = np.where(deviations > 0, deviations, np.abs(apart))
    varying = scale > 0
    weights = np.zeros(len(scale))
    if varying.any():
        table = standardised(((real, facts[0]), (synthetic, facts[1])), scale, varying)
        weights[varying] = solved(table, apart[varying] / scale[varying])
        weights[varying] /= scale[varying]
    return weights, int(np.sum(~varying))


def standardised(sets: tuple[tuple[Features, Moments], ...], scale: Floats, varying: npt.NDArray[np.bool_]) -> Floats:
    """Return the varying features (N, K) of sets (M, D), each minus its mean, in units of their scale (D,)."""
    table = np.empty((sum(facts.size for _, facts in sets), int(varying.sum())))
    start = 0
    for features, facts in sets:
        for block in iterate_shifted(features, facts.mean):
            table[start : start + len(block)] = block[:, varying] / scale[varying]
            start += len(block)
    return table


def solved(table: Floats, apart: Floats) -> Floats:
    """Return (S + c I)^-1 d for a centred table (N, D) with S = table' table / N, and d (D,), from the smaller Gram."""
    count, dimension = table.shape
    dual = count <= dimension
    gram = table @ table.T if dual else table.T @ table
    gram /= count
    ridge = penalty(float(np.trace(gram)), float(np.vdot(gram, gram)), np.einsum("nd,nd->n", table, table), dimension)
    gram[np.diag_indices_from(gram)] += ridge
    factor = linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
    if not dual:
        return np.asarray(linalg.cho_solve(factor, apart, check_finite=False))
    # The matrix inversion lemma: (S + c I)^-1 = (I - T' (T T' / N + c I)^-1 T / N) / c.
    return np.asarray(apart - table.T @ linalg.cho_solve(factor, table @ apart, check_finite=False) / count)


def penalty(trace: float, squares: float, norms: Floats, dimension: int) -> float:
    """Return the c that makes S + c I a multiple of Ledoit and Wolf's covariance.

    Their shrunk covariance is (1 - r) S + r m I with m = tr S / D, r = b / d, d = |S|^2 - D m^2 and
    b = min(d, (sum |x|^4 / N - |S|^2) / N) (Ledoit and Wolf 2004, lemmas 3.2 to 3.4), so c = r m / (1 - r).

    Args:
        trace: of S.
        squares: |S|^2, the sum of its squared entries.
        norms: |x|^2 of the rows (N,).
        dimension: D.

    Returns:
        At least a millionth of m, and at most a million of it, where only the means count.
    """
    mean = trace / dimension
    if mean == 0:
        return 1.0
    spare = squares - dimension * mean**2
    noise = (float(np.mean(norms**2)) - squares) / len(norms)
    fraction = min(1.0, max(0.0, noise) / spare) if spare > 0 else 1.0
    return mean * min(MOST, max(LEAST, fraction / (1 - fraction) if fraction < 1 else MOST))
