"""The Frechet distance against closed forms, eigenvalues and torch-fidelity, and its degenerate cases."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import StatisticResult
from counterweight.statistics.two_sample import frechet
from counterweight.statistics.two_sample.frechet import STATISTIC, nuclear_norm

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def frechet_distance(a: Features, b: Features) -> float:
    return STATISTIC.compare(a, b, np.random.default_rng(0))["distance"]


def run(real: Floats, synthetic: Floats, repeats: int = 5, seed: int = 0) -> StatisticResult:
    """Run the statistic on two sets of one class."""
    sets = [LabelledFeatures(table, np.zeros(len(table), np.int64)) for table in (real, synthetic)]
    return run_statistic(STATISTIC, sets[0], sets[1], np.random.default_rng(seed), repeats, {})


def means(result: StatisticResult) -> tuple[float, float]:
    assert result.between is not None
    assert result.baseline is not None
    return result.between["distance"].mean, result.baseline["distance"].mean


def by_eigenvalues(a: Floats, b: Floats) -> float:
    covariances = np.cov(a.T), np.cov(b.T)
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).astype(np.complex128)).real
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1]) - 2 * roots.sum())


@pytest.mark.parametrize(("n", "m"), [(400, 300), (30, 300), (300, 30), (30, 20)])
def test_it_is_the_formula(n: int, m: int) -> None:
    a, b = normal(0, n, 40) * np.linspace(1, 2, 40), normal(1, m, 40) @ normal(2, 40, 40) / 5 + 0.3
    # The root of a singular product has eigenvalues of rounding errors: sqrt(1e-16) = 1e-8, some tens of them.
    assert frechet_distance(a, b) == pytest.approx(by_eigenvalues(a, b), rel=1e-6)


@pytest.mark.parametrize(("n", "m", "dimension"), [(40, 60, 200), (300, 250, 64), (100, 300, 128)])
def test_it_equals_torch_fidelity(n: int, m: int, dimension: int) -> None:
    a = np.maximum(normal(0, n, dimension), 0).astype(np.float32)
    b = np.maximum(normal(1, m, dimension) * 1.3 + 0.2, 0).astype(np.float32)
    facts = [fid_features_to_statistics(torch.from_numpy(features)) for features in (a, b)]
    expected = fid_statistics_to_metric(*facts, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-3)


def test_one_dimension_has_its_textbook_form() -> None:
    a, b = normal(0, 50, 1), 3 * normal(1, 70, 1) + 2
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("direct", [1024, 0])
@pytest.mark.parametrize(("count", "dimension"), [(30, 100), (300, 20)])
def test_identity_symmetry_shift_and_scale(
    count: int, dimension: int, direct: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frechet, "DIRECT", direct)
    a, b = normal(0, count, dimension), normal(1, count, dimension) + 0.2
    # Singular values keep 1e-15 of the trace, roots of eigenvalues sqrt(1e-15) = 3e-8 where there are small ones.
    error = dimension * (1e-13 if direct else 1e-7)
    assert frechet_distance(a, a) == pytest.approx(0, abs=error)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), abs=error)
    assert frechet_distance(a, a + 0.5) == pytest.approx(dimension / 4, abs=error)
    # The roots commute: (2 - 1)^2 times the trace, and the means apart.
    expected = np.trace(np.cov(a.T)) + np.sum(a.mean(0) ** 2)
    assert frechet_distance(a, 2 * a) == pytest.approx(expected, abs=3 * error)


def test_orthogonal_maps_change_nothing() -> None:
    a, b = normal(0, 50, 30), normal(1, 40, 30) * 1.5 + 0.3
    turn = np.linalg.qr(normal(2, 30, 30))[0]
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b), rel=1e-10)


def test_equal_distributions_are_as_far_apart_as_designed() -> None:
    # The bias that a baseline is for: Marchenko and Pastur's law makes it 454 at this n and D, to about 1 %.
    assert frechet_distance(normal(0, 250, 512), normal(1, 250, 512)) == pytest.approx(454, rel=0.02)


@pytest.mark.parametrize("offset", [0.1, 1e6])
def test_constant_and_dependent_features(offset: float) -> None:
    constant = np.full((40, 6), offset)
    assert frechet_distance(constant, constant) == 0
    assert frechet_distance(constant, constant + 1) == pytest.approx(6, rel=1e-9)
    a, b = normal(0, 40, 2) @ normal(1, 2, 6) + offset, normal(2, 40, 2) @ normal(1, 2, 6) + offset
    a[:, 3], b[:, 3] = offset, offset
    # float64 keeps 1e6 to 1e-10 of a standard deviation.
    assert frechet_distance(a, b) == pytest.approx(by_eigenvalues(a - offset, b - offset), abs=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    # Of a constant set nothing is left but the other's trace.
    expected = np.trace(np.cov(a.T)) + np.sum((a.mean(0) - offset) ** 2)
    assert frechet_distance(a, constant) == pytest.approx(expected, rel=1e-6)


def test_the_nuclear_norm_of_large_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = normal(0, 30, 50)
    expected = nuclear_norm(matrix)
    monkeypatch.setattr(frechet, "DIRECT", 0)
    assert nuclear_norm(matrix) == pytest.approx(expected, rel=1e-10)
    assert nuclear_norm(matrix.T) == pytest.approx(expected, rel=1e-10)


def test_equal_distributions_are_at_the_baseline() -> None:
    excess = []
    for seed in range(30):
        between, baseline = means(run(normal(seed, 70, 50), normal(1000 + seed, 40, 50), repeats=3, seed=seed))
        excess.append(between - baseline)
    assert abs(np.mean(excess)) < 4 * np.std(excess, ddof=1) / np.sqrt(30)


def test_it_grows_with_the_shift_and_the_scale_and_for_a_collapsed_set() -> None:
    real, synthetic = normal(0, 80, 30), normal(1, 80, 30)
    for changed in ([synthetic + shift for shift in (0, 0.5, 1)], [synthetic * scale for scale in (1, 2, 4)]):
        assert np.all(np.diff([means(run(real, features))[0] for features in changed]) > 0)
    between, baseline = means(run(real, np.repeat(synthetic[:1], 80, axis=0)))
    assert between > 2 * baseline
