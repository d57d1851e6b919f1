"""Tables as Kaggle, Hugging Face and programs without a row of names write them, and what lies beside them."""

import json
from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.data.decode.pool import Workers
from counterweight.data.source_choice import detect_source
from counterweight.data.sources.base.label_columns import is_measure
from counterweight.data.sources.base.lazy_images import DatasetSplits
from counterweight.data.split.reading import check_present, choose_all, read_into_memory
from tests.data.sources.tables import PETS, counts, find, left_out, refused

WORDS = ("cat", "cat", "dog", "dog")
DIGITS = "0123"


def write_images(folder: Path, count: int = 4, start: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        Image.new("L", (4, 4), number).save(folder / f"{number}.png")


def write(path: Path, rows: Sequence[Sequence[object]], encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{','.join(map(str, row))}\n" for row in rows), encoding=encoding)
    return path


def write_lines(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def notes(found: DatasetSplits) -> list[str]:
    return [*found.train.provenance["notes"]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_images(tmp_path / "img")
    return tmp_path


# Tables that are none of labels.


def test_a_template_of_kaggle_and_a_test_without_labels_are_named(root: Path) -> None:
    write_images(root / "test", 2, 10)
    write(root / "train.csv", [["id", "breed"], *zip(DIGITS, WORDS, strict=True)])
    write(root / "test.csv", [["id"], ["10"], ["11"]])
    write(root / "sample_submission.csv", [["id", "breed"], ["10", "cat"], ["11", "cat"]])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    usual = "label, labels, class, class_name, category, target, class_id, classid, category_id"
    why = f"is not read beside train.csv: no column {usual}"
    said = [note for note in notes(found) if "not read" in note]
    assert said == [f"sample_submission.csv {why}", f"test.csv {why}"]
    assert left_out(found) == {
        ("a table that labels no images", ".csv", ".", 2),
        ("an image that no row names", ".png", "test", 2),
    }


@pytest.mark.parametrize(
    ("name", "first", "why"),
    [
        ("sample_submission.csv", 0, "it is called so"),
        ("format.csv", 7, "none of its images is there"),
        ("all.csv", 0, "it names no part as others do"),
    ],
)
def test_a_table_with_one_label_for_all_is_a_template(name: str, first: int, why: str, root: Path) -> None:
    write(root / "train.csv", [["path", "label"], *([f"img/{n}.png", WORDS[n]] for n in range(4))])
    write(root / name, [["path", "label"], *([f"img/{n}.png", "cat"] for n in range(first, first + 2))])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    said = f"it gives all images the label 'cat', and {why}: taken for a template"
    assert notes(found) == [f"{name} is not read beside train.csv: {said}"]


@pytest.mark.parametrize("ending", ["", ".png"])
@pytest.mark.parametrize("name", ["train", "test"])
def test_a_file_that_is_missing_takes_no_table_with_it(name: str, ending: str, root: Path) -> None:
    """The column of images has no usual name: the other table tells that it is one."""
    for part, start in (("train", 0), ("test", 10)):
        write_images(root / "img", 4, start)
        rows = [[f"{start + n}{ending}", WORDS[n]] for n in range(4)]
        write(root / f"{part}.csv", [["image_id", "label"], *rows])
    (root / "img" / f"{3 if name == 'train' else 13}.png").unlink()
    found = find(root)
    assert [len(part.labels) for part in found if part is not None] == [4, 4]
    assert [sum(file.is_file() for file in part.files) for part in found if part is not None] == (
        [3, 4] if name == "train" else [4, 3]
    )
    assert left_out(found) == set()
    assert not any("not read" in note for note in notes(found))


@pytest.mark.parametrize(("other", "ending"), [("IMAGE_ID", ""), ("picture_name", ".png")])
def test_nor_where_the_columns_of_images_are_called_otherwise(other: str, ending: str, root: Path) -> None:
    for part, start, name in (("train", 0, other), ("test", 10, "image_id")):
        write_images(root / "img", 4, start)
        rows = [[f"{start + n}{ending}", WORDS[n]] for n in range(4)]
        write(root / f"{part}.csv", [[name, "label"], *rows])
    (root / "img/3.png").unlink()
    found = find(root)
    assert [len(part.labels) for part in found if part is not None] == [4, 4]
    assert left_out(found) == set()


@pytest.mark.parametrize("ending", ["", ".png"])
def test_a_table_all_of_whose_images_are_missing_is_one_of_images_all_the_same(ending: str, root: Path) -> None:
    write(root / "train.csv", [["id", "label"], *([f"{n}{ending}", WORDS[n]] for n in range(4))])
    write(root / "test.csv", [["id", "label"], *([f"{n + 10}{ending}", WORDS[n]] for n in range(4))])
    ways = r"put them there, or set tables: \[train.csv\] to do without"
    refused(root, rf"test.csv: 4 of 4 files missing, first: \S+/10{ending}; paths are relative to the table; {ways}")
    assert counts(find(root, tables=["train.csv"])) == [{"cat": 2, "dog": 2}]


def test_a_table_of_something_else_with_such_a_column_is_none_of_images(root: Path) -> None:
    write(root / "train.csv", [["id", "label"], *([n, WORDS[n]] for n in range(4))])
    write(root / "names.csv", [["id", "label"], ["70", "cat"], ["71", "dog"]])
    write(root / "sample_submission.csv", [["id", "label"], ["80.png", "cat"], ["81.png", "dog"]])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    said = [note.split(":")[0] for note in notes(found) if "not read" in note]
    assert said == ["names.csv is not read beside train.csv", "sample_submission.csv is not read beside train.csv"]


def test_a_table_for_each_class_is_no_template(root: Path) -> None:
    for number, word in enumerate(("cat", "dog")):
        rows = [[f"img/{place}.png", word] for place in (2 * number, 2 * number + 1)]
        write(root / f"{word}s.csv", [["path", "label"], *rows])
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]
    write(root / "others.csv", [["path", "label"], ["img/4.png", "bird"], ["img/5.png", "fish"]])
    write_images(root / "img", 2, 4)
    assert counts(find(root)) == [{"bird": 1, "cat": 2, "dog": 2, "fish": 1}]


def test_where_no_table_has_labels_the_first_is_named(root: Path) -> None:
    write(root / "a.csv", [["path", "x", "y"], ["img/0.png", "1", "2"]])
    write(root / "b.csv", [["x", "y"], ["1", "2"]])
    refused(
        root,
        r"a.csv: no column label, .*; it has path, x, y; set label: .*; nor does the other table label images$",
    )


def test_a_table_for_each_image_is_no_table_of_labels(root: Path) -> None:
    for number in range(30):
        write(root / f"boxes/{number}.csv", [["x", "y"], [1, 2]])
    path = write(root / "labels.csv", [["path", "label"], *([f"img/{n}.png", WORDS[n]] for n in range(4))])
    refused(root, r"boxes/0.csv: no column image, .*; nor have 20 tables after it, .*; give the one of labels$")
    assert counts(find(path)) == [{"cat": 2, "dog": 2}]
    for word in ("cat", "dog"):
        write_images(root / "boxes" / word)
    assert detect_source(root / "boxes") == "folder"


def test_columns_that_may_be_labels_and_are_not_taken_are_named(root: Path) -> None:
    rows = [[f"img/{n}.png", WORDS[n], "pet"] for n in range(4)]
    write(root / "a.csv", [["path", "label", "category"], *rows])
    found = find(root)
    assert notes(found) == [
        "a.csv: column 'label' is taken for the labels, not 'category'; set label: category takes that"
    ]
    assert notes(find(root, label="label")) == []


def test_of_several_columns_of_paths_that_which_names_files_is_taken(root: Path) -> None:
    write(root / "a.csv", [["image", "path", "label"], *([f"x{n}", f"img/{n}.png", WORDS[n]] for n in range(4))])
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]


# No row of names.


@pytest.mark.parametrize("name", ["img/{}.png", "{}"])
def test_a_table_without_a_row_of_names_is_read_whole(name: str, root: Path) -> None:
    write(root / "labels.csv", [[name.format(n), WORDS[n]] for n in range(4)])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert f"labels.csv: its first line is a row ({name.format(0)}, cat): columns are called f0, f1" in notes(found)
    assert "labels.csv: column 'f1' is taken for the labels: there is no other" in notes(found)


def test_a_table_without_names_and_with_more_columns_is_asked_about(root: Path) -> None:
    write(root / "labels.csv", [[f"img/{n}.png", WORDS[n], "left"] for n in range(4)])
    refused(root, r"labels.csv: no column label, .*; it has f0, f1, f2; set label: COLUMN takes one of them$")
    assert counts(find(root, label="f1")) == [{"cat": 2, "dog": 2}]
    write(root / "labels.csv", [[f"img/{n}.png", WORDS[n], ("train", "test")[n % 2]] for n in range(4)])
    assert counts(find(root)) == [{"cat": 1, "dog": 1}] * 2


def test_texts_of_which_each_is_another_are_no_labels(root: Path) -> None:
    write(root / "a.csv", [["path", "caption"], *([f"img/{n}.png", f"number {n}"] for n in range(4))])
    refused(root, r"a.csv: no column label, .*; it has path, caption; set label: COLUMN takes one of them$")


# A column for each class.


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("True", "False")])
def test_a_column_of_0_and_1_for_each_class(yes: str, no: str, root: Path) -> None:
    rows = [[f"img/{n}", *(yes if word == WORDS[n] else no for word in ("dog", "cat"))] for n in range(4)]
    write(root / "a.csv", [["image", "dog", "cat"], *rows])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert found.train.class_names == ("cat", "dog")
    assert notes(found) == ["a.csv: columns dog, cat of 0 and 1 are taken for the classes"]


