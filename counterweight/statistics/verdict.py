"""Whether methods help a classifier: changes of a score, their intervals, and what these allow to be said."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from counterweight.core.schema import Result
from counterweight.statistics.bootstrap_scores import ResampledScores

Floats = npt.NDArray[np.float64]
Answer = Literal["helps", "hurts", "no difference above margin", "undecided"]

POWER = 0.8
DIGITS = 12  # Scores that agree to so many decimals are equal: sums in another order differ in the last digit.
NORMAL = 1e9  # Degrees of freedom from which Student's distribution is the normal one to all digits.


class Verdict(Result):
    """A method against the reference; changes, intervals and errors are in the score's unit."""

    verdict: Answer
    """`helps` if the whole `interval` is above 0, `hurts` if below; else `no difference above margin` if it lies
    within +-margin. A change above 0 and below the margin `helps`: the interval shows that it is small."""
    mean_change: float
    interval: list[float]
    """Holds for all methods of the table at once."""
    plain_interval: list[float]
    """Holds for this method alone, as does the p-value."""
    p_value: float
    confidence: float
    """Of both intervals."""
    standard_error: float
    se_draws: float | None
    """The part of the draws; None with one draw."""
    se_test: float
    """The part of the test images, beyond what the draws show of it; with what is wanting to one image's."""
    degrees_of_freedom: float | None
    """None for a normal interval, in which nothing is estimated from the draws."""
    draws: int
    covers: Literal["draws and test images", "test images"]
    """With one draw nothing is known of other draws: what is said holds for this synthetic set alone."""
    family: int
    """Number of methods that the simultaneous interval covers."""
    margin: float
    detectable_change: float
    """The smallest true change for which `interval` would have excluded 0 in four of five cases."""
    least_detectable_change: float | None
    """The same with endless draws: as far as these test images reach. None with one draw, and where the estimate of the
    test images' part is not above 0: that part is too small to be told from none, which is not to say that it is none
    and endless draws would see anything."""
    draws_needed: int | None
    """The fewest draws with which a change of `margin` is detectable; None where no number of draws suffices since
    `least_detectable_change` is not below the margin, and with one draw. A single method's is rough: `plan_draws`."""


@dataclass(frozen=True)
class Variances:
    """What the variance of a mean change is made of."""

    draws: int
    between: float
    """Of a single draw's change, as the draws show it: s^2."""
    effective: float
    """The same, but not less than what the test images alone would make of it."""
    test: float
    """Of the mean change by the test images, beyond what `between` contains."""


@dataclass(frozen=True)
class ImagesPart:
    """What test images make of the variance of a mean change, beyond what the draws show of it."""

    estimate: float
    """The covariance of two draws' changes over the resamples, which may be below 0; of one draw its variance."""
    wanting: float
    """What is wanting to one image: its square less the variance of a single draw's change, if above 0."""

    @property
    def total(self) -> float:
        """Both, of an estimate below 0 nothing."""
        return max(0.0, self.estimate) + self.wanting


def judge_methods(scores: ResampledScores, reference: int, margin: float = 0.01, alpha: float = 0.05) -> list[Verdict]:
    """Compare every method with the reference by one score.

    All methods share the draws (what is dropped, the generator's and the classifier's seeds) and the test images,
    so that only differences within a draw count. `judge_change` says how. The intervals are Bonferroni's: wide
    enough to hold for all methods at once (docs/verdicts.md says why not those from their joint distribution).

    Args:
        scores: (M, n) and (B, M, n), M >= 2, B >= 2; the higher, the better.
        reference: the reference's row.
        margin: a change that is too small to matter, in the score's unit, above 0.
        alpha: probability that an interval of the table does not cover, between 0 and 1.

    Returns:
        M - 1 verdicts, in the order of the other rows.

    Raises:
        ValueError: shapes do not fit, a score is not finite, or an argument is out of range.
    """
    actual, resampled = scores.actual, scores.resampled
    if actual.ndim != 2 or actual.shape != resampled.shape[1:] or len(actual) < 2 or len(resampled) < 2:
        raise ValueError(f"scores (M, n) and (B, M, n), M and B >= 2, wanted: {actual.shape} and {resampled.shape}")
    if not 0 <= reference < len(actual):
        raise ValueError(f"reference: a row from 0 to {len(actual) - 1} wanted, got {reference}")
    changes, noise = list_changes(scores, reference)
    images, family = weigh_images(scores, reference), len(changes)
    return [judge_change(changes[row], noise[:, row], images[row], family, margin, alpha) for row in range(family)]


