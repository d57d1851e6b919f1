"""Precision, recall, density and coverage against loops and closed forms, exact copies, and degenerate cases."""

from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import StatisticResult
from counterweight.statistics.base import pairwise
from counterweight.statistics.two_sample import prdc
from counterweight.statistics.two_sample.prdc import STATISTIC

Floats = npt.NDArray[np.float64]
NAMES = ["precision", "recall", "density", "coverage"]


class Overlap(NamedTuple):
    """What the statistic returns, in its order."""

    precision: float
    recall: float
    density: float
    coverage: float


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def overlap(real: Floats, synthetic: Floats) -> Overlap:
    found = STATISTIC.compare(real, synthetic, np.random.default_rng(0))
    return Overlap(*(found[name] for name in NAMES))


def run(real: Floats, synthetic: Floats, repeats: int = 5, seed: int = 0) -> StatisticResult:
    """Run the statistic on two sets of one class."""
    sets = [LabelledFeatures(table, np.zeros(len(table), np.int64)) for table in (real, synthetic)]
    return run_statistic(STATISTIC, sets[0], sets[1], np.random.default_rng(seed), repeats, {})


def means(result: StatisticResult) -> tuple[Overlap, Overlap]:
    """Return the means between the sets, and of the baseline."""
    assert result.between is not None
    assert result.baseline is not None
    between, baseline = (Overlap(*(row[name].mean for name in NAMES)) for row in (result.between, result.baseline))
    return between, baseline


def by_loops(real: Floats, synthetic: Floats, k: int) -> Overlap:
    def reach(table: Floats) -> list[float]:
        return [float(np.sort([np.sum((x - y) ** 2) for y in table])[k]) for x in table]

    real_reach, synthetic_reach = reach(real), reach(synthetic)
    inside = np.array([[np.sum((x - y) ** 2) <= r for y in synthetic] for x, r in zip(real, real_reach, strict=True)])
    recalled = [any(np.sum((x - y) ** 2) <= r for y, r in zip(synthetic, synthetic_reach, strict=True)) for x in real]
    return Overlap(
        float(inside.any(axis=0).mean()),
        float(np.mean(recalled)),
        float(inside.sum() / (k * len(synthetic))),
        float(inside.any(axis=1).mean()),
    )


@pytest.mark.parametrize("block", [2**22, 100])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_it_is_the_definition_in_blocks_of_any_size(k: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairwise, "BLOCK", block)
    monkeypatch.setattr(prdc, "NEIGHBOURS", k)
    real, synthetic = normal(0, 40, 3), 0.7 * normal(1, 25, 3) + 0.5
    assert overlap(real, synthetic) == pytest.approx(by_loops(real, synthetic, k), rel=1e-12)
    swapped = overlap(synthetic, real)
    assert (swapped.precision, swapped.recall) == overlap(real, synthetic)[1::-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_copied_set_is_wholly_inside(dtype: type, offset: float) -> None:
    real = (normal(0, 60, 500) + offset).astype(dtype)
    # Every copy is in its own ball and in those k in whose edge it is, which rounding must not decide.
    assert overlap(real, real[::-1].copy()) == (1, 1, pytest.approx(6 / 5), 1)


def test_copies_of_repeated_images_are_in_balls_of_radius_zero() -> None:
    real = np.repeat(normal(0, 5, 300), 6, axis=0)
    # Six copies, of which each ball of radius 0 reaches to the fifth other one: a copy is in six balls of the 30.
    assert overlap(real, real) == (1, 1, pytest.approx(6 / 5), 1)
    assert overlap(real, real + 1e-3) == (0, 0, 0, 0)
    assert overlap(np.ones((9, 4)), np.ones((7, 4))) == (1, 1, pytest.approx(9 / 5), 1)


def test_equal_distributions_have_their_closed_forms() -> None:
    n, m, k = 40, 30, 5
    results = [overlap(normal(seed, n, 8), normal(1000 + seed, m, 8)) for seed in range(200)]
    # Of the n - 1 others and m synthetic images around a real one the nearest k are all real with this probability;
    # and before the k-th real one stand k m / n synthetic ones on average.
    missed = prod((n - 1 - i) / (n + m - 1 - i) for i in range(k))
    for values, expected in ((np.array(results)[:, 3], 1 - missed), (np.array(results)[:, 2], 1.0)):
        assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values, ddof=1) / np.sqrt(200))


def test_lost_modes_cost_recall_and_coverage_and_strange_images_precision_and_density() -> None:
    real = normal(0, 400, 4)
    real[200:] += 50
    both_modes, one_mode = normal(1, 400, 4), normal(2, 400, 4)
    both_modes[200:] += 50
    good, lost = overlap(real, both_modes), overlap(real, one_mode)
    assert lost.recall < 0.55 < 0.85 < good.recall
    assert lost.coverage < 0.55 < 0.9 < good.coverage
    assert lost.precision > 0.85
    strange = both_modes.copy()
    strange[::2] -= 500
    assert overlap(real, strange).precision == pytest.approx(good.precision / 2, abs=0.05)
    assert overlap(real, strange).density == pytest.approx(good.density / 2, abs=0.1)


def test_it_falls_with_the_shift() -> None:
    real, synthetic = normal(0, 100, 10), normal(1, 100, 10)
    values = [means(run(real, synthetic + shift))[0] for shift in (0, 1, 2, 4)]
    assert np.all(np.diff(values, axis=0) < 0)
    assert max(values[-1]) < 0.02


def test_equal_distributions_are_at_the_baseline() -> None:
    excess = []
    for seed in range(40):
        between, baseline = means(run(normal(seed, 70, 6), normal(1000 + seed, 50, 6), repeats=2, seed=seed))
        excess.append(np.subtract(between, baseline))
    error = np.std(excess, axis=0, ddof=1) / np.sqrt(40)
    assert np.all(np.abs(np.mean(excess, axis=0)) < 4 * error)


def test_a_collapsed_set_covers_nothing() -> None:
    between, baseline = means(run(normal(0, 60, 3), np.repeat(normal(1, 1, 3), 60, axis=0)))
    assert between.recall == 0
    assert between.coverage < 0.4 < baseline.coverage
