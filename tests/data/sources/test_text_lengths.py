"""Texts that are too long to name anything: refused before they are unpacked, or not taken where nothing needs them."""

import io
import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.data.sources.base import labels
from counterweight.data.sources.base.columns import read_columns
from counterweight.data.sources.base.labels import describe_lookalikes
from counterweight.data.sources.base.text_lengths import LONGEST
from counterweight.data.sources.base.whole_columns import read_column
from tests.data.sources.tables import counts, find, refused

ROOT = Path(__file__).parents[3]
Rows = dict[str, list[str]]
SHARED = "x" * 2**26
"""A text that one page of Parquet holds, and that unpacks to this from some kilobytes."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(4):
        Image.new("L", (4, 4), number).save(tmp_path / f"{number}.png")
    return tmp_path


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """See that Arrow takes no more memory than that at any time."""
    usual = pa.default_memory_pool()
    own = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(own)
    try:
        yield
    finally:
        pa.set_memory_pool(usual)
    assert own.max_memory() < size


def rows(label: str = "a", text: str = "said") -> Rows:
    """A table of four rows of which the third has other words."""
    images = [f"{number}.png" for number in range(4)]
    return {"path": images, "label": ["a", "b", label, "b"], "text": ["said", "said", text, "said"]}


def write_csv(folder: Path, own: Rows) -> None:
    lines = [",".join(own), *map(",".join, zip(*own.values(), strict=True))]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")


def write_lines(folder: Path, own: Rows) -> None:
    lines = [json.dumps(dict(zip(own, values, strict=True))) for values in zip(*own.values(), strict=True)]
    (folder / "a.jsonl").write_text("\n".join(lines))


def write_json(folder: Path, own: Rows) -> None:
    (folder / "a.json").write_text(
        json.dumps([dict(zip(own, values, strict=True)) for values in zip(*own.values(), strict=True)])
    )


def write_arrow(folder: Path, own: Rows) -> None:
    table = pa.table(own)
    with pa.ipc.new_stream(str(folder / "a.arrow"), table.schema) as stream:
        stream.write_table(table)


def write_parquet(folder: Path, own: Rows, dictionary: bool = True) -> None:
    pq.write_table(pa.table(own), folder / "a.parquet", compression="zstd", use_dictionary=dictionary)


def write_views(folder: Path, own: Rows) -> None:
    table = pa.table({name: pa.array(values, pa.string_view()) for name, values in own.items()})
    pq.write_table(table, folder / "a.parquet")


def write_arrow_views(folder: Path, own: Rows) -> None:
    write_arrow(folder, {name: pa.array(values, pa.string_view()) for name, values in own.items()})


def name_tables(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("a.*")]


WRITERS = (write_csv, write_lines, write_json, write_arrow, write_arrow_views, write_parquet, write_views)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("column", ["path", "label"])
def test_a_text_that_is_too_long_to_name_anything_is_refused(
    write: Callable[[Path, Rows], None], column: str, root: Path
) -> None:
    own = rows()
    own[column][2] = "x" * (LONGEST + 1)
    write(root, own)
    said = rf"row 3: '{column}' is a text of 4,097 bytes; what names something has 4,096 at most$"
    refused(root, said, tables=name_tables(root))


@pytest.mark.parametrize("write", WRITERS)
def test_a_long_name_is_one_and_a_description_is_not_taken(write: Callable[[Path, Rows], None], root: Path) -> None:
    name = "x" * labels.LONGEST
    write(root, rows(name, "y" * (LONGEST + 1)) | {"more": ["train", "z" * 2**17, "z", "train"]})
    assert counts(find(root, tables=name_tables(root))) == [{"a": 1, "b": 2, name: 1}]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(("letter", "size"), [("x", 256), ("ü", 256)])
def test_a_label_that_no_folder_could_be_called_is_refused(
    write: Callable[[Path, Rows], None], letter: str, size: int, root: Path
) -> None:
    """Bytes count, as in names of files, not letters; what is left of it without blanks."""
    label = letter * (size // len(letter.encode()))
    write(root, rows(label=f" {label} "))
    refused(root, r"row 3: 'label' is a label of 256 bytes; a class's name has 255 at most$", tables=name_tables(root))


def test_a_column_of_long_texts_is_no_guess_at_labels(root: Path) -> None:
    write_csv(root, {"path": [f"{number}.png" for number in range(4)], "said": ["x" * 300, "y"] * 2})
    refused(root, "no column .*; set label: COLUMN takes one of them")
    refused(root, "a.csv: row 1: 'said' is a label of 300 bytes", label="said")


def test_the_name_of_a_column_of_yes_and_no_may_be_too_long(root: Path) -> None:
    names = [f"{number}.png" for number in range(4)]
    write_csv(root, {"path": names, "a": ["0", "1"] * 2, "b" * 256: ["1", "0"] * 2})
    refused(root, "a.csv: the name of column 3 is a label of 256 bytes")


def test_columns_that_are_named_are_looked_at_too(root: Path) -> None:
    write_csv(root, rows(text="x" * 5000))
    for setting in ({"group_column": "text"}, {"split": "text"}):
        refused(root, r"a.csv: row 3: 'text' is a text of 5,000 bytes; .* 4,096 at most$", **setting)


def test_a_text_in_a_list_of_images_and_labels_is_refused(root: Path) -> None:
    (root / "labels.txt").write_text(f"0.png a\n1.png b\n# more\n2.png {'x' * 5000}\n3.png b\n")
    refused(root, "row 4: 'label' is a text of 5,000 bytes", tables=["labels.txt"])


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_label_that_a_small_file_unpacks_is_refused_unread(dictionary: bool, root: Path) -> None:
    write_parquet(root, rows(SHARED), dictionary)
    assert (root / "a.parquet").stat().st_size < 2**14
    said = r"a.parquet: column 'label' has 67,1..,... bytes in 4 rows; what names something has 4,096 at most$"
    with at_most(2**22):
        refused(root, said)


def write_lying_parquet(folder: Path, own: Rows) -> None:
    """Write a table whose last part says that its column of labels has 100 bytes, whatever its pages say."""
    file = folder / "a.parquet"
    write_parquet(folder, own, dictionary=False)
    content, column = file.read_bytes(), pq.read_metadata(file).row_group(0).column(1)
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    said = encode_number(column.total_uncompressed_size)
    assert content[start:].count(said) == 1
    file.write_bytes(content[:start] + content[start:].replace(said, encode_number(100, len(said))))
    assert pq.read_metadata(file).row_group(0).column(1).total_uncompressed_size == 100


def encode_number(number: int, length: int = 0) -> bytes:
    """Return a number as Thrift writes it, in so many bytes at least."""
    rest, own = 2 * number, list[int]()
    while rest or len(own) < length:
        own.append(rest & 127)
        rest >>= 7
    return bytes([*(byte | 128 for byte in own[:-1]), own[-1]])


def write_compressed_arrow(folder: Path, own: Rows) -> None:
    table = pa.table(own)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(str(folder / "a.arrow"), table.schema, options=options) as stream:
        stream.write_table(table)


def write_wide_csv(folder: Path, own: Rows) -> None:
    """Write a table of 20,000 columns of which nearly all cells are empty, each of which takes more in memory."""
    more, empty = ",".join(f"c{number}" for number in range(20_000)), "," * 19_999
    lines = [",".join(own), *map(",".join, zip(own["path"], own["label"], own["text"], strict=True))]
    lines[2] = ",,"  # a row of nothing: all columns are looked at
    (folder / "a.csv").write_text("\n".join([f"{lines[0]},{more}", *[f"{line},{empty}" for line in lines[1:] * 100]]))


def write_wide_lines(folder: Path, own: Rows) -> None:
    """Write lines of which the first has 2,000 keys, and 10,000 others have none."""
    first = {"path": "0.png", "label": "a"} | {f"c{number}": "x" for number in range(2000)}
    (folder / "a.jsonl").write_text("\n".join([json.dumps(first), *["{}"] * 10_000]))


@pytest.mark.parametrize("write", [write_lying_parquet, write_compressed_arrow, write_wide_csv, write_wide_lines])
def test_what_takes_many_times_its_size_is_refused_wherever_it_is_said(
    write: Callable[[Path, Rows], None], root: Path
) -> None:
    """In a process of its own: what others have freed, and keep, a fork takes without asking for more."""
    write(root, rows(SHARED if write in (write_lying_parquet, write_compressed_arrow) else "a"))
    words = [sys.executable, "-c", LITTLE, json.dumps({"path": str(root), "size": 4, "tables": name_tables(root)})]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    said, taken = done.stdout.splitlines()
    assert re.search(r"a.\w+: cannot be read: reading it takes more than 0.\d GiB of memory( or .* damaged)?$", said)
    assert int(taken) < 2**22


LITTLE = """
import json, sys
import pyarrow as pa
from counterweight.core import confined
from counterweight.core.errors import UserError
from counterweight.data.sources import table
confined.ROOM = 2**24
pool = pa.proxy_memory_pool(pa.default_memory_pool())
pa.set_memory_pool(pool)
try:
    table.find(table.Settings(**json.loads(sys.argv[1])), "pets")