def plan_draws(scores: ResampledScores, reference: int, margin: float = 0.01, alpha: float = 0.05) -> int | None:
    """Return roughly how many draws detect a change of the margin for a method in the middle of the table.

    Of a single method the test images' part of the variance is hardly known. The medians over all methods stand in for
    both parts; some methods differ from the reference in more than others, since another network errs elsewhere.

    Args:
        scores, reference, margin, alpha: as in `judge_methods`; two draws at least.

    Returns:
        None if no number of draws suffices.
    """
    changes, noise = list_changes(scores, reference)
    family, draws = changes.shape
    images = weigh_images(scores, reference)
    parts = [split_variance(changes[row], noise[:, row], images[row]) for row in range(family)]
    tests = [estimate_test_part(noise[:, row], images[row]) for row in range(family)]
    test = ImagesPart(
        estimate=float(np.median([part.estimate for part in tests])),
        wanting=float(np.median([part.wanting for part in tests])),
    )
    middle = Variances(
        draws,
        between=float(np.median([part.between for part in parts])),
        effective=float(np.median([part.effective for part in parts])),
        test=test.total,
    )
    return count_draws(middle, margin, alpha / family)


def weigh_images(scores: ResampledScores, reference: int) -> list[float]:
    """Return what one test image decides of the score of each row but the reference's, or of the reference's."""
    return [scores.weigh(row, reference) for row in range(len(scores.actual)) if row != reference]


def list_changes(scores: ResampledScores, reference: int) -> tuple[Floats, Floats]:
    """Return the changes of all rows but the reference's against it: (M - 1, n), and on resamples (B, M - 1, n)."""
    others = [row for row in range(len(scores.actual)) if row != reference]
    changes = scores.actual[others] - scores.actual[reference]
    return changes, scores.resampled[:, others] - scores.resampled[:, [reference]]


def judge_change(changes: Floats, resampled: Floats, image: float, family: int, margin: float, alpha: float) -> Verdict:
    """Say what the changes of one method's score in n draws amount to.

    Args:
        changes: (n,), n >= 1, on the test set.
        resampled: (B, n), B >= 2, on resamples of its images that the draws share.
        image: what one image decides of the score, at least 0; 0 of changes that no images are behind.
        family: number of methods in the table, this one included.
        margin, alpha: as in `judge_methods`.

    Returns:
        No interval is narrower than one image makes it, also where all changes are equal: see `split_variance`.

    Raises:
        ValueError: shapes do not fit, a change is not finite, or an argument is out of range.
    """
    if changes.ndim != 1 or len(changes) == 0 or resampled.ndim != 2 or resampled.shape[1:] != changes.shape:
        raise ValueError(f"changes (n,) and (B, n) wanted, got {changes.shape} and {resampled.shape}")
    if len(resampled) < 2 or not (np.isfinite(changes).all() and np.isfinite(resampled).all()):
        raise ValueError("at least two resamples and finite changes wanted")
    if not (margin > 0 and 0 < alpha < 1 and family >= 1 and 0 <= image < np.inf):
        wanted = "margin > 0, 0 < alpha < 1, family >= 1, image >= 0"
        raise ValueError(f"{wanted} wanted, got {margin}, {alpha}, {family}, {image}")
    rounded = np.round(changes, DIGITS) + 0.0  # not -0.0
    parts = split_variance(rounded, np.round(resampled, DIGITS), image)
    mean, (error, df) = float(rounded.mean()), combine_errors(parts, parts.draws)
    interval = student_interval(mean, error, df, alpha / family)
    single = parts.draws == 1
    return Verdict(
        verdict=answer(interval, margin),
        mean_change=mean,
        interval=interval,
        plain_interval=student_interval(mean, error, df, alpha),
        p_value=student_p(mean, error, df),
        confidence=1 - alpha,
        standard_error=error,
        se_draws=None if single else float(np.sqrt(parts.effective / parts.draws)),
        se_test=float(np.sqrt(parts.test)),
        degrees_of_freedom=df if df < NORMAL else None,
        draws=parts.draws,
        covers="test images" if single else "draws and test images",
        family=family,
        margin=margin,
        detectable_change=detectable_change(error, df, alpha / family),
        least_detectable_change=None if single else least_detectable_change(parts, alpha / family),
        draws_needed=None if single else count_draws(parts, margin, alpha / family),
    )


