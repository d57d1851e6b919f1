"""Folders, tables, columns, names and lists that name other parts of the same images."""

from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.data.inspection import detect_source
from counterweight.data.sources import table
from tests.data.sources.test_layout import find
from tests.data.sources.test_public_layouts import write_images, write_table

CLASSES = ("cat", "dog")
FILES = [
    f"{part}/{name}/{n}.png" for part, some in (("train", "012"), ("test", "34")) for name in CLASSES for n in some
]


def notes_of(root: Path) -> list[str]:
    notes: list[str] = find(root).train.provenance["notes"]
    return notes


def table_notes(root: Path, **values: str) -> list[str]:
    notes: list[str] = table.find_in_tables(root, table.Settings(size=8, **values)).train.provenance["notes"]
    return notes


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"train.txt": ("cat/0", "dog/1.png"), "test.txt": ("cat/3", "dog/4.png")}, []),
        ({"val.txt": ("cat/0", "dog/1.png")}, []),
        ({"test.txt": ("bird/3",)}, []),
        (
            {"test.txt": ("cat/0", "cat/3"), "train.txt": ("dog/0",)},
            ["1 images are in another part than lines of te"],
        ),
        ({"train.lst": ("dog/0", "dog/3 1", "cat/4 0")}, ["2 images are in another part than lines of train.lst say"]),
    ],
)
def test_lists_beside_folders_of_parts(lists: dict[str, tuple[str, ...]], said: list[str], tmp_path: Path) -> None:
    write_images(tmp_path, *FILES)
    for name, lines in lists.items():
        write_table(tmp_path / name, *lines)
    notes = notes_of(tmp_path)
    assert len(notes) == len(said)
    assert all(note.startswith(own) for note, own in zip(notes, said, strict=True))


def test_names_of_files_in_folders_of_parts(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{part}/{name}/{part}_0.png" for part in ("train", "test") for name in CLASSES))
    assert notes_of(tmp_path) == []
    write_images(tmp_path, "train/cat/test_1.png")
    said = "1 images are in another part than names of files say, first train/cat/test_1.png, which is trained on"
    assert notes_of(tmp_path) == [said]


@pytest.mark.parametrize("other", [False, True])
def test_a_table_with_a_column_of_parts_beside_folders_of_parts(other: bool, tmp_path: Path) -> None:
    write_images(tmp_path, *FILES)
    rows = [(*file.split("/")[:2], file) for file in FILES]
    moved = {"train/cat/0.png"} if other else set[str]()
    lines = [f"{file},{name},{'test' if file in moved else part}" for part, name, file in rows]
    write_table(tmp_path / "a.csv", "path,label,split", *lines)
    if not other:
        assert detect_source(tmp_path) == "folder"
        return
    message = r"parts of a.csv, by which 1 images are in another part .* set layout: table takes the first, set lay"
    with pytest.raises(UserError, match=message):
        detect_source(tmp_path)
    said = "1 images are in another part than the folders that they lie in say, first train/cat/0.png, which is tested"
    assert table_notes(tmp_path)[0].startswith(said)


def write_flat(root: Path, head: str, line: str, file: str = "a.csv", numbers: range = range(8)) -> None:
    """Write images and a table of them, of which the last two are tested on by `part` and the first two by `other`."""
    write_images(root, *(f"img/{n}.png" for n in numbers))
    parts = [("train" if n < 6 else "test", "test" if n < 2 else "train") for n in numbers]
    rows = [
        line.format(n=n, name=CLASSES[n % 2], part=one, other=two) for n, (one, two) in zip(numbers, parts, strict=True)
    ]
    write_table(root / file, head, *rows)


@pytest.mark.parametrize("name", ["subset", "phase"])
def test_two_columns_of_parts(name: str, tmp_path: Path) -> None:
    write_flat(tmp_path, f"path,label,split,{name}", "img/{n}.png,{name},{part},{part}")
    assert table_notes(tmp_path) == []
    write_flat(tmp_path, f"path,label,split,{name}", "img/{n}.png,{name},{part},{other}")
    with pytest.raises(UserError, match=rf"columns 'split' and '{name}' both name parts, and differ in 4 rows, f"):
        table_notes(tmp_path)
    assert table_notes(tmp_path, split="split") == []


def test_a_column_and_one_of_yes_and_no(tmp_path: Path) -> None:
    write_flat(tmp_path, "path,label,split,is_test", "img/{n}.png,{name},{part},{n}")
    text = (tmp_path / "a.csv").read_text(encoding="utf-8")
    rows = [line.rpartition(",") for line in text.splitlines()[1:]]
    for later in (True, False):
        lines = [f"{row},{int((int(n) > 5) == later)}" for row, _, n in rows]
        write_table(tmp_path / "a.csv", text.splitlines()[0], *lines)
        if later:
            assert table_notes(tmp_path) == []
            continue
        with pytest.raises(UserError, match="columns 'split' and 'is_test' both name parts, and differ in 8 rows"):
            table_notes(tmp_path)


def test_names_of_tables_and_lists_beside_a_column(tmp_path: Path) -> None:
    write_flat(tmp_path, "path,label,split", "img/{n}.png,{name},{part}", "train.csv", range(6))
    write_flat(tmp_path, "path,label,split", "img/{n}.png,{name},{part}", "test.csv", range(6, 8))
    assert table_notes(tmp_path) == []
    write_table(tmp_path / "test.txt", "img/6.png", "img/1.png")
    assert table_notes(tmp_path) == [
        "1 images are in another part than lines of test.txt say, first img/1.png, which is trained on: "
        "nothing of that is read"
    ]
    write_flat(tmp_path, "path,label,split", "img/{n}.png,{name},train", "test.csv", range(6, 8))
    write_flat(tmp_path, "path,label,split", "img/{n}.png,{name},test", "train.csv", range(6))
    assert table_notes(tmp_path)[0].startswith("8 images are in another part than the names of their tables say, first")
