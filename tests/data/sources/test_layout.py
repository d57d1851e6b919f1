"""Which folders are classes and which parts: nothing is lost without a word, and what has two readings is asked."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.core.schema import parse_settings
from counterweight.data.source_choice import detect_source
from counterweight.data.sources import folder
from counterweight.data.sources.base.lazy_images import DatasetSplits
from counterweight.data.sources.base.part_names import guess_part_name

WHERE = "params.yaml: datasets.pets"


def make(root: Path, folders: Mapping[str, int], stem: str = "") -> Path:
    """Write as many images as are wanted into each folder, named by their number."""
    for name, count in folders.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("L", (4, 4), number).save(root / name / f"{stem}{number:03}.png")
    return root


def find(root: Path, **others: object) -> DatasetSplits:
    return folder.find(parse_settings(folder.Settings, {"path": str(root), "size": 4, **others}, WHERE), "pets")


def counts(found: DatasetSplits) -> list[dict[str, int]]:
    """Return how many images each class has in each part."""
    parts = [part for part in found if part is not None]
    return [{name: int((part.labels == label).sum()) for label, name in enumerate(part.class_names)} for part in parts]


def check_sum(root: Path, found: DatasetSplits) -> dict[str, int]:
    """Check that the account adds up to the files there are, and return what is left out by place."""
    taken = sum(len(part) for part in found if part is not None)
    groups = found.train.provenance["left_out"]
    assert taken + sum(group["files"] for group in groups) == sum(path.is_file() for path in root.rglob("*"))
    left: dict[str, int] = {}
    for group in groups:
        left[group["place"]] = left.get(group["place"], 0) + group["files"]
    return left


def refused(root: Path, message: str, **others: object) -> None:
    with pytest.raises(UserError, match=message) as caught:
        find(root, **others)
    assert "\n" not in str(caught.value)


# A class that is called train.


def test_a_class_called_train_with_folders_as_its_neighbours_have_them(tmp_path: Path) -> None:
    sizes = {"bus": 5, "car": 6, "train": 3}
    make(tmp_path, {f"{name}/{year}": count for name, count in sizes.items() for year in (2020, 2021)})
    found = find(tmp_path)
    assert counts(found) == [{"bus": 10, "car": 12, "train": 6}]
    assert check_sum(tmp_path, found) == {}
    assert "folder 'train' is a class" in found.train.provenance["notes"][0]
    found = find(tmp_path, layout="parts")
    assert counts(found) == [{"2020": 3, "2021": 3}]
    assert check_sum(tmp_path, found) == {"bus": 10, "car": 12}


def test_a_folder_train_with_folders_beside_others_without_is_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {"bus": 10, "car": 12, "train/old": 3, "train/new": 3})
    refused(tmp_path, r"parts train of classes new, old, with 22 of 28 images in no part, or classes bus, car, train\?")
    make(tmp_path, {"train": 7})  # a class, which holds images
    assert counts(find(tmp_path)) == [{"bus": 10, "car": 12, "train": 13}]


def test_numbers_below_train_may_be_classes(tmp_path: Path) -> None:
    make(tmp_path, {f"{name}/{number}": 2 for name in ("train", "extra") for number in range(3)})
    refused(tmp_path, r"parts train of classes 0, 1, 2, with 6 of 12 images in no part, or classes extra, train\?")
    make(tmp_path, {f"test/{number}": 2 for number in range(3)})
    assert counts(find(tmp_path)) == [{"0": 2, "1": 2, "2": 2}] * 2


def test_several_training_folders_are_to_be_named(tmp_path: Path) -> None:
    make(tmp_path, {f"{name}/{own}": 2 for name in ("train1", "train2", "test") for own in ("a", "b")})
    refused(
        tmp_path,
        r"train1 and train2 are the same part; set train: \[train1, train2\] and test: \[test\] takes all, or leave",
    )
    assert counts(find(tmp_path, train=["train1", "train2"], test=["test"])) == [{"a": 4, "b": 4}, {"a": 2, "b": 2}]


def test_words_below_train_and_its_neighbours_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {f"{name}/{place}": 4 for name in ("bus", "car", "train") for place in ("city", "country")})
    message = r"parts train of classes city, country, with 16 of 24 images in no part, or classes bus, car, train\? set"
    refused(tmp_path, message)
    assert counts(find(tmp_path, layout="classes")) == [{"bus": 8, "car": 8, "train": 8}]
    assert counts(find(tmp_path, test=["car"])) == [{"city": 4, "country": 4}] * 2


def test_a_few_images_beside_parts_are_left_out_and_counted(tmp_path: Path) -> None:
    found = find(make(tmp_path, {"train/cat": 20, "train/dog/deep": 10, "more/cat": 1, "other": 1}))
    assert counts(found) == [{"cat": 20, "dog": 10}]
    assert check_sum(tmp_path, found) == {"more": 1, "other": 1}
    assert found.train.provenance["notes"] == [
        "1 images in 'more' are in no part; set test: [more] tests on them, too",
        "1 images in 'other' are in no part",
        "1 of 2 folders of classes have folders in them (deep), whose images are taken as theirs",
    ]


# Parts under other names.


@pytest.mark.parametrize("name", ["eval", "Evaluation", "holdout", "hold-out", "held_out"])
def test_other_names_of_the_test_part(name: str, tmp_path: Path) -> None:
    make(tmp_path, {"train/cat": 20, "train/dog": 6, f"{name}/cat": 8, f"{name}/dog": 4})
    found = find(tmp_path)
    assert counts(found) == [{"cat": 20, "dog": 6}, {"cat": 8, "dog": 4}]
    make(tmp_path, {"test/cat": 3, "test/dog": 2})
    found = find(tmp_path)
    assert counts(found) == [{"cat": 20, "dog": 6}, {"cat": 3, "dog": 2}]
    assert check_sum(tmp_path, found) == {name: 12}
    said = f"12 images in '{name}' are in no part; set test: [test, {name}] tests on them, too"
    assert found.train.provenance["notes"] == [said]
    assert counts(find(tmp_path, test=["test", name]))[1] == {"cat": 11, "dog": 6}


def test_folds_are_asked_about_and_can_be_named(tmp_path: Path) -> None:
    make(tmp_path, {f"fold{number}/{name}": number + 2 for number in (1, 2, 10) for name in ("cat", "dog")})
    refused(
        tmp_path, r"or parts fold1, fold2, fold10 of classes cat, dog\? set layout: classes takes the first; set tra"
    )
    found = find(tmp_path, train=["fold1", "fold2"], test=["fold10"])
    assert counts(found) == [{"cat": 7, "dog": 7}, {"cat": 12, "dog": 12}]
    found = find(tmp_path, train=["fold1", "fold2", "fold10"])
    assert (counts(found), found.test) == ([{"cat": 19, "dog": 19}], None)
    found = find(tmp_path, train=["fold1"], test=["fold2"])
    assert check_sum(tmp_path, found) == {"fold10": 24}


@pytest.mark.parametrize("name", ["images_part_{}", "images_00{}", "data{}", "Photos {}"])
def test_pieces_of_a_set_are_no_classes_unasked(tmp_path: Path, name: str) -> None:
    one, other = name.format(1), name.format(2)
    make(tmp_path, {one: 3, other: 3})
    refused(tmp_path, rf"classes {one}, {other}, or pieces of one set\? set layout: classes takes them as")
    assert counts(find(tmp_path, layout="classes")) == [{one: 3, other: 3}]


def test_folders_around_parts_are_looked_through(tmp_path: Path) -> None:
    make(tmp_path, {"seg_train/seg_train/sea": 5, "seg_train/seg_train/street": 6})
    make(tmp_path, {"seg_test/seg_test/sea": 2, "seg_test/seg_test/street": 3, "seg_pred/seg_pred": 4})
    (tmp_path / "seg_train/notes.txt").touch()
    found = find(tmp_path)
    assert counts(found) == [{"sea": 5, "street": 6}, {"sea": 2, "street": 3}]
    assert check_sum(tmp_path, found) == {"seg_pred": 4, "seg_train": 1}


def test_a_test_part_without_classes_is_left_out(tmp_path: Path) -> None:
    found = find(make(tmp_path, {"train/cat": 5, "train/dog": 4, "test": 7}))
    assert (counts(found), found.test) == ([{"cat": 5, "dog": 4}], None)
    assert check_sum(tmp_path, found) == {"test": 7}
    assert found.train.provenance["left_out"][0]["reason"] == "a part without folders of classes"


def test_parts_may_lie_in_the_folders_of_the_classes(tmp_path: Path) -> None:
    make(tmp_path, {"cat/train": 5, "cat/test": 2, "dog/train": 4, "dog/test": 1, "dog/more": 3})
    refused(make(tmp_path, {"cat/more": 3}), r"or parts cat, dog of classes more, test, train\? ")
    found = find(tmp_path, leave_out=["more"])
    assert counts(found) == [{"cat": 5, "dog": 4}, {"cat": 2, "dog": 1}]
    assert check_sum(tmp_path, found) == {"cat": 3, "dog": 3}


def test_folders_that_are_named_must_be_there_once(tmp_path: Path) -> None:
    make(tmp_path, {"train/cat": 5, "b/cat": 4})
    refused(tmp_path, r"no folder 'c' for train and test; there are b, train$", test=["c"])
    refused(tmp_path, r"b in train and in test; a folder belongs to one part$", train=["b"], test=["b"])
    refused(tmp_path / "train", r"no folder is called train; set train: \[FOLDER, ...\]$", test=["cat"])


@pytest.mark.parametrize(
    ("name", "part"),
    [("seg_train", "train"), ("TestSet", "test"), ("train_test", None), ("contest", None), ("training data", "train")],
)
def test_parts_in_names(name: str, part: str | None) -> None:
    assert guess_part_name(name) == part


# Classes with folders in them.


@pytest.mark.parametrize("inner", [("2020", "2021-07"), ("batch1", "batch2")])
def test_numbered_folders_in_classes_are_theirs(inner: tuple[str, str], tmp_path: Path) -> None:
    make(tmp_path, {f"{name}/{own}": 4 for name in ("cat", "dog") for own in inner})
    assert counts(find(tmp_path)) == [{"cat": 8, "dog": 8}]


def test_the_same_words_in_all_folders_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {f"{site}/{name}": 4 for site in ("berlin", "paris") for name in ("normal", "covid")})
    refused(
        tmp_path, r"classes berlin, paris, each with folders covid, normal, or parts berlin, paris of classes covid"
    )
    assert counts(find(tmp_path, layout="classes")) == [{"berlin": 8, "paris": 8}]
    assert counts(find(tmp_path, train=["berlin", "paris"])) == [{"covid": 8, "normal": 8}]


def test_classes_are_in_natural_order(tmp_path: Path) -> None:
    assert [*counts(find(make(tmp_path / "a", dict.fromkeys(("1", "10", "2", "3"), 2))))[0]] == [
        "1",
        "2",
        "3",
        "10",
    ]
    assert [*counts(find(make(tmp_path / "b", dict.fromkeys(("r0", "r180", "r90"), 2))))[0]] == [
        "r0",
        "r90",
        "r180",
    ]


def test_names_of_classes_lose_blanks_and_look_alikes_are_named(tmp_path: Path) -> None:
    found = find(make(tmp_path, {"cat ": 2, "cat": 3, "Dog": 2, "dog": 3, "cafe\u0301": 2, "caf\u00e9": 1}))
    assert counts(found) == [{"Dog": 2, "caf\u00e9": 3, "cat": 5, "dog": 3}]
    one = "they differ by blanks around them or by Unicode's form only"
    assert found.train.provenance["notes"] == [
        f"folders 'cafe\\u0301', 'caf\u00e9' are one class, 'caf\u00e9': {one}",
        f"folders 'cat', 'cat ' are one class, 'cat': {one}",
        "classes 'Dog', 'dog' differ by case, blanks or form only; set merge_labels: true takes those that differ by "
        "case as one",
    ]


def test_folders_that_differ_by_case_are_one_on_request_in_both_parts(tmp_path: Path) -> None:
    make(tmp_path, {"train/Cat": 2, "train/cat ": 3, "train/dog": 2, "test/cat": 1, "test/DOG": 4})
    refused(tmp_path, "differ in classes: .*'Cat', 'cat' differ by case, blanks or form only; set merge_labels: true")
    found = find(tmp_path, merge_labels=True)
    assert counts(found) == [{"cat": 5, "DOG": 2}, {"cat": 1, "DOG": 4}]
    assert found.train.provenance["notes"] == [
        "folders 'cat', 'cat ' are one class, 'cat': they differ by blanks around them or by Unicode's form only",
        "merge_labels: 'Cat' (2), 'cat' (4) are one class, 'cat'",
        "merge_labels: 'DOG' (4), 'dog' (2) are one class, 'DOG'",
    ]


def test_a_folder_that_a_site_lacks_does_not_make_sites_classes(tmp_path: Path) -> None:
    make(tmp_path, {"berlin/normal": 3, "berlin/covid": 3, "paris/normal": 4, "rome/normal": 4, "rome/covid": 2})
    refused(tmp_path, r"classes berlin, paris, rome, each with folders covid, normal, or parts berlin, paris, rome of")


def test_labels_that_are_numbers_are_not_taken_for_dates(tmp_path: Path) -> None:
    make(tmp_path, {f"{site}/{label}": 3 for site in ("berlin", "paris") for label in ("0", "1")})
    refused(tmp_path, r"or parts berlin, paris of classes 0, 1\?")


def test_folders_of_other_names_in_every_class_are_theirs(tmp_path: Path) -> None:
    found = find(make(tmp_path, {"animal/cat": 3, "animal/dog": 3, "vehicle/bus": 4, "vehicle/car": 3}))
    assert counts(found) == [{"animal": 6, "vehicle": 7}]
    assert found.train.provenance["notes"][0].startswith("2 of 2 folders of classes have folders")


def test_a_folder_around_the_classes_beside_a_small_one_is_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {"pictures/cat": 10, "pictures/dog": 10, "docs": 2})
    refused(
        tmp_path, r"classes docs, pictures, or classes cat, dog in pictures, where 20 of 22 images are\? set layout: cl"
    )
    assert counts(find(tmp_path, train=["pictures"])) == [{"cat": 10, "dog": 10}]
    assert counts(find(tmp_path, layout="classes")) == [{"docs": 2, "pictures": 20}]


# Folders of systems, masks and thumbnails.


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir",
        "__MACOSX",
        "$RECYCLE.BIN",
        "System Volume Information",
        ".AppleDouble",
        "@__thumb",
        "lost+found",
        "LOST.DIR",
    ],
)
def test_folders_of_systems_are_left_out(name: str, tmp_path: Path) -> None:
    make(tmp_path, {"cat": 12, "dog": 5, f"cat/{name}/000.png": 2, f"{name}/dog": 3})
    found = find(tmp_path)
    assert counts(found) == [{"cat": 12, "dog": 5}]
    assert check_sum(tmp_path, found) == {"cat": 2, ".": 3}


def test_masks_beside_images_are_left_out_and_counted(tmp_path: Path) -> None:
    make(
        tmp_path, {f"{name}/{kind}": count for name, count in {"a": 6, "b": 9}.items() for kind in ("images", "masks")}
    )
    found = find(tmp_path)
    assert counts(found) == [{"a": 6, "b": 9}]
    assert check_sum(tmp_path, found) == {"a": 6, "b": 9}
    assert counts(find(tmp_path, leave_out=[])) == [{"a": 12, "b": 18}]
    found = find(tmp_path, leave_out=["images"])
    assert counts(found) == [{"a": 6, "b": 9}]
    assert all("/masks/" in origin for origin in found.train.origins)
    check_sum(tmp_path, found)


def test_thumbnails_in_and_beside_a_folder_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, {"cat": 6, "cat/thumbs": 6, "dog": 4})
    make(tmp_path, {"dog": 3}, stem="x")
    for number in range(4):
        Image.new("L", (4, 4)).save(tmp_path / "dog" / f"{number:03}_mask.png")
    found = find(tmp_path)
    assert counts(found) == [{"cat": 6, "dog": 7}]
    assert check_sum(tmp_path, found) == {"cat": 6, "dog": 4}


def test_folders_called_masks_with_images_of_other_names_are_images(tmp_path: Path) -> None:
    make(tmp_path, {"with": 3, "without": 4})
    make(tmp_path, {"with/masks": 5}, stem="face")
    assert counts(find(tmp_path)) == [{"with": 8, "without": 4}]


def test_images_and_masks_above_everything_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {"images": 5, "masks": 5})
    refused(tmp_path, r"images, masks: images and their masks, or classes\? set leave_out: \[masks\] leaves the masks")
    assert counts(find(tmp_path, leave_out=["masks"])) == [{"images": 5}]
    assert counts(find(tmp_path, leave_out=[])) == [{"images": 5, "masks": 5}]


@pytest.mark.parametrize("word", ["_mask", " GT", "-label", ".lungs"])
@pytest.mark.parametrize("part", ["", "train/"])
def test_classes_beside_their_masks_are_asked_about(tmp_path: Path, word: str, part: str) -> None:
    make(tmp_path, {f"{part}{name}{kind}": 4 for name in ("a", "b") for kind in ("", word)})
    said = rf'classes a, b and a{word}, b{word}: images and their masks, or classes\? set leave_out: \["\*{word}"\]'
    refused(tmp_path, said)
    assert counts(find(tmp_path, leave_out=[f"*{word}"])) == [{"a": 4, "b": 4}]
    assert counts(find(tmp_path, leave_out=[])) == [{"a": 4, f"a{word}": 4, "b": 4, f"b{word}": 4}]


def test_labels_of_pixels_beside_images_in_parts_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {f"{part}/{name}": 3 for part in ("train", "test") for name in ("image", "label")})
    refused(tmp_path, r"image, label: images and their masks, or classes\? set leave_out: \[label\] leaves the masks")


def test_masks_of_other_names_and_of_one_class_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {"a": 4, "b": 3})
    make(tmp_path, {"a_masks": 5}, stem="mask")
    refused(tmp_path, r"classes a and a_masks: images and their masks, or classes\?")


@pytest.mark.parametrize(
    "classes",
    [
        {"apple": 4, "apple_rotten": 4, "pear": 3, "pear_rotten": 4},  # files have other names
        {"with_mask": 4, "without_mask": 4},
        {"mask": 4, "no_mask": 4},
        {"a": 4, "a_b": 4},  # one pair
        {"a": 4, "a_b": 4, "c": 4},
    ],
)
def test_classes_that_are_called_like_others_are_classes(tmp_path: Path, classes: dict[str, int]) -> None:
    make(tmp_path, classes)
    assert counts(find(tmp_path)) == [classes]


def test_a_folder_with_the_names_of_images_beside_it_is_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {f"{name}{kind}": 4 for name in ("a", "b") for kind in ("", "/label")})
    refused(
        tmp_path, r"the files of label have the names of those beside it in every class: masks or images\? set leave"
    )
    assert counts(find(tmp_path, leave_out=["label"])) == [{"a": 4, "b": 4}]
    assert counts(find(tmp_path, leave_out=[])) == [{"a": 8, "b": 8}]


def test_folders_with_the_names_of_images_are_asked_about(tmp_path: Path) -> None:
    make(tmp_path, {f"{name}/{kind}": 4 for name in ("a", "b") for kind in ("images", "lungs")})
    refused(
        tmp_path, r"the files of lungs have the names of those of images in every class: masks or images\? set leave"
    )
    assert counts(find(tmp_path, leave_out=["lungs"])) == [{"a": 4, "b": 4}]
    assert counts(find(tmp_path, layout="classes", leave_out=[])) == [{"a": 8, "b": 8}]


# Classes of one part.


def test_a_class_that_a_part_lacks_is_named_with_the_ways_out(tmp_path: Path) -> None:
    make(tmp_path, {"train/r0": 12, "train/r180": 5, "test/r0": 4})
    (tmp_path / "test/r180").mkdir()
    refused(
        tmp_path, r"test lacks r180 \(5 images in train\); set missing_classes: leave_out goes on without, set missi"
    )
    found = find(tmp_path, missing_classes="leave_out")
    assert counts(found) == [{"r0": 12}, {"r0": 4}]
    assert check_sum(tmp_path, found) == {"train/r180": 5}
    found = find(tmp_path, missing_classes="split_anew")
    assert (counts(found), found.test) == ([{"r0": 16, "r180": 5}], None)


def test_parts_without_a_common_class_are_refused(tmp_path: Path) -> None:
    make(tmp_path, {"train/a": 2, "test/b": 2})
    refused(tmp_path, r"train and test have no class in common", missing_classes="leave_out")


def test_validation_images_may_lack_a_class(tmp_path: Path) -> None:
    found = find(make(tmp_path, {"train/a": 3, "train/b": 3, "val/a": 2, "test/a": 1, "test/b": 1}))
    assert counts(found) == [{"a": 5, "b": 3}, {"a": 1, "b": 1}]


# Files of other kinds.


def test_a_class_of_other_kinds_alone_is_named_with_what_it_holds(tmp_path: Path) -> None:
    make(tmp_path, {"cat": 4, "bird": 3, "dog": 0})
    for number in range(3):
        (tmp_path / "dog" / f"{number}.NEF").write_bytes(b"x")
    refused(
        tmp_path, r"no images of class dog; .*; 3 .nef in dog: of no kind that is read; convert them to PNG or JPEG$"
    )


def test_files_of_other_kinds_are_counted_by_ending_and_class(tmp_path: Path) -> None:
    make(tmp_path, {"cat": 4, "dog": 4})
    for name in ("a.dng", "b.DNG", "c.txt"):
        (tmp_path / "dog" / name).write_bytes(b"x")
    for name in ("d", "e.png?size=small"):
        (tmp_path / "cat/000.png").rename(tmp_path / "dog" / name)
        make(tmp_path, {"cat": 4})
    found = find(tmp_path)
    assert counts(found) == [{"cat": 4, "dog": 4}]
    assert check_sum(tmp_path, found) == {"dog": 5}
    groups = {(own["ending"], own["files"], own["reason"]) for own in found.train.provenance["left_out"]}
    unnamed = "an image by its content whose name does not end like one"
    assert groups == {
        (".dng", 2, "of no kind that is read"),
        (".txt", 1, "of no kind that is read"),
        ("no ending", 1, unnamed),
        (".png?size=small", 1, unnamed),
    }


def test_images_without_their_ending_are_known_by_their_content(tmp_path: Path) -> None:
    """Raw photographs begin as TIFF does, and are called otherwise; texts are not looked into."""
    make(tmp_path, {"cat": 4, "dog": 4})
    for number, kind in enumerate(("BMP", "TIFF", "JPEG2000", "AVIF", "WEBP", "GIF")):
        Image.new("RGB", (8, 8)).save(tmp_path / "dog" / f"a{number}", format=kind)
    for ending in ("pjpeg", "1", "txt"):
        Image.new("L", (8, 8)).save(tmp_path / "dog" / f"b.{ending}", format="JPEG")
    Image.new("L", (8, 8)).save(tmp_path / "dog" / "c.nef", format="TIFF")
    found = find(tmp_path)
    assert check_sum(tmp_path, found) == {"dog": 10}
    unnamed = [own for own in found.train.provenance["left_out"] if own["reason"].startswith("an image by its content")]
    assert {(own["ending"], own["files"]) for own in unnamed} == {("no ending", 6), (".pjpeg", 1), (".1", 1)}


def test_what_is_no_file_is_counted(tmp_path: Path) -> None:
    make(tmp_path, {"cat": 4, "dog": 4})
    os.mkfifo(tmp_path / "cat" / "a.png")
    left_out = find(tmp_path).train.provenance["left_out"]
    assert left_out == [{"reason": "a pipe, socket or device", "ending": ".png", "place": "cat", "files": 1}]


def test_a_class_of_an_archive_alone_is_named_with_what_it_holds(tmp_path: Path) -> None:
    make(tmp_path, {"cat": 4, "dog": 4, "bird": 0})
    (tmp_path / "bird" / "bird.zip").write_bytes(b"PK")
    refused(tmp_path, r"no images of class bird; .*; 1 .zip in bird: of no kind that is read; unpack them to have")
    (tmp_path / "bird" / "bird.zip").rename(tmp_path / "bird.zip")
    (tmp_path / "bird").rmdir()
    assert any("beside the folders of classes" in own["reason"] for own in find(tmp_path).train.provenance["left_out"])


# Parts in the names of files.


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train_0", "train_1", "test_2"], "(2 with 'test' and 4 with 'train')"),
        (["0-val", "1", "2"], "(2 with 'val')"),
        (["train_0", "train_1", "train_2"], None),
        (["test_0", "test_1", "test_2"], None),
        (["latest_0", "contest_1", "2"], None),
    ],
)
def test_names_of_files_that_name_parts_are_told_of(names: list[str], said: str | None, tmp_path: Path) -> None:
    for number, name in enumerate(("cat", "dog")):
        make(tmp_path, {name: 0})
        for other, file in enumerate(names):
            Image.new("L", (4, 4), 10 * number + other).save(tmp_path / name / f"{file}.png")
    found = [note for note in find(tmp_path).train.provenance["notes"] if "nothing of that is read" in note]
    assert len(found) == (said is not None)
    assert all(str(said) in note for note in found)


def test_a_class_called_after_a_part_gives_its_files_that_name(tmp_path: Path) -> None:
    make(tmp_path, {"bus": 3})
    make(tmp_path, {"test": 3}, "test_")
    assert find(tmp_path).train.provenance["notes"] == []


def test_a_class_called_train_with_parts_in_it_as_its_neighbours(tmp_path: Path) -> None:
    make(tmp_path, {f"{name}/{part}": 3 for name in ("bus", "car", "train") for part in ("train", "test")})
    assert detect_source(tmp_path) == "folder"
    assert counts(find(tmp_path)) == [{"bus": 3, "car": 3, "train": 3}] * 2


def test_several_sizes_of_each_image_in_all_classes_are_offered(tmp_path: Path) -> None:
    make(tmp_path, {f"{name}/{size}": 3 for name in ("cat", "dog") for size in ("large", "small")})
    refused(tmp_path, r"the files in large, small have the same names: set leave_out: \[small\] takes one of each$")
    assert counts(find(tmp_path, leave_out=["small"])) == [{"cat": 3, "dog": 3}]


@pytest.mark.parametrize("names", [("treino", "teste"), ("Trainingsdaten", "Testdaten"), ("entrenamiento", "prueba")])
def test_the_example_of_parts_in_other_languages_trains_on_the_right_one(
    names: tuple[str, str], tmp_path: Path
) -> None:
    make(tmp_path, {f"{part}/{name}": 3 for part in names for name in ("cat", "dog")})
    refused(tmp_path, rf"set train: \[{names[0]}\] and test: \[{names[1]}\] as an example")


# Folders that are around all classes.


@pytest.mark.parametrize("inner", ["images", "whatever"])
def test_a_folder_around_the_classes_of_each_part_is_no_class(tmp_path: Path, inner: str) -> None:
    make(tmp_path, {f"{part}/{inner}/{name}": 4 for part in ("train", "test") for name in ("cat", "dog")})
    assert counts(find(tmp_path)) == [{"cat": 4, "dog": 4}] * 2


def test_masks_beside_all_classes_are_asked_about_and_what_is_left_is_no_class(tmp_path: Path) -> None:
    make(tmp_path, {f"{kind}/{name}": 4 for kind in ("images", "masks") for name in ("cat", "dog")})
    refused(tmp_path, r"images and their masks, or classes\? set leave_out: \[masks\]")
    assert counts(find(tmp_path, leave_out=["masks"])) == [{"cat": 4, "dog": 4}]
    assert counts(find(tmp_path, leave_out=["masks"], train=["images"])) == [{"cat": 4, "dog": 4}]


def test_parts_in_a_single_folder_are_no_classes(tmp_path: Path) -> None:
    make(tmp_path, {f"images/{part}/{name}": 4 for part in ("train", "test") for name in ("cat", "dog")})
    refused(tmp_path, "parts test, train lie in images: give .*images for these")


def test_parts_of_other_names_in_the_folders_of_classes(tmp_path: Path) -> None:
    sizes = {"trainset": 6, "testset": 3}
    make(tmp_path, {f"{name}/{part}": count for name in ("cat", "dog") for part, count in sizes.items()})
    assert counts(find(tmp_path)) == [{"cat": 6, "dog": 6}, {"cat": 3, "dog": 3}]


@pytest.mark.parametrize("names", [("TrainImages", "TestImages"), ("trainA", "trainB", "testA", "testB")])
def test_parts_without_classes_are_no_classes_however_they_are_written(tmp_path: Path, names: tuple[str, ...]) -> None:
    make(tmp_path, dict.fromkeys(names, 3))
    refused(tmp_path, "look like parts, not classes")


# Names that are those of others and a word.


@pytest.mark.parametrize(
    ("word", "pattern"),
    [
        ("{}_label.png", "*_label.*"),
        ("overlay-{}.png", "overlay-*"),
        ("{} - Copy.png", "* - Copy.*"),
        ("{}.bmp", "*.png"),
    ],
)
def test_images_named_as_others_and_a_word_are_told_of(tmp_path: Path, word: str, pattern: str) -> None:
    for name in ("cat", "dog"):
        for file in [*make(tmp_path, {name: 5}).joinpath(name).iterdir()]:
            Image.new("L", (4, 4), 9).save(file.with_name(word.format(file.stem)))
    found = find(tmp_path)
    said = f"10 images have the names of others but for '{pattern}': masks, copies"
    assert counts(found) == [{"cat": 10, "dog": 10}]
    assert said in " ".join(found.train.provenance["notes"])
    assert counts(find(tmp_path, leave_out=[pattern])) == [{"cat": 5, "dog": 5}]
    assert find(tmp_path, leave_out=[]).train.provenance["notes"] == []


def test_numbered_names_and_pairs_in_one_class_alone_are_not_told_of(tmp_path: Path) -> None:
    make(tmp_path, {"cat": 5, "dog": 5}, "img_")
    for number in range(5):
        Image.new("L", (4, 4), 9).save(tmp_path / "cat" / f"img_{number:03}_b.png")
    assert find(tmp_path).train.provenance["notes"] == []


@pytest.mark.parametrize("shape", ["{part}/{name}", "{name}/{part}"])
@pytest.mark.parametrize(
    ("parts", "others", "joined"),
    [
        (("train", "valid", "test"), {}, True),
        (("train", "valid", "test"), {"validation": "leave_out"}, False),
        (("train", "valid"), {}, False),  # which is tested on
        (("train", "test"), {}, False),
    ],
)
def test_that_validation_images_are_trained_on_is_said(
    shape: str, parts: tuple[str, ...], others: dict[str, object], joined: bool, tmp_path: Path
) -> None:
    make(tmp_path, {shape.format(part=part, name=name): 3 for part in parts for name in ("cat", "dog")})
    found = find(tmp_path, **others)
    assert len(found.train) == (12 if joined else 6)
    note = "images of valid join the training part; set validation: leave_out leaves them out"
    assert (note in found.train.provenance["notes"]) == joined
