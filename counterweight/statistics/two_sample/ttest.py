"""Two-sample t-tests of every feature, with the rows that calibrate them."""

from typing import Literal, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import stats

from counterweight.statistics.base.moments import Moments, compute_moments
from counterweight.statistics.base.resampling import (
    Features,
    Labels,
    Spread,
    check_comparable,
    check_labelled,
    draw_halves,
    summarize,
)

Test = Literal["welch", "student"]
Floats = npt.NDArray[np.float64]


class MeanDifference(NamedTuple):
    """In which fraction of the features the means of two samples differ.

    `constant` of the `features` have one value in both samples and are left out. The fractions, 0 to 1, are of
    the rest, and 0 if there is no rest: `fraction_rejected` with p < alpha, `fraction_rejected_fdr` rejected at
    false discovery rate alpha, `fraction_effect` with |Cohen's d| above the effect size asked for.
    """

    features: int
    constant: int
    fraction_rejected: float
    fraction_rejected_fdr: float
    fraction_effect: float
    n_a: int
    n_b: int


class Row(TypedDict):
    """Fractions and the number of constant features over repeated draws."""

    fraction_rejected: Spread
    fraction_rejected_fdr: Spread
    fraction_effect: Spread
    constant: Spread


class Calibrated(TypedDict):
    """Three comparisons of `n` images against `n`; each is None, with a reason, where there are too few."""

    n: int
    repeats: int
    features: int
    within_real: Row | None
    within_synthetic: Row | None
    between: Row | None
    reason: str | None


