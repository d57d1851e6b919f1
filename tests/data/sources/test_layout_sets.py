"""Folders that are no classes, but hold them: sets beside others, copies of all classes, and letters above them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources.base.layout_sets import FOLDER
from tests.data.sources.tables import counts as count_rows
from tests.data.sources.tables import find as find_table
from tests.data.sources.test_layout import check_sum, counts, find, make, refused
from tests.data.sources.test_public_layouts import write_images, write_table


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (
            {"big/big/cat": 3, "big/big/dog": 3, "tiles/tiles": 3},
            "big, tiles, or classes cat, dog in big, where",
        ),
        ({"set_256/cat": 3, "set_256/dog": 3, "val_256": 3}, "set_256, val_256, or classes cat, dog in set_256, where"),
        (
            {"images_evaluation/b/c": 2, "images_evaluation/d/c": 2, "images_more/a/c": 4},
            "or classes b, d in images_",
        ),
    ],
)
def test_folders_that_are_sets_as_a_whole_are_asked_about(
    folders: Mapping[str, int], said: str, tmp_path: Path
) -> None:
    """They are doubled as archives have it, or one beside them is called as a part is."""
    make(tmp_path, folders)
    refused(tmp_path, rf"{said}.*\? set layout: classes takes the first, set train: \[\w+\] the other")
    assert len(counts(find(tmp_path, layout="classes"))[0]) == 2


def test_a_folder_of_a_set_is_taken_alone_where_it_is_named(tmp_path: Path) -> None:
    make(tmp_path, {"big/big/cat": 3, "big/big/dog": 3, "tiles/tiles": 3})
    found = find(tmp_path, train=["big"])
    assert counts(found) == [{"cat": 3, "dog": 3}]
    assert check_sum(tmp_path, found) == {"tiles": 3}


@pytest.mark.parametrize("above", ["", "data/"])
@pytest.mark.parametrize("parts", [[], ["train", "test"]])
def test_what_is_left_when_masks_are_left_out_is_entered(parts: list[str], above: str, tmp_path: Path) -> None:
    """The user has said which folder is none: the one that is left alone is no class, but holds these."""
    places = [f"{part}/{name}" for part in parts for name in ("cat", "dog")] or ["cat", "dog"]
    make(tmp_path, {f"{above}{kind}/{place}": 3 for kind in ("images", "masks") for place in places})
    (tmp_path / "README.md").touch()
    (tmp_path / above / "images" / places[0] / "about.xyz").touch()
    found = find(tmp_path, leave_out=["masks"])
    assert counts(found) == [{"cat": 3, "dog": 3}] * (len(parts) or 1)
    left = {above.strip("/") or ".": 3 * len(places), f"{above}images/{places[0]}": 1}
    left["."] = left.get(".", 0) + 1
    assert check_sum(tmp_path, found) == left
    assert found.train.origins[0] == f"{above}images/{places[0]}/000.png"


@pytest.mark.parametrize("above", ["", "data/"])
@pytest.mark.parametrize("layout", ["auto", "parts"])
def test_a_part_that_is_left_alone_is_one(layout: str, above: str, tmp_path: Path) -> None:
    make(tmp_path, {f"{above}{part}/{name}": 3 for part in ("train", "old") for name in ("cat", "dog")})
    assert counts(find(tmp_path, leave_out=["old"], layout=layout)) == [{"cat": 3, "dog": 3}]


def test_folders_in_a_class_that_is_left_alone_are_no_classes(tmp_path: Path) -> None:
    make(tmp_path, {"cat/2020": 3, "cat/2021": 3, "dog": 3})
    assert counts(find(tmp_path, leave_out=["dog"])) == [{"cat": 6}]


def test_folders_of_images_alone_stay_classes_where_others_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, {"cat/old": 3, "dog": 3, "masks": 3})
    assert counts(find(tmp_path, leave_out=["masks"])) == [{"cat": 3, "dog": 3}]
    assert counts(find(tmp_path, leave_out=["masks", "dog"])) == [{"cat": 3}]


def test_classes_with_folders_in_some_of_them_are_no_sets(tmp_path: Path) -> None:
    make(tmp_path, {"cat/tabby": 3, "cat/persian": 3, "dog": 3, "bird/bird": 3})
    assert counts(find(tmp_path)) == [{"bird": 3, "cat": 6, "dog": 3}]


def test_the_largest_of_classes_is_no_set_where_all_hold_folders(tmp_path: Path) -> None:
    """As those of patients, of whom most are healthy."""
    make(tmp_path, {"normal/p1": 30, "normal/p2": 30, "tumor/p8": 1, "tumor/p9": 1})
    assert counts(find(tmp_path)) == [{"normal": 60, "tumor": 2}]
    make(tmp_path, {"other": 1})
    refused(tmp_path, r"classes normal, other, tumor, or classes p1, p2 in normal, where 60 of 63 images are\?")


def test_parts_in_one_of_several_folders_are_pointed_to(tmp_path: Path) -> None:
    parts = {f"cast/cast/{part}/{name}": 3 for part in ("train", "test") for name in ("bad", "good")}
    make(tmp_path, {**parts, "big/big/bad": 3, "big/big/good": 3})
    refused(tmp_path, rf"parts test, train lie in cast: give {tmp_path}/cast/cast for these")
    refused(tmp_path, "test, train look like parts, not classes", train=["cast"])
    assert counts(find(tmp_path / "cast/cast")) == [{"bad": 3, "good": 3}] * 2


def test_a_folder_with_all_classes_once_more_is_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {"no": 4, "yes": 4, "brain/no": 4, "brain/yes": 4})
    refused(
        tmp_path, r"brain has folders no, yes, which are beside it, too: .*\? set leave_out: \[brain\] goes on with"
    )
    assert counts(find(tmp_path, leave_out=["brain"])) == [{"no": 4, "yes": 4}]
    assert counts(find(tmp_path, layout="classes")) == [{"brain": 8, "no": 4, "yes": 4}]


@pytest.mark.parametrize("name", ["brain/mixed", "yes/brain"])
def test_one_folder_called_as_another_class_is_no_copy(name: str, tmp_path: Path) -> None:
    make(tmp_path, {"no": 4, "yes": 4, "brain/no": 4, name: 4})
    assert "brain" in counts(find(tmp_path))[0]


@pytest.mark.parametrize(
    ("names", "asked"),
    [(("abbey", "alley", "bar"), True), (("abbey", "alley", "dock"), False), (("a1", "a2", "b1"), False)],
)
def test_folders_called_by_first_letters_are_asked_about(names: Sequence[str], asked: bool, tmp_path: Path) -> None:
    make(tmp_path, {f"{letter}/{name}": 3 for letter, name in zip("aab", names, strict=True)})
    if not asked:
        assert counts(find(tmp_path)) == [{"a": 6, "b": 3}]
        return
    refused(tmp_path, r"classes a, b, or abbey, alley, bar, by the letters .* set train: \[a, b\] the other")
    make(tmp_path / "loose", {"a": 1, "a/abbey": 3, "b/bar": 3})
    assert counts(find(tmp_path / "loose")) == [{"a": 4, "b": 3}]
    make(tmp_path, {"b/bank": 3})  # one alone would be taken for a folder around classes
    assert counts(find(tmp_path, train=["a", "b"])) == [{"abbey": 3, "alley": 3, "bank": 3, "bar": 3}]


def test_sets_with_the_same_classes_in_a_folder_of_images_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {f"{place}/images/{name}": 3 for place in ("amazon", "webcam") for name in ("bike", "mug")})
    refused(
        tmp_path, r"classes amazon, webcam, each with folders bike, mug, or parts amazon, webcam of classes bike, m"
    )
    assert counts(find(tmp_path, train=["amazon", "webcam"])) == [{"bike": 6, "mug": 6}]


def test_tables_of_one_class_each_beside_one_of_all_are_no_templates(tmp_path: Path) -> None:
    """Traffic signs have a table for each class in training, and one for the test images."""
    for label in "ab":
        paths = [f"Final_Training/{label}/{number}.png" for number in range(3)]
        write_images(tmp_path, *paths)
        rows = [f"{Path(path).name},{label}" for path in paths]
        write_table(tmp_path / f"Final_Training/{label}/GT-{label}.csv", "Filename,label", *rows)
    write_images(tmp_path, *(f"Final_Test/{number}.png" for number in range(4)))
    write_table(tmp_path / "GT-final_test.csv", "Filename,label", *(f"{n}.png,{'ab'[n % 2]}" for n in range(4)))
    found = find_table(tmp_path)
    assert count_rows(found) == [{"a": 3, "b": 3}, {"a": 2, "b": 2}]
    assert "GT-a.csv, GT-b.csv: the folders that images lie in say which part" in found.train.provenance["notes"][-1]


def test_another_folder_of_training_images_is_offered_as_such(tmp_path: Path) -> None:
    make(tmp_path, {f"{part}/{name}": 3 for part in ("train", "train_aug", "test") for name in "ab"})
    both = "set train: [train, train_aug] and test: [test] trains on them, too"
    assert find(tmp_path).train.provenance["notes"] == [f"6 images in 'train_aug' are in no part; {both}"]
    assert counts(find(tmp_path, train=["train", "train_aug"], test=["test"])) == [{"a": 6, "b": 6}, {"a": 3, "b": 3}]


def test_classes_called_as_parts_are_taken_if_asked_for(tmp_path: Path) -> None:
    make(tmp_path, {"test_tube": 3, "train_car": 3})
    with pytest.raises(UserError, match=r"look like parts, .*; set layout: classes takes them as classes"):
        detect_source(tmp_path)
    refused(tmp_path, "look like parts, .*; set layout: classes takes them as classes")
    assert counts(find(tmp_path, layout="classes")) == [{"test_tube": 3, "train_car": 3}]


def test_folders_around_others_are_no_parts_of_one_class(tmp_path: Path) -> None:
    """Two of three hold a folder of the same name, which holds parts."""
    inner = {f"plants/{part}/{name}": 3 for part in ("train", "valid") for name in "ab"}
    make(tmp_path, {f"{copy}/{place}": count for copy in ("Plants", "plants") for place, count in inner.items()})
    make(tmp_path, {"test/test": 3})
    refused(tmp_path, rf"parts train, valid lie in Plants: give {tmp_path}/Plants/plants for these")


def test_an_example_tests_on_what_is_called_validation(tmp_path: Path) -> None:
    make(tmp_path, {f"{place}/{name}": 3 for place in ("A-VAL-7", "B-100") for name in "ab"})
    refused(tmp_path, r"set train: \[B-100\] and test: \[A-VAL-7\] as an example the other, train alone splits its ima")


def test_letters_and_folds_in_a_part_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {f"{part}/{name[0]}/{name}": 3 for part in ("train", "val") for name in ("abbey", "attic", "bar")})
    way = (
        rf"set layout: parts takes the first, set label_pattern: '{re.escape(FOLDER)}' the folder that each image is in"
    )
    refused(tmp_path, rf"classes a, b, or abbey, attic, bar in these\? {way}")
    assert counts(find(tmp_path, layout="parts"))[0] == {"a": 6, "b": 3}
    assert counts(find(tmp_path, label_pattern=FOLDER)) == [{"abbey": 3, "attic": 3, "bar": 3}] * 2
    folds = tmp_path / "folds"
    make(folds, {f"{part}/{fold}/{name}": 3 for part in ("train", "test") for fold in ("one", "two") for name in "xy"})
    refused(folds, rf"classes one, two, or x, y in these\? {way}")
    assert counts(find(folds, label_pattern=FOLDER)) == [{"x": 6, "y": 6}] * 2
    plain = tmp_path / "plain"
    make(plain, {f"{part}/{name}/images": 3 for part in ("train", "test") for name in "xy"})
    assert counts(find(plain)) == [{"x": 3, "y": 3}] * 2


def test_letters_above_the_classes_of_lists_are_asked_about(tmp_path: Path) -> None:
    """As of places: a folder around the letters, and lists of both parts beside it."""
    files = [f"data/{name[0]}/{name}/{number}.jpg" for name in ("abbey", "bar") for number in range(4)]
    write_images(tmp_path, *files)
    write_table(tmp_path / "train.txt", *(file.removeprefix("data") for file in files if file[-5] != "3"))
    write_table(tmp_path / "val.txt", *(file.removeprefix("data") for file in files if file[-5] == "3"))
    lists = {"train_lists": ["train.txt"], "test_lists": ["val.txt"]}
    refused(tmp_path, r"classes a, b, or abbey, bar in these\? set layout: classes takes the first", **lists)
    assert counts(find(tmp_path, **lists, layout="classes")) == [{"a": 3, "b": 3}, {"a": 1, "b": 1}]
    assert counts(find(tmp_path, **lists, label_pattern=FOLDER)) == [{"abbey": 3, "bar": 3}, {"abbey": 1, "bar": 1}]


@pytest.mark.parametrize(("one", "other"), [("JPEGImages", "SegmentationClass"), ("scans", "drawn")])
def test_files_of_the_same_names_in_two_kinds_may_be_masks(one: str, other: str, tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{one}/2007_{n}.jpg" for n in range(4)), *(f"{other}/2007_{n}.png" for n in range(4)))
    message = rf"images and their masks, or classes\? set leave_out: \[{other}\] leaves"
    refused(tmp_path, message)
    assert counts(find(tmp_path, leave_out=[])) == [{one: 4, other: 4}]
    plain = tmp_path / "plain"  # numbers alone may be those of any images
    write_images(plain, *(f"real/{n}.jpg" for n in range(4)), *(f"made/{n}.png" for n in range(4)))
    assert counts(find(plain)) == [{"made": 4, "real": 4}]
