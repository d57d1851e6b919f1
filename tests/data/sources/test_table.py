"""Tables of paths and of images, as people and Hugging Face's `datasets` write them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.core.images import read_images
from counterweight.core.schema import parse_settings
from counterweight.data.decode.pool import Workers
from counterweight.data.sources import table
from counterweight.data.sources.base import columns, embedded
from counterweight.data.sources.base.lazy_images import DatasetSplits, Indices
from counterweight.data.sources.base.table_parts import PartColumns, read_parts
from counterweight.data.sources.table import Settings
from counterweight.data.split.reading import choose_all, read_into_memory, write_part

PETS = "params.yaml: datasets.pets"
CLASSES = ("cat", "dog")


def encoded(number: int) -> bytes:
    """Return a PNG whose first channel is a number."""
    buffer = BytesIO()
    Image.new("RGB", (5, 4), (number, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def write_images(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}.png").write_bytes(encoded(number))


def write_csv(path: Path, lines: Iterable[str], header: str = "path,label") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def write_hugging_face(
    path: Path, rows: Sequence[tuple[dict[str, Any] | None, int]], names: Sequence[str] = CLASSES, **group: int
) -> Path:
    """Write a table as `datasets.Dataset.to_parquet` does: same columns, types and metadata."""
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pa.schema({"image": image, "label": pa.int64()}).with_metadata(metadata)
    columns = [pa.array([row[0] for row in rows], image), pa.array([row[1] for row in rows], pa.int64())]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, schema=schema), path, row_group_size=group.get("row_group_size", 100))
    return path


def struct(number: int) -> dict[str, Any]:
    return {"bytes": encoded(number), "path": f"{number}.png"}


def find(path: Path, **others: object) -> DatasetSplits:
    settings = parse_settings(Settings, {"path": str(path), "size": 4, **others}, PETS)
    found = table.find(settings, "pets")
    assert table.precheck(settings, "pets") == found.train.class_names
    return found


def firsts(path: Path, **others: object) -> tuple[list[int], list[int] | None]:
    """Return the numbers of the images of both parts, in their order."""
    read = [
        part and read_into_memory(choose_all(part), PETS, "x", Workers()).images[:, 0, 0, 0].tolist()
        for part in find(path, **others)
    ]
    return read[0] or [], read[1]


def refused(path: Path, message: str, **others: object) -> None:
    with pytest.raises(UserError, match=message) as caught:
        find(path, **others)
    assert str(caught.value).startswith(f"{PETS}.path: ")
    assert "\n" not in str(caught.value)


# Tables of paths.


def test_a_csv_of_paths_and_labels(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 4)
    write_csv(tmp_path / "labels.csv", [f"images/{number}.png,{'dog' if number % 2 else 'cat'}" for number in range(4)])
    train, test = find(tmp_path)
    assert test is None
    assert train.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 1, 0, 1]
    assert [*train.origins] == [f"images/{number}.png" for number in range(4)]
    assert firsts(tmp_path) == ([0, 1, 2, 3], None)


def test_other_names_of_columns_and_values_with_commas(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    lines = ['1,"big, grey\tcat",0.png', "2,dog,1.png"]
    write_csv(tmp_path / "a.csv", lines, "id,Category,File_Name")
    assert find(tmp_path).train.class_names == ("big, grey\tcat", "dog")
    assert find(tmp_path, label="id", image="File_Name").train.class_names == ("1", "2")


def test_a_tsv_in_a_sub_folder_with_paths_relative_to_it(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 2)
    write_csv(tmp_path / "tables" / "a.tsv", ["../images/0.png\tcat", "../images/1.png\tdog"], "path\tlabel")
    assert firsts(tmp_path) == ([0, 1], None)


def test_a_parquet_of_paths(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    pq.write_table(pa.table({"file": ["0.png", "1.png"], "class": [True, False]}), tmp_path / "a.parquet")
    assert find(tmp_path).train.class_names == ("False", "True")
    assert firsts(tmp_path) == ([0, 1], None)


def test_numbers_are_sorted_as_such(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [f"{label}.png,{label}" for label in (10, 9, -1, "07")])
    assert find(tmp_path).train.class_names == ("-1", "07", "9", "10")
    write_csv(tmp_path / "a.csv", [f"{label}.png,{label}" for label in (10, 9, "b")])
    assert find(tmp_path).train.class_names == ("9", "10", "b")


def test_the_table_may_be_named_itself_or_by_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "far", 2)
    write_csv(tmp_path / "far" / "train.csv", ["0.png,cat", "1.png,dog"])
    assert firsts(tmp_path / "far" / "train.csv") == ([0, 1], None)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "pets").symlink_to(tmp_path / "far" / "train.csv")
    monkeypatch.chdir(tmp_path)
    assert len(table.find(Settings(size=4), "pets").train) == 2


def test_missing_files_are_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path, 2)
    write_csv(tmp_path / "a.csv", ["0.png,cat", "none.png,cat", "1.png,dog"])
    with pytest.raises(UserError, match=r"^params.yaml: datasets.pets: .*/none.png: missing: no such file; mend or"):
        firsts(tmp_path)
    assert firsts(tmp_path, bad_files="skip") == ([0, 1], None)
    assert "1 skipped (1 missing)" in capsys.readouterr().err


# Tables of images.


def test_a_dataset_of_hugging_face(tmp_path: Path) -> None:
    rows = [(struct(number), number % 2) for number in range(7)]
    write_hugging_face(tmp_path / "data/train-00000-of-00002.parquet", rows[:3], row_group_size=2)
    write_hugging_face(tmp_path / "data/train-00001-of-00002.parquet", rows[3:5], row_group_size=2)
    write_hugging_face(tmp_path / "data/test-00000-of-00001.parquet", rows[5:], row_group_size=2)
    (tmp_path / "README.md").write_text("# Pets\n")
    train, test = find(tmp_path)
    assert test is not None
    assert (train.class_names, train.labels.tolist(), test.labels.tolist()) == (CLASSES, [0, 1, 0, 1, 0], [1, 0])
    assert train.origins[3] == "data/train-00001-of-00002.parquet:1"
    assert firsts(tmp_path) == ([0, 1, 2, 3, 4], [5, 6])


def test_names_of_classes_come_sorted_whatever_their_numbers(tmp_path: Path) -> None:
    write_hugging_face(tmp_path / "a.parquet", [(struct(0), 0), (struct(1), 1)], names=("zebra", "ant", "unseen"))
    train = find(tmp_path).train
    assert (train.class_names, train.labels.tolist()) == (("ant", "zebra"), [1, 0])


def test_columns_are_known_by_what_they_hold(tmp_path: Path) -> None:
    labels = pa.array(["dog", "cat"]).dictionary_encode()
    pq.write_table(pa.table({"kind": labels, "png": [encoded(0), encoded(1)]}), tmp_path / "a.parquet")
    assert firsts(tmp_path, label="kind") == ([0, 1], None)
    refused(tmp_path, r"a.parquet: no column label, labels, .*; it has kind, png; set label: COLUMN takes one of them$")


@pytest.mark.parametrize(
    ("names", "inner", "others", "message"),
    [
        (
            ("row", "image"),
            True,
            {},
            "no column image, .*; it has row, label; column 'row' is a struct of row.image, wh",
        ),
        (
            ("row", "image"),
            True,
            {"image": "row.image"},
            "no column 'row.image'; column 'row' is a struct of row.image",
        ),
        (("row", "image"), True, {"image": "row"}, "a.parquet: column 'row' is a struct of row.image, which is not re"),
        (("row", "path"), False, {}, "no column image, .*; column 'row' is a struct of row.path, row.size, which is n"),
        (("image", "data"), True, {}, "a.parquet: column 'image' is a struct of image.data, which is not read"),
    ],
)
def test_columns_in_others_are_named(
    names: tuple[str, str], inner: bool, others: dict[str, str], message: str, tmp_path: Path
) -> None:
    """As of rows that were written whole into one column."""
    value = {names[1]: struct(0)} if inner else {names[1]: "0.png", "size": 4}
    pq.write_table(pa.table({names[0]: [value, value], "label": ["cat", "dog"]}), tmp_path / "a.parquet")
    ways = "write each as a column of its own; allowed: texts, numbers, bytes, structs of bytes and path$"
    refused(tmp_path, f"{message}.*: {ways}", **others)


def test_images_that_are_somewhere_else(tmp_path: Path) -> None:
    """`datasets` keeps paths alone where images are not to be copied."""
    write_images(tmp_path / "images", 3)
    nowhere = [({"bytes": None, "path": f"images/{number}.png"}, number % 2) for number in range(3)]
    write_hugging_face(tmp_path / "a.parquet", nowhere)
    assert [*find(tmp_path).train.origins] == [f"images/{number}.png" for number in range(3)]
    assert firsts(tmp_path) == ([0, 1, 2], None)
    write_hugging_face(tmp_path / "a.parquet", [(struct(9), 1), *nowhere])
    assert firsts(tmp_path) == ([9, 0, 1, 2], None)
    write_hugging_face(tmp_path / "a.parquet", [(struct(9), 1), ({"bytes": None, "path": "/etc/x.png"}, 0)])
    with pytest.raises(UserError, match=r"a.parquet: row 2: /etc/x.png: an absolute path"):
        firsts(tmp_path)


def test_a_row_without_an_image_is_a_bad_file(tmp_path: Path) -> None:
    rows = [(struct(0), 0), (None, 0), (struct(2), 1), ({"bytes": b"?", "path": "x.png"}, 1)]
    write_hugging_face(tmp_path / "a.parquet", rows)
    with pytest.raises(UserError, match=r"a.parquet: row 2: empty: 0 bytes; mend"):
        firsts(tmp_path)
    assert firsts(tmp_path, bad_files="skip") == ([0, 2], None)
    whatever = read_into_memory(choose_all(find(tmp_path, bad_files="skip").train), PETS, "x", Workers())
    assert whatever.provenance["skipped_files"] == {"empty": 1, "not an image": 1}


def test_only_row_groups_that_are_wanted_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_hugging_face(tmp_path / "a.parquet", [(struct(n), n % 2) for n in range(40)], row_group_size=10)
    monkeypatch.setattr(embedded, "BATCH", 4)
    read = list[tuple[int, list[int]]]()
    usual = embedded.take_rows

    def noted(batches: Iterable[pa.Array], start: int, rows: Indices) -> Iterator[pa.RecordBatch]:
        read.append((start, rows.tolist()))
        return usual(batches, start, rows)

    chosen = np.array([2, 3, 9, 31, 38, 30, 0])
    monkeypatch.setattr(embedded, "take_rows", noted)
    batches = [*embedded.read_groups(tmp_path / "a.parquet", "image", chosen)]  # here, not in a process of its own
    assert [row for batch in batches for row in batch.column(0).to_pylist()] == chosen.tolist()
    assert read == [(0, [2, 3, 9]), (30, [31, 38]), (30, [30]), (0, [0])]
    chunks = [*find(tmp_path).train.read(chosen, None, Workers())]
    assert np.concatenate([chunk.images for chunk in chunks])[:, 0, 0, 0].tolist() == chosen.tolist()


def test_a_damaged_row_group_does_not_matter_until_it_is_wanted(tmp_path: Path) -> None:
    path = write_hugging_face(tmp_path / "a.parquet", [(struct(n), n % 2) for n in range(80)], row_group_size=40)
    start = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 50] = b"\xff" * 50
    path.write_bytes(content)
    train = find(tmp_path).train
    assert sum(len(chunk.bad) for chunk in train.read(np.arange(40), None, Workers())) == 40
    with pytest.raises(UserError, match=r"a.parquet: cannot be read: "):
        list(train.read(np.arange(80), None, Workers()))


def test_the_parts_survive_being_written(tmp_path: Path) -> None:
    write_hugging_face(tmp_path / "a.parquet", [(struct(n), n % 2) for n in range(10)])
    train = find(tmp_path).train
    write_part(choose_all(train), tmp_path / "written", PETS, "train", Workers())
    read = read_images(tmp_path / "written")
    assert read.images[:, 0, 0, 0].tolist() == [*range(10)]
    assert read.provenance["tables"] == ["a.parquet"]
    assert "path" not in read.provenance["settings"]


# Parts.


def three_parts(folder: Path) -> Path:
    rows = [(struct(number), number % 2) for number in range(6)]
    for place, name in enumerate(("train", "validation", "test")):
        write_hugging_face(folder / name / "0000.parquet", rows[2 * place : 2 * place + 2])
    return folder


def test_folders_name_parts_and_validation_joins_the_training_images(tmp_path: Path) -> None:
    assert firsts(three_parts(tmp_path)) == ([0, 1, 2, 3], [4, 5])
    assert firsts(tmp_path, validation="leave_out") == ([0, 1], [4, 5])
    (tmp_path / "test/0000.parquet").unlink()
    assert firsts(tmp_path) == ([0, 1], [2, 3])


def test_a_column_says_the_part(tmp_path: Path) -> None:
    write_images(tmp_path, 6)
    words = ("test", "Training", "val", "train", "test", "val")
    lines = [f"{number}.png,{CLASSES[number // 3]},{word}" for number, word in enumerate(words)]
    write_csv(tmp_path / "a.csv", lines, "path,label,split")
    assert firsts(tmp_path) == ([1, 3, 2, 5], [0, 4])
    write_csv(tmp_path / "a.csv", [*lines, "0.png,cat,fold1"], "path,label,split")
    refused(tmp_path, r"a.csv: column 'split' names parts, but 1 of 7 rows say 'fold1'; set split: split leaves")


@pytest.mark.parametrize(
    ("name", "part"),
    [("train", "train"), ("pets-test", "test"), ("my_dev.v2", "dev"), ("trainer", ""), ("contest", ""), ("a", "")],
)
def test_names_of_tables_say_the_part(name: str, part: str, tmp_path: Path) -> None:
    found = columns.read_columns(write_csv(tmp_path / f"{name}.csv", []))
    assert read_parts(found, PartColumns(), tmp_path, 2) == ([part] * 2, [])


def test_parts_that_cannot_be_told(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ["0.png,cat", "1.png,dog"])
    write_csv(tmp_path / "more.csv", ["0.png,cat", "1.png,dog"])
    refused(
        tmp_path,
        r"more.csv: neither its name nor a column split says which part it is, as others do; set tables: ",
    )
    (tmp_path / "train.csv").unlink()
    for name in ("val", "test"):
        write_csv(tmp_path / f"{name}.csv", ["0.png,cat", "1.png,dog"])
    (tmp_path / "more.csv").unlink()
    refused(tmp_path, r"no part train, only test, val$")


def test_a_class_of_one_part_only_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ["0.png,cat", "1.png,dog"])
    write_csv(tmp_path / "test.csv", ["0.png,cat", "2.png,bird"])
    refused(
        tmp_path, r"train and test differ in classes: test lacks dog \(1 images in train\); train lacks bird \(1 im"
    )


# What is refused.


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], r"tables without rows; expected images and their labels$"),
        (["0.png,cat", "1.png,"], r"a.csv: row 2: 'label' is empty$"),
        ([",cat", "1.png,dog"], r"a.csv: row 1: 'path' is empty$"),
        (["0.png,cat,3", "1.png,dog"], r"a.csv: cannot be read: CSV parse error: .*Expected 2 columns, got 3"),
        (
            ["0.png,cat", "/x/1.png,dog"],
            r"a.csv: row 2: /x/1.png: an absolute path; write it .*links: follow$",
        ),
        (["../0.png,cat"] * 2, r"a.csv: row 1: .* leads out of .*; copy that there, or set links: follow$"),
        (["images/../../0.png,cat"] * 2, r"a.csv: row 1: .* leads out of "),
    ],
)
def test_rows_that_are_refused(lines: list[str], message: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", lines)
    refused(tmp_path, message, missing_labels="keep")


def test_links_out_of_the_folder_are_refused_unless_they_are_to_be_followed(tmp_path: Path) -> None:
    write_images(tmp_path / "far", 2)
    root = tmp_path / "pets"
    write_csv(root / "a.csv", ["near/0.png,cat", "near/1.png,dog"])
    (root / "near").symlink_to(tmp_path / "far")
    refused(root, r"a link out of the folder")
    assert firsts(root, links="follow") == ([0, 1], None)
    (root / "near").unlink()
    (root / "near").mkdir()
    (root / "near/0.png").symlink_to(tmp_path / "far/0.png")
    refused(root / "a.csv", r"row 1: .*near/0.png leads out of ")
    write_csv(root / "a.csv", [f"{tmp_path}/far/0.png,cat", "../far/1.png,dog"])
    assert firsts(root / "a.csv", links="follow") == ([0, 1], None)


def test_folders_without_tables_or_with_two_kinds_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none", r"none: no such table or folder of tables$")
    (tmp_path / ".cache").mkdir()
    write_csv(tmp_path / ".cache" / "a.csv", [])
    refused(tmp_path, r"no table there; expected .csv, .tsv, .parquet, .jsonl, .arrow$")
    write_csv(tmp_path / "a.csv", ["0.png,cat", "1.png,dog"])
    write_hugging_face(tmp_path / "b.parquet", [(struct(0), 0)])
    refused(tmp_path, r"tables of two kinds, a.csv and b.parquet; leave one kind there$")


def test_unreadable_tables_are_refused(tmp_path: Path) -> None:
    for name, content in {
        "a.parquet": b"PAR1 but no more",
        "b.parquet": b"",
        "a.csv": b"",
        "b.csv": b"a,\xff\xfe",
    }.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, rf"{name}: cannot be read: ")


def test_missing_columns_are_offered(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ["0.png,cat"], "picture,species")
    refused(
        tmp_path,
        r"a.csv: column 'picture' names images, 1 of 1 missing, first: 0.png; set image: picture takes it as it is$",
    )
    refused(tmp_path, r"a.csv: no column 'pictur'; did you mean 'picture'\? It has picture, species$", image="pictur")
    refused(tmp_path, r"a.csv: no column 'x'; allowed: picture, species$", image="x")


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (
            [[1]],
            ["cat"],
            r"column 'image' holds list<.*>; paths, image files as bytes, or structs of bytes and path",
        ),
        ([{"size": 1}], ["cat"], r"column 'image' holds struct<size: .*>; paths, "),
        (["a.png"], [0.5], r"column 'label' holds double; texts or whole numbers are needed$"),
        (["a.png"], [None], r"1 of 1 files missing, first: .*; nor has any row a label"),
    ],
)
def test_columns_of_other_kinds_are_refused(image: list[Any], label: list[Any], message: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": image, "label": label}), tmp_path / "a.parquet")
    refused(tmp_path, message)


def test_structs_of_nothing_and_numbers_without_a_name_are_refused(tmp_path: Path) -> None:
    write_hugging_face(tmp_path / "a.parquet", [({"bytes": None, "path": None}, 0)] * 2)
    refused(tmp_path, r"a.parquet: row 1: 'image' has neither bytes nor a path$")
    for number in (-2, 2):
        write_hugging_face(tmp_path / "a.parquet", [(struct(0), 0), (struct(0), number)])
        refused(tmp_path, rf"a.parquet: row 2: 'label' is {number}, which none of the 2 names has$")
