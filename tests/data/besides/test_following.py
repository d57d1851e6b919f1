"""What files differ in since their classes are mixed differently is told from what they differ in by themselves."""

from pathlib import Path

import numpy as np
import pytest

from counterweight.data.besides.compression import compare_sides
from counterweight.data.besides.following import part_following
from counterweight.data.besides.mix import compare_mix
from counterweight.data.besides.sides import FileSide, Sides
from counterweight.data.decode.facts import Facts
from counterweight.data.sources.base.class_folders import SharedClasses
from counterweight.results.files import ClassMix, FileFacts

SIZES = {0: 40, 1: 80}  # pixels of both classes, give or take a few


def make_side(labels: np.ndarray, seed: int, **changes: object) -> FileSide:
    widths = np.array([SIZES[label] for label in labels]) + np.random.default_rng(seed).integers(-5, 6, len(labels))
    facts = [Facts(int(width), 30, "RGB", "JPEG", False, 75, subsampling="4:2:0", lossless=False) for width in widths]
    return FileSide([Path("a")] * len(facts), [fact._replace(**changes) for fact in facts])


def part(real: tuple[int, int], synthetic: tuple[int, int], **changes: object) -> tuple[FileFacts, ClassMix | None]:
    """Part what sets of so many images of each class differ in; the files of the synthetic ones are changed."""
    labels = [np.repeat([0, 1], counts) for counts in (real, synthetic)]
    sides: Sides = (make_side(labels[0], 0), make_side(labels[1], 1, **changes))
    classes = SharedClasses(("cat", "dog"), *labels)
    found, mix = compare_sides(sides), compare_mix(classes)
    assert "width" in " ".join(found.differences) or mix is None
    return part_following(found, mix, sides, classes, np.random.default_rng(2))


def test_sizes_that_differ_by_class_follow_from_the_mix() -> None:
    files, mix = part((80, 20), (40, 60))
    assert files.differences == []
    assert mix is not None
    assert mix.difference.startswith("class mix (80 cat, 20 dog against 40 cat, 60 dog), and by that width (4")


def test_what_all_files_differ_in_does_not() -> None:
    files, mix = part((80, 20), (40, 60), format="PNG", quality=None, subsampling=None)
    assert files.differences == ["format (100 JPEG against 100 PNG)"]
    assert mix is not None
    assert "and by that width" in mix.difference
    assert "format" not in mix.difference


def test_sizes_that_differ_in_each_class_do_not() -> None:
    files, mix = part((80, 20), (40, 60), width=120)
    assert [words.partition(" (")[0] for words in files.differences] == ["width", "proportions"]
    assert mix is not None
    assert "by that" not in mix.difference


@pytest.mark.parametrize("counts", [((80, 20), (80, 20)), ((80, 20), (0, 60))])
def test_of_the_same_mix_and_of_one_class_files_are_compared_as_they_are(counts: tuple[tuple[int, int], ...]) -> None:
    files, mix = part(*counts)
    assert (mix is None) == (counts[0] == counts[1])
    assert mix is None or "by that width" in mix.difference  # dogs are as wide on both sides
    assert files.differences == []
