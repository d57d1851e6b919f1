"""Class sizes after a scenario, the images wanted then, and the minority where none is named, by hand; nested roles."""

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.core.draws import FITTED, REFERENCE, VALIDATION
from counterweight.data.imbalance import (
    count_kept,
    count_validation,
    count_wanted,
    draw_roles,
    explain_balance,
    find_smallest_classes,
)
from counterweight.settings.scenarios import Drop, Longtail, Natural, Scenario

CLOTHES = [795, 790, 640, 512, 455, 377, 300, 241, 160, 112]  # 4382: 438 on average


@pytest.mark.parametrize(
    ("scenario", "counts", "minority", "kept"),
    [
        (Drop(kind="drop", fraction=0.75), [40, 40, 40], [1], [40, 10, 40]),
        (Drop(kind="drop", fraction=0.75), [41, 42, 43], [0, 2], [10, 42, 11]),
        (Drop(kind="drop", fraction=0.5), [10, 20, 30], [0, 1, 2], [5, 10, 15]),
        (Drop(kind="drop", fraction=0.1), [4, 4, 4], [0], [4, 4, 4]),
        (Drop(kind="drop", fraction=0.9), [4, 4, 4], [0], [0, 4, 4]),
        (Natural(kind="natural"), [10, 20, 30], [1], [10, 20, 30]),
        (Longtail(kind="longtail", ratio=100.0), [1000, 1000, 1000], [], [1000, 100, 10]),
        (Longtail(kind="longtail", ratio=4.0), [100, 100, 100], [0], [25, 100, 50]),
        (Longtail(kind="longtail", ratio=4.0), [100, 100, 100], [2, 0], [25, 100, 50]),
        (Longtail(kind="longtail", ratio=4.0), [100, 30, 100], [], [100, 30, 25]),
        (Longtail(kind="longtail", ratio=4.0), [8, 100, 60], [], [8, 50, 25]),
    ],
)
def test_the_counts_are_those_of_a_calculation_by_hand(
    scenario: Scenario, counts: list[int], minority: list[int], kept: list[int]
) -> None:
    given = np.array(counts)
    assert count_kept(scenario, given, minority).tolist() == kept
    assert given.tolist() == counts


def natural(cap: int | None = None) -> Natural:
    return Natural(kind="natural", cap=cap)


@pytest.mark.parametrize(
    ("scenario", "whole", "fitted", "wanted"),
    [
        (natural(), [10, 20, 30], [10, 20, 30], [20, 10, 0]),
        (natural(30), [10, 20, 30], [10, 20, 30], [20, 10, 0]),
        (natural(1000), [10, 20, 30], [10, 20, 30], [20, 10, 0]),
        (natural(21), [10, 20, 30], [10, 20, 30], [11, 0, 0]),  # 20 are more than 95 % of 21, which are 19.95
        (natural(22), [10, 20, 30], [10, 20, 30], [12, 2, 0]),
        (natural(20), [10, 20, 30], [10, 20, 30], [10, 0, 0]),
        (natural(10), [10, 20, 30], [10, 20, 30], [0, 0, 0]),
        (natural(1), [10, 20, 30], [10, 20, 30], [0, 0, 0]),
        (natural(), [560, 559, 532, 531], [560, 559, 532, 531], [0, 0, 0, 29]),
        (Drop(kind="drop", fraction=0.5), [10, 20, 30], [10, 10, 30], [0, 10, 0]),
        (Drop(kind="drop", fraction=0.05), [100, 100], [95, 94], [0, 6]),
        (Longtail(kind="longtail", ratio=4.0), [100, 30, 100], [100, 30, 25], [0, 0, 75]),
    ],
)
def test_what_was_removed_is_wanted_back_and_naturally_what_is_missing_to_a_level(
    scenario: Scenario, whole: list[int], fitted: list[int], wanted: list[int]
) -> None:
    assert count_wanted(scenario, np.array(whole), np.array(fitted)).tolist() == wanted


@pytest.mark.parametrize(
    ("cap", "counts", "minority"),
    [
        (None, [800, 798, 123], [2]),
        (None, [800, 500], [1]),
        (None, [801, 800, 800], []),
        (None, [801, 700, 700], [1, 2]),
        (None, CLOTHES, [5, 6, 7, 8, 9]),
        (400, CLOTHES, [5, 6, 7, 8, 9]),
        (300, CLOTHES, [7, 8, 9]),
        (113, CLOTHES, []),  # 112 of 113 are enough
        (120, CLOTHES, [9]),
        (700, CLOTHES, [5, 6, 7, 8, 9]),
    ],
)
def test_naturally_classes_below_the_average_that_get_images_are_the_minority(
    cap: int | None, counts: list[int], minority: list[int]
) -> None:
    sizes = np.array(counts)
    assert find_smallest_classes(natural(cap), sizes, count_wanted(natural(cap), sizes, sizes)) == minority