def test_a_flag_of_parts_beside_columns_of_classes_says_the_part(root: Path) -> None:
    rows = [[f"img/{n}.png", int(n < 2), int(n >= 2), int(n % 2 == 0)] for n in range(4)]
    write(root / "a.csv", [["image", "cat", "dog", "is_train"], *rows])
    assert counts(find(root)) == [{"cat": 1, "dog": 1}] * 2


def test_a_class_called_train_is_one_among_columns_of_classes(root: Path) -> None:
    rows = [[f"img/{n}.png", int(n == 0), int(n == 1), int(n > 1)] for n in range(4)]
    write(root / "a.csv", [["image", "bus", "car", "train"], *rows])
    found = find(root)
    assert found.test is None
    assert counts(found) == [{"bus": 1, "car": 1, "train": 2}]


def test_two_columns_of_labels_that_disagree_in_some_rows_are_said(root: Path) -> None:
    write_images(root / "img", 24)
    rows = [[f"img/{n}.png", ("cat", "dog")[n % 2], (n % 2) ^ (n in (5, 9))] for n in range(24)]
    write(root / "a.csv", [["image", "class_name", "class_id"], *rows])
    said = "column 'class_name' is taken for the labels, not 'class_id'; set label: class_id takes that"
    assert notes(find(root)) == [f"a.csv: {said}; they disagree in 2 rows, first row 6: 'dog' and '0'"]
    write(root / "a.csv", [["image", "class_name", "class_id"], *([*row[:2], n % 2] for n, row in enumerate(rows))])
    assert notes(find(root)) == [f"a.csv: {said}"]
    write(root / "a.csv", [["image", "class_name", "class_id"], *([*row[:2], n // 6] for n, row in enumerate(rows))])
    assert notes(find(root)) == [f"a.csv: {said}"]


def write_marks(root: Path, *names: str) -> None:
    """Write a table of columns of 0 and 1 beside one of words, and one of numbers."""
    write_images(root / "img", 12)
    rows = [
        [
            f"img/{n}.png",
            ("pug", "husky")[n // 2 % 2],
            *(int(n % len(names) == place) for place in range(len(names))),
            n,
        ]
        for n in range(12)
    ]
    write(root / "a.csv", [["image", "breed", *names, "age"], *rows])


def test_two_columns_of_0_and_1_beside_one_of_words_are_asked_about(root: Path) -> None:
    write_marks(root, "male", "female")
    said = (
        r"a.csv: classes by column 'breed', or by columns male, female of 0 and 1\? set label: breed takes the first, "
    )
    refused(root, f"{said}set label: male the others, as classes 0 and 1$")
    assert counts(find(root, label="breed")) == [{"pug": 6, "husky": 6}]
    assert counts(find(root, label="male")) == [{"0": 6, "1": 6}]


@pytest.mark.parametrize("words", [("2020-01-02", "2020-01-03"), ("p1", "p2"), ("7", "8"), ("yes", "no")])
def test_days_and_patients_beside_two_columns_of_0_and_1_are_no_classes(words: tuple[str, str], root: Path) -> None:
    write_marks(root, "male", "female")
    text = (root / "a.csv").read_text().replace("pug", words[0]).replace("husky", words[1])
    (root / "a.csv").write_text(text)
    assert counts(find(root)) == [{"female": 6, "male": 6}]


@pytest.mark.parametrize("word", ["none", "N", "7", ""])
def test_one_word_that_may_be_none_of_a_class_hides_no_others(word: str, root: Path) -> None:
    write_marks(root, "male", "female")
    (root / "a.csv").write_text((root / "a.csv").read_text().replace("pug", word))
    refused(root, "classes by column 'breed', or by columns male, female of 0 and 1")


def test_columns_of_folds_are_no_classes(root: Path) -> None:
    write_marks(root, "fold1", "fold2")
    refused(root, "no column label, .*; it has image, breed, fold1, fold2, age; set label: COLUMN takes one of them")
    found = find(root, label="breed")
    assert any("columns fold1, fold2 look like folds and are not heeded" in note for note in notes(found))


def test_more_columns_of_0_and_1_are_the_classes_and_the_words_are_named(root: Path) -> None:
    write_marks(root, "a", "b", "c")
    found = find(root)
    assert counts(found) == [{"a": 4, "b": 4, "c": 4}]
    said = "a.csv: columns of 0 and 1 are taken for the classes, not 'breed'; set label: breed takes that"
    assert said in notes(found)


def test_words_that_say_the_same_as_columns_of_0_and_1_are_no_matter(root: Path) -> None:
    rows = [[f"img/{n}.png", WORDS[n], int(n < 2), int(n >= 2)] for n in range(4)]
    write(root / "a.csv", [["image", "animal", "cat", "dog"], *rows])
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]


def test_columns_of_0_and_1_of_something_else_do_not_hide_one_of_words(root: Path) -> None:
    write_images(root / "img", 8)
    rows = [[f"img/{n}.png", WORDS[n % 4], int(n % 3 == 0), int(n % 2 == 0)] for n in range(8)]
    write(root / "a.csv", [["image", "species", "has_glasses", "is_male"], *rows])
    refused(root, "it has image, species, has_glasses, is_male; set label: COLUMN takes one of them")


@pytest.mark.parametrize("ones", [(1, 1), (0, 0)])
def test_several_labels_or_none_are_refused_by_row(ones: tuple[int, int], root: Path) -> None:
    rows = [[f"img/{n}.png", *(ones if n == 2 else (1, 0))] for n in range(4)]
    write(root / "a.csv", [["image", "cat", "dog"], *rows])
    said = rf"a.csv: row 3: {sum(ones)} of the columns of 0 and 1 \(cat, dog\) say 1; an image needs one label"
    refused(root, said)


# Hugging Face: lines of JSON beside images, and what save_to_disk writes.


def test_lines_of_json_beside_images(tmp_path: Path) -> None:
    for part, start in (("train", 0), ("test", 10)):
        write_images(tmp_path / part, 4, start)
        rows: list[dict[str, object]] = [
            {"file_name": f"{start + n}.png", "label": WORDS[n], "objects": {"bbox": [[1, 2]]}} for n in range(4)
        ]
        write_lines(tmp_path / part / "metadata.jsonl", rows)
    assert detect_source(tmp_path) == "table"
    found = find(tmp_path)
    assert counts(found) == [{"cat": 2, "dog": 2}] * 2
    assert notes(found) == []
    read = read_into_memory(choose_all(found.train), PETS, "x", Workers()).images
    assert read[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_lines_of_json_with_numbers_or_without_labels(root: Path) -> None:
    write_lines(root / "metadata.jsonl", [{"file_name": f"img/{n}.png", "label": n % 2} for n in range(4)])
    assert counts(find(root)) == [{"0": 2, "1": 2}]
    write_lines(root / "metadata.jsonl", [{"file_name": f"img/{n}.png", "text": f"a {n}"} for n in range(4)])
    refused(root, r"metadata.jsonl: no column label, .*; it has file_name, text; set label: COLUMN takes one of them$")
    (root / "metadata.jsonl").write_text('{"file_name": "img/0.png", "label"')
    refused(root, r"metadata.jsonl: cannot be read: ")


def test_lines_of_json_that_are_no_table_do_not_matter(root: Path) -> None:
    write_lines(root / "log.jsonl", [{"step": 1, "loss": 0.5}])
    assert detect_source(root / "img") == "folder"
    write_lines(root / "img/log.jsonl", [{"step": 1, "loss": 0.5}])
    assert detect_source(root / "img") == "folder"
    write(root / "a.csv", [["path", "label"], *([f"img/{n}.png", WORDS[n]] for n in range(4))])
    assert left_out(find(root)) == {
        ("a table that is not read", ".jsonl", ".", 1),
        ("a table that is not read", ".jsonl", "img", 1),
    }


def save(path: Path, parts: dict[str, int]) -> Path:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["dog", "cat"])})
    made = {
        part: datasets.Dataset.from_dict(
            {
                "image": [Image.new("L", (4, 4), number) for number in range(count)],
                "label": [number % 2 for number in range(count)],
            },
            features=features,
        )
        for part, count in parts.items()
    }
    whole = datasets.DatasetDict(made) if len(made) > 1 else next(iter(made.values()))
    whole.save_to_disk(path, num_shards={"train": 2, "test": 1} if len(made) > 1 else 1)
    return path


def test_what_datasets_saves_to_disk_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "pets", {"train": 70, "test": 6})
    assert detect_source(path) == "table"
    found = find(path)
    assert counts(found) == [{"cat": 35, "dog": 35}, {"cat": 3, "dog": 3}]
    assert found.train.class_names == ("cat", "dog")
    assert [*found.train.origins[:2]] == [
        "train/data-00000-of-00002.arrow:1",
        "train/data-00000-of-00002.arrow:2",
    ]
    wanted = np.array([0, 3, 69, 40, 1, 34])
    chunks = [*found.train.read(wanted, None, Workers())]
    assert np.concatenate([chunk.images for chunk in chunks])[:, 0, 0, 0].tolist() == wanted.tolist()


def test_copies_that_datasets_keeps_are_not_read(tmp_path: Path) -> None:
    path = save(tmp_path / "pets", {"train": 6})
    (path / "cache-1234.arrow").write_bytes((path / "data-00000-of-00001.arrow").read_bytes())
    found = find(path)
    assert counts(found) == [{"cat": 3, "dog": 3}]
    assert ("a table that is not read", ".arrow", ".", 1) in left_out(found)
    assert counts(find(path / "data-00000-of-00001.arrow")) == [{"cat": 3, "dog": 3}]


def test_arrow_that_is_no_stream_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.arrow").write_bytes(b"ARROW1 but no more")
    refused(tmp_path, "a.arrow: cannot be read: ")
    with pa.ipc.new_stream(tmp_path / "a.arrow", pa.schema({"label": pa.string()})):
        pass
    refused(tmp_path, "a.arrow: no column image, .*; it has label; set image: COLUMN takes one of them$")


# Names and encodings.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_ids_without_endings_in_other_folders_and_encodings(encoding: str, tmp_path: Path) -> None:
    write_images(tmp_path / "photos of pets")
    write(tmp_path / "labels.csv", [["id", "breed"], *zip(DIGITS, WORDS, strict=True)], encoding)
    found = find(tmp_path)
    assert counts(found) == [{"cat": 2, "dog": 2}]
    assert "labels.csv: the images that it names are in photos of pets" in notes(found)


def test_names_that_differ_by_case_alone_are_found(tmp_path: Path) -> None:
    write_images(tmp_path / "img")
    write(tmp_path / "a.csv", [["path", "label"], *([f"img/{n}.PNG", WORDS[n]] for n in range(4))])
    assert counts(find(tmp_path)) == [{"cat": 2, "dog": 2}]
    Image.new("L", (4, 4)).save(tmp_path / "img/0.Png")
    (tmp_path / "img/0.png").rename(tmp_path / "img/0.pNg")
    assert [file.is_file() for file in find(tmp_path).train.files] == [False, True, True, True], "two may be meant"


def test_numbers_of_classes_are_no_names_of_images(root: Path) -> None:
    write(root / "train_labels.csv", [["image", "label"], *([f"img/{n}.png", n % 2] for n in range(4))])
    write(root / "class_dict.csv", [["name", "label"], ["cat", 0], ["dog", 1]])
    assert counts(find(root)) == [{"0": 2, "1": 2}]
    (root / "class_dict.csv").unlink()
    write(root / "train_labels.csv", [["id", "breed"], *([n, n % 2] for n in range(4))])
    assert counts(find(root)) == [{"0": 2, "1": 2}]


def test_a_column_of_row_numbers_is_none_of_labels_or_images(root: Path) -> None:
    frame = pd.DataFrame({"file": [f"img/{n}.png" for n in range(4)], "kind": [*WORDS]})
    frame.to_csv(root / "a.csv")
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]
    (root / "a.csv").unlink()
    frame.set_index(pd.Index(["a", "b", "c", "d"])).to_parquet(root / "a.parquet")
    assert counts(find(root)) == [{"cat": 2, "dog": 2}]
    (root / "a.parquet").unlink()
    write(root / "a.csv", [[f"img/{n}.png", WORDS[n], n] for n in range(4)])
    assert counts(find(root, label="f1")) == [{"cat": 2, "dog": 2}]


