"""Classifier two-sample test: whether a linear classifier can tell synthetic from real images it was not trained on."""

import numpy as np
import numpy.typing as npt
from scipy import linalg

from counterweight.statistics.base.contract import Column, Numbers, Statistic
from counterweight.statistics.base.moments import Moments, compute_moments, first_row, iterate_shifted
from counterweight.statistics.base.resampling import Features, Groups
from counterweight.statistics.base.roc import roc_auc

Floats = npt.NDArray[np.float64]

LEAST = 1e-6
"""Penalty, at least, in units of the features' variance: without one a singular covariance has no inverse."""
MOST = 1e6
"""Penalty at most: hardly more than the difference of means is left of the classifier."""

CONFIDENCE = 0.95
"""Of the interval of the area under the curve."""


def measure(
    a: Features, b: Features, rng: np.random.Generator, *, groups: tuple[Groups, Groups] = (None, None)
) -> Numbers:
    """Train a classifier on halves of both sets and test it on the other halves.

    Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests, section 3 (https://arxiv.org/abs/1610.06545),
    with the area under the ROC curve in place of the accuracy, and ridge regression as the classifier (see
    `direction`). The test needs no baseline: of equal sets the area is 0.5 at any n.

    Args:
        a: real features (N, D), N >= 4, the first half of the rows to train on.
        b: synthetic ones, as many and parted alike.
        groups: of the rows of both, of each of which all are in one half; `roc_auc` says how they count.

    Returns:
        The area under the ROC curve, 0.5 for sets that a linear classifier cannot tell apart and 1 for sets that it
        always can, with the ends of its 95 % interval and the p-value of no separation, as `roc_auc` has them; and how
        many features have one value in the halves to train on.
    """
    half = len(a) // 2
    weights, constant = direction(a[:half], b[:half])
    # A common shift changes no rank, and small numbers round less.
    origin = first_row(a[half:])
    fake, real = (project(features[half:], origin, weights) for features in (b, a))
    of_real, of_fake = (None if own is None else own[half:] for own in groups)
    area = roc_auc(fake, real, CONFIDENCE, (of_fake, of_real))  # Synthetic is positive: above 0.5 they are told apart.
    assert area.auc is not None, "halves have images"
    assert area.interval is not None
    assert area.p_value is not None
    low, high = area.interval
    return {
        "auc": area.auc,
        "interval_low": low,
        "interval_high": high,
        "p_value": area.p_value,
        "constant": float(constant),
    }


def project(features: Features, origin: Floats, weights: Floats) -> Floats:
    """Return the scores (K,) of features (K, D): their products with weights (D,), an origin being 0."""
    return np.concatenate([block @ weights for block in iterate_shifted(features, origin)])


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
    deviations = np.sqrt((facts[0].variance + facts[1].variance) / 2)  # Within the sets: halves are equally large.
    # A feature with one value in each set separates them alone: its deviation is its distance then.
    scale = np.where(deviations > 0, deviations, np.abs(apart))
    varying = scale > 0
    weights = np.zeros(len(scale))
    if varying.any():
        table = standardize(((real, facts[0]), (synthetic, facts[1])), scale, varying)
        weights[varying] = solve(table, apart[varying] / scale[varying])
        weights[varying] /= scale[varying]  # Back to weights of the features as they are.
    return weights, int(np.sum(~varying))


def standardize(sets: tuple[tuple[Features, Moments], ...], scale: Floats, varying: npt.NDArray[np.bool_]) -> Floats:
    """Return the varying features (N, K) of sets (M, D), each minus its mean, in units of their scale (D,)."""
    table = np.empty((sum(facts.size for _, facts in sets), int(varying.sum())))
    start = 0
    for features, facts in sets:
        for block in iterate_shifted(features, facts.mean):
            table[start : start + len(block)] = block[:, varying] / scale[varying]
            start += len(block)
    return table


def solve(table: Floats, apart: Floats) -> Floats:
    """Return (S + c I)^-1 d for a centred table (N, D) with S = table' table / N, and d (D,), from the smaller Gram."""
    count, dimension = table.shape
    # Both matrices have the same eigenvalues but for zeros: the smaller one costs less.
    dual = count <= dimension
    gram = table @ table.T if dual else table.T @ table
    gram /= count  # By N, as Ledoit and Wolf do.
    ridge = penalty(float(np.trace(gram)), float(np.vdot(gram, gram)), np.einsum("nd,nd->n", table, table), dimension)
    gram[np.diag_indices_from(gram)] += ridge
    # In place and without a look for NaN: the features were checked before.
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
    fraction = min(1.0, max(0.0, noise) / spare) if spare > 0 else 1.0  # At 1 nothing is left of S.
    return mean * min(MOST, max(LEAST, fraction / (1 - fraction) if fraction < 1 else MOST))


STATISTIC = Statistic(
    measure=measure,
    rank=7,
    least=2,
    whole=True,
    clusters=True,
    chance={"auc": 0.5},
    symmetric=("auc", "interval_low", "interval_high", "p_value", "constant"),
    of_one_draw=("interval_low", "interval_high", "p_value"),
    columns=(
        Column(
            key="auc",
            header="linear",
            format=".2f",
            unit="area under the ROC curve",
            better="baseline",
            meaning="Can a linear classifier tell synthetic from real images it was not trained on; 0.5: it cannot.",
        ),
    ),
)