def test_where_images_are_wanted_there_is_a_minority() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        sizes = rng.integers(1, 6, rng.integers(2, 6))
        for cap in (None, 2, 3, 4):
            wanted = count_wanted(natural(cap), sizes, sizes)
            assert bool(find_smallest_classes(natural(cap), sizes, wanted)) == bool(wanted.any())


def test_elsewhere_the_smallest_classes_are_the_minority() -> None:
    kept, wanted = np.array([100, 25, 25, 50]), np.array([0, 75, 0, 50])
    assert find_smallest_classes(Longtail(kind="longtail", ratio=4.0), kept, wanted) == [1, 2]


@pytest.mark.parametrize(
    ("scenario", "counts", "why"),
    [
        (natural(), [12, 12], "the classes have 12 to 12 images to be fitted, and 95 % of the largest are enough"),
        (natural(50), [12, 12], "the classes have 12 to 12 images to be fitted, and 95 % of the largest are enough"),
        (natural(), [39, 40], "the classes have 39 to 40 images to be fitted, and 95 % of the largest are enough"),
        (natural(9), [12, 40, 10], "the classes have 10 to 40 images to be fitted, and 95 % of cap 9 are enough"),
        (natural(40), [39, 100], "the classes have 39 to 100 images to be fitted, and 95 % of cap 40 are enough"),
        (Drop(kind="drop", fraction=0.1), [4, 40], "every class would keep 95 % of its images, or more"),
    ],
)
def test_why_there_is_nothing_to_balance(scenario: Scenario, counts: list[int], why: str) -> None:
    assert explain_balance(scenario, np.array(counts)) == why


# Draws.

FRACTIONS = (1e-6, 0.01, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.5, 0.75, 0.9, 0.999999)
SIZES = np.arange(1, 201)
"""Of classes: one of each."""
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(200), SIZES))
ALONE = np.arange(len(LABELS))
fractions = pytest.mark.parametrize("fraction", FRACTIONS)


