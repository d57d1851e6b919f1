"""Families of features drawn from them, likelihoods against scipy's, and the pooled histogram."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import Families
from counterweight.statistics.base.contract import UndefinedStatisticError
from counterweight.statistics.two_sample import normality as module
from counterweight.statistics.two_sample.normality import STATISTIC, describe_families

Floats = npt.NDArray[np.float64]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def exponential(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).exponential(size=shape)


def test_features_are_of_the_family_they_were_drawn_from() -> None:
    scale, shift = np.linspace(0.01, 100, 50), np.linspace(-1000, 1000, 50)
    table = np.concatenate([normal(0, 300, 50), exponential(1, 300, 50)], axis=1) * np.tile(scale, 2)
    result = describe_families(table).families
    # Of 300 images the likelihoods are e^40 apart and more.
    assert (result.normal, result.exponential, result.constant) == (50, 50, 0)
    result = describe_families(exponential(1, 300, 50) * scale + shift).families
    assert (result.n, result.features, result.exponential) == (300, 50, 50)


@pytest.mark.parametrize("count", [3, 10, 40])
def test_the_better_likelihood_of_scipy_decides(count: int) -> None:
    table = np.concatenate([normal(0, count, 40), exponential(1, count, 40)], axis=1) + 5
    expected = 0
    for values in table.T:
        likelihoods = [family.logpdf(values, *family.fit(values)).sum() for family in (stats.norm, stats.expon)]
        expected += likelihoods[0] >= likelihoods[1]
    assert describe_families(table).families.normal == expected


@pytest.mark.parametrize(("count", "fraction"), [(10, 0.36), (20, 0.12), (50, 0.005)])
def test_few_normal_images_look_exponential_as_often_as_said(count: int, fraction: float) -> None:
    # Binomial standard deviation sqrt(0.36 * 0.64 / 4000) = 0.008; three, and the rounding of what is said.
    assert describe_families(normal(0, count, 4000)).families.exponential / 4000 == pytest.approx(fraction, abs=0.025)


def test_the_histogram_is_the_pooled_density() -> None:
    result = describe_families(normal(0, 4000, 30) * np.linspace(1, 9, 30) + 7)
    assert result.histogram is not None
    edges, densities = (np.array(values) for values in result.histogram)
    assert (len(edges), len(densities), edges[0], edges[-1]) == (151, 150, -5, 10)
    expected = np.diff(stats.norm.cdf(edges)) / 0.1
    # 120,000 values: sqrt(0.4 / (120000 * 0.1)) = 0.006 at most; four.
    np.testing.assert_allclose(densities, expected, atol=0.024)
    assert np.sum(densities) * 0.1 == pytest.approx(1 - (result.families.outside or 0), abs=1e-12)


def test_values_outside_are_counted() -> None:
    table = np.zeros((500, 2))
    table[0] = 1.0  # 22 standard deviations from the mean, as is (500 - 1)^(1/2)
    result = describe_families(table, bins=15)
    assert result.families.outside == pytest.approx(1 / 500)
    assert result.histogram is not None
    assert len(result.histogram.densities) == 15


def test_the_size_of_a_block_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    table = exponential(0, 50, 20).astype(np.float32)
    whole = describe_families(table)
    monkeypatch.setattr(module, "VALUES", 150)
    assert describe_families(table) == whole


def test_constant_features_are_counted_apart() -> None:
    found = describe_families(np.concatenate([normal(0, 90, 4), np.full((90, 3), 0.1)], axis=1)).families
    assert (found.normal, found.exponential, found.constant) == (4, 0, 3)
    found, histogram = describe_families(np.full((90, 3), 0.1))
    assert (found.constant, histogram, found.reason) == (3, None, "no feature varies")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_few_images_give_a_reason_or_finite_numbers(count: int) -> None:
    found, histogram = describe_families(normal(0, count, 20))
    assert Families.model_validate_json(found.model_dump_json()) == found
    assert (histogram is None) == (found.reason is not None) == (count < 2)
    assert found.normal + found.exponential == (20 if count >= 2 else 0)


def test_the_statistic_is_the_fraction_of_the_features_that_vary() -> None:
    """It is of the second set alone: the first one, of another family, is not looked at."""
    table = np.concatenate([normal(0, 300, 3), exponential(1, 300, 1), np.full((300, 4), 0.1)], axis=1)
    first = exponential(2, 300, 8)
    assert STATISTIC.compare(first, table, np.random.default_rng(0)) == {"normal": 0.75}
    with pytest.raises(UndefinedStatisticError, match="no feature varies in a half"):
        STATISTIC.compare(first, np.ones((5, 8)), np.random.default_rng(0))


def test_a_set_of_another_family_is_seen_beside_the_baseline() -> None:
    sets = [LabelledFeatures(table, np.zeros(200, np.int64)) for table in (normal(0, 200, 50), exponential(1, 200, 50))]
    found = run_statistic(STATISTIC, sets[0], sets[1], np.random.default_rng(0), 3, {})
    assert found.between is not None
    assert found.baseline is not None
    # Of halves of 100 images the likelihoods are e^13 apart and more.
    assert (found.between["normal"].mean, found.baseline["normal"].mean) == (0, 1)


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted"):
        describe_families(np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        describe_families(np.full((3, 1), np.nan))
    with pytest.raises(ValueError, match="bins"):
        describe_families(np.zeros((3, 1)), bins=0)
