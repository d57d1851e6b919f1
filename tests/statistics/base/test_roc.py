"""Areas by hand, the coverage of their intervals, their p-values' error rate, and scores that separate or tie."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from counterweight.statistics.base.roc import Curve, average_precision, compute_placements, roc_auc, roc_points

Floats = npt.NDArray[np.float64]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def found(positive: Floats, negative: Floats, confidence: float = 0.95) -> tuple[float, float, float, float]:
    result = roc_auc(positive, negative, confidence)
    assert result.auc is not None
    assert result.interval is not None
    assert result.p_value is not None
    return result.auc, result.interval[0], result.interval[1], result.p_value


def test_area_and_interval_by_hand() -> None:
    positive, negative = np.array([1.0, 2.0, 4.0]), np.array([0.0, 2.0])
    # Of six pairs 1 > 0, 2 > 0, 4 > 0 and 4 > 2 are right and 2 = 2 is half right.
    value, low, high, _ = found(positive, negative)
    assert value == pytest.approx(4.5 / 6)
    above, below = compute_placements(positive, negative)
    np.testing.assert_allclose(above, [1 / 2, 3 / 4, 1])
    np.testing.assert_allclose(below, [1, 1 / 2])
    variance = np.var([1 / 2, 3 / 4, 1], ddof=1) / 3 + np.var([1, 1 / 2], ddof=1) / 2
    reach = 1.959964 * np.sqrt(variance) / (0.75 * 0.25)
    logits = np.log(3) - reach, np.log(3) + reach
    assert (low, high) == pytest.approx([1 / (1 + np.exp(-logit)) for logit in logits], rel=1e-6)


def test_placements_are_fractions_of_pairs() -> None:
    positive, negative = np.round(normal(0, 40), 1), np.round(normal(1, 30), 1)
    wins = (positive[:, np.newaxis] > negative) + 0.5 * (positive[:, np.newaxis] == negative)
    above, below = compute_placements(positive, negative)
    np.testing.assert_allclose(above, wins.mean(axis=1), atol=1e-14)
    np.testing.assert_allclose(below, wins.mean(axis=0), atol=1e-14)
    labels = np.repeat([1, 0], [40, 30])
    assert found(positive, negative)[0] == pytest.approx(roc_auc_score(labels, np.concatenate([positive, negative])))


def test_swapping_groups_and_turning_scores_mirror_the_result() -> None:
    positive, negative = normal(0, 40) + 0.5, normal(1, 30)
    value, low, high, p = found(positive, negative)
    assert found(negative, positive) == pytest.approx((1 - value, 1 - high, 1 - low, p), rel=1e-12)
    assert found(-negative, -positive) == pytest.approx((value, low, high, p), rel=1e-12)
    assert found(np.exp(positive), np.exp(negative)) == pytest.approx((value, low, high, p), rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_interval_covers_the_area(shift: float) -> None:
    expected, covered = stats.norm.cdf(shift / np.sqrt(2)), []
    for seed in range(400):
        _, low, high, _ = found(normal(seed, 40) + shift, normal(1000 + seed, 60))
        covered.append(low <= expected <= high)
    # Binomial standard deviation sqrt(0.95 * 0.05 / 400) = 0.011; three, and 0.01 for so few scores.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.043)


def test_no_separation_is_rejected_at_the_level() -> None:
    values = [found(normal(seed, 40), normal(1000 + seed, 60))[3] for seed in range(400)]
    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.033)


def test_the_interval_narrows_with_the_number_and_widens_with_the_confidence() -> None:
    widths = []
    for count, confidence in ((4000, 0.95), (400, 0.95), (400, 0.99)):
        _, low, high, _ = found(normal(0, count) + 1, normal(1, count), confidence)
        widths.append(high - low)
    assert np.all(np.diff(widths) > 0)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (2, 3), (30, 20), (500, 500)])
def test_perfect_separation_has_an_interval_with_a_width(n: int, m: int) -> None:
    value, low, high, p = found(np.arange(n) + 1.0, -np.arange(m) - 1.0)
    # So many independent pairs in the right order: 0.025 = low^k.
    assert (value, low, high) == (1, pytest.approx(0.025 ** (1 / min(n, m))), 1)
    assert 0 < p <= 1
    assert found(-np.arange(m) - 1.0, np.arange(n) + 1.0)[:3] == (0, 0, pytest.approx(1 - low))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 2), (7, 5), (100, 100)])
def test_equal_scores_say_nothing(n: int, m: int) -> None:
    value, low, high, p = found(np.full(n, 0.1), np.full(m, 0.1))
    assert (value, p) == (0.5, 1)
    assert 0 <= low < 0.5 < high <= 1
    assert low == pytest.approx(1 - high)


def test_rounded_scores_never_give_nan() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 5):
        for _ in range(60):
            result = roc_auc(rng.integers(0, 3, count) / 3, rng.integers(0, 3, rng.integers(1, 5)) / 3)
            assert type(result).model_validate_json(result.model_dump_json()) == result
            assert result.interval is not None
            assert result.auc is not None
            low, high = result.interval
            assert 0 <= low <= result.auc <= high <= 1
            assert low < high


def test_an_empty_group_is_a_reason() -> None:
    result = roc_auc(np.empty(0), np.ones(3))
    assert (result.auc, result.interval, result.p_value) == (None, None, None)
    assert result.reason == "0 positive and 3 negative scores; at least one of either is needed"
    assert average_precision(np.empty(0), np.ones(3)) is None
    assert roc_points(np.ones(3), np.empty(0)) is None


def test_average_precision_by_hand() -> None:
    # Thresholds 4, 3 and 1 reach recalls 1/3, 2/3 and 1 with precisions 1, 2/3 and 3/5.
    value = average_precision(np.array([4.0, 2.5, 1.0]), np.array([3.0, 2.0]))
    assert value == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert average_precision(np.ones(3), np.ones(7)) == pytest.approx(0.3)
    assert average_precision(np.ones(3), np.zeros(7)) == 1


def test_a_curve_is_thin_monotone_and_has_its_area() -> None:
    positive, negative = normal(0, 5000) + 1, normal(1, 5000)
    result = roc_points(positive, negative)
    assert result is not None
    x, y = result
    assert len(x) == len(y) <= 200
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.all(np.diff(x) >= 0)
    assert np.all(np.diff(y) >= 0)
    # 200 chords of a concave curve: the area between is below 1 / 200 of it.
    assert np.trapezoid(y, x) == pytest.approx(found(positive, negative)[0], abs=0.005)
    few = roc_points(np.array([2.0]), np.array([1.0]))
    assert few == Curve(false_positive_rate=[0, 0, 1], true_positive_rate=[0, 1, 1])


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_mistakes_are_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        roc_auc(np.ones(2), np.ones(2), confidence)
    for function in (roc_auc, average_precision, roc_points):
        with pytest.raises(ValueError, match="wanted"):
            function(np.ones((2, 1)), np.ones(2))
        with pytest.raises(ValueError, match="finite"):
            function(np.ones(2), np.array([np.nan]))


# Scores in groups.


def grouped(seed: int, groups: int, size: int, correlation: float) -> Floats:
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(size=groups), size)
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * rng.normal(size=groups * size)


def test_groups_of_one_score_have_the_variance_of_independent_ones() -> None:
    positive, negative = normal(0, 40) + 0.5, normal(1, 50)
    plain, single = roc_auc(positive, negative), roc_auc(positive, negative, groups=(np.arange(40), np.arange(50)))
    assert plain.interval is not None
    assert single.interval is not None
    widths = [np.ptp(np.log(np.array(own) / (1 - np.array(own)))) for own in (plain.interval, single.interval)]
    above, below = compute_placements(positive, negative)
    assert plain.auc is not None
    value = plain.auc
    # DeLong's variance, but around the area itself, with Student's quantile.
    parts = [np.sum((own - value) ** 2) / (len(own) * (len(own) - 1)) for own in (above, below)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 39 + parts[1] ** 2 / 49)
    assert widths[1] / widths[0] == pytest.approx(stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975), rel=1e-6)


def test_copies_of_scores_in_a_group_add_nothing() -> None:
    """Each score ten times, in a group: the interval is that of single scores; without groups it is far narrower."""
    positive, negative = normal(0, 30) + 0.5, normal(1, 30)
    single = roc_auc(positive, negative, groups=(np.arange(30), np.arange(30)))
    many = np.repeat(positive, 10), np.repeat(negative, 10)
    numbers = np.repeat(np.arange(30), 10)
    together = roc_auc(*many, groups=(numbers, numbers))
    assert together.interval == pytest.approx(single.interval)
    assert together.p_value == pytest.approx(single.p_value)
    apart = roc_auc(*many)
    assert apart.interval is not None
    assert together.interval is not None
    assert np.ptp(apart.interval) < np.ptp(together.interval) / 2


def test_groups_that_separate_wholly_have_the_p_value_of_so_many_scores() -> None:
    positive, negative, numbers = normal(0, 40) + 100, normal(1, 40), np.repeat(np.arange(4), 10)
    result = roc_auc(positive, negative, groups=(numbers, numbers))
    assert result.p_value == pytest.approx(2 / 70)  # of the 70 orders of four and four
    assert result.interval == pytest.approx([0.025 ** (1 / 4), 1.0])
    one = roc_auc(positive, negative, groups=(numbers, np.zeros(40, dtype=np.int64)))
    assert one.p_value == pytest.approx(2 / 5)


def test_only_one_side_may_have_groups() -> None:
    positive, negative, numbers = grouped(0, 20, 10, 0.8), normal(1, 200), np.repeat(np.arange(20), 10)
    p_values = [roc_auc(positive, negative, groups=own).p_value for own in ((None, None), (numbers, None))]
    assert p_values[0] is not None
    assert p_values[1] is not None
    assert p_values[0] < p_values[1]
