"""How well scores separate two groups: area under the ROC curve with its interval, average precision, the curve."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats
from sklearn.metrics import average_precision_score, roc_curve

from counterweight.core.schema import Result

Scores = npt.NDArray[np.floating]
Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64] | None
"""Numbers (N,) that scores share which depend on each other; None: each stands alone."""

POINTS = 200
"""Points of a curve, at most."""


class Area(Result):
    """Area under the ROC curve, 0 to 1, its interval's ends and the two-sided p-value of no separation."""

    n_positive: int
    n_negative: int
    auc: float | None
    interval: list[float] | None
    p_value: float | None
    reason: str | None


class Curve(NamedTuple):
    """Points of a ROC curve, from (0, 0) to (1, 1): rates of false and of true positives."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]


def roc_auc(
    positive: Scores, negative: Scores, confidence: float = 0.95, groups: tuple[Groups, Groups] = (None, None)
) -> Area:
    """Estimate the probability that a positive's score is above a negative's, ties counting half.

    The interval is that of DeLong et al. 1988 (https://doi.org/10.2307/2531595) on the logit scale, where it
    cannot leave 0 to 1 (Pepe 2003, The Statistical Evaluation of Medical Tests, 5.2.4). Where its variance is 0 (the
    groups are separated perfectly, or everything is tied) or a group has one member, it is Clopper and Pearson's
    (1934, https://doi.org/10.1093/biomet/26.4.404) for as many trials as the smaller group has members: so many
    pairs are independent. It is wide, and never of width 0. The p-value is that of Mann and Whitney's test, exact
    without ties up to 8 scores of a group and with the variance corrected for ties otherwise; it is of the
    hypothesis that both groups' scores have one distribution, which makes the area 0.5.

    Args:
        positive: (N,).
        negative: (M,).
        confidence: of the interval, between 0 and 1.
        groups: of patients, videos and the like, of both, whose scores depend on each other; interval and p-value are
            those of `judge_grouped` where there are any.

    Returns:
        None, with a reason, where a group is empty.

    Raises:
        ValueError: a shape is another one, a score is not finite, or `confidence` is out of range.
    """
    check_scores(positive, negative)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: between 0 and 1, got {confidence}")
    sizes = len(positive), len(negative)
    if min(sizes) == 0:
        return Area(
            n_positive=sizes[0],
            n_negative=sizes[1],
            auc=None,
            interval=None,
            p_value=None,
            reason=f"{sizes[0]} positive and {sizes[1]} negative scores; at least one of either is needed",
        )
    above, below = compute_placements(positive, negative)
    value = float(above.mean())
    if all(own is None for own in groups):
        interval, p_value = auc_interval(value, above, below, 1 - confidence), mann_whitney_p(positive, negative)
    else:
        interval, p_value = judge_grouped(value, (above, below), groups, 1 - confidence)
    return Area(n_positive=sizes[0], n_negative=sizes[1], auc=value, interval=interval, p_value=p_value, reason=None)


def judge_grouped(
    value: float, placements: tuple[Floats, Floats], groups: tuple[Groups, Groups], alpha: float
) -> tuple[list[float], float]:
    """Return the interval of an area and the p-value of no separation where scores of a group depend on each other.

    The variance is that of Obuchowski 1997, Nonparametric Analysis of Clustered ROC Curve Data
    (https://doi.org/10.2307/2533958), of groups that lie on one side each: DeLong's with sums over groups in place of
    placements. Student's distribution takes the place of the normal one, with Satterthwaite's degrees of freedom of as
    many terms as there are groups. The p-value is no less than that of the most extreme order of so many independent
    scores; that alone counts, and Clopper and Pearson's interval for as many trials as the side with fewer groups has,
    where the variance is 0 or a side has one group.

    Args:
        value: the area.
        placements: (N,) and (M,).
        groups: of both; of a side without any each score is one.
    """
    parts, sizes = [], []
    for own, numbers in zip(placements, groups, strict=True):
        deviations = sum_groups(own - value, numbers)
        sizes.append(len(deviations))
        count = max(1, sizes[-1] - 1)
        parts.append(float(sizes[-1] / count * np.sum(deviations**2)) / len(own) ** 2)
    smaller, variance = min(sizes), sum(parts)
    least = min(1.0, 2 / float(special.binom(sum(sizes), smaller)))
    if smaller < 2 or variance < (1e-3 / (len(placements[0]) * len(placements[1]))) ** 2 or not 0 < value < 1:
        return exact_interval(value, smaller, alpha), 1.0 if value == 0.5 else least
    freedom = variance**2 / sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    error = math.sqrt(variance)
    p_value = 2 * float(stats.t.sf(abs(value - 0.5) / error, freedom))
    return logit_interval(value, float(stats.t.ppf(1 - alpha / 2, freedom)), error), max(least, p_value)


def sum_groups(values: Floats, groups: Groups) -> Floats:
    """Return the sums (G,) of values (N,) over groups; the values themselves without groups."""
    if groups is None:
        return values
    return np.asarray(np.bincount(np.unique(groups, return_inverse=True)[1], values), dtype=np.float64)


def check_scores(positive: Scores, negative: Scores) -> None:
    """Raise a ValueError if scores (N,) and (M,) are not finite or have another shape."""
    if positive.ndim != 1 or negative.ndim != 1:
        raise ValueError(f"scores (N,) and (M,) wanted, got {positive.shape} and {negative.shape}")
    if not (np.isfinite(positive).all() and np.isfinite(negative).all()):
        raise ValueError("a score is not finite")


def compute_placements(positive: Scores, negative: Scores) -> tuple[Floats, Floats]:
    """Return the fraction of negatives below each positive (N,), and of positives above each negative (M,).

    Ties count half. From ranks: Sun and Xu 2014, equations 10 and 11 (https://doi.org/10.1109/LSP.2014.2337313).
    """
    n, m = len(positive), len(negative)
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    # A rank among all minus that among its own group is the number of the others below.
    above = (ranks[:n] - stats.rankdata(positive)) / m
    return above, 1 - (ranks[n:] - stats.rankdata(negative)) / n


def auc_interval(value: float, above: Floats, below: Floats, alpha: float) -> list[float]:
    """Return the ends of the interval with confidence 1 - alpha of an area with placements (N,) and (M,)."""
    smaller = min(len(above), len(below))
    variance = above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below) if smaller > 1 else 0.0
    # Half a pair in all of them is the least step; a variance of rounding errors is none.
    if variance < (1e-3 / (len(above) * len(below))) ** 2 or not 0 < value < 1:
        return exact_interval(value, smaller, alpha)
    return logit_interval(value, float(stats.norm.ppf(1 - alpha / 2)), math.sqrt(variance))


def exact_interval(value: float, trials: int, alpha: float) -> list[float]:
    """Return Clopper and Pearson's interval of a fraction of some trials."""
    hits = value * trials  # A whole number only by chance: beta quantiles need none.
    low = stats.beta.ppf(alpha / 2, hits, trials - hits + 1) if hits > 0 else 0.0
    high = stats.beta.ppf(1 - alpha / 2, hits + 1, trials - hits) if hits < trials else 1.0
    return [float(low), float(high)]


def logit_interval(value: float, quantile: float, error: float) -> list[float]:
    """Return the interval of an area with a standard error, so many of which it reaches on the logit scale."""
    # Delta method: d logit(p) = dp / (p (1 - p)).
    centre, width = math.log(value / (1 - value)), error / (value * (1 - value))
    reach = quantile * width
    # exp overflows beyond 709.
    return [float(1 / (1 + math.exp(-end))) for end in np.clip([centre - reach, centre + reach], -700, 700)]


def mann_whitney_p(positive: Scores, negative: Scores) -> float:
    """Return the two-sided p-value of Mann and Whitney's test; 1 where all scores are equal."""
    if np.ptp(np.concatenate([positive, negative])) == 0:
        return 1.0
    return float(stats.mannwhitneyu(positive, negative).pvalue)


def average_precision(positive: Scores, negative: Scores) -> float | None:
    """Return the mean precision over the recalls that thresholds reach, None where a group is empty.

    The sum of (R_n - R_n-1) P_n as in scikit-learn (average_precision_score), without interpolation. Scores that say
    nothing have the fraction of positives.

    Args:
        positive: (N,).
        negative: (M,).

    Raises:
        ValueError: a shape is another one or a score is not finite.
    """
    check_scores(positive, negative)
    if min(len(positive), len(negative)) == 0:
        return None
    return float(average_precision_score(*stack_scores(positive, negative)))


def roc_points(positive: Scores, negative: Scores) -> Curve | None:
    """Return the ROC curve at 200 points at most, evenly along its corners, None where a group is empty.

    Args:
        positive: (N,).
        negative: (M,).

    Raises:
        ValueError: a shape is another one or a score is not finite.
    """
    check_scores(positive, negative)
    if min(len(positive), len(negative)) == 0:
        return None
    false_positive, true_positive, _ = roc_curve(*stack_scores(positive, negative))
    chosen = np.unique(np.linspace(0, len(false_positive) - 1, POINTS).round().astype(np.int64))
    return Curve(
        false_positive_rate=false_positive[chosen].tolist(),
        true_positive_rate=true_positive[chosen].tolist(),
    )


def stack_scores(positive: Scores, negative: Scores) -> tuple[npt.NDArray[np.bool_], Scores]:
    """Return labels and scores (N + M,) of both groups."""
    return np.arange(len(positive) + len(negative)) < len(positive), np.concatenate([positive, negative])
