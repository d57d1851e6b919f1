"""The t-test against hand-written formulas and scipy, its error rates in simulation, and its degenerate cases."""

import json

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from counterweight.statistics.base.moments import compute_moments
from counterweight.statistics.two_sample.ttest import (
    Calibrated,
    MeanDifference,
    Row,
    Test,
    calibrated,
    compare_means,
    p_values,
)

Floats = npt.NDArray[np.float64]
SHARES = ("fraction_rejected", "fraction_rejected_fdr", "fraction_effect")


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def compare(a: Floats, b: Floats, test: Test = "welch") -> MeanDifference:
    return compare_means(a, b, test, alpha=0.05, effect_size=0.2)


def calibrate(real: Floats, synthetic: Floats, repeats: int = 10, seed: int = 0) -> Calibrated:
    labels = np.zeros(len(real), np.int64), np.zeros(len(synthetic), np.int64)
    rng = np.random.default_rng(seed)
    return calibrated(
        real, labels[0], synthetic, labels[1], rng, test="welch", alpha=0.05, effect_size=0.2, repeats=repeats
    )


def rows(result: Calibrated) -> list[Row]:
    found = [result["within_real"], result["within_synthetic"], result["between"]]
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
    result = compare_means(a, b, test, alpha=0.05, effect_size=0.2)
    p = stats.ttest_ind(a.astype(np.float64), b.astype(np.float64), equal_var=test == "student").pvalue
    assert result.fraction_rejected == np.mean(p < 0.05)
    assert result.fraction_rejected_fdr == np.mean(stats.false_discovery_control(p) <= 0.05)
    assert (result.features, result.constant, result.n_a, result.n_b) == (500, 0, 20, 31)


def test_a_small_deviation_beside_a_large_mean_keeps_its_digits() -> None:
    a, b = normal(0, 20, 200), normal(1, 20, 200) + 0.5
    near, far = compare(a, b), compare(a + 1e7, b + 1e7)
    # float64 keeps 1e7 to 1e-9 of a standard deviation: no p-value of 200 lies that near to 0.05.
    assert near == far


def test_benjamini_hochberg_by_hand() -> None:
    a, b = normal(2, 15, 40), normal(3, 15, 40) + np.linspace(0, 2, 40)
    p = np.sort(stats.ttest_ind(a, b, equal_var=False).pvalue)
    below = np.flatnonzero(p <= 0.05 * np.arange(1, 41) / 40)
    assert compare(a, b).fraction_rejected_fdr == (below[-1] + 1) / 40


def test_cohens_d_by_hand() -> None:
    a = np.array([[0.0], [2.0]])  # mean 1, variance 2
    b = np.array([[2.0], [4.0], [6.0]])  # mean 4, variance 4: pooled (2 + 2 * 4) / 3, d = 3 / sqrt(10 / 3) = 1.643
    assert compare_means(a, b, "welch", 0.05, 1.642).fraction_effect == 1
    assert compare_means(a, b, "welch", 0.05, 1.644).fraction_effect == 0


def test_a_sample_equals_itself_and_order_does_not_matter() -> None:
    a, b = normal(0, 10, 50), normal(1, 14, 50) + 0.7
    assert [getattr(compare(a, a), fraction) for fraction in SHARES] == [0, 0, 0]
    assert compare(a, b) == compare(b, a)._replace(n_a=10, n_b=14)


def test_constant_features_are_left_out_and_counted() -> None:
    a, b = normal(0, 10, 6), normal(1, 12, 6)
    a[:, :2] = b[:, :2] = 0.1  # not a binary fraction: its mean rounds
    b[:, 5] = a[:, 5] = 1e-300
    result = compare(a, b)
    assert (result.features, result.constant) == (6, 3)
    assert result[2:5] == compare(a[:, 2:5], b[:, 2:5])[2:5]


@pytest.mark.parametrize("test", ["welch", "student"])
def test_constants_of_two_values_are_rejected(test: Test) -> None:
    a, b = np.full((5, 2), 0.1), np.full((7, 2), 0.3)
    b[:, 1] = 0.1
    assert compare(a, b, test) == MeanDifference(2, 1, 1.0, 1.0, 1.0, 5, 7)


def test_all_constant_gives_zero_fractions() -> None:
    assert compare(np.full((5, 3), 0.7), np.full((2, 3), 0.7)) == MeanDifference(3, 3, 0.0, 0.0, 0.0, 5, 2)


def test_welch_keeps_its_level_where_student_does_not() -> None:
    a, b = 3 * normal(0, 20, 20000), normal(1, 80, 20000)
    # Binomial standard deviation sqrt(0.05 * 0.95 / 20000) = 0.0015; four of them.
    assert compare(a, b, "welch").fraction_rejected == pytest.approx(0.05, abs=0.006)
    # t is too large by sqrt((9/20 + 1/80) / (pooled variance 2.55 * (1/20 + 1/80))) = 1.70: 2 sf(1.98 / 1.70) = 0.24
    assert compare(a, b, "student").fraction_rejected == pytest.approx(0.24, abs=0.02)


