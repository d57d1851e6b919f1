"""Images of a dataset's parts that are the same picture: they are a group, and their table is else what it was."""

from pathlib import Path

import numpy as np
import pytest

from counterweight.core.groups import number_names
from counterweight.core.images import GROUPED_REPEATS, ImageSet, read_images, write_images
from counterweight.core.twins import stack_digests
from counterweight.data.split.pictures import Written
from counterweight.data.split.repeats import group_repeats

Letters = list[str]


def write_parts(folder: Path, sizes: list[int], groups: list[Letters] | None = None) -> list[Path]:
    """Write tables of so many images each, and return where they are."""
    paths = [folder / f"{name}.parquet" for name in ("train", "test")]
    for place, (path, size) in enumerate(zip(paths, sizes, strict=True)):
        pixels = np.arange(size, dtype=np.uint8).repeat(4).reshape(-1, 1, 2, 2)
        origins = np.array([f"{path.stem}/{number}" for number in range(size)])
        names = None if groups is None else np.array(groups[place])
        write_images(ImageSet(pixels, np.zeros(size, np.int64), ("a", "b"), origins, {"source": "x"}, names), path)
    return paths


def group(folder: Path, pictures: list[Letters], groups: list[Letters] | None = None) -> list[ImageSet]:
    """Return the parts after what is the same picture is a group; images are of class a but for the last ones."""
    paths = write_parts(folder, [*map(len, pictures)], groups)
    numbers = number_names(np.array([picture for part in pictures for picture in part]))
    labels = [0] * (len(numbers) - 2) + [1, 1]
    parts = []
    for path in paths:
        origins = read_images(path).origins.tolist()
        own, labels = labels[: len(origins)], labels[len(origins) :]
        parts.append(Written(stack_digests([b""] * len(own)), None, origins, np.array(own)))
    group_repeats(numbers, parts, paths)
    return [read_images(path) for path in paths]


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([["a", "b", "c"], ["d", "e"]], [None, None]),
        ([["a", "b", "a"], ["d", "e"]], [["train/0", "train/1", "train/0"], None]),
        ([["a", "b", "c"], ["d", "a", "x", "y"]], [None, ["test/0", "train/0", "test/2", "test/3"]]),
        ([["a", "b"], ["d", "d", "x", "y"]], [None, ["test/0", "test/0", "test/2", "test/3"]]),
        ([["a", "b", "c"], ["x", "x"]], [None, None]),  # all of their class: it would have no two images
    ],
)
def test_the_same_picture_is_a_group_in_the_part_that_repeats_it(
    pictures: list[Letters], expected: list[Letters | None], tmp_path: Path
) -> None:
    found = group(tmp_path, pictures)
    assert [None if own.group_names is None else own.group_names.tolist() for own in found] == expected
    marked = [own.provenance.get(GROUPED_REPEATS, False) for own in found]
    assert marked == [own is not None for own in expected]


def test_parts_that_are_put_together_have_the_same_picture_in_one_group(tmp_path: Path) -> None:
    train, test = group(tmp_path, [["a", "b", "c", "b"], ["d", "a", "b", "x", "y"]])
    groups = train.concatenate(test).groups
    assert groups is not None
    assert (groups[:, None] == groups).tolist() == [[a == b for a in "abcbdabxy"] for b in "abcbdabxy"]


def test_a_part_that_repeats_nothing_keeps_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    before = [path.read_bytes() for path in write_parts(tmp_path / "before", [3, 4])]
    group(tmp_path, [["a", "b", "a"], ["c", "d", "x", "y"]])
    assert (tmp_path / "train.parquet").read_bytes() != before[0]
    assert (tmp_path / "test.parquet").read_bytes() == before[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before", "test.parquet", "train.parquet"]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([["p", "q", "r"], ["s", "t", "u", "v"]], [["p", "q", "p"], ["s", "t", "u", "v"]]),
        ([["p", "q", "p"], ["s", "t", "u", "v"]], [["p", "q", "p"], ["s", "t", "u", "v"]]),
        ([["p", "q", "r"], ["r", "t", "u", "v"]], [["p", "q", "p"], ["p", "t", "u", "v"]]),
    ],
)
def test_groups_of_the_datasets_own_are_joined(groups: list[Letters], expected: list[Letters], tmp_path: Path) -> None:
    found = group(tmp_path, [["a", "b", "a"], ["c", "d", "x", "y"]], groups)
    assert [own.group_names.tolist() for own in found if own.group_names is not None] == expected
    assert not any(GROUPED_REPEATS in own.provenance for own in found)