def test_captions_beside_folders_of_classes_are_no_labels(tmp_path: Path) -> None:
    for word in ("cat", "dog"):
        write_images(tmp_path / word)
    rows = [[f"{word}/{n}.png", f"caption {n}"] for word in ("cat", "dog") for n in range(4)]
    write(tmp_path / "metadata.csv", [["file_name", "text"], *rows])
    assert detect_source(tmp_path) == "folder"


def test_labels_made_of_others_are_named(root: Path) -> None:
    write(
        root / "a.csv", [["path", "label"], *([f"img/{n}.png", ("cat", "dog", "cat|dog", "a/b")[n]] for n in range(4))]
    )
    assert notes(find(root)) == [
        "1 images have labels that are made of others, each a class of its own: 'cat|dog'; images of several classes "
        "are not read as such: leave them out, or give each one label"
    ]


# What lies around folders.


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (["images/train", "images/val"], "labels/train/0.txt", "1 .txt in labels/train"),
        (["train/images", "valid/images"], "train/labels/0.txt", "1 .txt in train/labels"),
        (["train2017", "val2017"], "annotations/instances.json", "1 .json in annotations"),
        (["images"], "train.txt", "1 .txt in ."),
    ],
)
def test_files_that_may_have_labels_are_named(images: list[str], labels: str, said: str, tmp_path: Path) -> None:
    for folder in images:
        write_images(tmp_path / folder)
    write(tmp_path / labels, [["0 0.5 0.5 0.1 0.1"]])
    with pytest.raises(
        UserError, match=f"; there are {said}: labels are read of CSV, TSV, Parquet, JSON, and texts of a path"
    ):
        detect_source(tmp_path)


