"""Columns of yes and no that say which part a row is in, and those that may do so."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from counterweight.data.sources.base import columns
from tests.data.sources.tables import counts, find, refused


def write_flags(root: Path, name: str, marks: Sequence[str], labels: Sequence[str]) -> None:
    """Write images, and a table of them with a column."""
    lines = [f"path,label,{name}"]
    for number, (mark, label) in enumerate(zip(marks, labels, strict=True)):
        Image.new("L", (4, 4), number).save(root / f"{number}.png")
        lines.append(f'{number}.png,{label},"{mark}"')
    (root / "a.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("is_train", "1.0", "0.0"),
        ("is_train", "Y", "N"),
        ("is_train", "T", "f"),
        ("is_train", "1", "-1"),
        ("is_training_img", "1", "0"),
        ("isTrainingImage", "True", "False"),
        ("in_train", "1", "0"),
        ("used_for_training", "1", "0"),
        ("is_test", "", "1"),
        ("is_val", "nan", "True"),
        ("is_train", "x", ""),
        ("is_train", "1,0", "0,0"),
    ],
)
def test_columns_of_yes_and_no_in_other_words(name: str, yes: str, no: str, tmp_path: Path) -> None:
    """All images were split anew, and nothing was said of it."""
    write_flags(tmp_path, name, [yes, yes, no] * 2, ["cat"] * 3 + ["dog"] * 3)
    wanted = [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
    found = find(tmp_path)
    assert counts(found) == wanted
    said = " ".join(found.train.provenance["notes"])
    assert f"a.csv: '{name}' of yes and no: taken as the part" in said
    assert ("nothing is taken for no" in said) == ("" in (yes, no) or yes == "nan")
    assert counts(find(tmp_path, split=name)) == wanted


@pytest.mark.parametrize("kind", [pa.bool_(), pa.float64()])
def test_a_column_of_yes_and_no_is_known_by_all_rows(
    kind: pa.DataType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in the order of their parts: the first ones say yes alone."""
    monkeypatch.setattr(columns, "FIRST", 2)
    write_flags(tmp_path, "is_test", ["0"] * 4, ["cat", "dog"] * 2)
    marks = pa.array([True, True, False, False]).cast(pa.int8()).cast(kind)
    paths = [f"{number}.png" for number in range(4)]
    pq.write_table(pa.table({"path": paths, "label": ["cat", "dog"] * 2, "is_train": marks}), tmp_path / "a.parquet")
    assert counts(find(tmp_path / "a.parquet")) == [{"cat": 1, "dog": 1}] * 2


@pytest.mark.parametrize(
    ("name", "marks", "said", "test"),
    [
        ("is_train", ["1", "1", "0", ""], "('', '0', '1') may say the part and is not heeded; fill in", ["0"]),
        ("is_train", ["1.0", "1.0", "0.0", ""], "set split: is_train and test: [0] tests", [0]),
        ("is_train", ["True", "", "False", "True"], 'and test: ["False"] tests', ["False"]),
        ("is_train", ["1", "1", "0", "-1"], "('-1', '0', '1') may say", ["-1", "0"]),
        ("is_test", ["0", "", "1", "0"], "and test: [1] tests on these rows and trains on all others", ["1"]),
        (
            "covid_test",
            ["0", "0", "1", "0"],
            "of yes and no may say the part and is not heeded; set split: covid_test",
            [],
        ),
        ("is_valid_image", ["1", "1", "0", "1"], "of yes and no may say the part", []),
        ("test", ["", "", "1", ""], "says yes or nothing, and may say the part and is not heeded; set split: test", []),
        ("is_train", ["used", "used", "unused", "used"], "is_train and test: [unused] tests on the rows", ["unused"]),
        (
            "is_train",
            ["used", "used", "unused", "used"],
            ", set split: is_train and test: [used] on those that say that",
            ["used"],
        ),
        ("Training", ["x", "x", "", "x"], "says yes or nothing, and may say the part and is not heeded", []),
        ("invalid", ["0", "1", "0", "1"], "", []),
        ("is_validated", ["0", "1", "0", "1"], "", []),
    ],
)
def test_a_column_that_may_say_the_part_in_yes_and_no_is_named(
    name: str, marks: list[str], said: str, test: list[str | int], tmp_path: Path
) -> None:
    both = [mark for mark in marks for _ in range(2)]
    write_flags(tmp_path, name, both, ["cat", "dog"] * 4)
    found = find(tmp_path)
    assert counts(found) == [{"cat": 4, "dog": 4}]
    notes = [note for note in found.train.provenance["notes"] if "the part" in note]
    assert len(notes) == bool(said)
    assert said in " ".join(notes)
    if said:  # the way goes
        assert find(tmp_path, split=name, test=test).test is not None


