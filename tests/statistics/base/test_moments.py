"""Moments in blocks against numpy's of the whole table, constant features, and digits beside a large mean."""

import numpy as np
import pytest

from counterweight.statistics.base import moments as module
from counterweight.statistics.base.moments import (
    center,
    compute_moments,
    compute_scatter,
    effective_dimension,
    iterate_shifted,
)


@pytest.mark.parametrize("count", [2, 50, 1024, 1025, 3000])
def test_blocks_give_what_the_whole_table_gives(count: int) -> None:
    table = np.random.default_rng(0).normal(3, 2, (count, 7)).astype(np.float32)
    whole = table.astype(np.float64)
    result = compute_moments(table)
    # Sums of some thousand terms of size 1 in float64.
    np.testing.assert_allclose(result.mean, whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(result.variance, whole.var(0, ddof=1), rtol=1e-12)
    products, mean = compute_scatter(table)
    np.testing.assert_allclose(products / (count - 1), np.cov(whole.T), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mean, whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(np.concatenate([*iterate_shifted(table, mean)]), whole - mean, atol=1e-12)


def test_the_size_of_a_block_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).normal(size=(100, 4))
    whole = compute_moments(table)
    monkeypatch.setattr(module, "ROWS", 7)
    np.testing.assert_allclose(compute_moments(table).variance, whole.variance, rtol=1e-13)


def test_a_constant_feature_has_no_variance_and_a_large_mean_costs_no_digits() -> None:
    table = np.random.default_rng(0).normal(size=(2000, 2))
    assert compute_moments(np.full((2000, 2), 0.1)).variance.tolist() == [0, 0]
    assert not center(np.full((2000, 2), 0.1))[0].any()
    assert not compute_scatter(np.full((2000, 2), 0.1))[0].any()
    # float64 keeps 1e7 to 1e-9 of a standard deviation.
    np.testing.assert_allclose(compute_moments(table + 1e7).variance, compute_moments(table).variance, rtol=1e-8)


@pytest.mark.parametrize("dimensions", [1, 3, 20])
def test_effective_dimension_of_an_equally_wide_cloud(dimensions: int) -> None:
    """Of n points in K dimensions E[(sum v)^2 / sum v^2] is about K / (1 + K / n); at n = 4000 within 1 % of K."""
    wide = np.hstack([np.random.default_rng(0).normal(size=(4000, dimensions)), np.zeros((4000, 7))])
    assert effective_dimension(wide) == pytest.approx(dimensions, rel=0.02)


def test_effective_dimension_is_the_same_from_either_matrix() -> None:
    points = np.random.default_rng(0).normal(size=(30, 40))
    # Of the same points, turned so that all lies in as many columns as there are points, less one.
    flat = points @ np.linalg.svd(points - points.mean(axis=0))[2][:29].T
    assert effective_dimension(points) == pytest.approx(effective_dimension(flat))
    values = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    assert effective_dimension(points) == pytest.approx(values.sum() ** 2 / (values**2).sum())