def split_variance(changes: Floats, resampled: Floats, image: float) -> Variances:
    """Split the variance of the mean change into what the draws and what the test images add.

    The change of a draw is mu + a_d + b + e_d: `a_d` is the draw's, `b` the test images' share in all draws, `e_d`
    their share in this draw alone. The mean of n draws varies by (A + E) / n + B. The variance over draws, s^2,
    estimates A + E. The bootstrap variance of the mean, v, estimates B + E / n, so that s^2 / n + v counts E / n
    twice; with w, the mean bootstrap variance of a single draw, B + E, what is missing is B = (n v - w) / (n - 1),
    the mean covariance of two draws. This is the analysis of several readers (draws) and cases (test images) in
    Obuchowski and Rockette 1995, https://doi.org/10.1080/03610919508813243.

    Few draws may agree by accident, even wholly where scores are multiples of 1/54; but the mean varies by no
    less than v, of which the test images alone are the reason.

    Resamples of images on which two methods agree agree, too, few images as many; but that none of 37 is decided
    differently leaves room for 8 in 100 (the rule of three). An image on which they differ adds the square of what
    it decides to w. Where w is less than of one image, what is wanting is added to B: a pseudo-image that is decided
    differently, half of it either way, as in the interval of Agresti and Min 2005 for matched pairs,
    https://doi.org/10.1002/sim.1781, who add it always. Where w is as much or more, nothing is added.
    """
    draws = len(changes)
    of_mean = float((resampled - resampled[:1]).mean(axis=1).var(ddof=1))
    part = estimate_test_part(resampled, image)
    if draws == 1:
        return Variances(draws=1, between=0.0, effective=0.0, test=part.total)
    # Deviations from the first value: the variance of equal ones is exactly 0.
    between = float((changes - changes[0]).var(ddof=1))
    effective = max(between, draws * (of_mean - max(0.0, part.estimate)))
    return Variances(draws, between, effective, part.total)


def estimate_test_part(resampled: Floats, image: float) -> ImagesPart:
    """Estimate the test images' part of the variance of a mean change from its resamples (B, n)."""
    draws = resampled.shape[1]
    moved = resampled - resampled[:1]  # the variance of equal ones is exactly 0
    of_mean = float(moved.mean(axis=1).var(ddof=1))
    of_one = float(moved.var(axis=0, ddof=1).mean())
    estimate = of_mean if draws == 1 else (draws * of_mean - of_one) / (draws - 1)
    return ImagesPart(estimate, wanting=max(0.0, image**2 - of_one))