except UserError as error:
    print(error)
print(pool.max_memory())
"""


def test_a_description_that_a_small_file_unpacks_is_not_read(root: Path) -> None:
    write_parquet(root, rows(text=SHARED))
    with at_most(2**22):
        assert counts(find(root)) == [{"a": 2, "b": 2}]


def test_a_path_beside_images_is_looked_at_too(root: Path) -> None:
    images = [{"bytes": None, "path": name} for name in ("0.png", "1.png", "x" * 5000, "3.png")]
    pq.write_table(pa.table({"image": images, "label": ["a", "b", "a", "b"]}), root / "a.parquet")
    refused(root, r"a.parquet: row 3: 'image' is a text of 5,000 bytes; .* 4,096 at most$")


def test_texts_that_rows_share_are_looked_at_once(root: Path) -> None:
    """10,000 rows share one text of 64 KiB: written out they were 640 MiB, of which none is taken."""
    many = 10_000
    own = {"path": ["0.png"] * many, "label": ["a"] * many, "text": ["x" * 2**16] * many}
    write_parquet(root, own)
    with at_most(2**25):
        assert counts(find(root)) == [{"a": 1}]


def test_a_column_of_all_that_can_be_named_is_read_and_more_refused(tmp_path: Path) -> None:
    """A million paths of 200 bytes."""
    many = 2**20
    words = pa.array([str(number) * 200 for number in range(7)])
    paths = pa.DictionaryArray.from_arrays(np.arange(many, dtype=np.int32) % 7, words)
    pq.write_table(pa.table({"path": paths}), tmp_path / "a.parquet")
    found = read_column(read_columns(tmp_path / "a.parquet"), "path")
    assert len(found) == many
    assert found.nbytes > 200 * many
    long = pa.DictionaryArray.from_arrays(np.zeros(2**18, dtype=np.int32), pa.array(["x" * 4000]))
    pq.write_table(pa.table({"path": long}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a.parquet: column 'path' holds more than 0.5 GiB; it can name nothing$"):
        read_column(read_columns(tmp_path / "a.parquet"), "path")


def view_one(text: str, count: int) -> pa.Array:
    """Return so many rows that all have one text of more than 12 bytes in view."""
    content = text.encode()
    view = struct.pack("<i4sii", len(content), content[:4], 0, 0)
    return pa.Array.from_buffers(pa.string_view(), count, [None, pa.py_buffer(view * count), pa.py_buffer(content)])


def share_view(text: str, count: int) -> pa.Array:
    """Return so many rows that are all the only text of a dictionary, a view."""
    return pa.DictionaryArray.from_arrays(np.zeros(count, dtype=np.int32), pa.array([text], pa.string_view()))


@pytest.mark.parametrize("share", [view_one, share_view])
def test_texts_that_rows_have_in_view_count_as_often_as_they_are_there(
    share: Callable[[str, int], pa.Array], root: Path
) -> None:
    """1 GiB of one text of 4,000 bytes, which take 4 MiB."""
    write_arrow(root, {"path": share("y" * 4000, 2**18), "label": ["a"] * 2**18})
    with pytest.raises(UserError, match=r"a.arrow: column 'path' holds more than 0.5 GiB; it can name nothing$"):
        read_column(read_columns(root / "a.arrow"), "path")


@pytest.mark.parametrize("nothing", [pa.nulls(2**25 + 1), pa.RunEndEncodedArray.from_arrays([2**25 + 1], ["a"])])
def test_more_rows_than_a_table_has_are_refused_at_once(nothing: pa.Array, root: Path) -> None:
    write_arrow(root, {"path": nothing, "label": nothing})
    assert (root / "a.arrow").stat().st_size < 2**10
    refused(root, r"a.arrow: cannot be read: it has more than 33,554,432 rows$", tables=["a.arrow"])


def test_a_file_of_arrow_is_told_from_a_stream(root: Path) -> None:
    with pa.ipc.new_file(str(root / "a.arrow"), pa.schema([("path", pa.string())])):
        pass
    said = r"a.arrow: cannot be read: it is a file of Arrow, not a stream of it; write it as Parquet$"
    refused(root, said, tables=["a.arrow"])


def test_images_that_rows_have_in_view_are_read(tmp_path: Path) -> None:
    contents = []
    for number in range(4):
        Image.new("L", (4, 4), 60 * number).save(content := io.BytesIO(), "PNG")
        contents.append(content.getvalue())
    images = pa.array(contents, pa.binary_view())
    structs = pa.StructArray.from_arrays([images, pa.array([None] * 4, pa.string_view())], ["bytes", "path"])
    for number, own in enumerate((images, structs)):
        (folder := tmp_path / str(number)).mkdir()
        write_arrow(folder, {"image": own, "label": pa.array(["a", "b", "a", "b"])})
        assert counts(find(folder)) == [{"a": 2, "b": 2}]


def test_marks_above_letters_of_a_label_are_ordered_once_for_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take the square of their number: 100,000 images of one such label took minutes."""
    word, calls = "a" + "\u0301\u0316" * 9, list[str]()

    def compose(form: str, text: str) -> str:
        calls.append(text)
        return text

    monkeypatch.setattr(labels.unicodedata, "normalize", compose)
    assert [labels.normalize_label(word) for _ in range(3)] == [word] * 3
    assert calls == [word]


