"""Small tables that say they have millions of rows are refused before these are in memory; honest ones are read."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterweight.core import memory
from counterweight.data.sources.base import batches, row_counts
from counterweight.data.sources.base.batches import shrink
from counterweight.data.sources.base.columns import read_columns
from counterweight.data.sources.base.table_paths import write_origins
from counterweight.data.sources.base.whole_columns import read_column
from tests.data.sources.tables import find, refused

ROWS = 3 * 2**20


def repeat(text: str, rows: int = ROWS) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), pa.array([text]))


def write_parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path.with_suffix(".parquet"), compression="zstd")


def write_arrow(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_stream(path.with_suffix(".arrow"), table.schema) as stream:
        stream.write_table(table)


def write_csv(path: Path, table: pa.Table) -> None:
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    lines = [",".join(table.column_names), *(",".join(row) for row in rows)]
    path.with_suffix(".csv").write_text("\n".join(lines))


def write_lines(path: Path, table: pa.Table) -> None:
    path.with_suffix(".jsonl").write_text("\n".join(map(json.dumps, table.to_pylist())))


def write_json(path: Path, table: pa.Table) -> None:
    path.with_suffix(".json").write_text(json.dumps(table.to_pylist()))


WRITERS = [write_parquet, write_arrow, write_csv, write_lines, write_json]


def test_millions_of_rows_of_one_path_are_refused_unread(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a", pa.table({"path": repeat("img/0.png"), "label": repeat("cat")}))
    assert (tmp_path / "a.parquet").stat().st_size < 2**16
    said = r"a\.parquet: 3,145,728 rows, but 1 different path in column 'path'; of more than 1,048,576 rows at most"
    refused(tmp_path, said)


@pytest.mark.parametrize("write", WRITERS)
def test_rows_are_counted_in_tables_of_all_kinds(
    write: Callable[[Path, pa.Table], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused as soon as a row more than is allowed names an image; a path may stand in many rows where rows are few.

    JSON, whose table is in memory as it is read, is no list of files unless it is named.
    """
    table = pa.table({"path": [f"{row % 2}.png" for row in range(9)], "label": ["cat", "dog", "cat"] * 3})
    table = table.set_column(1, "label", pa.array([("cat", "dog")[row % 2] for row in range(9)]))
    write(tmp_path / "a", table)
    [file] = tmp_path.iterdir()
    monkeypatch.setattr(row_counts, "REPEATED", 4)
    assert len(find(tmp_path, tables=[file.name]).train.labels) == 2
    monkeypatch.setattr(row_counts, "MANY", 8)
    refused(tmp_path, rf"{file.name}: 9 rows, but 2 different paths in column 'path'; .* 4 may", tables=[file.name])
    monkeypatch.setattr(row_counts, "REPEATED", 5)
    assert len(find(tmp_path, tables=[file.name]).train.labels) == 2


@pytest.mark.parametrize("write", [write_parquet, write_arrow, write_lines])
def test_paths_in_structs_are_counted(
    write: Callable[[Path, pa.Table], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    structs = pa.array([{"path": "a.png"}] * 9)
    write(tmp_path / "a", pa.table({"image": structs, "label": ["cat"] * 9}))
    monkeypatch.setattr(row_counts, "MANY", 8)
    monkeypatch.setattr(row_counts, "REPEATED", 8)
    refused(tmp_path, r"9 rows, but 1 different path in column 'image'")


def test_more_rows_than_memory_is_there_for_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the file says, before a column is read."""
    write_parquet(tmp_path / "a", pa.table({"path": repeat("img/0.png"), "label": repeat("cat")}))
    monkeypatch.setattr(memory, "measure_free_memory", lambda: 3 * 2**30)
    monkeypatch.setattr(row_counts, "read_column", None)
    refused(tmp_path, r"a\.parquet: 3,145,728 rows: 3\.00 GiB of memory needed, 2\.75 may .*; a table of fewer rows")


@pytest.mark.parametrize("more", [0, 1])
def test_images_are_not_more_than_bytes(more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few bytes in each row take next to none in a file."""
    image = pa.DictionaryArray.from_arrays(np.zeros(9000, dtype=np.int32), pa.array([b"\x89PNG"]))
    write_parquet(tmp_path / "a", pa.table({"image": image, "label": repeat("cat", 9000)}))
    size = (tmp_path / "a.parquet").stat().st_size
    assert size < 9000
    monkeypatch.setattr(row_counts, "MANY", 9000 - more)
    if more:
        refused(tmp_path, rf"a\.parquet: 9,000 rows of images in {size:,} bytes: the images repeat; write each once$")
    else:
        assert len(find(tmp_path).train.labels) == 9000


def test_distinct_names_in_order_are_read_however_little_they_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer bytes than rows: why those are not compared where a table names files."""
    names = [f"img_{row:07}.png" for row in range(20_000)]
    table = pa.table({"path": names, "label": ["cat"] * len(names)})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=["label"])
    assert (tmp_path / "a.parquet").stat().st_size < len(names)
    monkeypatch.setattr(row_counts, "MANY", 10_000)
    assert len(find(tmp_path).train.labels) == len(names)


@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12))
def test_a_dictionary_shrinks_to_what_its_rows_have(places: list[int | None]) -> None:
    whole = pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(list("abcdefghij")))
    found = shrink(whole)
    assert found.to_pylist() == whole.to_pylist()
    assert len(found.dictionary) <= max(len(places), 10 if len(places) >= 10 else 0)


def test_texts_of_rows_before_are_not_sent_with_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were all, with each of many: a million names took half a minute for each time that they were read."""
    names = [f"{row:07}.png" for row in range(40_000)]
    pq.write_table(pa.table({"path": names}), tmp_path / "a.parquet")
    sent = list[int]()
    usual = batches.read_confined

    def count(*own: object) -> object:
        for batch in usual(*own):  # type: ignore[arg-type]
            sent.append(len(batch.column(0).dictionary))
            yield batch

    monkeypatch.setattr(batches, "read_confined", count)
    assert read_column(read_columns(tmp_path / "a.parquet"), "path").to_pylist() == names
    assert sum(sent) == len(names)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b c", "..", "train", "é"]), min_size=1, max_size=4), max_size=6))
def test_origins_are_paths_from_the_folder_on(paths: list[list[str]]) -> None:
    for folder in (Path("/data/pets"), Path("pets"), Path(".")):
        own = [folder / "a" / "/".join(parts) for parts in paths]
        assert write_origins(own, folder) == [os.path.relpath(path, folder) for path in own]