def find_failed_draw(scores: Floats, noise: float, alpha: float = 0.01) -> int | None:
    """Return the draw whose score lies lowest, if it lies far below the others', as where a training failed.

    Draws that scatter normally have one in at most a fraction `alpha` of cases (the one-sided t-test of a deleted
    residual, which is Grubbs's of 1950, https://doi.org/10.1214/aoms/1177729885, at Bonferroni's level for the lowest
    of n). Two that fail hide each other.

    Args:
        scores: of one method, (n,); the higher, the better.
        noise: the least variance that the others are taken to have: of one score by the test images.

    Returns:
        None with fewer than four draws, too, whose others tell nothing of how far is far.
    """
    draws = len(scores)
    if draws < 4:
        return None
    low = int(scores.argmin())
    others = np.delete(scores, low)
    error = float(np.sqrt(max(float(others.var(ddof=1)), noise) * draws / (draws - 1)))
    limit = error * student_quantile(draws - 2, 2 * alpha / draws)
    return low if float(others.mean() - scores[low]) > limit + 10.0**-DIGITS else None


def combine_errors(parts: Variances, draws: int) -> tuple[float, float]:
    """Return standard error and degrees of freedom of the mean over so many draws.

    Satterthwaite's degrees of freedom are (n - 1) (V / (s^2 / n))^2 for the variance V, if only s^2 is uncertain
    (Hillis 2007, https://doi.org/10.1002/sim.2532). But where s^2 is small by accident, the ratio of the test images'
    part to it is large by the same accident, and the interval is too short twice over: of eight methods with four
    draws each up to 13 % were called better or worse that were not. The mean of 1 / s^2 is (n - 1) / (n - 3) times
    the inverse variance; the ratio, multiplied by (n - 3) / (n - 1), is right on average. With up to three draws
    that mean does not exist, and the test images' part adds none.

    Returns:
        Degrees of freedom from n - 1 to `NORMAL`, which stands for endlessly many.
    """
    own, noise = parts.effective / draws, parts.between / draws
    error = float(np.sqrt(own + parts.test))
    if draws == 1 or noise == 0:
        return error, NORMAL
    certain = parts.test * max(0, draws - 3) / (draws - 1)
    return error, min(NORMAL, (draws - 1) * ((own + certain) / noise) ** 2)


def student_interval(mean: float, error: float, df: float, alpha: float) -> list[float]:
    """Return the ends of Student's interval with confidence 1 - alpha."""
    half = error * student_quantile(df, alpha)
    return [mean - half, mean + half]


def student_quantile(df: float, alpha: float) -> float:
    """Return what a t-value exceeds in size with probability alpha."""
    return -float(special.stdtrit(df, alpha / 2))


def student_p(mean: float, error: float, df: float) -> float:
    """Return the two-sided p-value of a mean of 0."""
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * special.stdtr(df, -abs(mean) / error))


def answer(interval: list[float], margin: float) -> Answer:
    """Return what an interval says of a change."""
    low, high = interval
    if low > 0:
        return "helps"
    if high < 0:
        return "hurts"
    return "no difference above margin" if -margin <= low and high <= margin else "undecided"


def detectable_change(error: float, df: float, alpha: float) -> float:
    """Return the change whose interval excludes 0 on the right side with probability `POWER` (noncentral t)."""
    return error * float(special.nctdtrinc(df, 1 - POWER, student_quantile(df, alpha)))


def least_detectable_change(parts: Variances, alpha: float) -> float | None:
    """Return the change that endless draws detect; None where no part of the test images is left then."""
    return detectable_change(float(np.sqrt(parts.test)), NORMAL, alpha) if parts.test > 0 else None


def count_draws(parts: Variances, change: float, alpha: float) -> int | None:
    """Return the fewest draws, at least 2, with which a change is detectable; None if no number suffices."""

    def suffice(draws: int) -> bool:
        return detectable_change(*combine_errors(parts, draws), alpha) <= change

    if (least_detectable_change(parts, alpha) or 0.0) >= change:
        return None
    high = 2
    while not suffice(high):
        high *= 2
    low = high // 2  # does not suffice, or is 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffice(middle) else (middle, high)
    return high
