"""Lists beside folders of classes that say which images are in which part, and tables that do."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from click.testing import CliRunner

from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources.base.part_lists import WITH_LISTS
from tests.data.sources.tables import counts as count_rows
from tests.data.sources.tables import find as find_rows
from tests.data.sources.tables import left_out
from tests.data.sources.tables import refused as refuse_rows
from tests.data.sources.test_layout import counts, find
from tests.data.sources.test_public_layouts import write_images, write_table

COMMITTED = Path(__file__).parents[3] / "params.yaml"

CLASSES = ("cat", "dog")
BOTH = {"train_lists": ["train.txt"], "test_lists": ["test.txt"]}


def write_classes(root: Path) -> None:
    """Write five images of each of two classes."""
    write_images(root, *(f"{name}/{name} {number}.png" for name in CLASSES for number in range(5)))


def write_lists(root: Path, line: str, train: str = "train.txt", test: str = "test.txt") -> None:
    """Write a list of the first three images of each class, and one of the next."""
    for file, numbers in ((train, range(3)), (test, (3,))):
        rows = [(name, label, number) for label, name in enumerate(CLASSES) for number in numbers]
        write_table(root / file, *(line.format(name=name, label=label, number=number) for name, label, number in rows))


@pytest.mark.parametrize(
    "line",
    [
        "{name}/{name} {number}.png",
        "{name}/{name} {number}",
        "https://x.org/pets/{name}/{name} {number}.png?size=large#a",
        "./{name}\\{name} {number}.png",
        "/home/me/pets/{name}/{name} {number}.png {label}",
        "pets/{name}/{name} {number}.png,{name}",
    ],
)
def test_lists_say_the_parts(line: str, tmp_path: Path) -> None:
    """What is in none is left out and counted."""
    write_classes(tmp_path)
    write_lists(tmp_path, line)
    notes = find(tmp_path).train.provenance["notes"]
    assert notes == [
        "test.txt, train.txt say which images are in which part, as it seems, and nothing of that is read: "
        "set train_lists: [train.txt] and test_lists: [test.txt] take their parts"
    ]
    found = find(tmp_path, **BOTH)
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]
    assert found.train.provenance["notes"] == ["the parts are those of train.txt, test.txt"]
    left_out = {(own["reason"], own["place"]): own["files"] for own in found.train.provenance["left_out"]}
    assert left_out[("in no list of a part", "cat")] == left_out[("in no list of a part", "dog")] == 1


def test_without_a_list_for_training_all_others_are_trained_on(tmp_path: Path) -> None:
    write_classes(tmp_path)
    write_table(tmp_path / "testing_list.txt", "cat/cat 0.png", "dog/dog 4.png")
    assert describe_lists_of(tmp_path).endswith(
        "set test_lists: [testing_list.txt] tests on its images and trains on the others"
    )
    assert counts(find(tmp_path, test_lists=["testing_list.txt"])) == [{"cat": 4, "dog": 4}, {"cat": 1, "dog": 1}]


def describe_lists_of(root: Path) -> str:
    notes: list[str] = find(root).train.provenance["notes"]
    return notes[0] if notes else ""


def test_lists_in_a_folder_beside_that_of_the_classes(tmp_path: Path) -> None:
    write_classes(tmp_path / "images")
    write_lists(tmp_path, "{name}/{name} {number}", "meta/train1.txt", "meta/test1.txt")
    write_lists(tmp_path, "{name}/{name} {number}", "meta/train2.txt", "meta/test2.txt")
    offer = (
        r"give .*/images for these; .* and 1 more say which .*: set train_lists: \[meta/train1.txt\] and test_lists:"
    )
    with pytest.raises(UserError, match=offer):
        detect_source(tmp_path)
    found = find(tmp_path, train_lists=["meta/train1.txt"], test_lists=["meta/test1.txt"])
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("split.json", '{"train": [["cat/cat 0.png", 0]]}'),
        ("all.txt", "cat/0.png test\n"),
        ("train_test_split.txt", "1 0\n2 1\n"),
        ("trainval.lst", "0\t1\tcat/0.png\n"),
        ("train_list.mat", "MATLAB"),
        ("meta.csv", "id,split\n0,test\n"),
        ("meta.yaml", "test:\n- cat/0.png\n"),
        ("test", "cat/0\n"),
        ("test.list", "cat/0\n"),
    ],
)
def test_files_that_seem_to_say_the_parts_are_named(file: str, text: str, tmp_path: Path) -> None:
    write_images(tmp_path, "cat/0.png", "cat/cat 0.png", "dog/0.png")
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert describe_lists_of(tmp_path).startswith(f"{file} says which images are in which part, as it seems")


@pytest.mark.parametrize(
    ("file", "lines", "offer"),
    [
        ("validation_ground_truth.txt", ("5", "7"), WITH_LISTS),
        ("list_eval_partition.txt", ("cat/0.png train", "dog/1.png test"), WITH_LISTS),
        ("metadata.csv", ("name,y,split", "cat/0.png,0,0", "dog/1.png,1,2"), "set layout: table takes the labels of"),
        ("train.lst", ("0\t1\tcat/0.png",), WITH_LISTS),
        ("val.lst", ("0\t1\tcat/0.png",), "set test_lists: [val.lst] tests on its images"),
    ],
)
def test_only_lists_of_a_single_part_are_offered_as_such(
    file: str, lines: tuple[str, ...], offer: str, tmp_path: Path
) -> None:
    write_images(tmp_path, "cat/0.png", "dog/1.png")
    write_table(tmp_path / file, *lines)
    said, _, offered = describe_lists_of(tmp_path).partition(": ")
    assert said.startswith(f"{file} says which images are in which part")
    assert offered.startswith(offer)


def test_a_list_of_all_parts_contradicts_no_folder(tmp_path: Path) -> None:
    files = [f"{part}/{name}/{number}{part}.png" for part in ("train", "test") for name in CLASSES for number in "01"]
    write_images(tmp_path, *files)
    write_table(tmp_path / "list_eval_partition.txt", *(f"{file} {file.split('/')[0]}" for file in files))
    assert describe_lists_of(tmp_path) == ""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.txt", "0 cats; train your own model"),
        ("cat/0.txt", "0 0.5 0.5 1 1"),
        ("classes.txt", "cat\ndog\n"),
        ("train.txt", ""),
        ("test_notes.txt", "nothing of images"),
        ("README.txt", "cat/0.png is to test with"),
        ("notes.txt", "cat/0.png is to test with\nno\nother\nis\n"),
        ("labels.csv", "path,label\ncat/0.png,cat\ndog/1.png,dog\ntest/0.png,test\n"),
    ],
)
def test_other_texts_are_not_named(file: str, text: str, tmp_path: Path) -> None:
    write_images(tmp_path, "cat/0.png", "dog/1.png", "test/0.png")
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert describe_lists_of(tmp_path) == ""


@pytest.mark.parametrize("name", ["labels.csv", "train.txt", "notes.txt", "test", "cat/test.json"])
def test_links_that_lead_nowhere_name_nothing(name: str, tmp_path: Path) -> None:
    write_images(tmp_path, "cat/0.png", "dog/1.png")
    (tmp_path / name).symlink_to("missing")
    found = find(tmp_path)
    assert counts(found)[0] == {"cat": 1, "dog": 1}
    assert describe_lists_of(tmp_path) == ""


def test_lists_that_cannot_be_read_as_such_are_refused(tmp_path: Path) -> None:
    write_classes(tmp_path)
    write_lists(tmp_path, "{name}/{name} {number}.png")
    for values, message in (
        ({"test_lists": ["tests.txt"]}, r"tests.txt: no such list; .* name texts below .*; did you mean 'test.txt'\?$"),
        (
            {"test_lists": ["a/xyz.txt"]},
            rf"a/xyz.txt: no such list; train_lists and test_lists name texts below {tmp_path}$",
        ),
        ({"test_lists": ["."]}, "cannot be read as a list of paths in UTF-8: Is a directory$"),
        ({"train_lists": ["train.txt"]}, "train_lists without test_lists"),
        (
            {"train_lists": ["test.txt"], "test_lists": ["test.txt"]},
            "2 images are in lists of both parts, first cat/cat 3",
        ),
    ):
        with pytest.raises(UserError, match=message):
            find(tmp_path, **values)
    write_table(tmp_path / "test.txt", "bird/1.png", "cow/cat 3.png")
    with pytest.raises(
        UserError,
        match=r"test.txt: none of the images that test.txt names is there, first 'bird/1.png' \(test.txt row 1\)",
    ):
        find(tmp_path, **BOTH)
    write_table(tmp_path / "test.txt", "bird/1.png", "cat/cat 3.png", "dog/dog 3.png")
    notes = find(tmp_path, **BOTH).train.provenance["notes"]
    assert notes[0] == "1 lines of test.txt name no image here, first 'bird/1.png' (test.txt row 1)"


ENTRIES = {
    "train": ["cat/cat 0.png", "cat/cat 1.png", "dog/dog 0.png", "dog/dog 1.png"],
    "val": ["cat/cat 2.png", "dog/dog 2.png"],
    "test": ["cat/cat 3.png", "dog/dog 3.png"],
}


@pytest.mark.parametrize(
    "entry",
    [
        lambda path: path,
        lambda path: path.split("/")[1],
        lambda path: [path, 0, "cat"],
        lambda path: {"label": 0, "file_name": path},
    ],
)
def test_json_with_lists_of_parts_says_them_where_it_is_offered(entry: Callable[[str], object], tmp_path: Path) -> None:
    write_classes(tmp_path)
    (tmp_path / "split.json").write_text(json.dumps({part: [*map(entry, own)] for part, own in ENTRIES.items()}))
    assert describe_lists_of(tmp_path).endswith(
        ": set train_lists: [split.json] and test_lists: [split.json] take their parts"
    )
    found = find(tmp_path, train_lists=["split.json"], test_lists=["split.json"])
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]
    assert counts(find(tmp_path, test_lists=["split.json"])) == [{"cat": 4, "dog": 4}, {"cat": 1, "dog": 1}]


def test_json_with_the_part_of_each_image(tmp_path: Path) -> None:
    write_classes(tmp_path)
    parts = {path: part for part, own in ENTRIES.items() for path in own if part != "test"}
    (tmp_path / "split.json").write_text(json.dumps(parts))
    found = find(tmp_path, train_lists=["split.json"], test_lists=["split.json"])
    assert counts(found) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]


@pytest.mark.parametrize(
    "text", ["[1]", "{", "[" * 10**5, '{"train": ["cat/cat 0.png"]}', '{"test": 3}', '{"a": "b"}', ""]
)
def test_json_without_lists_of_both_parts_is_refused_and_not_offered(text: str, tmp_path: Path) -> None:
    write_classes(tmp_path)
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(UserError, match=r"split.json: no lists of parts in JSON; expected") as caught:
        find(tmp_path, test_lists=["split.json"])
    assert "\n" not in str(caught.value)
    assert "split.json] and" not in describe_lists_of(tmp_path)


@pytest.mark.parametrize(
    ("lines", "counted"),
    [
        (("cat/0.png 3", "cat/9.png 3", "dog/4.png 3"), [{"cat": 3, "dog": 2}, {"cat": 1, "dog": 1}]),
        (("0 7", "9 3", "4 7", "8 7"), [{"cat": 3, "dog": 2}, {"cat": 1, "dog": 1}]),
        (("1 cat/0.png", "3 dog/4.png"), [{"cat": 3, "dog": 2}, {"cat": 1, "dog": 1}]),
        (("1\t0", "1\t4"), [{"cat": 3, "dog": 2}, {"cat": 1, "dog": 1}]),
    ],
)
def test_labels_and_numbers_in_lists_are_no_images(
    lines: tuple[str, ...], counted: list[dict[str, int]], tmp_path: Path
) -> None:
    write_images(tmp_path, *(f"cat/{n}.png" for n in range(4)), *(f"dog/{n}.png" for n in range(4, 7)))
    write_table(tmp_path / "test.txt", *lines)
    assert counts(find(tmp_path, test_lists=["test.txt"])) == counted


def test_lines_that_may_be_read_from_both_ends_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, "cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png")
    write_table(tmp_path / "test.txt", "0 2", "3 1")
    with pytest.raises(UserError, match=r"row 1: '0 2' is cat/0.png by its beginning, dog/2.png by its end"):
        find(tmp_path, test_lists=["test.txt"])


def test_an_image_of_another_folder_is_not_the_one_that_a_list_means(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{part}/{c}/{n}{part}.png" for part in ("train", "test") for c in CLASSES for n in "01"))
    write_table(tmp_path / "a.txt", "test/cat/0test.png", "d/test/dog/0test.png", "train/cat/1test.png")
    found = find(tmp_path, test_lists=["a.txt"])
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]
    assert found.train.provenance["notes"][0].endswith("first 'train/cat/1test.png' (a.txt row 3)")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_lists_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    write_classes(tmp_path)
    (tmp_path / "test.txt").write_text("cat\\cat 0.png\r\ndog\\dog 4.png\r\n", encoding=encoding)
    assert describe_lists_of(tmp_path).startswith("test.txt says which images are in which part")
    assert counts(find(tmp_path, test_lists=["test.txt"])) == [{"cat": 4, "dog": 4}, {"cat": 1, "dog": 1}]


def test_lines_that_name_nothing_are_told_of_where_a_class_is_lacking(tmp_path: Path) -> None:
    write_classes(tmp_path)
    write_table(tmp_path / "test.txt", "cat/cat 9.png", "dog/dog 1.png")
    with pytest.raises(UserError, match=r"test lacks cat .*; 1 lines of test.txt name no image here, first 'cat/cat 9"):
        find(tmp_path, test_lists=["test.txt"])


def test_a_name_that_two_images_have_is_asked_about(tmp_path: Path) -> None:
    write_images(tmp_path, "cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png")
    write_table(tmp_path / "test.txt", "0.png")
    with pytest.raises(UserError, match=r"test.txt: row 1: '0.png' is cat/0.png and dog/0.png; write paths with"):
        find(tmp_path, test_lists=["test.txt"])


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_lists_that_differ_by_case_or_form_are_found(form: Literal["NFC", "NFD"], tmp_path: Path) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    write_images(tmp_path, *(f"{name}/{unicodedata.normalize(form, 'ä')}{n}.png" for name in CLASSES for n in range(3)))
    lines = [unicodedata.normalize(other, line) for line in ("cat/ä0.png", "DOG/Ä1.PNG")]
    write_table(tmp_path / "test.txt", *lines)
    assert counts(find(tmp_path, test_lists=["test.txt"])) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]


def test_a_list_elsewhere_is_refused_unless_links_are_followed(tmp_path: Path) -> None:
    """The graph sees no change of it."""
    write_classes(tmp_path / "images")
    write_table(tmp_path / "test.txt", "cat/cat 0.png", "dog/dog 0.png")
    with pytest.raises(UserError, match=r"test.txt: a list outside of the folder; copy it there, or set links: follow"):
        find(tmp_path / "images", test_lists=["../test.txt"])
    found = find(tmp_path / "images", test_lists=["../test.txt"], links="follow")
    assert counts(found) == [{"cat": 4, "dog": 4}, {"cat": 1, "dog": 1}]


def test_folders_of_parts_need_no_list(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{part}/{name}/0.png" for part in ("train", "test") for name in CLASSES))
    write_table(tmp_path / "train.txt", "train/cat/0.png")
    assert describe_lists_of(tmp_path) == ""


# Tables that have the labels of the folders, and parts.


@pytest.mark.parametrize("whole", [True, False])
def test_a_table_with_the_labels_of_folders_and_parts(whole: bool, tmp_path: Path) -> None:
    write_classes(tmp_path)
    numbers = range(5 if whole else 4)
    rows = [f"{name}/{name} {n}.png,{name},{'train' if n else 'test'}" for name in CLASSES for n in numbers]
    write_table(tmp_path / "a.csv", "path,label,split", *rows)
    if whole:
        assert detect_source(tmp_path) == "table"
        return
    message = r"all 10 images without parts, or those of a.csv, which lists 8 of them\? set layout: classes takes the"
    with pytest.raises(UserError, match=message):
        detect_source(tmp_path)


def test_a_table_without_parts_or_beside_folders_of_these_is_none_of_labels(tmp_path: Path) -> None:
    write_classes(tmp_path)
    write_table(
        tmp_path / "a.csv", "path,label", *(f"{name}/{name} {n}.png,{name}" for name in CLASSES for n in range(5))
    )
    assert detect_source(tmp_path) == "folder"
    parts = tmp_path / "parts"
    files = [f"{part}/{name}/{number}.png" for part in ("train", "test") for name in CLASSES for number in range(2)]
    write_images(parts, *files)
    write_table(parts / "a.csv", "path,label,split", *(",".join((file, *file.split("/")[1::-1])) for file in files))
    assert detect_source(parts) == "folder"


def test_lists_beside_a_table_say_the_parts(tmp_path: Path) -> None:
    """As of chest X-rays: a table of labels, and two texts with names."""
    write_images(tmp_path, *(f"images_{n // 4}/images/{n}.png" for n in range(12)))
    write_table(tmp_path / "labels.csv", "Image Index,label", *(f"{n}.png,{CLASSES[n % 2]}" for n in range(12)))
    write_table(tmp_path / "train_val_list.txt", *(f"{n}.png" for n in range(7)))
    write_table(tmp_path / "test_list.txt", *(f"{n}.png" for n in range(8, 12)))
    offer = "set train_lists: [train_val_list.txt] and test_lists: [test_list.txt] take their parts, or a column"
    assert any(offer in note for note in find_rows(tmp_path).train.provenance["notes"])
    lists = {"train_lists": ["train_val_list.txt"], "test_lists": ["test_list.txt"]}
    found = find_rows(tmp_path, **lists)
    assert count_rows(found) == [{"cat": 4, "dog": 3}, {"cat": 2, "dog": 2}]
    assert ("in no list of a part", ".png", "labels.csv", 1) in left_out(found)
    assert found.train.provenance["notes"][-1] == "the parts are those of train_val_list.txt, test_list.txt"
    found = find_rows(tmp_path, test_lists=["test_list.txt"])
    assert count_rows(found) == [{"cat": 4, "dog": 4}, {"cat": 2, "dog": 2}]


def test_lists_beside_a_table_that_cannot_be_taken_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{n}.png" for n in range(8)))
    write_table(tmp_path / "a.csv", "path,label,split", *(f"{n}.png,{CLASSES[n % 2]},train" for n in range(8)))
    write_table(tmp_path / "test.txt", "0.png", "1.png")
    assert count_rows(find_rows(tmp_path, test_lists=["test.txt"]))[1] == {"cat": 1, "dog": 1}
    refuse_rows(tmp_path, "train_lists without test_lists", train_lists=["test.txt"])
    refuse_rows(tmp_path / "a.csv", "a.csv: train_lists and test_lists lie in a folder", test_lists=["test.txt"])
    write_table(tmp_path / "test.txt", "8.png")
    refuse_rows(tmp_path, "none of the images that test.txt names is there, first '8.png'", test_lists=["test.txt"])


def test_lists_of_each_class_are_offered_together(tmp_path: Path) -> None:
    write_classes(tmp_path)
    for name in CLASSES:
        write_table(tmp_path / f"lists/{name}_train.txt", *(f"{name} {n}.png" for n in range(3)))
        write_table(tmp_path / f"lists/{name}_test.txt", f"{name} 3.png")
    train, test = ([f"lists/{name}_{part}.txt" for name in CLASSES] for part in ("train", "test"))
    offer = f"set train_lists: [{', '.join(train)}] and test_lists: [{', '.join(test)}] take their parts"
    assert find(tmp_path).train.provenance["notes"][-1].endswith(offer)
    for name in CLASSES:
        write_table(tmp_path / f"lists/val_{name}.txt", f"{name} 4.png")
    validation = f"set train_lists: [{', '.join([*train, *(f'lists/val_{name}.txt' for name in CLASSES)])}] and test"
    assert validation in find(tmp_path).train.provenance["notes"][-1]
    assert counts(find(tmp_path, train_lists=train, test_lists=test)) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]


def test_a_list_of_all_images_leaves_none_to_train_on(tmp_path: Path) -> None:
    """The table that labels them was taken for such: all were trained on, as those of a single part are."""
    names = [f"images/{number}.png" for number in range(8)]
    write_images(tmp_path, *names)
    write_table(tmp_path / "labels.csv", "path,label", *(f"{name},{name[-5] in '0123'}" for name in names))
    refuse_rows(tmp_path, r"labels\.csv names all 8 images: none is left to train on", test_lists=["labels.csv"])
    write_images(tmp_path / "sorted", *(f"{name}/{number}.png" for name in ("cat", "dog") for number in range(2)))
    write_table(tmp_path / "sorted/all.txt", "cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png")
    with pytest.raises(UserError, match=r"all\.txt names all 4 images: none is left to train on"):
        find(tmp_path / "sorted", test_lists=["all.txt"])


def test_lists_that_overlap_are_named_where_they_are_offered(tmp_path: Path) -> None:
    """They were offered, and refused then."""
    write_classes(tmp_path)
    write_lists(tmp_path, "{name}/{name} {number}.png")
    write_table(tmp_path / "test.txt", *(f"{name}/{name} {number}.png" for name in CLASSES for number in (2, 3)))
    said = "test.txt: 2 images are in lists of both parts, first cat/cat 2.png; mend the lists"
    (note,) = find(tmp_path).train.provenance["notes"]
    assert note.endswith(f"set train_lists: [train.txt] and test_lists: [test.txt] take their parts, but {said}")
    with pytest.raises(UserError, match=said):
        find(tmp_path, **BOTH)
    names = [f"{name}/{name} {number}.png" for name in CLASSES for number in range(5)]
    write_table(tmp_path / "labels.csv", "path,label", *(f"{name},{name[:3]}" for name in names))
    notes = find_rows(tmp_path).train.provenance["notes"]
    assert any(f"take their parts, but {said}, or a column" in note for note in notes)


def test_tables_of_parts_that_overlap_are_named(tmp_path: Path) -> None:
    """As they are published, often: what is trained and tested on is told of in the report, too."""
    write_classes(tmp_path)
    for part, numbers in (("train", range(4)), ("test", range(3, 5))):
        rows = [f"{name}/{name} {number}.png,{name}" for name in CLASSES for number in numbers]
        write_table(tmp_path / f"{part}.csv", "path,label", *rows)
    found = find_rows(tmp_path)
    assert count_rows(found) == [{"cat": 4, "dog": 4}, {"cat": 2, "dog": 2}]
    assert found.train.provenance["notes"] == ["2 images are in both parts, first cat/cat 3.png, and count in each"]


@pytest.mark.parametrize("layout", [None, "table", "classes"])
def test_lists_settle_no_other_labels_of_a_table(layout: str | None, tmp_path: Path) -> None:
    """The folders were taken for the classes unasked, as soon as lists were named."""
    names = [f"{folder}/{number}.png" for folder in ("north", "south") for number in range(4)]
    write_images(tmp_path / "pets", *names)
    rows = [f"{name},{'cat' if int(name[-5]) % 2 else 'dog'}" for name in names]
    write_table(tmp_path / "pets/labels.csv", "path,label", *rows)
    write_table(tmp_path / "pets/test.txt", *names[:2], *names[4:6])
    changes = () if layout is None else ("--layout", layout)
    words = ["add", "mine", str(tmp_path / "pets"), "--params", str(COMMITTED), "--dry-run"]
    done = CliRunner().invoke(cli, [*words, "--set", "test_lists=[test.txt]", *changes], standalone_mode=False)
    if layout is None:
        assert "classes north, south by their folders, or cat, dog by labels.csv" in str(done.exception)
    else:
        assert ("cat" in done.output, "north" in done.output) == (layout == "table", layout == "classes")


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("metadata.csv", ("image,split", "cat/0.png,train", "dog/1.png,train", "cat/2.png,test", "dog/3.png,test")),
        ("parts.tsv", ("name\tuse", "cat/0.png\ttrain", "dog/1.png\ttrain", "cat/2.png\ttest", "dog/3.png\ttest")),
        ("split.csv", ("path,is_train", "cat/0.png,1", "dog/1.png,1", "cat/2.png,0", "dog/3.png,0")),
        ("train_test_split.txt", ("4 0", "3 0", "2 1", "1 1")),
    ],
)
def test_files_with_the_parts_of_all_images_say_them_where_they_are_offered(
    file: str, lines: tuple[str, ...], tmp_path: Path
) -> None:
    """The last as Caltech's birds are published: images have numbers, in another order than here."""
    paths = ("cat/0.png", "dog/1.png", "cat/2.png", "dog/3.png")
    write_images(tmp_path, *paths)
    write_table(tmp_path / "images.txt", *(f"{number} {path}" for number, path in enumerate(paths, 1)))
    write_table(tmp_path / file, *lines)
    both = {"train_lists": [file], "test_lists": [file]}
    assert f"set train_lists: [{file}] and test_lists: [{file}] take their parts" in describe_lists_of(tmp_path)
    found = find(tmp_path, **both)
    assert counts(found) == [{"cat": 1, "dog": 1}, {"cat": 1, "dog": 1}]
    assert found.test is not None
    assert [*found.test.origins] == ["cat/2.png", "dog/3.png"]
    assert counts(find(tmp_path, test_lists=[file])) == counts(found)


def test_a_table_of_several_parts_that_is_named_for_one_alone_is_a_list(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{name}/{number}.png" for name in ("cat", "dog") for number in range(3)))
    write_table(
        tmp_path / "train.csv",
        "path,split",
        *(f"{n}/{k}.png,{['train', 'val'][k]}" for n in ("cat", "dog") for k in (0, 1)),
    )
    write_table(tmp_path / "test.csv", "path", "cat/2.png", "dog/2.png")
    found = find(tmp_path, train_lists=["train.csv"], test_lists=["test.csv"])
    assert counts(found) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]


@pytest.mark.parametrize(
    ("numbers", "lines"), [("1 cat/0.png", ("1 1", "2")), ("1 cat/0.png", ("1 1",)), ("1", ("1 1", "2 0"))]
)
def test_numbers_of_images_that_say_nothing_are_not_offered(
    numbers: str, lines: tuple[str, ...], tmp_path: Path
) -> None:
    write_images(tmp_path, "cat/0.png", "dog/1.png")
    write_table(tmp_path / "images.txt", numbers)
    write_table(tmp_path / "train_test_split.txt", *lines)
    assert describe_lists_of(tmp_path).endswith(WITH_LISTS)
