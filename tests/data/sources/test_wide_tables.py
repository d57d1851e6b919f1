"""Tables of thousands of columns: they are read, whatever the process keeps of memory, and in few others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from counterweight.core import confined
from counterweight.core.errors import UserError
from counterweight.data.sources.base import group_columns, whole_columns
from counterweight.data.sources.base.columns import Columns, read_columns
from counterweight.data.sources.base.text_columns import Reading, read_text_columns
from counterweight.data.sources.base.text_lengths import HEADERS, LONGEST
from counterweight.data.sources.base.whole_columns import read_column, read_each
from tests.data.sources.tables import counts, find

ROOT = Path(__file__).parents[3]
READ = """
import sys
from pathlib import Path
from counterweight.core.process import keep_memory
from counterweight.data.sources.base.columns import read_columns, read_first_rows
from counterweight.data.sources.base.text_columns import read_text_columns
if len(sys.argv) > 2:
    keep_memory()
columns = read_columns(Path(sys.argv[1]))
read = read_text_columns(columns.file, columns.reading, columns.names)
print(sum(map(len, read)), columns.empty, read_first_rows(columns, columns.names).num_columns)
"""


def write_csv(folder: Path, table: pa.Table) -> Path:
    pyarrow.csv.write_csv(table, path := folder / "a.csv")
    return path


def write_lines(folder: Path, table: pa.Table) -> Path:
    (path := folder / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
    return path


def write_json(folder: Path, table: pa.Table) -> Path:
    (path := folder / "a.json").write_text(json.dumps(table.to_pylist()))
    return path


def write_arrow(folder: Path, table: pa.Table) -> Path:
    with pa.OSFile(str(path := folder / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as own:
        own.write_table(table, max_chunksize=900)
    return path


def write_parquet(folder: Path, table: pa.Table) -> Path:
    pq.write_table(table, path := folder / "a.parquet", row_group_size=900)
    return path


WRITERS = (write_csv, write_lines, write_json, write_arrow, write_parquet)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that has the processes which read tables."""
    found, fork = list[int](), os.fork

    def note() -> int:
        found.append(fork())
        return found[-1]

    monkeypatch.setattr(confined.os, "fork", note)
    return found


def write_numbers(file: Path, rows: int, columns: int) -> None:
    """Write a CSV of numbers whose second row has nothing, so that all columns are looked at."""
    cells = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.str_).tolist()
    cells[1] = [""] * columns
    lines = [[f"c{place}" for place in range(columns)], *cells]
    file.write_text("".join(f"{','.join(line)}\n" for line in lines))


@pytest.mark.parametrize("keeping", [[], ["keep"]])
def test_many_columns_of_numbers_take_what_they_hold(keeping: list[str], tmp_path: Path) -> None:
    """Arrow reserves 1 MiB for each column of each block of rows, and stages keep what is given back."""
    write_numbers(tmp_path / "a.csv", 200, 1200)
    words = [sys.executable, "-c", READ, str(tmp_path / "a.csv"), *keeping]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stderr, done.stdout) == ("", "200 (1,) 1200\n")


def make_groups(columns: int, images: int = 80) -> pa.Table:
    """A table of images of two classes in groups of four, which each of many columns names."""
    names = {
        "path": [f"{place}.png" for place in range(images)],
        "label": ["ab"[place // 4 % 2] for place in range(images)],
    }
    own = {f"w{column}": [f"p{place // 4}x{column}" for place in range(images)] for column in range(columns)}
    return pa.table(names | own)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("together", [True, False])
def test_columns_that_may_name_groups_are_read_in_few_processes(
    write: Callable[[Path, pa.Table], Path],
    together: bool,
    forks: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But where tables are so many that each had a process."""
    monkeypatch.setattr(group_columns, "SIDE_BY_SIDE", int(together))
    for place in range(80):
        (tmp_path / f"{place}.png").touch()
    file = write(tmp_path, make_groups(30))
    (note,) = (note for note in find(tmp_path, tables=[file.name]).train.provenance["notes"] if "group_column" in note)
    assert note.count("has 20 values in 80 images, 80 of which share theirs") == 30
    assert (len(forks) < 12) == (together or write is write_json)


@pytest.mark.parametrize("write", WRITERS)
def test_columns_of_classes_are_read_in_few_processes(
    write: Callable[[Path, pa.Table], Path], forks: list[int], tmp_path: Path
) -> None:
    for place in range(60):
        (tmp_path / f"{place}.png").touch()
    classes = {f"class {own}": [int(place % 30 == own) for place in range(60)] for own in range(30)}
    file = write(tmp_path, pa.table({"path": [f"{place}.png" for place in range(60)]} | classes))
    assert counts(find(tmp_path, tables=[file.name])) == [dict.fromkeys(classes, 2)]
    assert len(forks) < 12


def read_alone(columns: Columns, name: str) -> list[object] | None:
    """Return a column that is read as one alone is, None where it is refused."""
    try:
        return read_column(columns, name).to_pylist()
    except UserError:
        return None


@pytest.mark.parametrize("write", WRITERS)
def test_each_column_is_as_it_is_alone(
    write: Callable[[Path, pa.Table], Path], forks: list[int], tmp_path: Path
) -> None:
    """Those that can name nothing are none; of some thousand rows none is lost, nor are empty ones at the end."""
    rows = 2500
    words: list[str | None] = [f"é{row}" for row in range(rows)]
    long = ["x", *["x" * (LONGEST + 1)] * (rows - 1)]
    table = {
        "a": words,
        "b": [*range(rows)],
        "long": long,
        "huge": ["x" * (2**15 if write is write_csv else 5 * HEADERS), *words[1:]],
        "c": [None, *words[1:]],
        "d": [row % 2 > 0 for row in range(rows)],
        "e": [row / 2 for row in range(rows)],
        "last": long,
    }
    table = {name: [values[0], None, *values[1:], None] for name, values in table.items()}
    columns = read_columns(write(tmp_path, pa.table(table)))
    forks.clear()
    for names in (["a"], ["last"], ["e", "a", "long", "d"], [*table], ["long", "huge", "last"], []):
        found = [None if own is None else own.to_pylist() for own in read_each(columns, names)]
        assert len(forks) <= max(1, 2 * len(names))
        assert found == [read_alone(columns, name) for name in names]
        assert [own is None for own in found] == [name in ("long", "huge", "last") for name in names]
        forks.clear()


def test_a_damaged_column_costs_none_of_the_others(forks: list[int], tmp_path: Path) -> None:
    file = write_arrow(tmp_path, pa.table({name: [name * 99] for name in "abcd"}))
    file.write_bytes(file.read_bytes().replace(b"b" * 99, b"b" * 98 + b"\xff", 1))
    found = [*read_each(read_columns(file), ["a", "b", "c", "d"])]
    assert [own and own.to_pylist() for own in found] == [["a" * 99], None, ["c" * 99], ["d" * 99]]
    assert len(forks) == 2


def test_columns_of_texts_that_are_too_much_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[int]()

    def read(file: Path, reading: Reading, names: list[str]) -> Iterator[pa.RecordBatch]:
        calls.append(len(names))
        if len(names) > 2 or "c3" in names:
            raise pa.ArrowInvalid
        yield from read_text_columns(file, reading, names)

    monkeypatch.setattr(whole_columns, "read_text_columns", read)
    columns = read_columns(write_csv(tmp_path, pa.table({f"c{place}": [str(place)] for place in range(6)})))
    found = [own and own.to_pylist() for own in read_each(columns, columns.names)]
    assert found == [["0"], ["1"], ["2"], None, ["4"], ["5"]]
    assert len(calls) < 15
