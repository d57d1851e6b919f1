"""Tables as other programs and systems write them: labels, delimiters, encodings, paths, and columns of parts."""

import json
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.data.decode.pool import Workers
from counterweight.data.sources.base import columns, text_lengths, whole_columns
from counterweight.data.sources.base.labels import describe_lookalikes, find_lookalikes, order_names
from counterweight.data.split.accounts import name_parts, report_account
from counterweight.data.split.reading import check_present, choose_all, read_into_memory
from tests.data.sources.tables import PETS, counts, find, left_out, refused

WORDS = ("cat", "cat", "dog", "dog")


def write_images(folder: Path, count: int = 4) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", (4, 4), number).save(folder / f"{number}.png")


def write(path: Path, rows: Sequence[Sequence[str]], mark: str = ",", encoding: str = "utf-8") -> Path:
    path.write_text("".join(f"{mark.join(row)}\r\n" for row in rows), encoding=encoding)
    return path


def label_rows(labels: Sequence[str], folder: str = "img/") -> list[list[str]]:
    return [["path", "label"], *([f"{folder}{number}.png", label] for number, label in enumerate(labels))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_images(tmp_path / "img")
    return tmp_path


# Labels.


def test_labels_lose_blanks_and_take_one_form(root: Path) -> None:
    write(root / "a.csv", label_rows(["caf\u00e9", " cafe\u0301", "dog ", "\tdog"]))
    found = find(root)
    assert counts(found) == [{"caf\u00e9": 2, "dog": 2}]
    assert found.train.provenance["notes"] == [
        "a.csv: 3 labels had blanks around them or another form of Unicode",
        "a.csv: labels ' cafe\\u0301', 'caf\u00e9' are one class, 'caf\u00e9': they differ by blanks around them or by "
        "Unicode's form only",
        "a.csv: labels '\\tdog', 'dog ' are one class, 'dog': they differ by blanks around them or by Unicode's "
        "form only",
    ]


def test_labels_that_look_alike_are_named(root: Path) -> None:
    write(root / "a.csv", label_rows(["Cat", "cat", "dog", "dog"]))
    found = find(root)
    assert counts(found) == [{"Cat": 1, "cat": 1, "dog": 2}]
    assert "classes 'Cat', 'cat' differ by case" in found.train.provenance["notes"][0]
    assert "; set merge_labels: true takes" in found.train.provenance["notes"][0]
    assert find_lookalikes(["a b", "ab", "\uff21B", "c"]) == [["a b", "ab", "\uff21B"]]
    assert find_lookalikes(["big_cat", "big cat", "big-cat", "-1", "1", "0-1", "01", "a-1", "a1"]) == [
        ["big cat", "big-cat", "big_cat"]
    ]
    assert find_lookalikes(["cat", "cat\u200b", "\ufeffcat"]) == [["cat", "cat\u200b", "\ufeffcat"]]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["cat", "cat.", "'cat'", "cats"], [["'cat'", "cat", "cat."]]),
        (["cafe", "caf\xe9", "\xe4", "a"], [["cafe", "caf\xe9"]]),
        (["cop", "\u0441\u043e\u0440", "A", "\u0410"], [["A", "\u0410"], ["cop", "\u0441\u043e\u0440"]]),
        (["class1", "classl", "level 10", "level lo", "O", "0", "l", "1"], [["class1", "classl"]]),
        (["\u304b\u304d\u304f", "\u304c\u304d\u304f", "\u0438\u0439\u0438", "\u0438\u0438\u0438"], []),
        (["C", "C++", "C#", "r50", "rs0", "mail", "mall"], []),
    ],
)
def test_labels_whose_letters_look_alike(names: list[str], groups: list[list[str]]) -> None:
    assert find_lookalikes(names) == groups
    for note, group in zip(describe_lookalikes(names), groups, strict=False):
        assert note.endswith("differ by accents, marks or letters that look alike only; rename them if they are one")
        assert all(ascii(name)[1:-1] in note for name in group)


def test_labels_with_letters_of_two_scripts_are_named() -> None:
    """The first letter of the second one is Cyrillic; words of one script each are none such."""
    names = ["cat", "\u0441at", "\u043a\u043e\u0442", "\u043a\u043e\u0442 (cat)", "caf\xe9", "3\u03bcm"]
    assert describe_lookalikes(names) == [
        "classes 'cat', '\u0441at' (\\u0441at) differ by accents, marks or letters that look alike only; rename them "
        "if they are one",
        "classes '\u0441at' (\\u0441at) have letters of two scripts in one word; rename them if others look alike",
    ]


def test_labels_that_differ_by_case_are_one_on_request(root: Path) -> None:
    write(root / "train.csv", label_rows(["Cat", "cat", "cat", "Stra\u00dfe"]))
    write_images(root / "more")
    write(root / "test.csv", label_rows(["CAT", "cat", "STRASSE", "STRASSE"], "more/"))
    refused(
        root, "differ in classes: .*classes 'CAT', 'Cat', 'cat' differ by case, .*set merge_labels: true takes those"
    )
    found = find(root, merge_labels=True)
    assert counts(found) == [{"cat": 3, "STRASSE": 1}, {"cat": 2, "STRASSE": 2}]
    assert found.train.provenance["notes"] == [
        "merge_labels: 'CAT' (1), 'Cat' (1), 'cat' (3) are one class, 'cat'",
        "merge_labels: 'STRASSE' (2), 'Stra\u00dfe' (1) are one class, 'STRASSE'",
    ]
    assert found.train.provenance["settings"]["merge_labels"] is True