def test_numbers_of_hundreds_of_digits_are_labels_as_others_are() -> None:
    names = ["1" * 400, "01" + "1" * 399, "2" * LONGEST]
    said = f"classes {names[1]!r}, {names[0]!r} are the same number"
    assert describe_lookalikes(names) == [f"{said}; write it in one way if they are one"]


FRESH = """
import sys
from pathlib import Path
from counterweight.data.sources.base.columns import read_columns
from counterweight.data.sources.base.whole_columns import read_column
columns = read_columns(Path(sys.argv[1]), encoding=sys.argv[2] or None)
print(*columns.names, *read_column(columns, "label").to_pylist())
"""


def test_tables_of_all_kinds_are_read_in_a_process_that_has_read_none(root: Path) -> None:
    """What Arrow reserves in the first of them has to fit, too."""
    for write in WRITERS:
        (folder := root / write.__name__).mkdir()
        write(folder, rows())
    text = (root / "write_csv/a.csv").read_text().replace("said", "café")
    for encoding in ("utf-16", "utf-8-sig", "cp1252"):
        (root / f"{encoding}.csv").write_text(text, encoding=encoding)
    for file in [*root.glob("*/a.*"), *root.glob("*.csv")]:
        words = [sys.executable, "-c", FRESH, str(file), "cp1252" if file.stem == "cp1252" else ""]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert (done.stderr, done.stdout) == ("", "path label text a b a b\n"), file
