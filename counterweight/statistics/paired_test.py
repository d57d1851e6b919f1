"""Whether a training set helps a classifier: paired comparison over the same seeds."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from counterweight.core.schema import Result

Floats = npt.NDArray[np.float64]

RESAMPLES = 2**14
"""Sign patterns tried; up to 14 seeds these are all there are and the test is exact."""
ROUNDING = 1e-12  # Relative: differences that agree to so many digits are equal.


class Verdict(Result):
    """A paired comparison over `seeds` seeds; differences and interval are in the scores' unit."""

    mean_difference: float
    interval: list[float]
    p_value: float
    verdict: Literal["helps", "hurts", "no evidence"]
    seeds: int


def compare_paired(
    scores: Sequence[float], baseline: Sequence[float], rng: np.random.Generator, alpha: float = 0.05
) -> Verdict:
    """Say whether scores are higher or lower than a baseline's with the same seeds.

    The verdict is that of a two-sided sign-flip permutation test of the mean difference (Ernst 2004,
    https://doi.org/10.1214/088342304000000396), which is exact up to 14 seeds and sampled above. Its smallest
    p-value is 2 / 2^seeds: with fewer than six seeds nothing is significant at 0.05 and the verdict is always
    'no evidence'. The interval is the BCa bootstrap's with confidence 1 - alpha (Efron 1987,
    https://doi.org/10.2307/2289144). From so few seeds it is too short: of six normal differences it covers
    the mean in 84 % of cases instead of 95 %, so it illustrates and does not decide.

    Args:
        scores: (N,), one per seed, N >= 1; higher is better.
        baseline: (N,), in the order of the same seeds.
        alpha: significance level, between 0 and 1.

    Returns:
        The interval is [d, d] if all differences equal d.

    Raises:
        ValueError: the lengths differ, there is no seed, a score is not finite, or alpha is out of range.
    """
    if len(scores) != len(baseline) or len(scores) == 0:
        raise ValueError(f"one score per seed wanted, got {len(scores)} and {len(baseline)}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: between 0 and 1, got {alpha}")
    differences = np.asarray(scores, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    if not np.isfinite(differences).all():
        raise ValueError("a score is not finite")
    mean, p_value = float(differences.mean()), sign_flip_p(differences, rng)
    direction: Literal["helps", "hurts"] = "helps" if mean > 0 else "hurts"
    return Verdict(
        mean_difference=mean,
        interval=bca_interval(differences, 1 - alpha, rng),
        p_value=p_value,
        verdict=direction if p_value < alpha else "no evidence",
        seeds=len(differences),
    )


def sign_flip_p(differences: Floats, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of differences (N,) being symmetric around 0."""
    if len(differences) == 1:
        return 1.0  # both sign patterns are as extreme; scipy wants two observations
    # Of one sample, SciPy's "samples" flips signs.
    result = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=RESAMPLES, rng=rng
    )
    return float(result.pvalue)


def bca_interval(differences: Floats, confidence: float, rng: np.random.Generator) -> list[float]:
    """Return the ends of the mean's bootstrap interval; both are the mean if the differences (N,) are equal."""
    if np.ptp(differences) <= ROUNDING * np.abs(differences).max():
        return [float(differences.mean())] * 2  # the acceleration constant would be 0 / 0
    result = stats.bootstrap((differences,), np.mean, confidence_level=confidence, method="BCa", rng=rng)
    return [float(result.confidence_interval.low), float(result.confidence_interval.high)]
