"""Nearest rows against loops, copies that rounding must not hide, and the fraction of likely copies."""

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.results.compare import Copies
from counterweight.statistics.images import nearest_neighbours
from counterweight.statistics.images.nearest_neighbours import (
    Nearest,
    count_effective,
    count_likely_copies,
    find_distinct,
    find_nearest,
    find_nearest_others,
    measure_closeness,
)

Floats = npt.NDArray[np.float64]


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def by_loops(queries: Floats, keys: Floats, exclude_self: bool) -> tuple[Floats, Floats]:
    squares = np.array([[np.sum((x.astype(np.float64) - y) ** 2) for y in keys] for x in queries])
    if exclude_self:
        np.fill_diagonal(squares, np.inf)
    return squares.argmin(axis=1), np.sqrt(np.sort(squares, axis=1)[:, :2]).T


def at_distances(*distances: float) -> Nearest:
    """Second nearest rows lie far beyond."""
    first = np.array(distances)
    return Nearest(np.zeros(len(first), dtype=np.int64), first, np.full(len(first), 1e6))


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
    index, distance, second = find_nearest(queries, keys, exclude_self=exclude_self)
    expected = by_loops(queries, keys, exclude_self)
    np.testing.assert_array_equal(index, expected[0])
    np.testing.assert_allclose(distance, expected[1][0], rtol=1e-14)
    equal = expected[1][0] == 0
    assert equal.any()
    assert np.isnan(second[equal]).all()
    # float32 knows keys around 1000 to 1e-4, float64 has the distances from those that it chose.
    np.testing.assert_allclose(second[~equal], expected[1][1][~equal], atol=1e-3)


def test_the_second_nearest_is_another_row_and_infinite_without_one() -> None:
    queries, keys = np.array([[0.0], [4.9]]), np.array([[1.0], [5.0], [-3.0]])
    assert find_nearest(queries, keys).second.tolist() == pytest.approx([3.0, 3.9])
    assert find_nearest(queries, keys[:1]).second.tolist() == [np.inf, np.inf]
    assert find_nearest(keys[:2], keys[:2], exclude_self=True).second.tolist() == [np.inf, np.inf]


def test_equal_keys_are_no_second_nearest_ones() -> None:
    keys = np.array([[0.0], [0.0], [1.0], [4.0]])
    assert find_distinct(keys).tolist() == [0, 2, 3]
    found = find_nearest_others(keys)
    assert found.row.tolist() == [1, 0, 0, 2]
    assert found.distance.tolist() == [0, 0, 1, 3]
    np.testing.assert_array_equal(found.second, [np.nan, np.nan, 3, 4])
    assert find_nearest_others(keys[:2]).distance.tolist() == [0, 0]


def test_closeness_is_a_fraction_of_the_second_distance() -> None:
    nearest = Nearest(np.zeros(4, dtype=np.int64), np.array([0.0, 1.0, 2.0, 3.0]), np.array([np.nan, 4.0, 2.0, np.inf]))
    assert measure_closeness(nearest).tolist() == [0, 0.25, 1, 0]


@pytest.mark.parametrize("noise", [1e-3, 1e-6])
def test_near_ties_are_refined(noise: float) -> None:
    # Around one far point all distances agree to what float32 keeps of them.
    keys = 100 + noise * normal(0, 50, 40)
    keys[0] = 0.0
    queries = 100 + noise * normal(1, 20, 40)
    index, distance, _ = find_nearest(queries, keys)
    expected = by_loops(queries, keys, False)
    np.testing.assert_allclose(distance, expected[1][0], rtol=1e-14)
    np.testing.assert_array_equal(index, expected[0])


def test_exact_copies_are_at_zero_among_near_ones() -> None:
    keys = (1e4 + 1e-3 * normal(0, 500, 64)).astype(np.float32)
    index, distance, _ = find_nearest(keys[::-1].copy(), keys)
    np.testing.assert_array_equal(keys[index], keys[::-1])
    assert not distance.any()


def test_a_collapsed_set_is_found_quickly_and_the_first_copy_counts() -> None:
    keys = np.repeat(normal(0, 2, 2000), 3000, axis=0)
    assert find_nearest(keys[[0, 3000]], keys).row.tolist() == [0, 3000]
    index, distance, _ = find_nearest(keys, keys, exclude_self=True)
    assert index[[0, 1, 2999, 3000, 3001]].tolist() == [1, 0, 0, 3001, 3000]
    assert not distance.any()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_any_scale(scale: float) -> None:
    keys, queries = normal(0, 40, 10), normal(1, 20, 10)
    index, distance, _ = find_nearest(scale * queries, scale * keys)
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
    nearest = at_distances(*np.random.default_rng(0).uniform(1, 2, count))
    result = fraction(count_likely_copies(nearest, nearest, quantile))
    assert result[0] == result[1]
    assert quantile - 2 / count < result[0] <= quantile


