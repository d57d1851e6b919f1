"""Clouds of points in latent spaces: closed forms of densities and dimensions, modes that are there, exact maps."""

import numpy as np
import pytest

from counterweight.statistics.latents import (
    count_modes,
    describe_density,
    mean_shift,
    optimal_map,
    symmetric_root,
)


def cloud(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions))


def test_density_of_known_points() -> None:
    """Two of four points have both coordinates in the cube; its area is 9."""
    found = describe_density(np.array([[0.0, 1.5], [-1.5, 0.3], [1.6, 0.0], [-9.0, 9.0]]))
    assert found.fraction_inside == 0.5
    assert found.fraction_of_coordinates == 5 / 8
    assert found.log10_per_unit_volume == pytest.approx(np.log10(2 / 9))
    assert found.per_unit_length == pytest.approx(2 / 3)


def test_density_where_no_point_is_inside() -> None:
    found = describe_density(np.full((3, 2), 7.0))
    assert found.log10_per_unit_volume is None
    assert found.effective_dimension == 0.0


def test_density_of_the_thesis() -> None:
    """Its 'twenty-six thousand per unit' are 80,000 points by the side of the cube; 4096 dimensions have 3^4096."""
    found = describe_density(np.zeros((80_000, 1)))
    assert found.per_unit_length == pytest.approx(26_667, abs=1)
    sparse = describe_density(np.zeros((80, 4096)))
    assert sparse.log10_per_unit_volume == pytest.approx(np.log10(80) - 4096 * np.log10(3))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_modes_that_are_far_apart_are_counted(number: int) -> None:
    centres = 12 * np.eye(5)[:number]
    points = np.concatenate([cloud(80, 5, seed) + centre for seed, centre in enumerate(centres)])
    assert count_modes(points, 0) == number


@pytest.mark.parametrize("seed", range(4))
def test_a_few_equal_points_or_one_far_away_are_no_mode(seed: int) -> None:
    points = cloud(60, 5, seed)
    points[:3] = points[0]
    assert count_modes(points, 0) == 1
    points[-1] *= 8
    assert count_modes(points, 0) == 1


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_modes_of_few_or_equal_points(count: int) -> None:
    assert count_modes(np.ones((count, 4)), 0) == 1
    assert 1 <= count_modes(cloud(count, 4), 0) <= 2


@pytest.mark.parametrize("distinct", [2, 3])
def test_modes_of_copies_of_a_few_points_are_no_more_than_these(distinct: int) -> None:
    """A mixture of more would begin at places that are not there."""
    assert count_modes(np.repeat(cloud(distinct, 4), 10, axis=0), 0) <= distinct


def test_a_mean_shift_moves_the_mean_and_nothing_else() -> None:
    origin, goal = cloud(20, 6), 3 + cloud(30, 6, 1)
    moved = mean_shift(origin, goal)(origin)
    np.testing.assert_allclose(moved.mean(axis=0), goal.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(np.diff(moved, axis=0), np.diff(origin, axis=0), atol=1e-12)


def test_an_optimal_map_between_gaussians_in_one_dimension() -> None:
    """There it is the ratio of standard deviations. Ledoit-Wolf shrinks nothing in one dimension."""
    origin, goal = cloud(50, 1), 5 + 3 * cloud(60, 1, 1)
    found = optimal_map(origin, goal, 10)
    moved = found(origin)
    assert found.matrix.item() == pytest.approx(goal.std() / origin.std(), rel=1e-5)
    assert moved.mean() == pytest.approx(goal.mean())


def test_an_optimal_map_brings_mean_and_covariance() -> None:
    """Covariances of 20,000 points in three dimensions are known to some 1 / sqrt(10,000) = 1 % each."""
    mix = np.array([[2.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 0.5]])
    origin, goal = cloud(20_000, 3), cloud(20_000, 3, 1) @ mix + 4
    found = optimal_map(origin, goal, 3)
    moved = found(origin)
    np.testing.assert_allclose(moved.mean(axis=0), goal.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(goal.T), atol=0.05)
    np.testing.assert_allclose(found.matrix, found.matrix.T, atol=1e-9)  # the gradient of a convex function
    assert np.linalg.eigvalsh(found.matrix).min() > 0


def test_an_optimal_map_onto_itself_is_the_identity() -> None:
    points = cloud(200, 8)
    np.testing.assert_allclose(optimal_map(points, points, 8)(points), points, atol=1e-6)


def test_an_optimal_map_across_its_axes_is_a_shift() -> None:
    """Forty points allow four axes: what is orthogonal to them moves by the means' distance alone."""
    origin, goal = cloud(40, 100), cloud(40, 100, 1) + 1
    found = optimal_map(origin, goal, 64)
    assert found.axes.shape == (100, 4)
    across = np.eye(100) - found.axes @ found.axes.T
    shift = goal.mean(axis=0) - origin.mean(axis=0)
    np.testing.assert_allclose((found(origin) - origin - shift) @ across, 0, atol=1e-9)


def test_collapsed_clouds_are_moved_without_nan() -> None:
    same, other = np.ones((10, 5)), cloud(12, 5)
    for origin, goal in ((same, other), (other, same), (same, same)):
        assert np.isfinite(optimal_map(origin, goal, 8)(origin)).all()


def test_what_is_no_cloud_is_refused() -> None:
    for points in (np.zeros((0, 3)), np.zeros(3), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="finite points"):
            describe_density(points)
    with pytest.raises(ValueError, match="at least two points"):
        optimal_map(cloud(1, 3), cloud(5, 3), 2)


def test_a_symmetric_root_squares_to_its_matrix() -> None:
    matrix = np.cov(cloud(50, 4).T)
    root = symmetric_root(matrix)
    np.testing.assert_allclose(root @ root, matrix, atol=1e-12)
