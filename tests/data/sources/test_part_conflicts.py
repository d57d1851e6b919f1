"""Folders, tables, columns, names and lists that name other parts of the same images."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources import table
from counterweight.data.sources.base.partial_lists import describe_lists_around
from tests.data.sources.test_layout import counts, find, refused
from tests.data.sources.test_public_layouts import write_images, write_table

CLASSES = ("cat", "dog")
PARTS = ("train", "test")
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


Parts = Sequence[tuple[str, str]]


def group(parts: Parts) -> list[tuple[str, list[str]]]:
    return [(part, [path for path, own in parts if own == part]) for part in PARTS]


@pytest.mark.parametrize(
    ("file", "write"),
    [
        ("split.json", lambda parts: json.dumps(dict(group(parts)))),
        (
            "zhou.json",
            lambda parts: json.dumps({part: [[own, 0] for own in some] for part, some in group(parts)}),
        ),
        ("split.json", lambda parts: json.dumps(dict(parts))),
        ("split.csv", lambda parts: "\n".join(["path,split", *map(",".join, parts)])),
        ("meta.csv", lambda parts: "\n".join(["split,path", *(f"{part},{path}" for path, part in parts)])),
        ("split.txt", lambda parts: "\n".join(f"{path} {part}" for path, part in parts)),
    ],
)
def test_files_that_name_several_parts_beside_folders_of_parts(
    file: str, write: Callable[[Parts], str], tmp_path: Path
) -> None:
    write_images(tmp_path, *FILES)
    parts = [(path.partition("/")[2], path.partition("/")[0]) for path in FILES]
    (tmp_path / file).write_text(write(parts))
    assert notes_of(tmp_path) == []
    parts[0] = (parts[0][0], "test")
    (tmp_path / file).write_text(write(parts))
    said = f"1 images are in another part than entries of {file} say, first train/cat/0.png, which is trained on"
    assert notes_of(tmp_path) == [f"{said}: nothing of that is read"]


@pytest.mark.parametrize("file", ["meta.csv", "split.csv"])
@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("path,is_train", {"train": "1", "test": "0"}),
        ("path,is_test", {"train": "False", "test": "True"}),
        ("path,is_train,is_val", {"train": "1,0", "test": "0,1"}),
        ("path,label,is_train", {"train": "x,1", "test": "x,0"}),
    ],
)
def test_columns_of_yes_and_no_beside_folders_of_parts(
    head: str, rows: dict[str, str], file: str, tmp_path: Path
) -> None:
    """Nothing was said of these, or that names are those of several images."""
    write_images(tmp_path, *FILES, "test/cat/0.png")
    parts = [(path, path.partition("/")[0]) for path in (*FILES, "test/cat/0.png")]
    write_table(tmp_path / file, head, *(f"{path},{rows[part]}" for path, part in parts))
    assert notes_of(tmp_path) == []
    write_table(tmp_path / file, head, *(f"{path},{rows[part]}" for path, part in [(parts[0][0], "test"), *parts[1:]]))
    said = f"1 images are in another part than entries of {file} say, first train/cat/0.png, which is trained on"
    assert notes_of(tmp_path) == [f"{said}: nothing of that is read"]


def test_a_column_of_yes_and_no_that_says_the_part_of_classes_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{name}/{n}.png" for name in CLASSES for n in range(4)))
    write_table(
        tmp_path / "meta.csv", "path,is_train", *(f"{name}/{n}.png,{n % 2}" for name in CLASSES for n in range(4))
    )
    (note,) = notes_of(tmp_path)
    assert note.startswith("meta.csv says which images are in which part, as it seems, and nothing of that is read")


def test_json_of_parts_beside_a_table_with_a_column_of_these(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"img/{n}.png" for n in range(4)))
    write_table(tmp_path / "a.csv", "path,label,split", *(f"img/{n}.png,{n % 2},{PARTS[n // 2]}" for n in range(4)))
    (tmp_path / "split.json").write_text(json.dumps({"train": ["0", "1", "2"], "test": ["3"]}))
    said = "1 images are in another part than entries of split.json say, first img/2.png, which is tested on"
    assert table_notes(tmp_path) == [f"{said}: nothing of that is read"]


def test_names_that_several_images_have_contradict_nothing(tmp_path: Path) -> None:
    write_images(tmp_path, *FILES, "test/cat/0.png")
    (tmp_path / "split.json").write_text(json.dumps({"test": ["cat/0.png", "3.png"], "train": ["cat/0.png"]}))
    assert notes_of(tmp_path) == []


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


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("path,label,split,is_valid", "img/{n}.png,{name},{part},{valid}"),
        ("path,label,split,is_train", "img/{n}.png,{name},{part},{train}"),
        ("path,label,split,place", "img/{n}.png,{name},{part},{other} station"),
    ],
)
def test_columns_that_deny_no_part(head: str, line: str, tmp_path: Path) -> None:
    """Rows 4 and 5 are of validation."""
    write_images(tmp_path, *(f"img/{n}.png" for n in range(8)))
    rows = [
        line.format(
            n=n,
            name=CLASSES[n % 2],
            part="train" if n < 4 else "val" if n < 6 else "test",
            other="test" if n < 4 else "train",
            valid=int(n in (4, 5)),
            train=int(n < 4),
        )
        for n in range(8)
    ]
    write_table(tmp_path / "a.csv", head, *rows)
    assert table_notes(tmp_path) == ["images of val join the training part; set validation: leave_out leaves them out"]


# Files that name some of the images.


@pytest.mark.parametrize(
    ("file", "lines", "said"),
    [
        ("chosen.txt", ("cat/0.png", "dog/1.png"), "chosen.txt names 2 of the 4 images, and is not read"),
        ("a.csv", ("id,label", "x0,cat"), "a.csv names 1 of the 4 images, and is not read: set layout: table takes"),
        ("all.txt", ("cat/0.png", "cat/x0.png", "dog/1.png", "dog/2.png"), None),
        ("losses.csv", ("epoch,loss", "0,0.3", "1,0.2"), None),
        ("a.csv", ("path,label", "bird/0.png,bird"), None),
        ("notes.txt", ("cat/0.png is dark", "no", "other", "is"), None),
        ("0.txt", ("cat/0.png",), None),
    ],
)
def test_files_that_name_some_images(file: str, lines: tuple[str, ...], said: str | None, tmp_path: Path) -> None:
    write_images(tmp_path, "cat/0.png", "cat/x0.png", "dog/1.png", "dog/2.png")
    write_table(tmp_path / file, *lines)
    notes = notes_of(tmp_path)
    assert len(notes) == (said is not None)
    assert said is None or notes[0].startswith(said)


@pytest.mark.parametrize(("tables", "notes"), [(3, 3), (4, 1)])
def test_many_files_that_name_some_images_are_told_of_in_one_note(tables: int, notes: int, tmp_path: Path) -> None:
    """Traffic signs have a table in the folder of each class."""
    write_images(tmp_path, *(f"{name}/x{number}.png" for name in "abcd" for number in range(2)))
    for name in "abcd"[:tables]:
        write_table(tmp_path / name / f"GT-{name}.csv", "Filename;Width", f"{name}/x0.png;8", f"{name}/x1.png;8")
    found = notes_of(tmp_path)
    assert len(found) == notes
    if notes == 1:
        some = "a/GT-a.csv, b/GT-b.csv, c/GT-c.csv and 1 more together name 8 of the 8 images, and are not read: set"
        assert found[0].startswith(some)


@pytest.mark.parametrize("parts", [("",), ("train/", "test/")])
@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("labels.csv", "{n}.png,{other}", True),
        ("notes.csv", "x{n},{other}", True),
        ("labels.csv", "{n}.png,{own}", False),  # the folder that is meant
        ("{own}/labels.csv", "{n}.png,{other}", False),
    ],
)
def test_names_that_images_of_several_classes_have(
    file: str, line: str, said: bool, parts: tuple[str, ...], tmp_path: Path
) -> None:
    """Nothing was said of other labels than those of the folders, as all images were named."""
    prefix = "x" if "x" in line else ""
    write_images(tmp_path, *(f"{part}{own}/{prefix}{n}.png" for part in parts for own in CLASSES for n in range(4)))
    lines = {own: [line.format(n=n, own=own, other="rs"[n % 2]) for n in range(4)] for own in CLASSES}
    path = f"{parts[0] if '/' in file else ''}{file}"
    for own in CLASSES if "{own}" in file + line else CLASSES[:1]:
        (tmp_path / path.format(own=own)).parent.mkdir(exist_ok=True)
        with (tmp_path / path.format(own=own)).open("a") as stream:
            stream.write("\n".join(["name,kind", *lines[own], ""]))
    first = " and ".join(f"{own}/{prefix}0.png" for own in [f"{parts[0]}{name}" for name in CLASSES])
    note = f"{file} has 4 names of several images each, first of {first}, and nothing of that is read"
    note += ": set layout: table takes its labels, if it has them"
    assert [own for own in notes_of(tmp_path) if "several images each" in own] == ([note] if said else [])


def test_lists_beside_a_folder_of_images(tmp_path: Path) -> None:
    write_images(tmp_path, "images/cat/0.png", "images/dog/1.png")
    images = ["cat/0.png", "dog/1.png"]
    assert describe_lists_around(tmp_path / "images", images) == []
    write_table(tmp_path / "meta" / "test.txt", "cat/0")
    write_table(tmp_path / "train.txt", "lr 0.1")
    said = "beside images, meta/test.txt says which images are in which part, as it seems, and nothing of that is read"
    assert describe_lists_around(tmp_path / "images", images) == [f"{said}: give {tmp_path} to choose"]
    assert describe_lists_around(tmp_path / "images" / "cat", ["0.png"]) == []


def test_a_folder_of_lists_is_no_class(tmp_path: Path) -> None:
    write_images(tmp_path, "cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png")
    write_table(tmp_path / "lists" / "test.txt", "cat/0.png", "dog/2.png")
    found = find(tmp_path, test_lists=["lists/test.txt"])
    assert counts(found) == [{"cat": 1, "dog": 1}, {"cat": 1, "dog": 1}]
    assert "lists: folders of texts alone are no classes" in found.train.provenance["notes"]
    (tmp_path / "bird").mkdir()
    refused(tmp_path, "no images of class bird")


def test_numbers_in_a_table_that_stand_for_the_folders(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{name}/{n}.png" for name in CLASSES for n in range(3)))
    rows = [f"{name}/{n}.png,{label}" for label, name in enumerate(CLASSES) for n in range(3)]
    write_table(tmp_path / "a.csv", "path,label", *rows)
    assert detect_source(tmp_path) == "folder"
    write_table(tmp_path / "a.csv", "path,label", *rows[1:], "cat/0.png,1")
    with pytest.raises(UserError, match=r"classes cat, dog by their folders, or 0, 1 by a\.csv"):
        detect_source(tmp_path)


@pytest.mark.parametrize("name", ["exclude", "Use", "is_bad", "keep"])
def test_columns_that_may_leave_rows_out(name: str, tmp_path: Path) -> None:
    write_flat(tmp_path, f"path,label,{name}", "img/{n}.png,{name},{n}")
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    write_table(
        tmp_path / "a.csv", lines[0], *(f"{line.rpartition(',')[0]},{int(n > 5)}" for n, line in enumerate(lines[1:]))
    )
    assert table_notes(tmp_path)[0].startswith(f"a.csv: column '{name}' of yes and no is not heeded; remove the rows")


def test_rows_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    write_flat(tmp_path, "path,label,split", "img/{n}.png,{name},{part}")
    rows = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[1:]
    head, empty = "path,label,split", ",,"
    for wrong, message in (
        ("img/8.png,cat,trian", "row 4: 'split' says 'trian'"),
        ("/img/8.png,cat,train", "row 4: /img/8.png: an absolute path"),
        ("img/8.png,cat,", "row 4: 'split' is empty"),
        ("img/0.png,dog,train", "'cat' in a.csv row 2, 'dog' in a.csv row 4"),
    ):
        write_table(tmp_path / "a.csv", head, empty, rows[0], empty, wrong, *rows[1:])
        with pytest.raises(UserError, match=message):
            table_notes(tmp_path)


@pytest.mark.parametrize("begin", ["", "/"])
def test_names_that_are_too_long_for_the_system_are_files_that_are_not_there(begin: str, tmp_path: Path) -> None:
    write_images(tmp_path, "img/0.png", "img/1.png")
    write_table(tmp_path / "a.csv", "path,label", *(f"{begin}{'x' * 300}/{n}.png,{CLASSES[n]}" for n in range(2)))
    assert counts(table.find_in_tables(tmp_path, table.Settings(size=8))) == [{"cat": 1, "dog": 1}]


def test_images_of_several_tables_are_counted_once_and_all_tables_named(tmp_path: Path) -> None:
    """Those of all were said to be in the first."""
    files = [f"{name}/{n}.png" for name in CLASSES for n in range(8)]
    write_images(tmp_path, *files)
    lines = [f"{file},{'xy'[n % 2]}" for n, file in enumerate(files)]
    write_table(tmp_path / "test.csv", "path,label", *lines[:4])
    write_table(tmp_path / "train.csv", "path,label", *lines)
    message = r"classes cat, dog by their folders, or x, y by test.csv, train.csv, which list 16 images\?"
    with pytest.raises(UserError, match=message):
        detect_source(tmp_path)
    write_images(tmp_path / "set", *(f"data/{name}/{n}.png" for name in CLASSES for n in range(8)), "0.png", "1.png")
    for name in ("a.csv", "b.csv"):
        write_table(tmp_path / "set" / name, "path,label", "0.png,x", "1.png,y")
    with pytest.raises(UserError, match=r"the 2 images of a.csv, b.csv, or the 16 in folders cat, dog\?"):
        detect_source(tmp_path / "set")
