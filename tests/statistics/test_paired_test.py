"""The sign-flip test against an enumeration, its error rate, and the cases in which a bootstrap is undefined."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.statistics.paired_test import Verdict, compare_paired

Floats = npt.NDArray[np.float64]


def verdict(differences: Floats, seed: int = 0, alpha: float = 0.05) -> Verdict:
    return compare_paired(list(0.5 + differences), [0.5] * len(differences), np.random.default_rng(seed), alpha)


@pytest.mark.parametrize("seeds", [2, 5, 6, 9])
def test_p_is_the_fraction_of_sign_patterns_as_extreme(seeds: int) -> None:
    for seed in range(5):
        differences = np.random.default_rng(seed).normal(0.3, 1, seeds)
        sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=seeds)]
        expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
        assert verdict(differences).p_value == pytest.approx(expected, rel=1e-12)


def test_six_seeds_of_one_sign_are_the_fewest_that_decide() -> None:
    gains = np.array([0.01, 0.03, 0.02, 0.05, 0.04, 0.01])
    result = verdict(gains)
    assert (result.p_value, result.verdict, result.seeds) == (2 / 64, "helps", 6)
    assert result.mean_difference == pytest.approx(0.16 / 6)
    assert 0 < result.interval[0] < result.mean_difference < result.interval[1] < 0.05
    assert verdict(-gains).verdict == "hurts"
    for seeds in range(1, 6):
        assert verdict(np.full(seeds, 100.0)).verdict == "no evidence"


def test_one_contrary_seed_of_six_is_no_evidence() -> None:
    assert verdict(np.array([0.01, 0.03, 0.02, 0.05, 0.04, -0.02])).verdict == "no evidence"


def test_swapping_the_arguments_mirrors_the_result() -> None:
    scores, baseline = np.random.default_rng(0).normal(size=(2, 8))
    one = compare_paired(list(scores), list(baseline), np.random.default_rng(1))
    other = compare_paired(list(baseline), list(scores), np.random.default_rng(1))
    assert other.mean_difference == -one.mean_difference
    assert other.p_value == one.p_value
    # The same resamples; quantiles are interpolated in the other direction.
    np.testing.assert_allclose(other.interval, [-one.interval[1], -one.interval[0]], atol=0.02)


@pytest.mark.parametrize("seeds", [1, 2, 6, 10])
@pytest.mark.parametrize("difference", [0.0, 0.1, -0.1])
def test_equal_differences_have_an_interval_of_no_width(seeds: int, difference: float) -> None:
    # 0.9 + 0.1 - 0.9 and 0.3 + 0.1 - 0.3 differ in the last digit.
    baseline = np.resize([0.9, 0.3], seeds)
    result = compare_paired(list(baseline + difference), list(baseline), np.random.default_rng(0))
    assert result.interval == [result.mean_difference] * 2
    assert result.mean_difference == pytest.approx(difference, abs=1e-15)
    assert result.p_value == (1 if difference == 0 else min(1, 2 / 2**seeds))
    assert (result.verdict == "no evidence") == (difference == 0 or seeds < 6)


def test_no_difference_is_significant_in_at_most_one_of_twenty() -> None:
    rng = np.random.default_rng(0)
    verdicts = [verdict(rng.normal(size=6)).verdict for _ in range(400)]
    # Exactly 2/64 for six continuous differences; binomial standard deviation
    # sqrt(0.031 * 0.969 / 400) = 0.009; three of them.
    assert np.mean([found != "no evidence" for found in verdicts]) == pytest.approx(2 / 64, abs=0.028)


def test_rounded_scores_never_give_nan() -> None:
    rng = np.random.default_rng(0)
    for seeds in (2, 3, 5, 6, 8):
        for _ in range(40):
            result = verdict(rng.integers(-1, 2, seeds) / 100)
            assert type(result).model_validate_json(result.model_dump_json()) == result
            # The mean of resamples lies in the range of the differences, which 0.5 + d - 0.5 rounds.
            assert -0.0100001 <= result.interval[0] <= result.interval[1] <= 0.0100001


def test_many_seeds_are_sampled() -> None:
    result = verdict(np.random.default_rng(0).normal(0.5, 1, 40))
    # t = 0.5 * sqrt(40) = 3.2 on average: p around 0.003; sampled p-values start at 1 / 16385.
    assert result.verdict == "helps"
    assert 1e-4 < result.p_value < 0.05
    assert result.interval[0] > 0


def test_alpha_moves_verdict_and_interval() -> None:
    gains = np.array([0.01, 0.03, 0.02, 0.05, 0.04, 0.01])
    strict, lax = verdict(gains, alpha=0.01), verdict(gains, alpha=0.2)
    assert (strict.verdict, lax.verdict) == ("no evidence", "helps")
    assert strict.interval[0] < lax.interval[0] < lax.interval[1] < strict.interval[1]


def test_a_seed_determines_the_result() -> None:
    differences = np.random.default_rng(0).normal(size=20)
    assert verdict(differences, 1) == verdict(differences, 1) != verdict(differences, 2)


@pytest.mark.parametrize(
    ("scores", "baseline", "alpha"),
    [
        ([], [], 0.05),
        ([1.0], [1.0, 2.0], 0.05),
        ([float("nan")], [1.0], 0.05),
        ([1.0], [1.0], 0.0),
        ([1.0], [1.0], 1.0),
    ],
)
def test_mistakes_are_refused(scores: list[float], baseline: list[float], alpha: float) -> None:
    with pytest.raises(ValueError, match=r"wanted|finite|alpha"):
        compare_paired(scores, baseline, np.random.default_rng(0), alpha)