def test_of_two_words_that_are_no_parts_either_may_be_tested_on(tmp_path: Path) -> None:
    write_flags(tmp_path, "is_train", ["used", "used", "unused"] * 2, ["cat"] * 3 + ["dog"] * 3)
    ways = r"or set test: \[unused\], or set test: \[used\], tests on rows that say so"
    refused(tmp_path, rf"row 1: 'is_train' says 'used'; .*; {ways}", split="is_train")
    assert counts(find(tmp_path, split="is_train", test=["unused"])) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]


def test_a_column_that_trains_on_rows_of_a_test_table_is_asked_about(tmp_path: Path) -> None:
    write_flags(tmp_path, "is_train", ["1", "0", "0", "1", "0", "0"], ["cat"] * 3 + ["dog"] * 3)
    (tmp_path / "a.csv").rename(tmp_path / "test.csv")
    rows = [f"{number}.png,{('cat', 'dog')[number % 2]},1" for number in range(6, 10)]
    (tmp_path / "train.csv").write_text("\n".join(["path,label,is_train", *rows]))
    for number in range(6, 10):
        Image.new("L", (4, 4), number).save(tmp_path / f"{number}.png")
    said = "column 'is_train' trains on 2 of 6 rows, first row 1; the table's name says test; set split: is_train has"
    refused(tmp_path, said)
    assert counts(find(tmp_path, split="is_train")) == [{"cat": 3, "dog": 3}, {"cat": 2, "dog": 2}]


def test_a_column_of_validation_parts_a_table_of_training(tmp_path: Path) -> None:
    """As fastai's datasets are published."""
    write_flags(tmp_path, "is_valid", ["False", "False", "True"] * 2, ["cat"] * 3 + ["dog"] * 3)
    (tmp_path / "a.csv").rename(tmp_path / "train.csv")
    assert counts(find(tmp_path)) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]


@pytest.mark.parametrize("words", [("labeled", "unlabeled"), ("train", "test"), ("1", "2")])
def test_a_subset_of_other_words_is_not_heeded_but_named(words: tuple[str, str], tmp_path: Path) -> None:
    write_flags(tmp_path, "subset", [*words] * 2, ["cat"] * 2 + ["dog"] * 2)
    if words[0] == "1":
        refused(tmp_path, r"row 1: 'subset' says '1'; allowed: train, test")
        return
    found = find(tmp_path)
    assert (found.test is None) == (words[0] == "labeled")
    said = "column 'subset' ('labeled', 'unlabeled') may name parts and is not heeded; set split: subset and test: "
    assert any(said in note for note in found.train.provenance["notes"]) == (words[0] == "labeled")


