"""The Gaussian KL against closed forms, its fairness against the baseline in simulation, and its degenerate cases."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.results.compare import StatisticResult
from counterweight.statistics.two_sample import gaussian_kl as gaussian_kl_module
from counterweight.statistics.two_sample.gaussian_kl import STATISTIC, fit_gaussian, gaussian_kl, principal_scores

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def covariance(seed: int, size: int) -> Floats:
    factor = normal(seed, size, size)
    return factor @ factor.T + np.eye(size)


def run(real: Features, synthetic: Features, components: int = 64, repeats: int = 5, seed: int = 0) -> StatisticResult:
    """Run the statistic on two sets of one class."""
    sets = [LabelledFeatures(table, np.zeros(len(table), np.int64)) for table in (real, synthetic)]
    rng = np.random.default_rng(seed)
    return run_statistic(STATISTIC, sets[0], sets[1], rng, repeats, {"components": components})


def means(result: StatisticResult) -> tuple[float, float, float, float]:
    """Return both divergences between the sets, and both of the baseline."""
    assert result.between is not None
    assert result.baseline is not None
    rows = result.between, result.baseline
    forward, backward, forth, back = (row[key].mean for row in rows for key in ("a_to_b", "b_to_a"))
    return forward, backward, forth, back


def components(result: StatisticResult) -> float:
    assert result.between is not None
    assert result.between["components"].std == 0
    return result.between["components"].mean


def test_one_dimension_has_its_textbook_form() -> None:
    # log(s2 / s1) + (s1^2 + (m1 - m2)^2) / (2 s2^2) - 1/2 with m = 1, 3 and s = 2, 5.
    expected = np.log(5 / 2) + (4 + 4) / 50 - 0.5
    value = gaussian_kl(np.array([1.0]), np.array([[4.0]]), np.array([3.0]), np.array([[25.0]]))
    assert value == pytest.approx(expected, rel=1e-14)


def test_independent_dimensions_add_up() -> None:
    variance_p, variance_q, shift = np.array([1.0, 2.0, 0.5]), np.array([3.0, 1.0, 0.5]), np.array([0.0, 1.0, -2.0])
    expected = np.sum(np.log(variance_q / variance_p) + (variance_p + shift**2) / variance_q - 1) / 2
    value = gaussian_kl(np.zeros(3), np.diag(variance_p), shift, np.diag(variance_q))
    assert value == pytest.approx(expected, rel=1e-14)


def test_equal_gaussians_are_at_zero_and_others_above() -> None:
    mean, cov = normal(0, 6), covariance(1, 6)
    # Sums of some tens of terms of size 1 to 10 in float64.
    assert gaussian_kl(mean, cov, mean, cov) == pytest.approx(0, abs=1e-12)
    assert gaussian_kl(mean, cov, mean, 1.1 * cov) > 0
    assert gaussian_kl(mean, cov, mean + 0.1, cov) > 0


def test_linear_maps_change_nothing() -> None:
    mean_p, mean_q, cov_p, cov_q = normal(0, 5), normal(1, 5), covariance(2, 5), covariance(3, 5)
    shape = normal(4, 5, 5) + 3 * np.eye(5)
    mapped = gaussian_kl(shape @ mean_p, shape @ cov_p @ shape.T, shape @ mean_q, shape @ cov_q @ shape.T)
    assert mapped == pytest.approx(gaussian_kl(mean_p, cov_p, mean_q, cov_q), rel=1e-10)


def test_the_closed_form_is_the_mean_log_ratio() -> None:
    mean_q, cov_p, cov_q = np.array([0.5, -0.5]), covariance(0, 2), covariance(1, 2)
    x = np.random.default_rng(2).multivariate_normal(np.zeros(2), cov_p, 200_000)
    shifted = x - mean_q
    log_p = -np.einsum("ni,ij,nj->n", x, np.linalg.inv(cov_p), x) / 2 - np.log(np.linalg.det(cov_p)) / 2
    log_q = -np.einsum("ni,ij,nj->n", shifted, np.linalg.inv(cov_q), shifted) / 2 - np.log(np.linalg.det(cov_q)) / 2
    error = (log_p - log_q).std() / np.sqrt(len(x))
    assert gaussian_kl(np.zeros(2), cov_p, mean_q, cov_q) == pytest.approx((log_p - log_q).mean(), abs=4 * error)


def test_a_singular_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="positive definite"):
        gaussian_kl(np.zeros(2), np.eye(2), np.zeros(2), np.ones((2, 2)) - np.eye(2))


@pytest.mark.parametrize(("count", "dimension"), [(30, 200), (200, 30)])
def test_scores_are_those_of_a_pca(count: int, dimension: int) -> None:
    features = normal(0, count, dimension) * np.linspace(1, 3, dimension) + 7
    reference = PCA(5, svd_solver="full").fit_transform(features)[:, ::-1]
    # Only the signs of components are free; gaps of a few % between variances leave 1e-16 / 0.01 of mixing.
    scores = principal_scores(features, 5)
    np.testing.assert_allclose(np.abs(scores), np.abs(reference / reference[:, -1].std()), atol=1e-10)


def test_no_more_components_than_vary() -> None:
    rank_two = normal(0, 40, 2) @ normal(1, 2, 100) + 0.1
    assert principal_scores(rank_two, 10).shape == (40, 2)
    assert principal_scores(rank_two[:, :20], 10).shape == (40, 2)
    assert principal_scores(np.full((40, 7), 0.1), 3).shape == (40, 0)


def test_the_fit_of_many_scores_is_their_covariance() -> None:
    scores = normal(0, 20000, 3) @ np.array([[1, 0.5, 0], [0, 1, 0.5], [0, 0, 1]])
    fit = fit_gaussian(scores, np.zeros(3))
    # Shrinkage is of the order of 1/n; entries are of the order of 1.
    np.testing.assert_allclose(fit.covariance, np.cov(scores.T), atol=5e-4)
    np.testing.assert_allclose(fit.mean, scores.mean(axis=0))


@pytest.mark.parametrize("dimension", [15, 150])
def test_equal_distributions_are_at_the_baseline(dimension: int) -> None:
    excess = []
    for seed in range(40):
        result = run(normal(seed, 70, dimension), normal(1000 + seed, 40, dimension), repeats=3, seed=seed)
        assert (result.n, components(result)) == (20, 5)
        forward, backward, forth, back = means(result)
        excess.append([forward - forth, backward - back])
    error = np.std(excess, axis=0, ddof=1) / np.sqrt(40)
    assert np.all(np.abs(np.mean(excess, axis=0)) < 4 * error)


def test_a_known_divergence_is_found() -> None:
    scale = np.array([2.0, 1.0, 0.5])
    real, synthetic = normal(0, 8000, 3) * scale, normal(1, 8000, 3) * scale + np.array([1.0, 0.0, 0.0])
    result = run(real, synthetic)
    # (1 / 2)^2 / 2 = 0.125; the estimate's standard deviation at n = 4000 is 0.5 * sqrt(2 / 4000) = 0.011; four.
    assert result.n == 4000
    assert means(result)[:2] == pytest.approx((0.125, 0.125), abs=0.045)
    assert max(means(result)[2:]) < 0.01


def test_it_grows_with_the_shift_and_with_the_scale() -> None:
    real, synthetic = normal(0, 80, 30), normal(1, 80, 30)
    for changed in ([synthetic + shift for shift in (0, 0.5, 1, 2)], [synthetic * scale for scale in (1, 2, 4, 8)]):
        values = [means(run(real, features))[:2] for features in changed]
        assert np.all(np.diff(values, axis=0) > 0)


def test_what_only_synthetic_images_have_is_seen() -> None:
    real, synthetic = normal(0, 60, 50), normal(1, 60, 50)
    real[:, 0], synthetic[:, 0] = 0.0, 20 * synthetic[:, 0]
    forward, backward, forth, back = means(run(real, synthetic))
    assert forward > 2 * forth
    assert backward > 10 * back


@pytest.mark.parametrize("scale", [2.0**23, 2.0**-33])
def test_the_unit_of_features_does_not_matter(scale: float) -> None:
    real, synthetic = normal(0, 40, 60).astype(np.float32), normal(1, 40, 60).astype(np.float32)
    factor = np.float32(scale)
    # A power of two scales without rounding, so that only the solvers' rounding remains.
    assert means(run(factor * real, factor * synthetic)) == pytest.approx(means(run(real, synthetic)), rel=1e-6)


def test_a_collapsed_set_is_finitely_far() -> None:
    result = run(normal(0, 60, 100), np.repeat(normal(1, 1, 100), 60, axis=0))
    assert StatisticResult.model_validate_json(result.model_dump_json()) == result
    forward, backward, _, back = means(result)
    assert 1e5 < forward / components(result) < 1e7
    assert 5 * back < backward < forward


def test_two_different_constants_are_far_and_equal_ones_have_a_reason() -> None:
    result = run(np.full((9, 4), 0.1), np.full((9, 4), 0.3))
    # 2 standard deviations of both sets apart, and no variance but the ridge of 1e-6: 2^2 / 2e-6 nats.
    assert components(result) == 1
    assert means(result) == pytest.approx((2e6, 2e6, 0, 0), rel=1e-6)
    result = run(np.full((9, 4), 0.1), np.full((9, 4), 0.1))
    assert (result.between, result.baseline) == (None, None)
    assert result.reason == "no feature varies over the images of the common classes"


def test_only_common_classes_count() -> None:
    real, labels = normal(0, 60, 8), np.repeat([0, 1], 30)
    synthetic = LabelledFeatures(normal(1, 30, 8), np.zeros(30, np.int64))
    outliers = real.copy()
    outliers[30:] *= 1e6
    first, second = (
        run_statistic(
            STATISTIC, LabelledFeatures(features, labels), synthetic, np.random.default_rng(0), 3, {"components": 4}
        )
        for features in (real, outliers)
    )
    assert first == second


def test_mistakes_are_refused() -> None:
    a = normal(0, 6, 3)
    for kept, repeats in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            run(a, a, components=kept, repeats=repeats)


def test_scores_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features = normal(0, 3000, 30) * np.linspace(1, 3, 30) + 7
    whole, low_rank = principal_scores(features, 5), principal_scores(normal(0, 300, 2) @ normal(1, 2, 20), 10)
    monkeypatch.setattr(gaussian_kl_module, "LARGE", 0)
    # Gaps of a few % between variances leave 1e-16 / 0.01 of mixing; only signs are free.
    np.testing.assert_allclose(np.abs(principal_scores(features, 5)), np.abs(whole), atol=1e-10)
    assert principal_scores(normal(0, 300, 2) @ normal(1, 2, 20), 10).shape == low_rank.shape
    assert principal_scores(np.full((40, 7), 0.1), 3).shape == (40, 0)