def test_fractions_thresholds_and_medians_by_hand() -> None:
    synthetic = Nearest(np.zeros(4, dtype=np.int64), np.array([0.0, 1.0, 2.5, 9.0]), np.array([np.nan, 8.0, 2.6, 90.0]))
    real = Nearest(np.zeros(5, dtype=np.int64), np.arange(1.0, 6.0), np.array([1.25, 4.0, 10.0, 8.0, 8.0]))
    # Fractions of the second distances: 0, 0.125, 0.96, 0.1 and 0.8, 0.5, 0.3, 0.5, 0.625.
    assert count_likely_copies(synthetic, real, 0.5) == Copies(
        n=4,
        n_real=5,
        fraction=0.5,
        real_fraction=0.0,
        exact=1,
        threshold=3.0,
        closeness=0.5,
        median=1.75,
        real_median=3.0,
        reason=None,
    )


def test_exact_copies_count_where_the_threshold_is_zero() -> None:
    result = count_likely_copies(at_distances(0.0, 0.0, 1.0, 1.0), at_distances(0.0, 0.0, 0.0, 4.0), 0.01)
    assert (result.threshold, *fraction(result), result.exact) == (0, 0.5, 0.75, 2)


def test_copied_training_images_are_seen() -> None:
    training, held_out = normal(0, 300, 20), normal(1, 300, 20)
    honest, copied = normal(2, 100, 20), training[:100] + 0.01 * normal(3, 100, 20)
    baseline = find_nearest(held_out, training)
    # At most 0.05 of honest ones: binomial standard deviation sqrt(0.05 * 0.95 / 100) = 0.02, and as much of the
    # quantile; three.
    assert fraction(count_likely_copies(find_nearest(honest, training), baseline, 0.05))[0] < 0.14
    mixed = np.concatenate([honest[:50], copied[:50]])
    assert fraction(count_likely_copies(find_nearest(mixed, training), baseline, 0.05))[0] == pytest.approx(
        0.52, abs=0.07
    )


@pytest.mark.parametrize("scale", [0.1, 0.5])
def test_pale_images_are_near_to_all_and_copies_of_none(scale: float) -> None:
    training, held_out, pale = normal(0, 300, 50), normal(1, 300, 50), scale * normal(2, 200, 50)
    found = find_nearest(pale, training)
    baseline = find_nearest(held_out, training)
    # By their distances alone all of them were copies.
    assert np.mean(found.distance < np.quantile(baseline.distance, 0.05)) > 0.9
    assert fraction(count_likely_copies(found, baseline, 0.05))[0] < 0.05


@pytest.mark.parametrize(("synthetic", "real"), [(0, 3), (3, 0), (1, 1), (2, 5)])
def test_few_distances_give_a_reason_or_finite_numbers(synthetic: int, real: int) -> None:
    result = count_likely_copies(at_distances(*np.ones(synthetic)), at_distances(*np.ones(real)), 0.01)
    assert type(result).model_validate_json(result.model_dump_json()) == result
    assert (result.fraction is None) == (result.reason is not None) == (min(synthetic, real) == 0)


def test_mistakes_are_refused() -> None:
    a = normal(0, 4, 3)
    for queries, keys, exclude_self in ((a, a[:0], False), (a[:1], a[:1], True)):
        with pytest.raises(ValueError, match="are needed"):
            find_nearest(queries, keys, exclude_self=exclude_self)
    with pytest.raises(ValueError, match="as many queries"):
        find_nearest(a[:3], a, exclude_self=True)
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError, match="distances"):
            count_likely_copies(at_distances(wrong), at_distances(1.0), 0.1)
    for quantile in (0.0, 1.0):
        with pytest.raises(ValueError, match="quantile"):
            count_likely_copies(at_distances(1.0), at_distances(1.0), quantile)


def test_images_in_groups_tell_less_of_a_fraction() -> None:
    """Of groups that are marked whole each is worth one image, G / (G - 1) apart; of groups of one image each is."""
    marks, groups = np.repeat([True, False, False, False], 10), np.repeat(np.arange(4), 10)
    assert count_effective(marks, groups) == pytest.approx(3 * 40 / 39)
    assert count_effective(marks, np.arange(40)) == pytest.approx(40)
    spread = np.tile([True] + [False] * 9, 4)  # one of each group: less than independent ones would vary
    assert count_effective(spread, groups) == 40
    assert count_effective(np.zeros(40, dtype=bool), groups) == 4
    assert count_effective(np.ones(40, dtype=bool), groups) == 4


def test_copies_of_sides_in_groups_say_what_they_are_worth() -> None:
    synthetic, real = at_distances(*[0.0] * 10, *[9.0] * 30), at_distances(*np.linspace(1, 5, 40))
    groups = np.repeat(np.arange(4), 10)
    found = count_likely_copies(synthetic, real, 0.1, {"synthetic": groups})
    assert found.effective == {"synthetic": pytest.approx(3 * 40 / 39)}
    assert found.model_copy(update={"effective": {}}) == count_likely_copies(synthetic, real, 0.1)
    assert "effective" not in count_likely_copies(synthetic, real, 0.1).model_dump()
