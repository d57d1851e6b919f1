"""Draws have the promised sizes and classes, are disjoint where promised, and depend on the generator alone."""

import numpy as np
import pytest

from counterweight.core.results import Spread
from counterweight.statistics.base.resampling import (
    check_comparable,
    check_labelled,
    choose_groups,
    count_draws,
    draw_halves,
    draw_matched,
    draw_one_of_each,
    estimate_design_effect,
    split_group_halves,
    split_groups,
    split_halves,
    stratified_split_halves,
    summarize,
)

A = np.array([0] * 7 + [1] * 4 + [2] * 1 + [3] * 5)
B = np.array([3] * 2 + [1] * 9 + [0] * 7 + [4] * 3)


def test_matched_takes_the_smaller_count_of_every_common_class() -> None:
    of_a, of_b = draw_matched(A, B, np.random.default_rng(0))
    assert np.bincount(A[of_a], minlength=5).tolist() == [7, 4, 0, 2, 0]
    np.testing.assert_array_equal(A[of_a], B[of_b])
    assert len(np.unique(of_a)) == len(np.unique(of_b)) == 13


def test_matched_draws_every_member_equally_often() -> None:
    rng = np.random.default_rng(1)
    counts = np.zeros(9, dtype=np.int64)
    for _ in range(2000):
        _, drawn = draw_matched(np.zeros(3, np.int64), np.zeros(9, np.int64), rng)
        counts[drawn] += 1
    # Each is drawn with probability 1/3: binomial standard deviation sqrt(2000 * 2/9) = 21; five of them.
    np.testing.assert_allclose(counts, 2000 / 3, atol=105)


def test_halves_are_disjoint_and_have_equal_classes() -> None:
    first, second = split_halves(A, np.random.default_rng(0))
    assert not set(first) & set(second)
    np.testing.assert_array_equal(A[first], A[second])
    assert np.bincount(A[first]).tolist() == [3, 2, 0, 2]


def test_matched_halves_have_one_size_and_one_class_mix() -> None:
    real_1, real_2, synthetic_1, synthetic_2 = stratified_split_halves(A, B, np.random.default_rng(0))
    for labels in (A[real_1], A[real_2], B[synthetic_1], B[synthetic_2]):
        assert np.bincount(labels, minlength=5).tolist() == [3, 2, 0, 1, 0]
    assert not set(real_1) & set(real_2)
    assert not set(synthetic_1) & set(synthetic_2)


GROUPS = np.array([0] * 3 + [1] * 3 + [2] * 4 + [3] * 5 + [4, 5])  # of A, across its classes


def test_whole_groups_are_chosen_and_about_the_fraction() -> None:
    for number in range(20):
        chosen = choose_groups(GROUPS, 0.5, np.random.default_rng(number))
        assert not set(GROUPS[chosen]) & set(GROUPS[~chosen])
        # 17 samples, of which 8.5 are wanted; the group in whose middle that lies has at most 5.
        assert abs(chosen.sum() - 8.5) <= 2.5


@pytest.mark.parametrize("fraction", [0.001, 0.3, 0.999])
def test_both_sides_have_a_group_but_a_single_one_is_not_chosen(fraction: float) -> None:
    two = choose_groups(np.array([7] * 90 + [2]), fraction, np.random.default_rng(0))
    assert set(np.bincount(two)) == {1, 90}
    assert not choose_groups(np.zeros(5, np.int64), fraction, np.random.default_rng(0)).any()
    assert len(choose_groups(np.empty(0, np.int64), fraction, np.random.default_rng(0))) == 0


def test_one_sample_of_each_group_is_drawn_and_each_of_them_sometimes() -> None:
    drawn = [draw_one_of_each(GROUPS, np.random.default_rng(number)) for number in range(200)]
    for each in drawn:
        assert GROUPS[each].tolist() == [0, 1, 2, 3, 4, 5]
        assert (np.diff(each) > 0).all()
    # One of five is never drawn in 200 draws with a probability of 0.8 ** 200.
    assert {index for each in drawn for index in each} == set(range(len(GROUPS)))


