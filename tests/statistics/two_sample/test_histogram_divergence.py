"""Divergences of histograms by hand, their bias and growth, features of few values, and degenerate cases."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import StatisticResult
from counterweight.statistics.two_sample import histogram_divergence
from counterweight.statistics.two_sample.histogram_divergence import STATISTIC, histograms, measure

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]


class Divergences(NamedTuple):
    """What the statistic returns, in its order."""

    forward: float
    backward: float
    jensen_shannon: float
    constant: float


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def compare(a: Features, b: Features, bins: int = 10) -> Divergences:
    found = measure(a, b, np.random.default_rng(0), bins)
    return Divergences(found["a_to_b"], found["b_to_a"], found["jensen_shannon"], found["constant"])


def run(real: Features, synthetic: Features, repeats: int = 5, seed: int = 0) -> StatisticResult:
    """Run the statistic on two sets of one class."""
    sets = [LabelledFeatures(table, np.zeros(len(table), np.int64)) for table in (real, synthetic)]
    return run_statistic(STATISTIC, sets[0], sets[1], np.random.default_rng(seed), repeats, {})


def means(result: StatisticResult) -> tuple[Floats, Floats]:
    """Return the means of the three divergences between the sets, and of the baseline."""
    assert result.between is not None
    assert result.baseline is not None
    rows = result.between, result.baseline
    between, baseline = ([row[key].mean for key in ("a_to_b", "b_to_a", "jensen_shannon")] for row in rows)
    return np.array(between), np.array(baseline)


def test_divergences_by_hand() -> None:
    # The pooled median is 3: of a three values lie up to it and one above, of b one and three.
    a, b = np.array([[1.0], [2.0], [3.0], [7.0]]), np.array([[0.0], [5.0], [6.0], [8.0]])
    result = compare(a, b, bins=2)
    expected = 0.7 * np.log(0.7 / 0.3) + 0.3 * np.log(0.3 / 0.7)  # 3.5 and 1.5 of 5 with half an image in each
    assert result[:2] == pytest.approx((expected, expected), rel=1e-14)
    assert result.jensen_shannon == pytest.approx(0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5), rel=1e-14)


def test_bins_hold_as_many_as_their_neighbours() -> None:
    counts = histograms(normal(0, 3, 40), normal(1, 3, 60), 10)
    assert (counts[0] + counts[1] == 10).all()
    assert counts[0].sum(axis=0).tolist() == [40, 40, 40]
    assert counts[1].sum(axis=0).tolist() == [60, 60, 60]


def test_identity_symmetry_and_the_largest_value() -> None:
    a, b = normal(0, 50, 8), normal(1, 70, 8) + 0.5
    assert compare(a, a) == (0, 0, 0, 0)
    one, other = compare(a, b), compare(b, a)
    assert one == pytest.approx((other.backward, other.forward, other.jensen_shannon, 0), rel=1e-12)
    assert 0 < one.jensen_shannon < np.log(2)
    assert compare(a, a + 100).jensen_shannon == pytest.approx(np.log(2), rel=1e-14)


def test_monotone_maps_of_features_change_nothing() -> None:
    a, b = normal(0, 50, 8), normal(1, 50, 8) + 0.5
    assert compare(np.exp(a), np.exp(b)) == compare(a, b)


def test_equal_distributions_are_as_far_apart_as_said() -> None:
    result = compare(normal(0, 500, 2000), normal(1, 500, 2000))
    # (bins - 1) / n, of a chi-square variable with 9 degrees of freedom each; terms of order n^-2 are left out.
    error = np.sqrt(2 / 9 / 2000)
    assert result.forward == pytest.approx(9 / 500, rel=4 * error + 0.02)
    assert result.jensen_shannon == pytest.approx(9 / 2000, rel=4 * error + 0.02)


def test_a_known_divergence_is_found() -> None:
    # Uniform on (0, 1) and on (0.5, 1.5): halves overlap; Jensen-Shannon is half of log 2 whatever the bins.
    rng = np.random.default_rng(0)
    result = compare(rng.uniform(0, 1, (20_000, 4)), rng.uniform(0.5, 1.5, (20_000, 4)), bins=4)
    assert result.jensen_shannon == pytest.approx(np.log(2) / 2, abs=0.01)


@pytest.mark.parametrize("mirrored", [False, True])
def test_features_of_few_values_are_told_apart(mirrored: bool) -> None:
    # 95 % and 100 % zeros, the others being 1: one bin for either value, wherever the mass lies.
    a, b = np.zeros((100, 1)), np.zeros((100, 1))
    a[:5] = -1.0 if mirrored else 1.0
    fraction, middle = np.array([0.05, 0.95]), np.array([0.025, 0.975])
    expected = (np.sum(fraction * np.log(fraction / middle)) + np.log(1 / 0.975)) / 2
    result = compare(a, b)
    assert result.jensen_shannon == pytest.approx(expected, rel=1e-12)
    assert result.forward == pytest.approx(5.5 / 101 * np.log(5.5 / 0.5) + 95.5 / 101 * np.log(95.5 / 100.5), rel=1e-12)


def test_constant_features_are_left_out() -> None:
    a, b = normal(0, 60, 4), normal(1, 60, 4)
    padded = [np.concatenate([table, np.full((60, 3), 0.1)], axis=1) for table in (a, b)]
    expected = compare(a, b)
    assert compare(*padded) == pytest.approx((*expected[:3], 3), rel=1e-12)
    assert compare(np.ones((3, 2)), np.ones((4, 2))) == (0, 0, 0, 2)
    assert compare(np.ones((3, 2)), np.zeros((4, 2))).jensen_shannon == pytest.approx(np.log(2))


def test_the_size_of_a_block_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = normal(0, 50, 21).astype(np.float32), normal(1, 40, 21).astype(np.float32)
    whole = compare(a, b)
    monkeypatch.setattr(histogram_divergence, "VALUES", 400)
    assert compare(a, b) == pytest.approx(whole, rel=1e-12)


def test_equal_distributions_are_at_the_baseline() -> None:
    excess = []
    for seed in range(40):
        between, baseline = means(run(normal(seed, 70, 20), normal(1000 + seed, 40, 20), repeats=2, seed=seed))
        excess.append(between - baseline)
    assert np.all(np.abs(np.mean(excess, axis=0)) < 4 * np.std(excess, axis=0, ddof=1) / np.sqrt(40))


def test_it_grows_with_the_shift_and_the_scale_and_for_a_collapsed_set() -> None:
    real, synthetic = normal(0, 80, 30), normal(1, 80, 30)
    for changed in ([synthetic + shift for shift in (0, 0.5, 1)], [synthetic * scale for scale in (1, 2, 4)]):
        values = [means(run(real, features))[0] for features in changed]
        assert np.all(np.diff(values, axis=0) > 0)
    between, baseline = means(run(real, np.repeat(synthetic[:1], 80, axis=0)))
    assert between[2] > 5 * baseline[2]


def test_mistakes_are_refused() -> None:
    a = normal(0, 5, 3)
    with pytest.raises(ValueError, match="bins: at least 2, got 1"):
        compare(a, a, 1)
