"""The first rows of many columns of a table that knows its types: hundreds of them are read in one process."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.confined import read_confined
from counterweight.data.sources.base.batches import (
    ARROW,
    COPIES,
    LINES,
    check_rows,
    cut,
    open_columns,
    read_lines,
    read_parquet,
)
from counterweight.data.sources.base.text_lengths import Promise, TooLongError, check_promises, list_promises

TOGETHER = 512
"""Columns that are read at once: of more the first rows may not fit into what a confined process may take."""


def read_first_columns(file: Path, names: Sequence[str], rows: int) -> dict[str, pa.Array]:
    """Return the first rows of some columns, so many at most; none of a column that is empty or can name nothing.

    Raises:
        pa.ArrowException, OSError: one cannot be read.
    """
    kept, facts = [*names], None
    if file.suffix.lower() not in (ARROW, LINES):
        with pq.ParquetFile(file) as parquet:
            check_rows(parquet.metadata.num_rows)
            promises, facts = list_promises(parquet, names), parquet.metadata
        kept = [name for name in names if may_name(promises[name], name)]
    found: dict[str, pa.Array] = {}
    for start in range(0, len(kept), TOGETHER):
        found |= read_together(file, kept[start : start + TOGETHER], rows, facts)
    return found


def may_name(promises: Sequence[Promise], where: str) -> bool:
    """Say whether a column holds as little as what names something does; arguments as of `check_promises`."""
    try:
        check_promises(promises, where)
    except TooLongError:
        return False
    return True


def read_together(file: Path, names: list[str], rows: int, facts: pq.FileMetaData | None) -> dict[str, pa.Array]:
    """Return the first rows of columns that are read at once, or in halves where one fails or they are too much."""
    size = file.stat().st_size * (COPIES if file.suffix.lower() == LINES else 1)
    try:
        batch = next(read_confined(lambda: read_first(file, names, rows, facts), size), None)
    except pa.ArrowInvalid:
        if len(names) == 1:
            raise
        half = len(names) // 2
        return read_together(file, names[:half], rows, facts) | read_together(file, names[half:], rows, facts)
    return {} if batch is None else dict(zip(names, batch.columns, strict=True))


def read_first(file: Path, names: list[str], rows: int, facts: pq.FileMetaData | None) -> Iterator[pa.RecordBatch]:
    """Yield the first rows of columns in the order of their names; arguments as of `read_first_columns`."""
    if file.suffix.lower() == ARROW:
        with pa.memory_map(str(file)) as source:
            for batch in open_columns(source, names):
                batch.validate(full=True)  # lengths that lead out of the file are found by nobody else
                yield from cut([batch.column(name) for name in names], rows)
    elif file.suffix.lower() == LINES:
        for batch in read_lines(file).select(names).combine_chunks().to_batches():
            yield from cut(batch.columns, rows)
    else:
        for batch in read_parquet(file, names, rows, names, facts=facts):
            yield batch.select(names)
