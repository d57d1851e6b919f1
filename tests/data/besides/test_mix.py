"""Classes that two folders have in common, and how differently they are mixed."""

from collections.abc import Mapping

import numpy as np
import pytest

from counterweight.data.besides.mix import compare_mix, describe_same_mix
from counterweight.data.sources.base.class_folders import IN_NO_FOLDER, SharedClasses, find_shared_classes

Counts = Mapping[str, int]


def paths(counts: Counts) -> list[str]:
    return [f"{folder}/{number}.png".lstrip("/") for folder, count in counts.items() for number in range(count)]


@pytest.mark.parametrize(
    ("real", "synthetic", "expected"),
    [
        ({"cat": 5, "dog": 2}, {"cat": 3, "dog": 4}, ({"cat": 5, "dog": 2}, {"cat": 3, "dog": 4})),
        ({"Cat": 5, "Dog": 2}, {"cat": 3, "dog ": 4}, ({"Cat": 5, "Dog": 2}, {"Cat": 3, "Dog": 4})),
        (
            {"train/cat": 5, "train/dog": 2, "test/cat": 1},
            {"cat": 3, "dog": 4},
            ({"cat": 6, "dog": 2}, {"cat": 3, "dog": 4}),
        ),
        ({"all/cat": 5, "all/dog/old": 2}, {"cat": 3, "dog": 4}, ({"cat": 5, "dog": 2}, {"cat": 3, "dog": 4})),
        ({"a": 5, "b": 2, "c": 1}, {"a": 3, "b": 4}, ({"a": 5, "b": 2, "c": 1}, {"a": 3, "b": 4})),
        ({"cat": 5, "dog": 2}, {"cat": 3}, ({"cat": 5, "dog": 2}, {"cat": 3})),
        (
            {"cat": 5, "dog": 2, "": 1},
            {"cat": 3, "dog": 4},
            ({IN_NO_FOLDER: 1, "cat": 5, "dog": 2}, {"cat": 3, "dog": 4}),
        ),
        ({"big cat": 5, "dog": 2}, {"big_cat": 3, "dog": 4}, ({"big cat": 5, "dog": 2}, {"big cat": 3, "dog": 4})),
        ({"train": 5, "bus": 2}, {"train": 3, "bus": 4}, ({"bus": 2, "train": 5}, {"bus": 4, "train": 3})),
    ],
)
def test_folders_of_the_same_names_are_classes(
    real: Counts, synthetic: Counts, expected: tuple[Counts, Counts]
) -> None:
    for one, other, wanted in ((real, synthetic, expected), (synthetic, real, expected[::-1])):
        found = find_shared_classes(paths(one), paths(other))
        assert found is not None
        counts = found.count_images()
        assert [sorted(own.values()) for own in counts] == [sorted(own.values()) for own in wanted]
    assert find_shared_classes(paths(real), paths(synthetic)).count_images() == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("real", "synthetic"),
    [
        ({"": 5}, {"": 3}),
        ({"cat": 5}, {"cat": 3}),
        ({"cat": 5, "dog": 2}, {"seed0": 3, "seed1": 4}),
        ({"train": 5, "test": 2}, {"train": 3, "test": 4}),
        ({"images": 5, "more": 2}, {"images": 3}),
    ],
)
def test_other_folders_are_none(real: Counts, synthetic: Counts) -> None:
    assert find_shared_classes(paths(real), paths(synthetic)) is None


def mixed(real: Counts, synthetic: Counts) -> SharedClasses:
    found = find_shared_classes(paths(real), paths(synthetic))
    assert found is not None
    return found


def test_another_mix_is_named_and_what_is_equal_in_it_counted() -> None:
    mix = compare_mix(mixed({"cat": 54, "dog": 6, "emu": 20}, {"cat": 30, "dog": 30}))
    assert mix is not None
    assert mix.difference == "class mix (54 cat, 6 dog, 20 emu against 30 cat, 30 dog, 0 emu)"
    same = describe_same_mix(mix, ["in grey"])
    assert (same.steps, same.images, same.left_out) == (["in grey"], {"cat": 30, "dog": 6}, {"real": {"emu": 20}})


def test_of_many_classes_those_are_named_that_differ_most() -> None:
    equal = {f"c{number}": 40 for number in range(8)}
    mix = compare_mix(mixed(equal, {**equal, "c3": 200}))
    assert mix is not None
    assert "40 c3" in mix.difference
    assert "200 c3" in mix.difference
    assert mix.difference.endswith("; 4 other classes)")


def test_the_same_mix_is_no_difference() -> None:
    assert compare_mix(None) is None
    assert compare_mix(mixed({"cat": 54, "dog": 6}, {"cat": 27, "dog": 3})) is None


def test_draws_of_one_mix_are_no_difference() -> None:
    """Once in 1,000 pairs at most; of 500, 4 or more happen once in 500 times."""
    rng = np.random.default_rng(0)
    names = tuple("abcdefghij")
    shares = np.arange(1, 11) / 55
    pairs = [SharedClasses(names, *rng.choice(10, (2, 60), p=shares)) for _ in range(500)]
    assert sum(compare_mix(pair) is not None for pair in pairs) < 4