def test_classes_in_folders_that_archives_add_are_offered(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_images(tmp_path / "archive/pets-master/pets" / name)
    with pytest.raises(UserError, match=r"in which archive/pets-master/pets holds folders cat, dog: give .*/pets for"):
        detect_source(tmp_path)
    assert detect_source(tmp_path / "archive/pets-master/pets") == "folder"


@pytest.mark.parametrize(
    ("words", "is_label"),
    [
        (["1", "2", "3", "4"], True),
        (["0", "9", "1", "3", "4"], True),
        (["2.0", "1.0"], True),
        (["-1", "1"], True),
        (["640", "480", "1024"], False),
        (["31", "45", "67"], False),
        (["0.5", "1"], False),
        (["nan", "1", "2"], True),
        (["1", "cat"], True),
        (["1e400", "1"], True),
    ],
)
def test_numbers_with_gaps_measure_something_and_name_no_class(words: list[str], is_label: bool) -> None:
    assert is_measure(words) != is_label


def test_a_column_of_widths_is_not_taken_for_the_labels_unasked(root: Path) -> None:
    rows = [
        [name, word]
        for name, word in zip([f"img/{n}.png" for n in range(4)], ["640", "480", "640", "480"], strict=True)
    ]
    write(root / "a.csv", [["path", "width"], *rows])
    with pytest.raises(
        UserError, match=r"a.csv: no column label, .*; it has path, width; set label: COLUMN takes one of them"
    ):
        find(root)
    assert find(root, label="width").train.class_names == ("480", "640")


def test_tables_of_folds_beside_one_of_a_test_are_trained_on(root: Path) -> None:
    for fold in (0, 1):
        rows = [[f"img/{n}.png", WORDS[n]] for n in (2 * fold, 2 * fold + 1)]
        write(root / f"fold{fold}.csv", [["path", "label"], *rows])
    write_images(root / "more", 2, 10)
    write(root / "test.csv", [["path", "label"], ["more/10.png", "cat"], ["more/11.png", "dog"]])
    found = find(root)
    assert counts(found) == [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
    said = "fold0.csv, fold1.csv look like folds of what is trained on, beside tables of other parts"
    assert said in notes(found)
    (root / "test.csv").rename(root / "train.csv")
    refused(root, "fold0.csv: neither its name nor a column split says which part it is")


@pytest.mark.parametrize("part", ["test", "val"])
def test_a_part_in_folders_of_classes_beside_a_table_of_another_is_asked_about(part: str, root: Path) -> None:
    (root / "img").rename(root / "train")
    write(root / "train.csv", [["path", "label"], *([f"train/{n}.png", WORDS[n]] for n in range(4))])
    for name in ("cat", "dog"):
        write_images(root / part / name, 2)
    others = f"or the 4 others in folders of the same classes, as {part}/cat, too"
    with pytest.raises(UserError, match=rf"the 4 images of train.csv, {others}\? set layout: table takes the first"):
        detect_source(root)
    (root / part / "cat").rename(root / part / "bird")
    assert detect_source(root) == "table"


def test_where_all_paths_lead_nowhere_images_that_the_table_holds_are_offered(root: Path) -> None:
    picture = (root / "img/0.png").read_bytes()
    rows = {"path": [f"gone/{n}.png" for n in range(4)], "content": [picture] * 4, "label": WORDS[:4]}
    pd.DataFrame(rows).to_parquet(root / "a.parquet")
    with pytest.raises(UserError, match=r"4 of 4 files missing, .*; set image: content takes those that the table"):
        check_present(find(root), PETS)
    assert [len(part.labels) for part in find(root, image="content") if part is not None] == [4]


@pytest.mark.parametrize("heading", ["part", "fold_no"])
def test_words_of_a_column_of_any_name_beside_folders_that_they_do_not_name_are_asked_about(
    heading: str, root: Path
) -> None:
    rows = [f"img/{name}/{n}.png" for name in ("cat", "dog") for n in range(4)]
    for name in ("cat", "dog"):
        write_images(root / "img" / name)
    for path in (root / "img").glob("*.png"):
        path.unlink()
    write(root / "a.csv", [["file", heading], *([path, ("t", "v")[n % 2]] for n, path in enumerate(rows))])
    said = rf"classes cat, dog by their folders, or t, v by a.csv\? give {root}/img for the first, set layout"
    with pytest.raises(UserError, match=said):
        detect_source(root)
    write(root / "a.csv", [["file", "label"], *([path, ("t", "v")[n % 2]] for n, path in enumerate(rows))])
    assert detect_source(root) == "table"


def test_images_that_are_twice_there_are_no_copies_where_one_cannot_be_read(root: Path) -> None:
    rows = [[f"{number}", word] for number, word in enumerate(WORDS)]
    write(root / "a.csv", [["path", "label"], *rows])
    (root / "part_2").mkdir()
    (root / "img/3.png").rename(root / "part_2/3.png")
    (root / "part_2/0.png").symlink_to(root / "gone.png")
    refused(root, "a.csv: 0 is img/0.png and part_2/0.png; write the paths with their folders$")
