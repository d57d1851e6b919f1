"""The permutation test of exchanges: its level, what it finds, and its matrices against plain sums."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from counterweight.statistics.two_sample.exchange import STATISTIC, compare_pairs, find_place

Floats = npt.NDArray[np.float64]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def p_value(a: Floats, b: Floats, seed: int = 0) -> float:
    return STATISTIC.compare(a, b, np.random.default_rng(seed))["p_value"]


@pytest.mark.parametrize("shape", [(12, 30), (40, 5)])
def test_equal_distributions_are_called_different_as_often_as_the_level_says(shape: tuple[int, int]) -> None:
    """Skewed features with heavy tails; of 300 pairs more than 5 % + 3 deviations fall below once in 1,000 times."""
    trials, level = 300, 0.05
    below = sum(
        p_value(np.exp(normal(2 * seed, *shape)), np.exp(normal(2 * seed + 1, *shape)), seed) <= level
        for seed in range(trials)
    )
    assert below <= binom.ppf(0.999, trials, level)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda table: table + 0.5, "all means"),
        (lambda table: table + 2.5 * (np.arange(30) == 3), "one mean"),
        (lambda table: 1.8 * table, "spread"),
        (lambda table: np.repeat(table[:4], 10, axis=0), "few images, many times"),
    ],
)
def test_each_kind_of_difference_is_found(change: object, what: str) -> None:
    assert callable(change)
    assert p_value(normal(0, 40, 30), change(normal(1, 40, 30))) <= 0.01, what


def test_a_shift_of_what_hardly_varies_is_found() -> None:
    """Features follow two large factors; the shift, a tenth of a deviation, lies where the factors have no part."""
    mixing = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]])
    a, b = (normal(seed, 60, 2) @ mixing + 0.05 * normal(10 + seed, 60, 4) for seed in range(2))
    assert p_value(a, b + 0.15 * np.array([1, 1, -1, -1])) <= 0.002


def test_pairs_of_one_image_and_its_copy_are_exchangeable() -> None:
    a = normal(0, 30, 8)
    assert p_value(a, a) == 1
    # Noise on both sides of the same images is no difference, a shift of one side is, however small.
    noisy = [a + 0.1 * normal(seed, 30, 8) for seed in (1, 2)]
    assert p_value(*noisy) > 0.01
    assert p_value(noisy[0], noisy[1] + 0.2) <= 0.001


def test_matrices_are_sums_over_pairs() -> None:
    a, b = normal(0, 6, 3), normal(1, 6, 3) + 1
    both = np.concatenate([a, b])
    table = (both - both.mean(axis=0)) / both.std(axis=0, ddof=1)
    apart, unit = table[:6] - table[6:], np.abs(table @ table.T).mean()
    found = compare_pairs(both)
    np.testing.assert_allclose(found["means"], apart @ apart.T / unit, atol=1e-12)
    assert found["expected"].sum() == pytest.approx((apart**2).sum() / unit)
    # No sign changes a pair's own distance, 2 |x - y|; of two pairs: two between minus two within.
    np.testing.assert_allclose(found["energy"], found["energy"].T, atol=1e-12)
    assert (np.diag(found["energy"]) > 0).all()


def test_the_least_of_several_p_values_has_its_own_place() -> None:
    """The first column is the largest of one row of four alone; so is each other one, or none of any row's."""
    numbers = np.array([[4.0, 1.0, 2.0, 3.0], [1.0, 4.0, 3.0, 2.0]])
    assert find_place(numbers[:1]) == 1 / 4
    assert find_place(numbers) == 2 / 4
    assert find_place(np.ones((2, 4))) == 1
