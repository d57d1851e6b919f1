"""Class sizes after a scenario, the images wanted then, and the minority where none is named, by hand."""

import numpy as np
import pytest

from counterweight.data.imbalance import count_kept, count_wanted, explain_balance, find_smallest_classes
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
    ("scenario", "counts", "kept", "wanted"),
    [
        (natural(), [10, 20, 30], [10, 20, 30], [20, 10, 0]),
        (natural(30), [10, 20, 30], [10, 20, 30], [20, 10, 0]),
        (natural(1000), [10, 20, 30], [10, 20, 30], [20, 10, 0]),
        (natural(21), [10, 20, 30], [10, 20, 30], [11, 1, 0]),
        (natural(20), [10, 20, 30], [10, 20, 30], [10, 0, 0]),
        (natural(10), [10, 20, 30], [10, 20, 30], [0, 0, 0]),
        (natural(1), [10, 20, 30], [10, 20, 30], [0, 0, 0]),
        (Drop(kind="drop", fraction=0.5), [10, 20, 30], [10, 10, 30], [0, 10, 0]),
        (Longtail(kind="longtail", ratio=4.0), [100, 30, 100], [100, 30, 25], [0, 0, 75]),
    ],
)
def test_what_was_removed_is_wanted_back_and_naturally_what_is_missing_to_a_level(
    scenario: Scenario, counts: list[int], kept: list[int], wanted: list[int]
) -> None:
    assert count_wanted(scenario, np.array(counts), np.array(kept)).tolist() == wanted


@pytest.mark.parametrize(
    ("cap", "counts", "minority"),
    [
        (None, [800, 798, 123], [2]),
        (None, [800, 500], [1]),
        (None, [801, 800, 800], [1, 2]),
        (None, CLOTHES, [5, 6, 7, 8, 9]),
        (400, CLOTHES, [5, 6, 7, 8, 9]),
        (300, CLOTHES, [7, 8, 9]),
        (113, CLOTHES, [9]),
        (700, CLOTHES, [5, 6, 7, 8, 9]),
    ],
)
def test_naturally_classes_below_the_average_that_get_images_are_the_minority(
    cap: int | None, counts: list[int], minority: list[int]
) -> None:
    sizes = np.array(counts)
    assert find_smallest_classes(natural(cap), sizes, count_wanted(natural(cap), sizes, sizes)) == minority


def test_unequal_classes_always_have_a_minority() -> None:
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
        (natural(), [12, 12], "the classes are equally large, 12 images each"),
        (natural(5), [12, 12], "the classes are equally large, 12 images each"),
        (natural(9), [12, 40, 10], "cap 9 is not above the smallest class; the classes have 10 to 40 images"),
        (Drop(kind="drop", fraction=0.1), [4, 40], "not one image would be dropped"),
    ],
)
def test_why_there_is_nothing_to_balance(scenario: Scenario, counts: list[int], why: str) -> None:
    assert explain_balance(scenario, np.array(counts)) == why
