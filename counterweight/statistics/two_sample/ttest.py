"""Two-sided t-tests of every feature: in which fraction of them the means of two samples differ.

The t-test of the distributions thesis (4.1.4, tables 4.2 and 4.3), which gives no significance level, sample size or
correction; where any difference exists, its fraction of rejected features mostly measures the sample size. So n images
are compared with n others of the same classes, and beside them stand two halves of the real images, and two of the
synthetic ones. Between sets that agree, all rows agree: raw fractions near alpha, corrected ones near 0, and the
effect's at what chance gives for this n, which is well above 0 for small n (a third of the features at n = 47 and
d > 0.2).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from counterweight.statistics.base.contract import Column, Numbers, Statistic
from counterweight.statistics.base.moments import Moments, compute_moments
from counterweight.statistics.base.resampling import Table

Test = Literal["welch", "student"]
Floats = npt.NDArray[np.float64]


def measure(a: Moments, b: Table, rng: np.random.Generator, *, test: Test, alpha: float, effect_size: float) -> Numbers:
    """Test for every feature whether two samples, of at least two images, have the same mean.

    `student` assumes equal variances, as the thesis does; `welch` does not (Welch 1947,
    https://doi.org/10.2307/2332510). Beside the raw fraction of rejections stand the fraction after Benjamini-Hochberg
    (1995, procedure 1, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x) and that with a large enough Cohen's d, the
    difference in pooled standard deviations (Cohen 1988, Statistical Power Analysis, equation 2.5.1). A feature with
    one value in a and another in b has p = 0 and infinite d. Computed in float64.

    Args:
        a: size, mean (D,) and variance (D,) of the first sample.
        b: (M, D), the second sample.
        alpha: significance level and false discovery rate, between 0 and 1.
        effect_size: threshold of |Cohen's d|, in standard deviations.

    Returns:
        `constant` features have one value in both samples and are left out. The fractions, 0 to 1, are of the others,
        and 0 if there are none.

    Raises:
        ValueError: a setting is out of range.
    """
    check_settings(test, alpha, effect_size)
    other = compute_moments(b)
    distance = np.abs(a.mean - other.mean)
    varies = (distance > 0) | (a.variance > 0) | (other.variance > 0)
    constant = float(np.sum(~varies))
    if not varies.any():
        return {"fraction_rejected": 0.0, "fraction_rejected_fdr": 0.0, "fraction_effect": 0.0, "constant": constant}
    p = p_values(a, other, test)[varies]
    pooled = ((a.size - 1) * a.variance + (other.size - 1) * other.variance) / (a.size + other.size - 2)
    return {
        "fraction_rejected": float(np.mean(p < alpha)),
        "fraction_rejected_fdr": float(np.mean(stats.false_discovery_control(p) <= alpha)),
        # A product, not a quotient: with a deviation of 0 any distance is an infinite effect, and no 0 / 0.
        "fraction_effect": float(np.mean((distance > effect_size * np.sqrt(pooled))[varies])),
        "constant": constant,
    }


def check_settings(test: Test, alpha: float, effect_size: float) -> None:
    """Raise a ValueError if a setting of the test is out of range."""
    if test not in ("welch", "student"):
        raise ValueError(f"test: 'welch' or 'student', got {test!r}")
    if not 0 < alpha < 1 or not effect_size > 0:
        raise ValueError(f"alpha between 0 and 1 and effect_size > 0 wanted, got {alpha} and {effect_size}")


def p_values(a: Moments, b: Moments, test: Test) -> Floats:
    """Return two-sided p-values (D,); 0 for a feature without variance and with two means, NaN with one."""
    deviations = np.sqrt(a.variance), np.sqrt(b.variance)  # What SciPy takes, in place of variances.
    result = stats.ttest_ind_from_stats(
        a.mean, deviations[0], a.size, b.mean, deviations[1], b.size, equal_var=test == "student"
    )
    return np.asarray(result.pvalue, dtype=np.float64)


STATISTIC = Statistic(
    measure=measure,
    prepare=compute_moments,
    settings=("test", "alpha", "effect_size"),
    rank=1,
    streams=True,
    within=True,
    symmetric=("fraction_rejected", "fraction_rejected_fdr", "fraction_effect", "constant"),
    columns=(
        Column(
            key="fraction_rejected_fdr",
            header="t-test",
            format=".1%",
            unit="fraction of the features",
            better="baseline",
            meaning="Features whose means differ from real images', at a false discovery rate of `compare.alpha`.",
        ),
        Column(
            key="fraction_rejected_fdr",
            header="within",
            format=".1%",
            unit="fraction of the features",
            better="baseline",
            shown="within",
            meaning="The same between two halves of the synthetic images.",
        ),
        Column(
            key="fraction_effect",
            header="effect",
            format=".1%",
            unit="fraction of the features",
            better="baseline",
            meaning="Features whose means are further apart than `compare.effect_size` standard deviations.",
        ),
    ),
)
