"""Images beside those that tables name: every one is in the account, however the table is given."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.sources.tables import counts, find, left_out, refused

NO_ROW = "an image that no row names"
Pairs = Sequence[tuple[str, str]]


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def pair(*files: str) -> Pairs:
    """Return each file with one of two labels."""
    return [(file, ("cat", "dog")[place % 2]) for place, file in enumerate(files)]


def write_csv(root: Path, pairs: Pairs) -> Path:
    (root / "a.csv").write_text("\n".join(["path,label", *map(",".join, pairs)]) + "\n")
    return root / "a.csv"


def write_lines(root: Path, pairs: Pairs) -> Path:
    (root / "a.jsonl").write_text("".join(f"{json.dumps({'path': path, 'label': name})}\n" for path, name in pairs))
    return root / "a.jsonl"


def write_parquet(root: Path, pairs: Pairs) -> Path:
    pq.write_table(pa.table({"path": [path for path, _ in pairs], "label": [name for _, name in pairs]}), root / "a.pq")
    return (root / "a.pq").rename(root / "a.parquet")


@pytest.mark.parametrize("write", [write_csv, write_lines, write_parquet])
@pytest.mark.parametrize("image_folder", [None, "photos"])
def test_images_that_no_row_of_a_table_alone_names_are_counted(
    write: Callable[[Path, Pairs], Path], image_folder: str | None, tmp_path: Path
) -> None:
    touch(tmp_path, "photos/0.png", "photos/1.png", "photos/2.png", "photos/more/3.png", "photos/about.txt", "4.png")
    found = find(write(tmp_path, pair("0.png", "1.png")), image_folder=image_folder)
    assert counts(found) == [{"cat": 1, "dog": 1}]
    assert left_out(found) == {(NO_ROW, ".png", "photos", 2)}
    said = "images that no row names are counted in photos and folders in it, alone; give the folder for all"
    assert found.train.provenance["notes"][-1].endswith(said)


def test_of_the_folder_of_a_table_no_others_are_looked_at(tmp_path: Path) -> None:
    """It may be one of downloads, or a home."""
    touch(
        tmp_path, "0.png", "cat/1.png", "2.png", "cat/3.png", ".4.png", "cat/@eaDir/5.png", "more/6.png", "cat/a/7.png"
    )
    found = find(write_csv(tmp_path, pair("0.png", "cat/1.png")))
    assert left_out(found) == {(NO_ROW, ".png", ".", 1), (NO_ROW, ".png", "cat", 1)}
    said = "a.csv: images that no row names are counted in the folder of the table, cat, alone; give the folder for all"
    assert said in found.train.provenance["notes"]


def test_folders_of_no_row_are_counted_where_one_folder_has_all_images(tmp_path: Path) -> None:
    touch(tmp_path, "img/cat/0.png", "img/dog/1.png", "img/bird/2.png", "img/cat/.3.png", "other/4.png")
    found = find(write_csv(tmp_path, pair("img/cat/0.png", "img/dog/1.png")))
    assert left_out(found) == {(NO_ROW, ".png", "img", 1)}


def test_images_outside_of_the_folder_that_was_given_have_others_beside_them(tmp_path: Path) -> None:
    touch(tmp_path, "img/0.png", "img/1.png", "img/2.png", "img/more/3.png", "tables/4.png")
    write_csv(tmp_path / "tables", pair("../img/0.png", "../img/1.png"))
    for path in (tmp_path / "tables", tmp_path / "tables/a.csv"):
        beside = {(NO_ROW, ".png", ".", 1)} if path.is_dir() else set()
        found = find(path, links="follow")
        assert left_out(found) == {(NO_ROW, ".png", "..", 1), *beside}
    assert (
        "a.csv: images that no row names are counted in ../img, too"
        in find(path.parent, links="follow").train.provenance["notes"]
    )


def test_hidden_files_beside_tables_are_counted_unless_rows_name_them(tmp_path: Path) -> None:
    touch(tmp_path, "0.png", ".1.png", ".2.png", "a/.b/3.png", "a/.b/4.png", "a/@eaDir/5.png", "a/6.png")
    write_csv(tmp_path, pair("0.png", ".1.png", "a/.b/3.png", "a/.b/gone.png"))
    assert left_out(find(tmp_path)) == {
        ("hidden", ".png", ".", 1),
        ("hidden", ".png", "a", 1),
        ("made by the system", ".png", "a", 1),
        (NO_ROW, ".png", "a", 1),
    }


NAMES = st.lists(st.sampled_from(["a", "b", ".c", "@eaDir"]), max_size=2)


@settings(deadline=None)
@given(
    files=st.lists(st.tuples(NAMES, st.booleans()), min_size=2, max_size=8),
    image_folder=st.sampled_from([None, "img"]),
)
def test_the_account_of_a_folder_adds_up(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[list[str], bool]], image_folder: str | None
) -> None:
    root = tmp_path_factory.mktemp("set")
    above = "" if image_folder is None else f"{image_folder}/"
    paths = ["/".join([*folders, f"{number}.png"]) for number, (folders, _) in enumerate(files)]
    touch(root, *(f"{above}{path}" for path in paths), f"{above}x.png", f"{above}y.png", "z.txt")
    named = ["x.png", "y.png", *(path for path, (_, is_named) in zip(paths, files, strict=True) if is_named)]
    write_csv(root, pair(*named))
    found = find(root, image_folder=image_folder)
    assert len(found.train) == len(named)
    others = sum(file.is_file() for file in root.rglob("*")) - len(named) - 1  # the table
    assert found.train.provenance["ignored_files"] == others


@pytest.mark.parametrize("names", [("path", "png"), ("file_name", "image"), ("path", "png.bytes")])
def test_of_paths_and_images_in_one_table_the_paths_are_read_and_said(names: tuple[str, str], tmp_path: Path) -> None:
    touch(tmp_path, "0.png", "1.png")
    held = pa.array([b"a", b"b"], pa.binary())
    own, field = names[1].partition(".")[::2]
    images = pa.StructArray.from_arrays([held], [field]) if field else held
    columns = {names[0]: ["0.png", "1.png"], own: images, "label": ["cat", "dog"]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = find(tmp_path)
    assert counts(found) == [{"cat": 1, "dog": 1}]
    assert found.train.files
    said = f"a.parquet: column '{names[0]}' of paths is taken for the images, by its name"
    assert f"{said}; set image: {own} takes those that the table holds" in found.train.provenance["notes"]
    assert not find(tmp_path, image=own).train.files
    assert not any(said in note for note in find(tmp_path, image=names[0]).train.provenance["notes"])


@pytest.mark.parametrize("held", [2, 0, 4])
def test_images_held_and_images_named_by_one_column_are_each_counted_once(held: int, tmp_path: Path) -> None:
    """Files of rows that hold their images, too, are named by no row that is read from them."""
    touch(tmp_path, *(f"img/{number}.png" for number in range(4)), "img/rest.png")
    content = [b"a" if number < held else None for number in range(4)]
    paths = [f"img/{number}.png" for number in range(4)]
    fields = [pa.array(content, pa.binary()), pa.array(paths)]
    images = pa.StructArray.from_arrays(fields, ["bytes", "path"])
    pq.write_table(pa.table({"image": images, "label": ["cat", "dog"] * 2}), tmp_path / "a.parquet")
    found = find(tmp_path)
    assert len(found.train.labels) == 4
    assert left_out(found) == {(NO_ROW, ".png", "img", held + 1)}


def test_paths_may_be_a_categorical_column(tmp_path: Path) -> None:
    touch(tmp_path, "0.png", "1.png")
    paths = pa.array(["0.png", "1.png"]).dictionary_encode()
    pq.write_table(pa.table({"path": paths, "label": ["cat", "dog"]}), tmp_path / "a.parquet")
    assert counts(find(tmp_path)) == [{"cat": 1, "dog": 1}]


@pytest.mark.parametrize("begins", ["", "data:image/png;base64,"])
def test_images_as_base64_are_told_of(begins: str, tmp_path: Path) -> None:
    content = begins + base64.b64encode(bytes(range(256)) * 4).decode()
    rows = [{"image": content, "label": name} for name in ("cat", "dog")]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    refused(
        tmp_path, "a.jsonl: column 'image' holds base64, which is not read; write each image as a file and its path"
    )