def test_labels_of_equal_counts_become_the_first_and_others_stay(root: Path) -> None:
    write(root / "a.csv", label_rows(["dog", "Dog", "a b", "ab"]))
    found = find(root, merge_labels=True)
    assert counts(found) == [{"Dog": 2, "a b": 1, "ab": 1}]
    assert found.train.provenance["notes"][-1].endswith("; rename them if they are one")
    assert "merge_labels" not in find(root).train.provenance["settings"]


def test_whole_numbers_with_decimals_are_the_classes_without(root: Path) -> None:
    write_images(root / "more")
    write(root / "train.csv", label_rows(["2", "10", "2", "10"]))
    write(root / "test.csv", label_rows(["2.0", "", "10.0", "2.00"], "more/"))
    found = find(root)
    assert counts(found) == [{"2": 2, "10": 2}, {"2": 2, "10": 1}]
    assert found.train.provenance["notes"] == [
        "test.csv: no label in 1 rows: nothing",
        "3 labels are whole numbers written with decimals, as all numbers here are whole: '2.0' as '2', '2.00' as '2', "
        "'10.0' as '10'",
    ]
    assert left_out(found) == {("a row without a label", ".png", "test.csv", 1)}


def test_numbers_of_which_one_is_not_whole_stay_as_they_are(root: Path) -> None:
    write(root / "a.csv", label_rows(["2", "2.0", "2.5", "2.5"]))
    found = find(root)
    assert counts(found) == [{"2": 1, "2.0": 1, "2.5": 2}]
    assert found.train.provenance["notes"] == [
        "classes '2', '2.0' are the same number; write it in one way if they are one"
    ]


def test_a_parquet_that_pandas_made_of_numbers_with_an_empty_cell(root: Path) -> None:
    frame = pd.DataFrame({"path": [f"img/{number}.png" for number in range(4)], "label": [2, None, 10, 2]})
    frame.to_parquet(root / "a.parquet")
    found = find(root)
    assert counts(found) == [{"2": 2, "10": 1}]
    assert found.train.provenance["notes"] == [
        "a.parquet: column 'label' holds decimals, which are whole: taken as whole numbers",
        "a.parquet: no label in 1 rows: nothing",
    ]
    frame.assign(label=[2, None, 0.5, 2]).to_parquet(root / "a.parquet")
    refused(root, "column 'label' holds double; texts or whole numbers are needed$")


def test_words_for_no_label_are_named_with_the_setting_that_keeps_them(root: Path) -> None:
    """A class of North America goes this way."""
    write(
        root / "a.csv",
        [["path", "label"], ["img/0.png", "NA"], ["img/1.png", ""], ["img/2.png", "EU"], ["img/3.png", "NA"]],
    )
    found = find(root, missing_labels="leave_out")
    note = (
        "a.csv: no label in 3 rows: 'NA' (2), nothing; set missing_labels: keep takes such words as labels, once no "
        "label is empty"
    )
    assert found.train.provenance["notes"] == [note]
    write(root / "a.csv", label_rows(["NA"] * 4))
    refused(
        root, r"no row has a label; a.csv: no label in 4 rows: 'NA' \(4\); set missing_labels: keep takes such words"
    )
    write(root / "a.csv", label_rows([""] * 4, "away/"))
    refused(root, "4 of 4 files missing, first: .*away/0.png; nor has any row a label")


@pytest.mark.parametrize(("word", "rest", "named"), [("None", "", True), ("nil", "nan", True), ("None", "dog", False)])
def test_a_class_that_may_stand_for_none_is_named_beside_missing_labels(
    word: str, rest: str, named: bool, root: Path
) -> None:
    write(root / "a.csv", label_rows(["cat", word, "dog", rest]))
    found = find(root)
    said = (
        f"a.csv: '{word}' (1) beside rows without a label: taken for a class; if it means none, make such cells empty"
    )
    assert (said in found.train.provenance["notes"]) == named
    assert counts(found)[0][word] == 1


