"""Nearest rows against loops, copies that rounding must not hide, and the fraction of likely copies."""

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.results.compare import Copies
from counterweight.statistics.images import nearest_neighbours
from counterweight.statistics.images.nearest_neighbours import count_likely_copies, find_nearest

Floats = npt.NDArray[np.float64]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def by_loops(queries: Floats, keys: Floats, exclude_self: bool) -> tuple[Floats, Floats]:
    squares = np.array([[np.sum((x.astype(np.float64) - y) ** 2) for y in keys] for x in queries])
    if exclude_self:
        np.fill_diagonal(squares, np.inf)
    return squares.argmin(axis=1), np.sqrt(squares.min(axis=1))


@pytest.fixture(params=[(4096, 1024), (7, 5), (1, 1)])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_neighbours, "QUERIES", request.param[0])
    monkeypatch.setattr(nearest_neighbours, "KEYS", request.param[1])


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_it_is_the_least_distance(dtype: type, exclude_self: bool, offset: float) -> None:
    keys = (normal(0, 30, 6) + offset).astype(dtype)
    keys[5] = keys[20]
    queries = keys.copy() if exclude_self else np.concatenate([normal(1, 18, 6) + offset, keys[3:6]]).astype(dtype)
    index, distance = find_nearest(queries, keys, exclude_self=exclude_self)
    expected = by_loops(queries, keys, exclude_self)
    np.testing.assert_array_equal(index, expected[0])
    np.testing.assert_allclose(distance, expected[1], rtol=1e-14)


@pytest.mark.parametrize("noise", [1e-3, 1e-6])
def test_near_ties_are_refined(noise: float) -> None:
    # Around one far point all distances agree to what float32 keeps of them.
    keys = 100 + noise * normal(0, 50, 40)
    keys[0] = 0.0
    queries = 100 + noise * normal(1, 20, 40)
    index, distance = find_nearest(queries, keys)
    expected = by_loops(queries, keys, False)
    np.testing.assert_allclose(distance, expected[1], rtol=1e-14)
    np.testing.assert_array_equal(index, expected[0])


def test_exact_copies_are_at_zero_among_near_ones() -> None:
    keys = (1e4 + 1e-3 * normal(0, 500, 64)).astype(np.float32)
    index, distance = find_nearest(keys[::-1].copy(), keys)
    np.testing.assert_array_equal(keys[index], keys[::-1])
    assert not distance.any()


def test_a_collapsed_set_is_found_quickly_and_the_first_copy_counts() -> None:
    keys = np.repeat(normal(0, 2, 2000), 3000, axis=0)
    assert find_nearest(keys[[0, 3000]], keys).row.tolist() == [0, 3000]
    index, distance = find_nearest(keys, keys, exclude_self=True)
    assert index[[0, 1, 2999, 3000, 3001]].tolist() == [1, 0, 0, 3001, 3000]
    assert not distance.any()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_any_scale(scale: float) -> None:
    keys, queries = normal(0, 40, 10), normal(1, 20, 10)
    index, distance = find_nearest(scale * queries, scale * keys)
    np.testing.assert_array_equal(index, find_nearest(queries, keys).row)
    np.testing.assert_allclose(distance, scale * find_nearest(queries, keys).distance, rtol=1e-12)


def test_zeros_have_one_sign_and_types_mix() -> None:
    queries = np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)
    assert find_nearest(queries, np.array([[5.0, 5.0], [-0.0, 1.0]])).distance.tolist() == [0, 0]
    assert find_nearest(np.empty((0, 2)), queries).row.shape == (0,)
    assert find_nearest(queries[:1], queries[1:]).row.tolist() == [0]


def fraction(result: Copies) -> tuple[float, float]:
    assert result.fraction is not None
    assert result.real_fraction is not None
    return result.fraction, result.real_fraction


@pytest.mark.parametrize("quantile", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("count", [1, 20, 1000])
def test_real_images_themselves_have_the_quantile_at_most(quantile: float, count: int) -> None:
    distances = np.random.default_rng(0).uniform(1, 2, count)
    result = fraction(count_likely_copies(distances, distances, quantile))
    assert result[0] == result[1]
    assert quantile - 2 / count < result[0] <= quantile


def test_fractions_threshold_and_medians_by_hand() -> None:
    result = count_likely_copies(np.array([0.0, 1.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 0.5)
    assert result == Copies(
        n=4,
        n_real=5,
        fraction=0.75,
        real_fraction=0.4,
        exact=1,
        threshold=3.0,
        median=1.75,
        real_median=3.0,
        reason=None,
    )


def test_exact_copies_count_where_the_threshold_is_zero() -> None:
    result = count_likely_copies(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 0.0, 0.0, 4.0]), 0.01)
    assert (result.threshold, *fraction(result), result.exact) == (0, 0.5, 0.75, 2)


def test_copied_training_images_are_seen() -> None:
    training, held_out = normal(0, 300, 20), normal(1, 300, 20)
    honest, copied = normal(2, 100, 20), training[:100] + 0.01 * normal(3, 100, 20)
    baseline = find_nearest(held_out, training).distance
    # Binomial standard deviation sqrt(0.05 * 0.95 / 100) = 0.02, and as much of the quantile; three.
    assert fraction(count_likely_copies(find_nearest(honest, training).distance, baseline, 0.05))[0] == pytest.approx(
        0.05, abs=0.09
    )
    mixed = np.concatenate([honest[:50], copied[:50]])
    assert fraction(count_likely_copies(find_nearest(mixed, training).distance, baseline, 0.05))[0] == pytest.approx(
        0.52, abs=0.07
    )


@pytest.mark.parametrize(("synthetic", "real"), [(0, 3), (3, 0), (1, 1), (2, 5)])
def test_few_distances_give_a_reason_or_finite_numbers(synthetic: int, real: int) -> None:
    result = count_likely_copies(np.ones(synthetic), np.ones(real), 0.01)
    assert type(result).model_validate_json(result.model_dump_json()) == result
    assert (result.fraction is None) == (result.reason is not None) == (min(synthetic, real) == 0)


def test_mistakes_are_refused() -> None:
    a = normal(0, 4, 3)
    for queries, keys, exclude_self in ((a, a[:0], False), (a[:1], a[:1], True)):
        with pytest.raises(ValueError, match="are needed"):
            find_nearest(queries, keys, exclude_self=exclude_self)
    with pytest.raises(ValueError, match="as many queries"):
        find_nearest(a[:3], a, exclude_self=True)
    for wrong in (np.array([-1.0]), np.array([np.nan]), np.ones((1, 1))):
        with pytest.raises(ValueError, match="distances"):
            count_likely_copies(wrong, np.ones(1), 0.1)
    for quantile in (0.0, 1.0):
        with pytest.raises(ValueError, match="quantile"):
            count_likely_copies(np.ones(1), np.ones(1), quantile)
