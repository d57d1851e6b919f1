"""The kernel distance against its definition, torch-fidelity and a closed form, and its degenerate cases."""

import numpy as np
import numpy.typing as npt
import pytest
from torch_fidelity.metric_kid import kernel_mmd

from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import StatisticResult
from counterweight.statistics.base import pairwise
from counterweight.statistics.two_sample.kid import STATISTIC

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def kernel_distance(a: Features, b: Features) -> float:
    return STATISTIC.compare(a, b, np.random.default_rng(0))["distance"]


def run(real: Floats, synthetic: Floats, repeats: int = 5, seed: int = 0) -> StatisticResult:
    """Run the statistic on two sets of one class."""
    sets = [LabelledFeatures(table, np.zeros(len(table), np.int64)) for table in (real, synthetic)]
    return run_statistic(STATISTIC, sets[0], sets[1], np.random.default_rng(seed), repeats, {})


def means(result: StatisticResult) -> tuple[float, float]:
    assert result.between is not None
    assert result.baseline is not None
    return result.between["distance"].mean, result.baseline["distance"].mean


def by_hand(a: Floats, b: Floats) -> float:
    def kernel(x: Floats, y: Floats) -> float:
        return float((x @ y / a.shape[1] + 1) ** 3)

    within_a = np.mean([kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    return float(within_a + within_b - 2 * np.mean([kernel(x, y) for x in a for y in b]))


@pytest.mark.parametrize("block", [2**22, 30])
@pytest.mark.parametrize(("n", "m"), [(20, 30), (30, 20), (2, 2), (7, 2)])
def test_it_is_the_definition_in_blocks_of_any_size(
    n: int, m: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairwise, "BLOCK", block)
    a, b = normal(0, n, 5) + 1, 1.5 * normal(1, m, 5)
    # Some hundred kernels of size 1 to 100 in float64.
    assert kernel_distance(a, b) == pytest.approx(by_hand(a, b), abs=1e-11)
    assert kernel_distance(b, a) == pytest.approx(kernel_distance(a, b), abs=1e-11)


def test_it_equals_torch_fidelity() -> None:
    a, b = normal(0, 60, 40), 1.2 * normal(1, 60, 40) + 0.1
    expected = kernel_mmd(a, b)
    assert kernel_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_float32_costs_few_digits(offset: float) -> None:
    a, b = (normal(seed, 500, 300).astype(np.float32) + np.float32(offset) for seed in range(2))
    expected = kernel_distance(a.astype(np.float64), b.astype(np.float64))
    # Products round by 1e-7 * 300 and less, kernels, 3 (x.y / D + 1)^2 as steep, by 3e-5 at most, means over 250,000
    # pairs by a five-hundredth of that; the rows' own rounding is in both.
    assert kernel_distance(a, b) == pytest.approx(expected, abs=1e-7)


def test_it_is_unbiased() -> None:
    # Constant sets have their kernels as means: (1 + 1)^3 + (4 + 1)^3 - 2 (2 + 1)^3 = 8 + 125 - 54.
    assert kernel_distance(np.ones((5, 3)), np.full((4, 3), 2.0)) == pytest.approx(79, rel=1e-14)
    values = [kernel_distance(normal(seed, 12, 6), normal(1000 + seed, 9, 6)) for seed in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values, ddof=1) / 20


def test_a_shift_of_one_normal_feature_has_its_closed_form() -> None:
    # With D = 1, E k(x, y) = sum of binomial(3, p) E[x^p] E[y^p], and the discrepancy the squares of differing moments:
    # 3 (E x - E y)^2 + 3 (E x^2 - E y^2)^2 + (E x^3 - E y^3)^2; moments of N(s, 1) are s, 1 + s^2, 3 s + s^3.
    shift = 0.7
    expected = 3 * shift**2 + 3 * shift**4 + (3 * shift + shift**3) ** 2
    values = [kernel_distance(normal(seed, 60, 1), normal(500 + seed, 60, 1) + shift) for seed in range(200)]
    assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values, ddof=1) / np.sqrt(200))


def test_equal_distributions_are_at_the_baseline() -> None:
    excess = []
    for seed in range(40):
        between, baseline = means(run(normal(seed, 70, 20), normal(1000 + seed, 40, 20), repeats=3, seed=seed))
        excess.append(between - baseline)
    assert abs(np.mean(excess)) < 4 * np.std(excess, ddof=1) / np.sqrt(40)


def test_the_distance_of_halves_is_the_distance() -> None:
    real, synthetic = normal(0, 4, 3), normal(1, 3, 3)
    result = run(real[[0, 0, 0, 0]], synthetic[[1, 1, 1]], repeats=1)
    assert result.reason == "halves of 1 images of the common classes; at least 2 are needed"
    between, baseline = means(run(real[[0] * 8], synthetic[[1] * 8], repeats=2))
    assert between == pytest.approx(kernel_distance(real[[0] * 4], synthetic[[1] * 4]), rel=1e-12)
    assert baseline == pytest.approx(0, abs=1e-12)


def test_it_grows_with_the_shift_and_the_scale_and_for_a_collapsed_set() -> None:
    real, synthetic = normal(0, 80, 30), normal(1, 80, 30)
    for changed in ([synthetic + shift for shift in (0, 0.5, 1)], [synthetic * scale for scale in (1, 2, 4)]):
        assert np.all(np.diff([means(run(real, features))[0] for features in changed]) > 0)
    between, baseline = means(run(real, np.repeat(synthetic[:1], 80, axis=0)))
    assert between > 2 * abs(baseline)