def write_fold(root: Path, file: str, numbers: Sequence[int]) -> None:
    """Write a table of images that are in `img` of a folder."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / "img").mkdir(exist_ok=True)
    place = "../img" if "/" in file else "img"
    for number in numbers:
        Image.new("L", (4, 4), number).save(root / f"img/{number}.png")
    rows = [f"{place}/{number}.png,{('cat', 'dog')[number % 2]}" for number in numbers]
    (root / file).write_text("\n".join(["path,label", *rows]))


@pytest.mark.parametrize("name", ["fold{}.csv", "folds/labels_fold_0{}.csv", "fold{}/labels.csv"])
def test_tables_of_folds_are_named_and_tested_on(name: str, tmp_path: Path) -> None:
    for fold in range(4):
        write_fold(tmp_path, name.format(fold), range(2 * fold, 2 * fold + 2))
    found = find(tmp_path)
    assert counts(found) == [{"cat": 4, "dog": 4}]
    names = ", ".join(name.format(fold) for fold in range(3))
    said = f"{names}, ... look like folds, and are joined; set test: [3] tests on one and trains on the others"
    assert said in found.train.provenance["notes"]
    own = next(part for part in Path(name.format(3)).with_suffix("").parts if part.endswith("3"))
    for test in (["3"], [3], [own]):
        parted = find(tmp_path, test=test)
        assert counts(parted) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]
        assert not any("look like folds" in note for note in parted.train.provenance["notes"])
    refused(tmp_path, f"test: '4' is none of the tables {name.format(0)}", test=[4])
    refused(tmp_path, "test: all rows are in part test; name some of what is there", test=[0, 1, 2, 3])


@pytest.mark.parametrize("test", ["3", "4"])
def test_a_table_of_one_fold_alone_has_none_to_be_tested_on(test: str, tmp_path: Path) -> None:
    write_fold(tmp_path, "fold3.csv", range(4))
    assert counts(find(tmp_path)) == [{"cat": 2, "dog": 2}]
    refused(tmp_path, f"test: all rows are in part {'test' if test == '3' else 'train'}", test=[test])


@pytest.mark.parametrize("name", ["{part}_fold{fold}.csv", "fold_{fold}/{part}.csv", "split_fold{fold}_{part}.csv"])
def test_tables_of_folds_with_parts_of_their_own_are_asked_about(name: str, tmp_path: Path) -> None:
    """What one trains on another tests on: all test images were trained on."""
    for fold in range(3):
        for part, tested in (("train", False), ("test", True)):
            numbers = [number for number in range(12) if (number // 2 % 3 == fold) == tested]
            write_fold(tmp_path, name.format(part=part, fold=fold), numbers)
    first = [name.format(part=part, fold=0) for part in ("test", "train")]
    refused(tmp_path, rf"tables of 3 folds, each with parts of its own; set tables: \[{', '.join(first)}\] takes those")
    assert counts(find(tmp_path, tables=first)) == [{"cat": 4, "dog": 4}, {"cat": 2, "dog": 2}]


def test_a_column_for_each_fold_is_named(tmp_path: Path) -> None:
    marks = ["1,0,0", "0,1,0", "0,0,1"]
    write_flags(tmp_path, "fold1,fold2,fold3", ["?"] * 6, ["cat", "dog"] * 3)
    text = (tmp_path / "a.csv").read_text()
    for number in range(6):
        text = text.replace('"?"', marks[number // 2], 1)
    (tmp_path / "a.csv").write_text(text)
    found = find(tmp_path)
    assert found.test is None
    ways = "set split: fold3 and test: [1] tests on one and trains on the others"
    said = f"a.csv: columns fold1, fold2, fold3 look like folds and are not heeded; {ways}"
    assert said in found.train.provenance["notes"]
    assert counts(find(tmp_path, split="fold3", test=["1"])) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]


def test_a_column_that_tests_on_rows_of_a_training_table_beside_a_test_is_asked_about(tmp_path: Path) -> None:
    write_flags(tmp_path, "is_test", ["1", "0", "0", "1", "0", "0"], ["cat"] * 3 + ["dog"] * 3)
    (tmp_path / "a.csv").rename(tmp_path / "train.csv")
    assert counts(find(tmp_path)) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]  # which is all that there is
    for number in (6, 7):
        Image.new("L", (4, 4), number).save(tmp_path / f"{number}.png")
    (tmp_path / "test.csv").write_text("path,label,is_test\n6.png,cat,1\n7.png,dog,1")
    said = "column 'is_test' tests on 2 of 6 rows, first row 1; the table's name says train; set split: is_test has"
    refused(tmp_path, said)
    assert counts(find(tmp_path, split="is_test")) == [{"cat": 2, "dog": 2}, {"cat": 2, "dog": 2}]