def test_words_that_mean_one_part_are_named(root: Path) -> None:
    rows = [(0, "Training"), (1, "Training"), (2, "PublicTest"), (3, "PrivateTest")]
    write(root / "a.csv", [["path", "label", "Usage"], *([f"img/{n}.png", "ab"[n % 2], word] for n, word in rows)])
    note = "a.csv: column 'Usage': 'PublicTest' and 'PrivateTest' mean test"
    assert note in find(root).train.provenance["notes"]
    write(
        root / "a.csv",
        [["path", "label", "set"], *([f"img/{n}.png", "ab"[n % 2], ("train", "test")[n // 2]] for n in range(4))],
    )
    assert not any("mean" in own for own in find(root).train.provenance["notes"])


def test_groups_that_differ_by_decimals_or_blanks_only_are_one(root: Path) -> None:
    rows = [["path", "label", "patient"]]
    rows += [[f"img/{number}.png", WORDS[number], ("7", "7.0", " 8", "8")[number]] for number in range(4)]
    write(root / "a.csv", rows)
    assert find(root, group_column="patient").train.groups == ["7", "7", "8", "8"]


@pytest.mark.parametrize("missing", ["", "nan", "NaN", "N/A", "NA", "null", " "])
def test_rows_without_a_label_are_left_out_and_counted(missing: str, root: Path) -> None:
    write(root / "a.csv", label_rows(["cat", "none", missing, "none"]))
    found = find(root)
    assert counts(found) == [{"cat": 1, "none": 2}]
    assert left_out(found) == {("a row without a label", ".png", "a.csv", 1)}
    if missing.strip():
        assert counts(find(root, missing_labels="keep")) == [{"cat": 1, "none": 2, missing: 1}]


def test_numbers_and_numbered_names_are_in_natural_order() -> None:
    assert order_names(["10", "9", "-1", "07"]) == ["-1", "07", "9", "10"]
    assert order_names(["0.5", "10", "1.5"]) == ["0.5", "1.5", "10"]
    assert order_names(["r180", "r90", "b", "10", "9", "r0"]) == ["9", "10", "b", "r0", "r90", "r180"]


# Delimiters and encodings.


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_delimiter_and_encoding_are_detected(mark: str, encoding: str, root: Path) -> None:
    write(root / "a.csv", label_rows(["cat", "k\u00f6ter", "k\u00f6ter", "dog"]), mark, encoding)
    assert counts(find(root)) == [{"cat": 1, "dog": 1, "k\u00f6ter": 2}]


def test_delimiter_and_encoding_may_be_said(root: Path) -> None:
    write(root / "a.csv", label_rows(["cat", "cat", "k\u00f6ter", "k\u00f6ter"]), encoding="cp1252")
    refused(root, r"a.csv: cannot be read: .*: not UTF-8; set encoding: cp1252, or what it was written in$")
    assert counts(find(root, encoding="cp1252")) == [{"cat": 2, "k\u00f6ter": 2}]
    refused(root, r"a.csv: cannot be read: unknown encoding: x$", encoding="x")
    write(root / "a.csv", [["sep=;"], *([";".join(row)] for row in label_rows(WORDS))])
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]
    write(root / "a.csv", label_rows(WORDS), "#")
    assert counts(find(root, delimiter="#")) == [{"cat": 2, "dog": 2}]


# Paths.


def test_paths_with_backslashes(root: Path) -> None:
    write(root / "a.csv", label_rows(WORDS, "img\\"))
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert [*found.train.origins] == [f"img/{number}.png" for number in range(4)]
    write(root / "a.csv", label_rows(WORDS, "C:\\pets\\"))
    found = find(root)
    assert [*found.train.origins] == [f"img/{number}.png" for number in range(4)]
    note = "a.csv: all paths begin with 'C:/pets/', which is not here: what follows is looked for in img"
    assert note in found.train.provenance["notes"]
    (root / "more").mkdir()
    for number in range(4):
        shutil.copy(root / f"img/{number}.png", root / "more")
    refused(root, r"row 1: C:\\pets\\0.png: an absolute path; write it relative to .* set image_folder: FOLDER")
    assert counts(find(root, image_folder="more")) == [{"cat": 2, "dog": 2}]


@pytest.mark.parametrize(
    "before", ["C:\\sets\\img\\", "/home/me/img/", "../input/img/", "gs://bucket/pets/img/", "//pc/img/"]
)
def test_paths_of_another_machine_are_taken_from_where_their_ends_are(before: str, root: Path) -> None:
    write(root / "a.csv", label_rows(WORDS, before))
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    gone = before.replace("\\", "/").removesuffix("/img/")
    note = f"a.csv: all paths begin with '{gone}/', which is not here: what follows is looked for here"
    assert note in found.train.provenance["notes"]


def test_paths_of_another_machine_must_all_have_their_ends_here(root: Path) -> None:
    """Some that do not begin alike, or of which the first are not there, are refused as before."""
    write(root / "a.csv", [*label_rows(WORDS, "/home/me/img/")[:3], ["img/3.png", "dog"]])
    refused(root, r"row 1: /home/me/img/0.png: an absolute path")
    write(root / "a.csv", [*label_rows(WORDS, "/home/me/img/"), ["/home/me/img/9.png", "dog"]])
    refused(root, r"row 1: /home/me/img/0.png: an absolute path")


@pytest.mark.parametrize("folder", ["IMG", "Img"])
def test_folders_that_differ_by_case_are_found(folder: str, root: Path) -> None:
    write(root / "a.csv", [[path.upper(), label] for path, label in label_rows(WORDS, f"{folder}/")])
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]
    if not (root / "IMg").exists():  # as where case tells names apart
        (root / "IMg").mkdir()
        refused_missing(root)


def refused_missing(root: Path) -> None:
    """Two folders that differ by case alone are both possible: none is taken."""
    found = find(root)
    assert not any(file.exists() for file in found.train.files)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_another_form_of_unicode_are_found(form: Literal["NFC", "NFD"], tmp_path: Path) -> None:
    """As where files come from a Mac."""
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    for number in range(4):
        place = tmp_path / unicodedata.normalize(form, "kätzchen") / unicodedata.normalize(form, f"süß{number}.png")
        place.parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), number).save(place)
    for ending in (".png", ""):
        rows = [[unicodedata.normalize(other, f"kätzchen/süß{number}{ending}"), WORDS[number]] for number in range(4)]
        write(tmp_path / "a.csv", rows)
        assert counts(find(tmp_path)) == [{"cat": 2, "dog": 2}]


def test_columns_of_one_name_are_not_needed_or_no_labels(root: Path) -> None:
    write(root / "a.csv", [["path", "x", "x", "label"], *([f"img/{n}.png", "a", "b", WORDS[n]] for n in range(4))])
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]
    write(root / "a.csv", [["path", "x", "x", "y"], *([f"img/{n}.png", "a", "b", WORDS[n]] for n in range(4))])
    refused(root, r"a.csv: no column label, .*; it has path, x, x, y; set label: COLUMN takes one of them")