def test_equal_sets_give_equal_rows_at_the_level() -> None:
    result = calibrate(normal(0, 150, 4096), normal(1, 95, 4096), repeats=20)
    assert (result["n"], result["features"], result["repeats"]) == (47, 4096, 20)
    for row in rows(result):
        # One draw of 4096 features: sqrt(0.05 * 0.95 / 4096) = 0.0034, and draws share images; five of them.
        assert row["fraction_rejected"]["mean"] == pytest.approx(0.05, abs=0.017)
        # A false rejection among 4096 happens in one draw of twenty and rejects about one feature.
        assert row["fraction_rejected_fdr"]["mean"] < 0.001
        # d has standard deviation sqrt(2 / 47) = 0.206: P(|d| > 0.2) = 2 sf(0.97) = 0.33.
        assert row["fraction_effect"]["mean"] == pytest.approx(0.33, abs=0.04)


def test_fractions_grow_with_the_shift_and_only_between() -> None:
    rejected = []
    for shift in (0.0, 0.3, 0.6, 1.2):
        result = calibrate(normal(0, 80, 500), normal(1, 80, 500) + shift)
        within_real, within_synthetic, between = rows(result)
        assert within_real["fraction_rejected"]["mean"] < 0.1
        assert within_synthetic["fraction_rejected"]["mean"] < 0.1
        rejected.append([between[fraction]["mean"] for fraction in SHARES])  # type: ignore[literal-required]
    assert np.all(np.diff(rejected, axis=0) > 0)
    assert rejected[-1][0] > 0.99


def test_the_class_mix_is_no_difference() -> None:
    real_labels, labels = np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [10, 90])
    real = normal(0, 100, 300) + 5 * real_labels[:, np.newaxis]
    synthetic = normal(1, 100, 300) + 5 * labels[:, np.newaxis]
    rng = np.random.default_rng(0)
    result = calibrated(real, real_labels, synthetic, labels, rng, test="welch", alpha=0.05, effect_size=0.2, repeats=5)
    assert result["n"] == 10
    # Two classes 5 apart widen the variance and cancel in the mean: the test is conservative here.
    assert rows(result)[2]["fraction_rejected"]["mean"] < 0.05


def test_a_collapsed_set_is_seen_in_its_own_row() -> None:
    result = calibrate(normal(0, 40, 100), np.repeat(normal(1, 1, 100), 40, axis=0))
    assert result["within_synthetic"] == {
        "fraction_rejected": {"mean": 0.0, "std": 0.0},
        "fraction_rejected_fdr": {"mean": 0.0, "std": 0.0},
        "fraction_effect": {"mean": 0.0, "std": 0.0},
        "constant": {"mean": 100.0, "std": 0.0},
    }
    # One value differs from the mean of 20 if further off than 2.1 / sqrt(20) = 0.47: 0.64 of normal ones are.
    assert rows(result)[2]["fraction_rejected"]["mean"] == pytest.approx(0.64, abs=0.2)
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(("real", "synthetic", "n"), [(0, 50, 0), (1, 1, 0), (50, 3, 1), (50, 5, 2), (5, 5, 2)])
def test_few_images_give_a_reason_or_finite_numbers(real: int, synthetic: int, n: int) -> None:
    result = calibrate(normal(0, real, 20), normal(1, synthetic, 20))
    json.dumps(result, allow_nan=False)
    assert result["n"] == n
    found = [result["within_real"], result["within_synthetic"], result["between"]]
    assert (None not in found) if n >= 2 else found == [None, None, None]
    assert (result["reason"] is None) == (n >= 2)


def test_images_made_of_one_another_are_compared_with_others_than_their_own() -> None:
    """Equal sets: of their own originals the means would be the same, and nothing would be rejected."""
    real = normal(0, 200, 2000)
    found = rows(calibrate(real, real))
    assert found[0] == found[2]
    assert found[2]["fraction_rejected"]["mean"] == pytest.approx(0.05, abs=0.01)


def test_a_seed_determines_the_result_and_arguments_stay() -> None:
    a, b = normal(0, 20, 10), normal(1, 20, 10)
    copies = a.copy(), b.copy()
    assert calibrate(a, b, seed=3) == calibrate(a, b, seed=3) != calibrate(a, b, seed=4)
    np.testing.assert_array_equal((a, b), copies)


def test_mistakes_are_refused() -> None:
    a = normal(0, 5, 3)
    for wrong in ({"test": "z"}, {"alpha": 0.0}, {"alpha": 1.0}, {"effect_size": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            compare_means(a, a, **{"test": "welch", "alpha": 0.05, "effect_size": 0.2, **wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least two"):
        compare(a[:1], a)
    with pytest.raises(ValueError, match="repeats"):
        calibrate(a, a, repeats=0)
