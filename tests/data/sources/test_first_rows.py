"""The first rows of many columns of tables that know their types: each as it lies there, and few processes for all."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterweight.data.sources.base import first_rows
from counterweight.data.sources.base.first_rows import TOGETHER, read_first_columns
from counterweight.data.sources.base.text_lengths import HEADERS, LONGEST

ROWS = 7


def write_parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path := path.with_suffix(".parquet"), row_group_size=5)
    return path


def write_arrow(path: Path, table: pa.Table) -> Path:
    with pa.OSFile(str(path := path.with_suffix(".arrow")), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as own:
        own.write_table(table, max_chunksize=5)
    return path


def write_lines(path: Path, table: pa.Table) -> Path:
    (path := path.with_suffix(".jsonl")).write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
    return path


@pytest.fixture
def table() -> pa.Table:
    """A few more columns than are read at once: texts and numbers that tell their column and row."""
    columns = [[f"{place} {row}" if place % 2 else 100 * place + row for row in range(ROWS)] for place in range(520)]
    return pa.table({f"c{place}": values for place, values in enumerate(columns)})


@pytest.mark.parametrize("write", [write_parquet, write_arrow, write_lines])
@pytest.mark.parametrize("most", [TOGETHER, 150])
def test_columns_are_read_together_as_they_are(
    write: Callable[[Path, pa.Table], Path],
    most: int,
    table: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever are asked for, in their order, and in pieces where all at once are too much."""
    file, names = write(tmp_path / "a", table), [*reversed(table.schema.names)][:514]
    confined, own, calls = first_rows.read_confined, first_rows.read_first, list[int]()

    def count(read: Callable[[], Iterator[pa.RecordBatch]], size: int) -> Iterator[pa.RecordBatch]:
        calls.append(size)
        return confined(read, size)

    def read(file: Path, names: list[str], rows: int, facts: pq.FileMetaData | None) -> Iterator[pa.RecordBatch]:
        if len(names) > most:
            raise MemoryError
        return own(file, names, rows, facts)

    monkeypatch.setattr(first_rows, "read_confined", count)
    monkeypatch.setattr(first_rows, "read_first", read)
    found = read_first_columns(file, names, 3)
    assert [*found] == names
    assert {name: values.to_pylist() for name, values in found.items()} == table.select(names)[:3].to_pydict()
    assert len(calls) == (2 if most == TOGETHER else 8)


def test_one_that_cannot_be_read_is_found_among_others(table: pa.Table, tmp_path: Path) -> None:
    file = write_arrow(
        tmp_path / "a", table.select(["c0", "c1", "c2"]).append_column("bad", pa.array(["x" * 99] * ROWS))
    )
    file.write_bytes(file.read_bytes().replace(b"x" * 99, b"x" * 98 + b"\xff", 1))
    assert [*read_first_columns(file, ["c0", "c1", "c2"], 3)] == ["c0", "c1", "c2"]
    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        read_first_columns(file, table.schema.names[:3] + ["bad"], 3)


def test_what_can_name_nothing_and_what_has_no_rows_is_left_out(tmp_path: Path) -> None:
    long = "x" * (LONGEST + HEADERS)
    own = pa.table({"name": ["a"], "long": [long]})
    file = tmp_path / "a.parquet"
    pq.write_table(own, file, use_dictionary=False)
    assert [*read_first_columns(file, ["long", "name"], 3)] == ["name"]
    assert read_first_columns(write_arrow(tmp_path / "b", own.slice(0, 0)), ["name"], 3) == {}


def test_a_line_of_json_that_is_too_long_is_said_to_be(tmp_path: Path) -> None:
    rows = [{"name": "a"}, {"name": "a" * 5 * 2**23}, {"name": "b"}]
    file = tmp_path / "a.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(pa.ArrowInvalid, match=r"^a line has more than 16 MiB$"):
        read_first_columns(file, ["name"], 3)