@pytest.mark.parametrize("other", [None, np.arange(len(B)) // 2])
def test_no_group_is_in_both_parts_or_halves(other: np.ndarray | None) -> None:
    groups = (GROUPS, other)
    for number in range(20):
        rng = np.random.default_rng(number)
        for draw in (split_groups((A, B), groups, 0.3, rng), split_group_halves((A, B), groups, rng)):
            assert not set(GROUPS[draw[0]]) & set(GROUPS[draw[1]])
            own = np.arange(len(B)) if other is None else other
            assert not set(own[draw[2]]) & set(own[draw[3]])
            np.testing.assert_array_equal(A[draw[0]], B[draw[2]])
            np.testing.assert_array_equal(A[draw[1]], B[draw[3]])
        np.testing.assert_array_equal(A[draw[0]], A[draw[1]])  # Halves: as many of every class.


def test_halves_of_a_single_group_are_empty() -> None:
    (draw,) = draw_halves(A, B, np.random.default_rng(0), 1, (np.zeros(len(A), np.int64), None))
    assert [len(part) for part in draw] == [0] * 4


def test_images_made_of_one_another_are_in_halves_of_one_number() -> None:
    for number in range(10):
        real_1, real_2, synthetic_1, synthetic_2 = stratified_split_halves(A, A, np.random.default_rng(number))
        np.testing.assert_array_equal(real_1, synthetic_1)
        np.testing.assert_array_equal(real_2, synthetic_2)


@pytest.mark.parametrize(("a", "b"), [([], []), ([0, 1], []), ([0, 0], [1, 1])])
def test_nothing_in_common_draws_nothing(a: list[int], b: list[int]) -> None:
    drawn = stratified_split_halves(np.array(a, np.int64), np.array(b, np.int64), np.random.default_rng(0))
    assert [len(indices) for indices in drawn] == [0, 0, 0, 0]
    assert all(indices.dtype == np.int64 for indices in drawn)


def test_a_seed_determines_the_draw_and_order_is_by_class_and_index() -> None:
    first, second = (stratified_split_halves(A, B, np.random.default_rng(5)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    for labels, indices in zip((A, A, B, B), first, strict=True):
        np.testing.assert_array_equal(indices, indices[np.lexsort((indices, labels[indices]))])


def test_arguments_stay_as_they_were() -> None:
    a, b = A.copy(), B.copy()
    stratified_split_halves(a, b, np.random.default_rng(0))
    np.testing.assert_array_equal(a, A)
    np.testing.assert_array_equal(b, B)


def test_spread_by_hand() -> None:
    spread = summarize([1.0, 2.0, 6.0])
    assert (spread.mean, spread.std) == (3.0, pytest.approx(np.sqrt((4 + 1 + 9) / 2)))
    assert summarize([4.0]) == Spread(mean=4.0, std=0.0)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros((3, 2)), np.zeros((3, 1))),
        (np.zeros((3, 0)), np.zeros((3, 0))),
        (np.full((3, 1), np.nan), np.zeros((3, 1))),
        (np.zeros((3, 1)), np.full((3, 1), np.inf)),
    ],
)
def test_features_that_cannot_be_compared_are_refused(a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"wanted|finite"):
        check_comparable(a, b)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one label per row"):
        check_labelled(np.zeros((3, 1)), np.zeros(3, np.int64), np.zeros((3, 1)), np.zeros(2, np.int64))


def test_large_halves_are_drawn_less_often() -> None:
    assert [count_draws(size, 10) for size in (0, 1, 500, 501, 1000, 2501, 5000, 10**6)] == [10, 10, 10, 10, 5, 2, 1, 1]
    labels = np.zeros(2000, np.int64)
    assert len(draw_halves(labels, labels, np.random.default_rng(0), 4)) == 2
    assert len(draw_halves(labels[:50], labels, np.random.default_rng(0), 4)) == 4
    with pytest.raises(ValueError, match="repeats"):
        draw_halves(labels, labels, np.random.default_rng(0), 0)


def test_the_design_effect_of_copies_is_their_number() -> None:
    """Kish's 1 + (m - 1) r for m = 8 and r = 1, but for the freedom of 40 groups and of 320 samples."""
    features, groups = np.random.default_rng(0).normal(size=(40, 30)).repeat(8, axis=0), np.arange(40).repeat(8)
    assert estimate_design_effect(features, groups) == pytest.approx(8 * (319 / 320) * (40 / 39))
    alone = np.random.default_rng(1).normal(size=(320, 30))
    # Of independent samples it is 1; a variance of 40 groups is known to 23 %, a median of 30 to a fifth of that.
    assert estimate_design_effect(alone, groups) == pytest.approx(1, abs=0.25)
    assert estimate_design_effect(features, np.arange(320)) == pytest.approx(1)
    assert estimate_design_effect(features, np.zeros(320, np.int64)) is None
    assert estimate_design_effect(np.ones((320, 2)), groups) is None
