"""The t-test against hand-written formulas and scipy, its error rates in simulation, and its degenerate cases."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from counterweight.core.results import Spread
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import Row, StatisticResult
from counterweight.statistics.base.contract import Numbers
from counterweight.statistics.base.moments import compute_moments
from counterweight.statistics.two_sample.ttest import STATISTIC, Test, p_values

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]
FRACTIONS = ("fraction_rejected", "fraction_rejected_fdr", "fraction_effect")
OPTIONS = {"test": "welch", "alpha": 0.05, "effect_size": 0.2}


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def compare(a: Features, b: Features, test: Test = "welch", effect_size: float = 0.2) -> Numbers:
    return STATISTIC.compare(a, b, np.random.default_rng(0), {"test": test, "alpha": 0.05, "effect_size": effect_size})


def run(real: Floats, synthetic: Floats, repeats: int = 10, seed: int = 0) -> StatisticResult:
    """Run the statistic on two sets of one class."""
    sets = [LabelledFeatures(table, np.zeros(len(table), np.int64)) for table in (real, synthetic)]
    return run_statistic(STATISTIC, sets[0], sets[1], np.random.default_rng(seed), repeats, OPTIONS)


def rows(result: StatisticResult) -> list[Row]:
    """Return the rows within real, within synthetic and between both."""
    found = [result.baseline, result.within, result.between]
    assert None not in found
    return [row for row in found if row is not None]


def test_p_values_follow_the_formula_by_hand() -> None:
    a, b = normal(0, 12, 30), 2 * normal(1, 20, 30) + 0.5
    error = a.var(0, ddof=1) / 12 + b.var(0, ddof=1) / 20
    freedom = error**2 / ((a.var(0, ddof=1) / 12) ** 2 / 11 + (b.var(0, ddof=1) / 20) ** 2 / 19)
    welch = 2 * stats.t.sf(np.abs(a.mean(0) - b.mean(0)) / np.sqrt(error), freedom)
    pooled = (11 * a.var(0, ddof=1) + 19 * b.var(0, ddof=1)) / 30
    student = 2 * stats.t.sf(np.abs(a.mean(0) - b.mean(0)) / np.sqrt(pooled * (1 / 12 + 1 / 20)), 30)
    np.testing.assert_allclose(p_values(compute_moments(a), compute_moments(b), "welch"), welch, rtol=1e-6)
    np.testing.assert_allclose(p_values(compute_moments(a), compute_moments(b), "student"), student, rtol=1e-6)


@pytest.mark.parametrize("test", ["welch", "student"])
@pytest.mark.parametrize("scale", [1e7, 1.0, 1e-10])
def test_fractions_equal_those_of_scipy_at_any_scale(test: Test, scale: float) -> None:
    a = (scale * normal(0, 20, 500)).astype(np.float32)
    b = (scale * (normal(1, 31, 500) + 0.5)).astype(np.float32)
    result = compare(a, b, test)
    p = stats.ttest_ind(a.astype(np.float64), b.astype(np.float64), equal_var=test == "student").pvalue
    assert result["fraction_rejected"] == np.mean(p < 0.05)
    assert result["fraction_rejected_fdr"] == np.mean(stats.false_discovery_control(p) <= 0.05)
    assert result["constant"] == 0


def test_a_small_deviation_beside_a_large_mean_keeps_its_digits() -> None:
    a, b = normal(0, 20, 200), normal(1, 20, 200) + 0.5
    near, far = compare(a, b), compare(a + 1e7, b + 1e7)
    # float64 keeps 1e7 to 1e-9 of a standard deviation: no p-value of 200 lies that near to 0.05.
    assert near == far


def test_benjamini_hochberg_by_hand() -> None:
    a, b = normal(2, 15, 40), normal(3, 15, 40) + np.linspace(0, 2, 40)
    p = np.sort(stats.ttest_ind(a, b, equal_var=False).pvalue)
    below = np.flatnonzero(p <= 0.05 * np.arange(1, 41) / 40)
    assert compare(a, b)["fraction_rejected_fdr"] == (below[-1] + 1) / 40


def test_cohens_d_by_hand() -> None:
    a = np.array([[0.0], [2.0]])  # mean 1, variance 2
    b = np.array([[2.0], [4.0], [6.0]])  # mean 4, variance 4: pooled (2 + 2 * 4) / 3, d = 3 / sqrt(10 / 3) = 1.643
    assert compare(a, b, effect_size=1.642)["fraction_effect"] == 1
    assert compare(a, b, effect_size=1.644)["fraction_effect"] == 0


def test_a_sample_equals_itself_and_order_does_not_matter() -> None:
    a, b = normal(0, 10, 50), normal(1, 14, 50) + 0.7
    assert [compare(a, a)[fraction] for fraction in FRACTIONS] == [0, 0, 0]
    assert compare(a, b) == compare(b, a)


def test_constant_features_are_left_out_and_counted() -> None:
    a, b = normal(0, 10, 6), normal(1, 12, 6)
    a[:, :2] = b[:, :2] = 0.1  # not a binary fraction: its mean rounds
    b[:, 5] = a[:, 5] = 1e-300
    result = compare(a, b)
    assert result == {**compare(a[:, 2:5], b[:, 2:5]), "constant": 3}


@pytest.mark.parametrize("test", ["welch", "student"])
def test_constants_of_two_values_are_rejected(test: Test) -> None:
    a, b = np.full((5, 2), 0.1), np.full((7, 2), 0.3)
    b[:, 1] = 0.1
    assert compare(a, b, test) == {**dict.fromkeys(FRACTIONS, 1.0), "constant": 1}


def test_all_constant_gives_zero_fractions() -> None:
    assert compare(np.full((5, 3), 0.7), np.full((2, 3), 0.7)) == {**dict.fromkeys(FRACTIONS, 0.0), "constant": 3}


def test_welch_keeps_its_level_where_student_does_not() -> None:
    a, b = 3 * normal(0, 20, 20000), normal(1, 80, 20000)
    # Binomial standard deviation sqrt(0.05 * 0.95 / 20000) = 0.0015; four of them.
    assert compare(a, b, "welch")["fraction_rejected"] == pytest.approx(0.05, abs=0.006)
    # t is too large by sqrt((9/20 + 1/80) / (pooled variance 2.55 * (1/20 + 1/80))) = 1.70: 2 sf(1.98 / 1.70) = 0.24
    assert compare(a, b, "student")["fraction_rejected"] == pytest.approx(0.24, abs=0.02)


def test_equal_sets_give_equal_rows_at_the_level() -> None:
    result = run(normal(0, 150, 4096), normal(1, 95, 4096), repeats=20)
    assert (result.n, result.draws) == (47, 20)
    for row in rows(result):
        # One draw of 4096 features: sqrt(0.05 * 0.95 / 4096) = 0.0034, and draws share images; five of them.
        assert row["fraction_rejected"].mean == pytest.approx(0.05, abs=0.017)
        # A false rejection among 4096 happens in one draw of twenty and rejects about one feature.
        assert row["fraction_rejected_fdr"].mean < 0.001
        # d has standard deviation sqrt(2 / 47) = 0.206: P(|d| > 0.2) = 2 sf(0.97) = 0.33.
        assert row["fraction_effect"].mean == pytest.approx(0.33, abs=0.04)


def test_fractions_grow_with_the_shift_and_only_between() -> None:
    rejected = []
    for shift in (0.0, 0.3, 0.6, 1.2):
        result = run(normal(0, 80, 500), normal(1, 80, 500) + shift)
        within_real, within_synthetic, between = rows(result)
        assert within_real["fraction_rejected"].mean < 0.1
        assert within_synthetic["fraction_rejected"].mean < 0.1
        rejected.append([between[fraction].mean for fraction in FRACTIONS])
    assert np.all(np.diff(rejected, axis=0) > 0)
    assert rejected[-1][0] > 0.99


def test_the_class_mix_is_no_difference() -> None:
    real_labels, labels = np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [10, 90])
    real = LabelledFeatures(normal(0, 100, 300) + 5 * real_labels[:, np.newaxis], real_labels)
    synthetic = LabelledFeatures(normal(1, 100, 300) + 5 * labels[:, np.newaxis], labels)
    result = run_statistic(STATISTIC, real, synthetic, np.random.default_rng(0), 5, OPTIONS)
    assert result.n == 10
    # Two classes 5 apart widen the variance and cancel in the mean: the test is conservative here.
    assert rows(result)[2]["fraction_rejected"].mean < 0.05


def test_a_collapsed_set_is_seen_in_its_own_row() -> None:
    result = run(normal(0, 40, 100), np.repeat(normal(1, 1, 100), 40, axis=0))
    nothing = Spread(mean=0.0, std=0.0)
    assert result.within == {**dict.fromkeys(FRACTIONS, nothing), "constant": Spread(mean=100.0, std=0.0)}
    # One value differs from the mean of 20 if further off than 2.1 / sqrt(20) = 0.47: 0.64 of normal ones are.
    assert rows(result)[2]["fraction_rejected"].mean == pytest.approx(0.64, abs=0.2)
    assert StatisticResult.model_validate_json(result.model_dump_json()) == result


def test_images_made_of_one_another_are_compared_with_others_than_their_own() -> None:
    """Equal sets: of their own originals the means would be the same, and nothing would be rejected."""
    real = normal(0, 200, 2000)
    found = rows(run(real, real))
    assert found[0] == found[2]
    assert found[2]["fraction_rejected"].mean == pytest.approx(0.05, abs=0.01)


def test_mistakes_are_refused() -> None:
    a = normal(0, 5, 3)
    for wrong in ({"test": "z"}, {"alpha": 0.0}, {"alpha": 1.0}, {"effect_size": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            STATISTIC.compare(a, a, np.random.default_rng(0), {**OPTIONS, **wrong})