def test_what_is_no_path_and_no_text_is_named(root: Path) -> None:
    write(root / "a.csv", label_rows(WORDS, "img/\0"))
    refused(root, r"a.csv: row 1: 'img/\\x000.png': no path has a zero byte in it$")
    (root / "a.csv").unlink()
    words = pa.array([b"cat", b"cat", b"dog", b"d\xff"]).view(pa.string())
    pq.write_table(pa.table({"path": [f"img/{number}.png" for number in range(4)], "label": words}), root / "a.parquet")
    refused(root, r"a.parquet: cannot be read: 'utf-8' codec can't decode byte 0xff")


def test_names_without_an_ending_and_a_folder_of_images(root: Path) -> None:
    rows = [["path", "label"], *([str(number), word] for number, word in enumerate(WORDS))]
    write(root / "a.csv", rows)
    found = find(root)
    assert counts(found) == counts(find(root, image_folder="img")) == [{"cat": 2, "dog": 2}]
    assert found.train.provenance["notes"] == ["a.csv: the images that it names are in img"]
    write_images(root / "more")
    refused(root, r"a.csv: the images that it names are in img, more; set image_folder: img takes those in it$")
    assert [*find(root, image_folder="more").train.origins] == [f"more/{number}.png" for number in range(4)]
    refused(root, r"none: no such folder, which image_folder says$", image_folder="none")


@pytest.mark.parametrize("ending", [".png", ""])
def test_images_in_pieces_are_found_by_their_names(root: Path, ending: str) -> None:
    """As chest X-rays in `images_001` to `images_012`, and moles in two parts with names without an ending."""
    write(root / "a.csv", [["path", "label"], *([f"{number}{ending}", word] for number, word in enumerate(WORDS))])
    (root / "part_2/images").mkdir(parents=True)
    (root / "img/3.png").rename(root / "part_2/images/3.png")
    found = find(root)
    assert [*found.train.origins] == ["img/0.png", "img/1.png", "img/2.png", "part_2/images/3.png"]
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert found.train.provenance["notes"] == ["a.csv: the images that it names are in 2 folders"]
    (root / "part_2/0.png").write_bytes((root / "img/1.png").read_bytes())
    refused(root, rf"a.csv: 0{ending} is img/0.png and part_2/0.png; write the paths with their folders$")