def roles(scenario: Scenario, fraction: float, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Roles of the images of 200 classes, of which all are the minority but where the scenario says who is rare."""
    minority = [] if isinstance(scenario, Longtail) else list(range(200))
    # Of the smallest classes nothing is left, which the stage refuses; what is told of the others holds all the same.
    return draw_roles(LABELS, count_kept(scenario, SIZES, minority), fraction, np.random.default_rng(seed), ALONE)


@fractions
def test_of_two_images_one_is_on_either_side_and_with_each_more_at_most_one_more_is_set_aside(fraction: float) -> None:
    counts = count_validation(np.arange(0, 2001), fraction)
    assert counts[:3].tolist() == [0, 0, 1]
    assert (counts[2:] >= 1).all()
    assert (counts[2:] < np.arange(2, 2001)).all()
    assert set(np.diff(counts)) <= {0, 1}
    # Half of an image for rounding, and one for what each side has at least.
    assert (abs(counts - fraction * np.arange(2001)) <= 1).all()


@fractions
@pytest.mark.parametrize(
    ("more", "less"),
    [
        (Drop(kind="drop", fraction=0.5), Drop(kind="drop", fraction=0.75)),
        (Drop(kind="drop", fraction=0.1), Drop(kind="drop", fraction=0.9)),
        (natural(), Drop(kind="drop", fraction=0.5)),
        (Longtail(kind="longtail", ratio=10.0), Longtail(kind="longtail", ratio=100.0)),
        (natural(), Longtail(kind="longtail", ratio=10.0)),
    ],
)
def test_what_a_harder_scenario_keeps_is_part_of_what_an_easier_one_keeps(
    more: Scenario, less: Scenario, fraction: float
) -> None:
    many, few = roles(more, fraction), roles(less, fraction)
    for role in (FITTED, VALIDATION):
        assert not ((few == role) & (many != role)).any()
    assert ((few == REFERENCE) & (many != REFERENCE)).any()


@fractions
def test_each_class_has_as_many_images_in_each_role_as_were_counted(fraction: float) -> None:
    for scenario in (natural(), Drop(kind="drop", fraction=0.75)):
        found, kept = roles(scenario, fraction), count_kept(scenario, SIZES, list(range(200)))
        sizes = [np.bincount(LABELS[found == role], minlength=200) for role in (FITTED, VALIDATION, REFERENCE)]
        aside = count_validation(kept, fraction)
        assert [size.tolist() for size in sizes] == [(kept - aside).tolist(), aside.tolist(), (SIZES - kept).tolist()]


def test_a_place_of_the_order_is_random_whatever_its_role() -> None:
    """Every image of a class is set aside in a quarter of the draws, but for chance, wherever it stands."""
    labels, draws = np.zeros(20, dtype=np.int64), 4000
    rngs = map(np.random.default_rng, range(draws))
    aside = np.mean([draw_roles(labels, np.array([20]), 0.25, rng, np.arange(20)) for rng in rngs], axis=0)
    # Five of 20 images, each as often as another: deviation sqrt(0.25 * 0.75 / 4000) = 0.0068; 20 images, five of them.
    assert abs(aside - 0.25).max() < 5 * 0.0068


# Identical images.


def draw_without_heed(labels: npt.NDArray[np.int64], kept: npt.NDArray[np.int64], fraction: float) -> list[int]:
    """Roles as they were drawn before twins were heeded, which no dataset without them may lose."""
    rng, found = np.random.default_rng(0), np.full(len(labels), REFERENCE)
    for label, count in enumerate(kept):
        first = rng.permutation(np.flatnonzero(labels == label))[:count]
        found[first] = np.where(np.diff(count_validation(np.arange(count + 1), fraction)) > 0, VALIDATION, FITTED)
    return found.tolist()


@fractions
@pytest.mark.parametrize("scenario", [natural(), Drop(kind="drop", fraction=0.75)])
def test_where_no_images_are_identical_roles_are_what_they_were(scenario: Scenario, fraction: float) -> None:
    kept = count_kept(scenario, SIZES, list(range(200)))
    assert roles(scenario, fraction).tolist() == draw_without_heed(LABELS, kept, fraction)


def test_a_class_without_twins_keeps_its_roles_beside_one_that_has_some() -> None:
    kept = np.arange(1, 201)
    twins = np.where(LABELS == 199, 10**6 + np.arange(len(LABELS)) % 50, ALONE)
    found = draw_roles(LABELS, kept, 0.25, np.random.default_rng(0), twins)
    others = LABELS != 199
    assert (found[others] == np.array(draw_without_heed(LABELS, kept, 0.25))[others]).all()
    assert (found != draw_without_heed(LABELS, kept, 0.25)).any()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("times", [2, 3, 5])
@fractions
def test_identical_images_of_a_class_have_one_role(fraction: float, times: int, seed: int) -> None:
    """Each image of three classes of 2, 12 and 40 lies there so many times; the first two are half dropped."""
    labels = np.repeat([0, 1, 2], [2 * times, 12 * times, 40 * times])
    twins = np.concatenate([np.tile(100 * label + np.arange(size), times) for label, size in enumerate((2, 12, 40))])
    order = np.random.default_rng(0).permutation(len(labels))
    labels, twins = labels[order], twins[order]
    easy, hard = np.array([2, 12, 40]) * times, np.array([times, 6 * times, 40 * times])
    many, few = (draw_roles(labels, kept, fraction, np.random.default_rng(seed), twins) for kept in (easy, hard))
    for found, kept in ((many, easy), (few, hard)):
        assert all(len(set(found[twins == number])) == 1 for number in set(twins))
        sizes = [np.bincount(labels[found == role], minlength=3) for role in (FITTED, VALIDATION)]
        assert min(size.min() for size in sizes) >= times
        assert (abs(sum(sizes) - kept) <= times).all()
        # Off by half a group, and where there are few by those that either side has at least.
        assert abs(sizes[1] - count_validation(kept, fraction)).max() <= times
    for role in (FITTED, VALIDATION):
        assert not ((few == role) & (many != role)).any()


def test_a_class_of_one_image_that_lies_there_often_has_some_in_each_role() -> None:
    labels = np.zeros(20, dtype=np.int64)
    found = draw_roles(labels, np.array([10]), 0.2, np.random.default_rng(0), labels)
    assert np.bincount(found, minlength=3).tolist() == [8, 2, 10]