def compare_means(a: Features, b: Features, test: Test, alpha: float, effect_size: float) -> MeanDifference:
    """Test for every feature whether two samples have the same mean.

    The two-sided t-test of the distributions thesis (4.1.4, tables 4.2 and 4.3): `student` assumes equal
    variances, as there; `welch` does not (Welch 1947, https://doi.org/10.2307/2332510). Beside the raw fraction
    of rejections stand the fraction after Benjamini-Hochberg (1995, procedure 1,
    https://doi.org/10.1111/j.2517-6161.1995.tb02031.x) and the fraction with a large enough Cohen's d, the
    difference in pooled standard deviations (Cohen 1988, Statistical Power Analysis, equation 2.5.1). A
    feature with one value in a and another in b has p = 0 and infinite d. Computed in float64.

    Args:
        a: (N, D), N >= 2.
        b: (M, D), M >= 2.
        alpha: significance level and false discovery rate, between 0 and 1.
        effect_size: threshold of |Cohen's d|, in standard deviations.

    Raises:
        ValueError: a shape is another one, a value is not finite, or a setting is out of range.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"at least two of either are needed, got {len(a)} and {len(b)}")
    check_comparable(a, b)
    check_settings(test, alpha, effect_size)
    return difference(compute_moments(a), compute_moments(b), test, alpha, effect_size)


def calibrated(
    real: Features,
    real_labels: Labels,
    synthetic: Features,
    synthetic_labels: Labels,
    rng: np.random.Generator,
    *,
    test: Test,
    alpha: float,
    effect_size: float,
    repeats: int,
) -> Calibrated:
    """Compare means within real, within synthetic and between both, at one sample size and class mix.

    The thesis (distributions thesis, tables 4.2 and 4.3) gives no significance level, sample size or
    correction; where any difference exists, its fraction of rejected features mostly measures the sample size.
    So every row compares n images with n others of the same classes, n being half of what both sets have of
    them, over repeated random draws: two disjoint halves of real, two of synthetic, one of real and the other of
    synthetic (see `stratified_split_halves`). Between sets that agree, all rows agree: raw fractions near alpha,
    corrected ones near 0, and the effect's at what chance gives for this n, which is well above 0 for small n (a third
    of the features at n = 47 and d > 0.2).

    Args:
        real: (N, D), with labels (N,).
        synthetic: (M, D), with labels (M,).
        alpha: significance level and false discovery rate, between 0 and 1.
        effect_size: threshold of |Cohen's d|, in standard deviations.
        repeats: number of draws, at least 1; of large sets fewer are made, as `draws_for` says.

    Returns:
        Means and standard deviations over the draws. The draws share images, so the standard deviation says
        how much a draw matters; it is not the standard error of the mean.

    Raises:
        ValueError: a shape is another one, a value is not finite, or a setting is out of range.
    """
    check_labelled(real, real_labels, synthetic, synthetic_labels)
    check_settings(test, alpha, effect_size)
    draws = draw_halves(real_labels, synthetic_labels, rng, repeats)
    size = len(draws[0][0])
    within_real, within_synthetic, between = [], [], []
    for real_1, real_2, synthetic_1, synthetic_2 in draws if size >= 2 else []:
        first, other = compute_moments(real, real_1), compute_moments(synthetic, synthetic_2)
        within_real.append(difference(first, compute_moments(real, real_2), test, alpha, effect_size))
        within_synthetic.append(difference(compute_moments(synthetic, synthetic_1), other, test, alpha, effect_size))
        between.append(difference(first, other, test, alpha, effect_size))
    return {
        "n": size,
        "repeats": len(draws),
        "features": real.shape[1],
        "within_real": summary(within_real),
        "within_synthetic": summary(within_synthetic),
        "between": summary(between),
        "reason": None if size >= 2 else f"halves of {size} images of the common classes; at least 2 are needed",
    }


def check_settings(test: Test, alpha: float, effect_size: float) -> None:
    """Raise a ValueError if a setting of the test is out of range."""
    if test not in ("welch", "student"):
        raise ValueError(f"test: 'welch' or 'student', got {test!r}")
    if not 0 < alpha < 1 or not effect_size > 0:
        raise ValueError(f"alpha between 0 and 1 and effect_size > 0 wanted, got {alpha} and {effect_size}")


def summary(results: list[MeanDifference]) -> Row | None:
    """Return means and standard deviations over several comparisons, None for no comparisons."""
    if not results:
        return None
    return {
        "fraction_rejected": summarize([result.fraction_rejected for result in results]),
        "fraction_rejected_fdr": summarize([result.fraction_rejected_fdr for result in results]),
        "fraction_effect": summarize([result.fraction_effect for result in results]),
        "constant": summarize([result.constant for result in results]),
    }


def difference(a: Moments, b: Moments, test: Test, alpha: float, effect_size: float) -> MeanDifference:
    """Compare the means of two samples given their moments."""
    distance = np.abs(a.mean - b.mean)
    varies = (distance > 0) | (a.variance > 0) | (b.variance > 0)
    if not varies.any():
        return MeanDifference(len(varies), len(varies), 0.0, 0.0, 0.0, a.size, b.size)
    p = p_values(a, b, test)[varies]
    pooled = ((a.size - 1) * a.variance + (b.size - 1) * b.variance) / (a.size + b.size - 2)
    return MeanDifference(
        features=len(varies),
        constant=int(np.sum(~varies)),
        fraction_rejected=float(np.mean(p < alpha)),
        fraction_rejected_fdr=float(np.mean(stats.false_discovery_control(p) <= alpha)),
        fraction_effect=float(np.mean((distance > effect_size * np.sqrt(pooled))[varies])),
        n_a=a.size,
        n_b=b.size,
    )


def p_values(a: Moments, b: Moments, test: Test) -> Floats:
    """Return two-sided p-values (D,); 0 for a feature without variance and with two means, NaN with one."""
    deviations = np.sqrt(a.variance), np.sqrt(b.variance)
    result = stats.ttest_ind_from_stats(
        a.mean, deviations[0], a.size, b.mean, deviations[1], b.size, equal_var=test == "student"
    )
    return np.asarray(result.pvalue, dtype=np.float64)
