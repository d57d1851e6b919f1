"""The two-sample test against explicit ridge regression, its error rate, its power, and its degenerate cases."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import Ridge

from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import StatisticResult
from counterweight.statistics.two_sample.c2st import STATISTIC, direction, penalty, solve

Floats = npt.NDArray[np.float64]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def run(real: Floats, synthetic: Floats, repeats: int = 5, seed: int = 0) -> StatisticResult:
    """Run the statistic on two sets of one class."""
    sets = [LabelledFeatures(table, np.zeros(len(table), np.int64)) for table in (real, synthetic)]
    return run_statistic(STATISTIC, sets[0], sets[1], np.random.default_rng(seed), repeats, {})


def mean(result: StatisticResult, key: str = "auc") -> float:
    assert result.between is not None
    return result.between[key].mean


def first(result: StatisticResult) -> dict[str, float]:
    assert result.first is not None
    return result.first


def covers_chance(result: StatisticResult) -> bool:
    return first(result)["interval_low"] <= 0.5 <= first(result)["interval_high"]


@pytest.mark.parametrize(("count", "dimension"), [(60, 20), (30, 200)])
def test_the_penalty_is_that_of_ledoit_and_wolf(count: int, dimension: int) -> None:
    table = normal(0, count, dimension) * np.linspace(1, 4, dimension)
    table -= table.mean(axis=0)
    covariance = table.T @ table / count
    fraction = ledoit_wolf_shrinkage(table, assume_centered=True)
    norms = np.sum(table**2, axis=1)
    value = penalty(np.trace(covariance), np.sum(covariance**2), norms, dimension)
    assert value == pytest.approx(np.trace(covariance) / dimension * fraction / (1 - fraction), rel=1e-10)


@pytest.mark.parametrize(("count", "dimension"), [(60, 20), (30, 200)])
def test_the_direction_is_that_of_ridge_regression(count: int, dimension: int) -> None:
    real, synthetic = normal(0, count, dimension), normal(1, count, dimension) + 0.3
    scale = np.sqrt((real.var(axis=0, ddof=1) + synthetic.var(axis=0, ddof=1)) / 2)
    table = np.concatenate([real - real.mean(axis=0), synthetic - synthetic.mean(axis=0)]) / scale
    covariance = table.T @ table / len(table)
    ridge = penalty(np.trace(covariance), np.sum(covariance**2), np.sum(table**2, axis=1), dimension)
    labels = np.repeat([0, 1], count)
    reference = Ridge(alpha=ridge * len(table)).fit(np.concatenate([real, synthetic]) / scale, labels).coef_
    weights, constant = direction(real, synthetic)
    cosine = weights * scale @ reference / np.linalg.norm(weights * scale) / np.linalg.norm(reference)
    assert (constant, cosine) == (0, pytest.approx(1, abs=1e-10))


def test_images_made_of_one_another_are_as_hard_to_tell_apart_as_equal_sets() -> None:
    """Their originals in the wrong half would lead a classifier astray: the area was 0.2 then."""
    real = normal(0, 300, 400)
    found = run(real, real + 1e-3 * normal(1, 300, 400))
    assert covers_chance(found)
    assert mean(found) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("count", "dimension"), [(20, 21), (21, 20)])
def test_both_grams_solve_the_same_equations(count: int, dimension: int) -> None:
    table, apart = normal(0, count, dimension), normal(1, dimension)
    covariance = table.T @ table / count
    ridge = penalty(np.trace(covariance), np.sum(covariance**2), np.sum(table**2, axis=1), dimension)
    expected = np.linalg.solve(covariance + ridge * np.eye(dimension), apart)
    result = solve(table, apart)
    np.testing.assert_allclose(result / np.linalg.norm(result), expected / np.linalg.norm(expected), atol=1e-10)


@pytest.mark.parametrize("dimension", [5, 300])
def test_equal_distributions_are_at_a_half_and_rejected_at_the_level(dimension: int) -> None:
    results = [run(normal(s, 90, dimension), normal(1000 + s, 80, dimension), 1, s) for s in range(200)]
    values = [mean(result) for result in results]
    assert np.mean(values) == pytest.approx(0.5, abs=4 * np.std(values, ddof=1) / np.sqrt(200))
    inside = [covers_chance(result) for result in results]
    rejected = [first(result)["p_value"] < 0.05 for result in results]
    # Binomial standard deviation sqrt(0.05 * 0.95 / 200) = 0.015; three.
    assert np.mean(inside) == pytest.approx(0.95, abs=0.046)
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.046)


def test_halves_of_one_set_are_at_a_half() -> None:
    both = normal(0, 400, 50)
    assert covers_chance(run(both[::2], both[1::2]))


def test_a_shift_is_found_as_well_as_it_can_be() -> None:
    # Two normal distributions apart by 1 in one of three features: the best area is P(N(1, 2) > 0); n = 1000.
    result = run(normal(0, 2000, 3), normal(1, 2000, 3) + np.array([1.0, 0.0, 0.0]))
    assert mean(result) == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.03)
    assert first(result)["p_value"] < 1e-6


def test_it_grows_with_the_shift_and_perfect_separation_is_one() -> None:
    real, synthetic = normal(0, 80, 30), normal(1, 80, 30)
    values = [mean(run(real, synthetic + shift)) for shift in (0, 0.2, 0.5, 2)]
    assert np.all(np.diff(values) > 0)
    result = run(real, synthetic + 50)
    assert (mean(result), first(result)["auc"], first(result)["interval_high"]) == (1, 1, 1)
    assert first(result)["interval_low"] == pytest.approx(0.025 ** (1 / 40))
    assert mean(run(synthetic + 50, real)) == 1


def test_the_unit_of_features_does_not_matter() -> None:
    real, synthetic = normal(0, 60, 30), normal(1, 60, 30) + 0.3
    # Powers of two scale without rounding.
    scale = 2.0 ** np.arange(-15, 15)
    assert run(real * scale, synthetic * scale) == run(real, synthetic)


def test_constant_features_are_masked() -> None:
    real, synthetic = normal(0, 60, 6), normal(1, 60, 6)
    padded = [np.concatenate([table, np.full((60, 2), 0.1)], axis=1) for table in (real, synthetic)]
    result = run(padded[0], padded[1])
    assert mean(result, "constant") == 2
    assert mean(result) == pytest.approx(mean(run(real, synthetic)), abs=1e-12)
    nothing = run(np.full((20, 3), 0.1), np.full((20, 3), 0.1))
    assert (mean(nothing), first(nothing)["p_value"], mean(nothing, "constant")) == (0.5, 1, 3)
    assert StatisticResult.model_validate_json(nothing.model_dump_json()) == nothing


def test_sets_of_one_image_each() -> None:
    real, synthetic = np.repeat(normal(0, 1, 9), 20, axis=0), np.repeat(normal(1, 1, 9), 20, axis=0)
    assert mean(run(real, synthetic)) == 1
    assert mean(run(real, real)) == 0.5
    collapsed = run(normal(2, 60, 9), synthetic)
    assert StatisticResult.model_validate_json(collapsed.model_dump_json()) == collapsed
    assert mean(collapsed) > 0.8