def test_an_image_in_a_piece_may_not_lead_out_of_the_folder(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "3.png"
    write(root / "a.csv", [["path", "label"], *([f"{number}.png", word] for number, word in enumerate(WORDS))])
    (root / "more").mkdir()
    (root / "img/3.png").rename(outside)
    (root / "more/3.png").symlink_to(outside)
    refused(root, r"more/3.png: a link out of the folder, to .*outside0/3.png")


def test_images_that_no_row_names_and_other_files_are_counted(root: Path) -> None:
    write(root / "a.csv", label_rows(["cat", "dog"]))
    (root / "readme.txt").touch()
    found = find(root)
    assert left_out(found) == {
        ("an image that no row names", ".png", "img", 2),
        ("of no kind that is read", ".txt", ".", 1),
    }


def test_that_all_files_are_missing_is_said_first(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "a.csv", label_rows(WORDS, "gone/"))
    with pytest.raises(
        UserError, match=r"pets: 4 of 4 files missing, first: .*/gone/0.png; paths are relative to the t"
    ):
        check_present(find(root), PETS)
    write(root / "a.csv", label_rows(WORDS))
    check_present(find(root), PETS)
    report_account(name_parts(find(root)), PETS)
    assert capsys.readouterr().err == f"{PETS}: files: 4 found = 4 train + 0 left out\n"


# Columns of parts.


@pytest.mark.parametrize("name", ["set", "usage", "phase", "kind of use"])
@pytest.mark.parametrize(
    "words", [("train", "test"), ("Training", "PublicTest"), ("train", "holdout"), ("train", "val")]
)
def test_a_column_of_parts_under_another_name(name: str, words: tuple[str, str], root: Path) -> None:
    rows = label_rows(["cat", "dog", "cat", "dog"])
    write(root / "a.csv", [[*rows[0], name], *([*row, words[place // 2]] for place, row in enumerate(rows[1:]))])
    found = find(root)
    assert counts(found) == [{"cat": 1, "dog": 1}] * 2
    tested = ["images of val are tested on: there is no other such part"] if "val" in words else []
    said = f"a.csv: column '{name}' says which part each image is in"
    assert found.train.provenance["notes"] == [said, *tested]


def test_a_column_that_names_parts_in_some_rows_is_told_of(root: Path) -> None:
    rows, words = label_rows(["cat", "dog", "cat", "dog"]), ["train", "train", "test", ""]
    write(root / "a.csv", [[*rows[0], "usage"], *([*row, word] for row, word in zip(rows[1:], words, strict=True))])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    said = "column 'usage' names parts (test, train) and others ('') and is not heeded"
    assert said in " ".join(found.train.provenance["notes"])


def write_mixed(root: Path, name: str, words: Sequence[str]) -> Path:
    write_images(root / "img", len(words))
    rows = label_rows([("cat", "dog")[place % 2] for place in range(len(words))])
    return write(root / "a.csv", [[*rows[0], name], *([*row, word] for row, word in zip(rows[1:], words, strict=True))])


@pytest.mark.parametrize("name", ["set", "usage", "split"])
@pytest.mark.parametrize("rest", [["unused", "unused"], ["Not used", "excluded"]])
def test_rows_that_a_column_of_parts_calls_unused_are_left_out(name: str, rest: list[str], root: Path) -> None:
    path = write_mixed(root, name, [*["train"] * 4, *["test"] * 2, *rest])
    for others in ({}, {"split": name}):
        found = find(path, **others)
        assert counts(found) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
        every = " or ".join(map(repr, dict.fromkeys(rest)))
        said = f"a.csv: column '{name}': 2 of 8 rows say {every}, which is no part: left out"
        assert said in found.train.provenance["notes"]
        assert ("a part that is not used", ".png", "a.csv", 2) in left_out(found)


@pytest.mark.parametrize("name", ["set", "usage", "split"])
def test_rows_of_words_that_are_no_part_are_asked_about_where_they_are_many(name: str, root: Path) -> None:
    path = write_mixed(root, name, [*["train"] * 4, *["test"] * 2, *["more"] * 2])
    ways = rf"set split: {name} leaves these out; or set split: {name} and test: \[test\] tests on rows that say so"
    refused(path, rf"a.csv: column '{name}' names parts, but 2 of 8 rows say 'more'; {ways}")
    assert counts(find(path, split=name)) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
    assert counts(find(path, split=name, test=["test"])) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]
    write_mixed(root, name, [*["train"] * 16, *["test"] * 4, *["more"] * 2])  # fewer than one in ten
    assert counts(find(path)) == [{"cat": 8, "dog": 8}, {"cat": 2, "dog": 2}]


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [("is_train", "1", "0"), ("isTrain", "True", "False"), ("train", "yes", "no"), ("is_test", "0", "1")],
)
def test_a_column_of_yes_and_no_says_the_part(name: str, yes: str, no: str, root: Path) -> None:
    write_images(root / "img", 6)
    words = ["cat", "cat", "cat", "dog", "dog", "dog"]
    marks = [name, yes, yes, no, yes, yes, no]
    rows = [[*row, mark] for row, mark in zip(label_rows(words), marks, strict=True)]
    found = find(write(root / "a.csv", rows))
    assert counts(found) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
    assert f"a.csv: '{name}' of yes and no: taken as the part" in " ".join(found.train.provenance["notes"])


def test_three_columns_of_truth_say_the_parts_of_a_parquet(root: Path) -> None:
    write_images(root / "img", 6)
    marks = {"is_train": [1, 0, 0, 1, 0, 0], "is_val": [0, 1, 0, 0, 1, 0], "is_test": [0, 0, 1, 0, 0, 1]}
    columns = {"path": [f"img/{number}.png" for number in range(6)], "label": ["cat"] * 3 + ["dog"] * 3}
    pq.write_table(
        pa.table({**columns, **{name: [*map(bool, own)] for name, own in marks.items()}}), root / "a.parquet"
    )
    assert counts(find(root)) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
    marks["is_test"][0] = 1
    pq.write_table(pa.table({**columns, **marks}), root / "a.parquet")
    refused(root, "row 1: columns is_train, is_val, is_test name 2 parts of it; set split: COLUMN takes one of them")


def test_a_column_of_yes_and_no_that_may_be_none_of_parts(root: Path) -> None:
    marks = [["train", "bus"], ["1", "0"], ["0", "1"], ["1", "1"], ["0", "0"]]
    rows = [row + mark for row, mark in zip(label_rows(WORDS), marks, strict=True)]
    assert counts(find(write(root / "a.csv", rows))) == [{"cat": 2, "dog": 2}]
    assert counts(find(root / "a.csv", split="train")) == [{"cat": 1, "dog": 1}] * 2
    rows = [[*row, mark] for row, mark in zip(label_rows(WORDS), ["is_train", "1", "0", "0", "0"], strict=True)]
    refused(write(root / "a.csv", rows), "'is_train' would train on 1 images and test on 3; set split: is_train takes")


def test_two_columns_of_parts_are_asked_about(root: Path) -> None:
    rows = [["path", "label", "set_a", "set_b"]]
    rows += [[f"img/{place}.png", word, "train", "test"] for place, word in enumerate(WORDS)]
    write(root / "a.csv", rows)
    refused(root, r"a.csv: columns set_a, set_b have names of parts; set split: COLUMN takes one of them$")
    assert len(find(root, split="set_a").train) == 4


def write_folds(path: Path, folds: Sequence[str], name: str = "fold", split: Sequence[str] = ()) -> Path:
    rows = [["path", "label", name, *(["split"] if split else [])]]
    rows += [[f"img/{number}.png", WORDS[number], folds[number], *split[number : number + 1]] for number in range(4)]
    return write(path, rows)


@pytest.mark.parametrize("name", ["fold", "kfold", "Folds", "cv_fold", "fold_id"])
@pytest.mark.parametrize("split", [(), ("train", "test", "train", "test")])
def test_a_column_of_folds_that_is_not_heeded_is_named(name: str, split: Sequence[str], root: Path) -> None:
    found = find(write_folds(root / "a.csv", ["0", "1", "2", "10"], name, split))
    assert found.train.provenance["notes"] == [
        f"a.csv: column '{name}' (0, 1, ..., 10) looks like folds and is not heeded; set split: {name} and test: [10] "
        "tests on one and trains on the others"
    ]
    assert (found.test is None) == (not split)


@pytest.mark.parametrize("folds", [["0", "1", "0", "1"], ["0.0", "1.0", "0.0", "1.0"], ["fold1", "fold0"] * 2])
def test_folds_are_tested_on_by_number(folds: list[str], root: Path) -> None:
    path = write_folds(root / "a.csv", folds)
    word: str | int = "fold1" if "fold1" in folds else 1
    wanted = sorted(place for place, own in enumerate(folds) if own.startswith(str(word)))
    for others in ({}, {"split": "fold"}):
        found = find(path, test=[word], **others)
        assert found.test is not None
        assert [int(file.stem) for file in found.test.files] == wanted
        assert found.train.provenance["notes"] == []
    assert "test" not in find(path).train.provenance["settings"]


def test_words_of_parts_that_are_none_are_told_with_the_way(root: Path) -> None:
    path = write_folds(root / "a.csv", ["0", "1", "0", "1"])
    refused(
        path,
        r"row 1: 'fold' says '0'; allowed: .*; remove such rows; or set test: \[0\] tests on rows that say so",
        split="fold",
    )
    refused(path, r"a.csv: test: '7': column 'fold' has 0, 1; name those", test=[7])
    path = write_folds(root / "a.csv", ["train", "unused"] * 2)
    refused(path, r"'unused'; allowed: .*, dev; remove such rows$", split="fold")
    path = write_folds(root / "a.csv", ["here", "there"] * 2, "site")
    refused(
        path,
        r"test: none looks like folds; it has path, label, site; set split: COLUMN takes one of them$",
        test=["here"],
    )
    assert [len(part) for part in find(path, split="site", test=["here"]) if part is not None] == [2, 2]


def test_a_column_called_fold_of_other_words_is_none(root: Path) -> None:
    assert find(write_folds(root / "a.csv", ["left", "right"] * 2)).train.provenance["notes"] == []
    assert find(write_folds(root / "a.csv", ["3"] * 4)).train.provenance["notes"] == []


def test_a_second_test_part_is_left_out_and_counted(root: Path) -> None:
    write_images(root / "img", 6)
    rows = label_rows(["cat", "dog"] * 3)
    parts = ["train", "train", "test", "test", "holdout", "holdout"]
    write(root / "a.csv", [[*rows[0], "split"], *([*row, part] for row, part in zip(rows[1:], parts, strict=True))])
    found = find(root)
    assert counts(found) == [{"cat": 1, "dog": 1}] * 2
    assert left_out(found) == {("a part that is not used", ".png", "a.csv", 2)}


def test_a_class_that_a_part_lacks(root: Path) -> None:
    rows = label_rows(["cat", "dog", "cat", "cat"])
    parts = ["train", "train", "test", "test"]
    write(root / "a.csv", [[*rows[0], "split"], *([*row, part] for row, part in zip(rows[1:], parts, strict=True))])
    refused(root, r"test lacks dog \(1 images in train\); set missing_classes: leave_out goes on without")
    found = find(root, missing_classes="leave_out")
    assert counts(found) == [{"cat": 1}, {"cat": 2}]
    assert left_out(found) == {("a class of one part only", ".png", "a.csv", 1)}
    assert counts(find(root, missing_classes="split_anew")) == [{"cat": 3, "dog": 1}]


def test_a_small_table_that_holds_more_than_memory_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text that all rows share is written once, and read as often as there are rows."""
    words = pa.DictionaryArray.from_arrays(np.zeros(50_000, dtype=np.int32), pa.array(["x" * 4_000]))
    path = root / "a.parquet"
    pq.write_table(pa.table({"path": words, "label": words}), path)
    assert path.stat().st_size < 2**20
    monkeypatch.setattr(text_lengths, "MOST", 2**26)
    with pytest.raises(UserError, match=r"a.parquet: column 'label' holds more than 0.1 GiB; it can name nothing"):
        whole_columns.read_column(columns.read_columns(path), "label")


# Quotes.


@pytest.mark.parametrize(("ending", "column", "taken"), [(".png", 0, 2), (".png", 1, 2), (".png", 2, 2), ("", 1, 1)])
def test_a_quote_that_takes_rows_with_it_is_named(ending: str, column: int, taken: int, root: Path) -> None:
    rows = [["path", "label", "text"], *([f"img/{number}{ending}", "cat", "said"] for number in range(4))]
    rows[2][column] = '"' + rows[2][column]
    rows[4][column] += '"'
    name = rows[0][column]
    refused(write(root / "a.csv", rows), f"a.csv: row 2: a quote that is not closed in '{name}' takes {taken} of the")


def test_texts_in_quotes_may_have_several_lines_and_quotes_in_texts_are_no_matter(root: Path) -> None:
    rows = [[*row, '"one, two,\r\nthree, four, five"'] for row in label_rows(['5" cat', '5" cat', "dog", "dog"])]
    rows[0][2] = "text"
    assert counts(find(write(root / "a.csv", rows))) == [{'5" cat': 2, "dog": 2}]


def test_a_quote_that_is_never_closed_is_guessed(root: Path) -> None:
    rows = label_rows(WORDS)
    rows[2][0] = '"' + rows[2][0]
    refused(write(root / "a.csv", rows), r"CSV parse error: .*; is a quote not closed there\?$")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("blank", ["", ";\n;\n", ' ; "" \n\n;\n', ";\n" * 40_000])
def test_rows_that_a_spreadsheet_left_empty_at_the_end_are_none(root: Path, encoding: str, blank: str) -> None:
    rows = "".join(f"{path};{label}\n" for path, label in label_rows(WORDS))
    (root / "a.csv").write_text(rows + blank, encoding=encoding)
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]


@pytest.mark.parametrize("blank", [3, 200_000])
def test_empty_rows_at_the_end_hide_no_column_of_parts(root: Path, blank: int) -> None:
    """More of them than are looked at together, too."""
    parts = ("train", "test", "train", "test")
    rows = [f"img/{number}.png,{word},{part}" for number, (word, part) in enumerate(zip("aabb", parts, strict=True))]
    (root / "a.csv").write_text("\n".join(["path,label,usage", *rows]) + "\n" + ",,\n" * blank)
    assert counts(find(root)) == [{"a": 1, "b": 1}] * 2


def test_rows_of_tabs_alone_at_the_end_are_none(root: Path) -> None:
    (root / "a.tsv").write_text("".join(f"{path}\t{label}\n" for path, label in label_rows(WORDS)) + "\t\n\n\t\n")
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]


@pytest.mark.parametrize("end", [0, 2])
def test_an_empty_row_in_the_middle_is_none(end: int, root: Path) -> None:
    write(root / "a.csv", [*label_rows(WORDS)[:3], ["", " "], *label_rows(WORDS)[3:], *[["", ""]] * end])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert found.train.provenance["notes"] == ["a.csv: 1 rows have nothing in any column and are none, first row 3"]
    write(root / "a.csv", [*label_rows(WORDS)[:3], ["", "dog"], *label_rows(WORDS)[3:]])
    refused(root, r"a.csv: row 3: 'path' is empty$")


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n,,\n"])
def test_a_last_text_that_ends_with_a_line_break_is_a_row(end: str, root: Path) -> None:
    """The quote that ends it stands alone in its line: the row was taken for an empty one."""
    rows = [f'{path},{label},"{number}\n"' for number, (path, label) in enumerate(label_rows(WORDS)[1:])]
    (root / "a.csv").write_text("\n".join(["path,label,note", *rows]) + end)
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]


def test_several_columns_without_a_name_and_anything_in_them_are_none(root: Path) -> None:
    (root / "a.csv").write_text("".join(f"{path},{label},,\n" for path, label in label_rows(WORDS)) + ",,,\n")
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]


def test_an_empty_row_in_a_table_without_names_of_columns_is_none(root: Path) -> None:
    """The rows are others than those below a line of names: that after the empty one was left out in its place."""
    write(root / "a.csv", [*label_rows(WORDS)[1:3], ["", ""], *label_rows(WORDS)[3:]])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert "a.csv: 1 rows have nothing in any column and are none, first row 3" in found.train.provenance["notes"]


@pytest.mark.parametrize("quoted", [True, False])
def test_a_blank_before_a_quote_is_refused(quoted: bool, root: Path) -> None:
    """The quotes would be parts of labels."""
    mark = '"' if quoted else ""
    rows = [f"{path}, {mark}{label}{mark}" for path, label in label_rows(WORDS)]
    (root / "a.csv").write_text("\n".join(rows) + "\n")
    if quoted:
        refused(root, r"a.csv: cannot be read: a blank stands between ',' and a quote, .*; remove the blanks")
    else:
        assert counts(find(root)) == [{"cat": 2, "dog": 2}]


@pytest.mark.parametrize("name", ["path", "label"])
def test_two_columns_of_images_or_labels_of_one_name_are_refused(name: str, root: Path) -> None:
    write(root / "a.csv", [[*row, row[0] if number else name] for number, row in enumerate(label_rows(WORDS))])
    refused(root, rf"a.csv: 2 columns are called '{name}'; rename all but the one that is meant")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("True", "1", "0", "False"), ["classes '1', 'True' may all mean yes; write it in one way if they do"]),
        (("True", "False", "no", "no"), ["classes 'False', 'no' may all mean no; write it in one way if they do"]),
        (("True", "1", "2", "False"), []),
        (("True", "False", "True", "False"), []),
    ],
)
def test_yes_and_no_written_in_several_ways_are_named(words: tuple[str, ...], said: list[str], root: Path) -> None:
    write(root / "a.csv", label_rows(words))
    assert find(root).train.provenance["notes"] == said


def test_an_empty_row_in_the_middle_hides_no_column_of_parts(root: Path) -> None:
    parts = ("train", "test", "train", "test")
    rows = [f"img/{number}.png,{word},{part}" for number, (word, part) in enumerate(zip("aabb", parts, strict=True))]
    rows.insert(2, '"",,')
    (root / "a.csv").write_text("\n".join(["path,label,usage", *rows]))
    assert counts(find(root)) == [{"a": 1, "b": 1}] * 2


def test_lines_of_a_text_that_look_empty_are_no_rows(root: Path) -> None:
    rows = [f'img/{number}.png,{word},"says\n,,\nmore"' for number, word in enumerate("aabb")]
    (root / "a.csv").write_text("\n".join(["path,label,caption", *rows]))
    assert counts(find(root)) == [{"a": 2, "b": 2}]


@pytest.mark.parametrize("word", ["", "nan", "N/A"])
def test_an_empty_cell_of_a_column_of_parts_is_told_with_the_ways(word: str, root: Path) -> None:
    write_folds(root / "a.csv", ["train", "test", word, "test"], "split")
    said = r"a.csv: row 3: 'split' is ('.*'|empty), a part of none; 1 of 4 rows say none: fill it in, or remove"
    message = rf"{said} .*; or set test: \[test\] tests"
    refused(root, message)
    assert counts(find(root, test=["test"])) == [{"cat": 1, "dog": 1}] * 2


def test_the_rarest_word_is_the_example_of_what_is_tested_on(root: Path) -> None:
    write_folds(root / "a.csv", ["TR", "TR", "TR", "TE"], "split")
    refused(
        root,
        r"row 1: 'split' says 'TR'; .*; or set split: split and test: \[TE\], or set split: split and test: \[TR",
    )


def test_lines_above_the_names_of_columns_are_named(root: Path) -> None:
    rows = "".join(f"{path},{label}\n" for path, label in label_rows(WORDS))
    (root / "a.csv").write_text(f"# made by hand\n{rows}")
    refused(root, "Expected 1 columns, got 2: path,label; remove what stands above the names of the columns$")


def test_a_row_longer_than_any_is_told_of(root: Path) -> None:
    rows = [
        f"{path},{label},{'x' * (3_000_000 if row == 1 else 3)}\n"
        for row, (path, label) in enumerate(label_rows(WORDS))
    ]
    (root / "a.csv").write_text("".join(["path,label,text\n", *rows]))
    refused(root, "a row has more than a million characters; is a quote not closed")


def test_values_of_two_kinds_in_lines_of_json_are_told_of(root: Path) -> None:
    rows = [{"path": path, "label": row or label} for row, (path, label) in enumerate(label_rows(WORDS))]
    (root / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    refused(root, r"Column\(/label\) changed from string to number in row 1; write values of one kind in each column")


# Paths in several rows.


def test_a_path_in_two_rows_with_one_label_counts_once(root: Path) -> None:
    rows = [*label_rows(WORDS), ["img/0.png", "cat"], ["img\\1.png", "cat"], ["./img/2.png", "dog"]]
    found = find(write(root / "a.csv", rows).parent)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert left_out(found) == set()  # rows, and no files
    said = "3 rows repeat a path with the same label and count once: first img/0.png, in a.csv row 1 and a.csv row 5"
    assert said in found.train.provenance["notes"]


def test_a_path_in_both_parts_stays_in_both(root: Path) -> None:
    rows = [[*row, "split" if number == 0 else "train"] for number, row in enumerate(label_rows(WORDS))]
    rows += [["img/0.png", "cat", "test"], ["img/2.png", "dog", "test"], ["img/2.png", "dog", "test"]]
    found = find(write(root / "a.csv", rows).parent)
    assert counts(found) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
    assert left_out(found) == set()


def test_a_path_with_two_labels_is_refused_or_left_out(root: Path) -> None:
    rows = [*label_rows(WORDS), ["img/3.png", "cat"], ["img/3.png", "cat"], ["img/1.png", "dog"]]
    write(root / "a.csv", rows)
    said = r"img/1.png is 'cat' in a.csv row 2, 'dog' in a.csv row 7 \(and 1 more paths with two labels\)"
    refused(root, f"{said}; mend the rows; set two_labels: leave_out goes on")
    found = find(root, two_labels="leave_out")
    assert counts(found) == [{"cat": 1, "dog": 1}]
    assert left_out(found) == {("a path with two labels", ".png", "a.csv", 2)}
    assert found.train.provenance["settings"]["two_labels"] == "leave_out"


# What Hugging Face's libraries keep.


def test_a_cache_of_one_revision_is_read_and_one_of_two_refused(root: Path) -> None:
    cache = root / "datasets--pets"
    for revision in ("aaa", "bbb"):
        data = cache / "snapshots" / revision / "data"
        data.mkdir(parents=True)
        (data / "train.parquet").symlink_to("../../../blobs/0123")
        (cache / "blobs").mkdir(exist_ok=True)
        paths = [f"../img/{number}.png" for number in range(4)]
        pq.write_table(pa.table({"path": paths, "label": [*WORDS]}), cache / "blobs" / "0123")
        if revision == "aaa":
            assert len(find(cache).train) == 4
    refused(
        cache, r"a cache of Hugging Face with 2 revisions of one dataset: aaa, bbb; give .*/snapshots / one of them"
    )


def test_a_link_to_a_table_without_an_ending_is_followed_by_name(root: Path) -> None:
    pq.write_table(pa.table({"path": [f"img/{number}.png" for number in range(4)], "label": [*WORDS]}), root / "0123")
    (root / "train.parquet").symlink_to("0123")
    (root / "pets").symlink_to("train.parquet")
    assert counts(find(root / "pets")) == [{"cat": 2, "dog": 2}]


# Greys of more than 8 bits.


def test_one_range_holds_for_both_parts_and_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, grey in enumerate((819, 4095, 1638, 0)):
        Image.fromarray(np.full((4, 4), grey, dtype=np.uint16)).save(root / "img" / f"{number}.png")
    parts = ["split", "train", "test", "train", "test"]
    write(root / "a.csv", [[*row, part] for row, part in zip(label_rows(["a", "a", "b", "b"]), parts, strict=True)])
    found = find(root, white=4095, channels=1)
    with Workers() as workers:
        read = [read_into_memory(choose_all(part), PETS, "x", workers) for part in found if part is not None]
    assert [images.images[:, 0, 0, 0].tolist() for images in read] == [[51, 102], [255, 0]]
    assert found.train.provenance["settings"]["white"] == 4095
    report_account(name_parts(found), PETS)
    assert f"{PETS}: values of more than 8 bits: 0...4095 become 0...255 in all files\n" in capsys.readouterr().err
    assert "white" not in find(root).train.provenance["settings"]


def test_folds_that_some_rows_lack_are_named(root: Path) -> None:
    path = write_folds(root / "a.csv", ["0", "1", "", "1"])
    said = (
        "a.csv: column 'fold' (0, 1, empty in some rows) looks like folds and is not heeded; set split: fold and test:"
    )
    assert find(path).train.provenance["notes"] == [
        f"{said} [1] tests on one and trains on the others, those without one, too"
    ]
    assert [len(part.labels) for part in find(path, split="fold", test=[1]) if part is not None] == [2, 2]
