"""Columns of tables as a whole: one, or several, which are read in one process, one after the other."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.confined import read_confined
from counterweight.core.errors import UserError
from counterweight.core.memory import require_memory
from counterweight.data.sources.base import batches
from counterweight.data.sources.base.batches import (
    ARROW,
    LINES,
    check_rows,
    cut,
    open_parquet,
    read_arrow,
    read_batches,
    read_lines,
    read_open_parquet,
)
from counterweight.data.sources.base.columns import Columns, drop_empty, translate_errors
from counterweight.data.sources.base.first_rows import may_name
from counterweight.data.sources.base.text_columns import read_text_columns
from counterweight.data.sources.base.text_lengths import (
    ALLOWED,
    COPIES,
    TEXT,
    TooLongError,
    check_size,
    find_long,
    list_promises,
    write_out,
)

ROWS = 2**12  # of a column that are read at a time
END = pa.RecordBatch.from_arrays([], [])
"""What a process that reads several columns sends behind each."""

Named = Iterator[tuple[str, pa.ChunkedArray]]


def read_column(columns: Columns, name: str, field: str | None = None) -> pa.ChunkedArray:
    """Return a column of what names something, or structs of one field of it alone.

    Raises:
        UserError: it cannot be read, or there is more than texts and numbers of a table's rows can be.
    """
    with translate_errors(columns.file):
        if columns.texts is not None:
            return check_texts(columns, name, columns.texts.column(name))
        if not columns.delimiter:
            return gather(columns, name, read_batches(columns.file, name, ROWS, field))
        read = [batch.column(0) for batch in read_text_columns(columns.file, columns.reading, [name])]
        return drop_blank(columns, name, pa.chunked_array(read, pa.string()))


def read_each(columns: Columns, names: Sequence[str]) -> Iterator[pa.ChunkedArray | None]:
    """Yield columns of what names something in the order of their names, None for one that cannot be read.

    They are read in one process, and in one more for each that fails. Tables of texts are in memory as a whole, of
    others one column at a time.

    Args:
        names: each of one column alone.
    """
    read = read_in_memory if columns.texts is not None else read_texts if columns.delimiter else read_typed
    left = deque(names)
    while left:
        with suppress(UserError), translate_errors(columns.file):
            for name, values in read(columns, [*left]):
                while left.popleft() != name:
                    yield None
                yield values
        if left:
            left.popleft()
            yield None


def read_in_memory(columns: Columns, names: Sequence[str]) -> Named:
    """Yield columns that have been read with their table, with their names; errors as of `read_column`."""
    for name in names:
        yield name, read_column(columns, name)


def read_texts(columns: Columns, names: Sequence[str]) -> Named:
    """Yield columns of a table of texts with their names, in halves where all are too much; errors as of `gather`."""
    try:
        read = [*read_text_columns(columns.file, columns.reading, names)]
    except (UserError, pa.ArrowException):
        if len(names) == 1:
            raise
        half = len(names) // 2
        yield from read_texts(columns, names[:half])
        yield from read_texts(columns, names[half:])
        return
    for place, name in enumerate(names):
        yield name, drop_blank(columns, name, pa.chunked_array([batch.column(place) for batch in read], pa.string()))


def read_typed(columns: Columns, names: Sequence[str]) -> Named:
    """Yield columns of a table that knows types with their names, but those that a file says too much of.

    Raises:
        UserError, pa.ArrowException, OSError: as of `gather`, or the next one cannot be read.
    """
    file, kept, facts = columns.file, [*names], None
    size = file.stat().st_size * (batches.COPIES if file.suffix.lower() == LINES else 1)
    if file.suffix.lower() not in (ARROW, LINES):
        with pq.ParquetFile(file) as parquet:
            check_rows(parquet.metadata.num_rows)
            promises, facts = list_promises(parquet, names), parquet.metadata
        kept = [name for name in names if may_name(promises[name], name)]
    if kept:
        found = read_confined(lambda: read_in_turn(file, kept, facts), size)
        for name in kept:
            own = takewhile(lambda batch: batch.num_columns > 0, found)
            yield name, gather(columns, name, (batch.column(0) for batch in own))


def read_in_turn(file: Path, names: list[str], facts: pq.FileMetaData | None) -> Iterator[pa.RecordBatch]:
    """Yield one column after the other, some rows at a time, and END behind each; `facts` as of `read_parquet`."""
    kind = file.suffix.lower()
    lines = read_lines(file) if kind == LINES else None
    parquet = open_parquet(file, names, facts) if kind not in (ARROW, LINES) else None
    for name in names:
        if lines is not None:
            for chunk in lines.column(name).chunks:
                yield from cut([chunk], ROWS)
        elif parquet is not None:
            yield from read_open_parquet(parquet, [name], ROWS)
        else:
            yield from read_arrow(file, name, ROWS, None)
        yield END


def gather(columns: Columns, name: str, found: Iterable[pa.Array]) -> pa.ChunkedArray:
    """Return a column of a table that knows types, given some rows at a time: a small file may say that it holds any.

    Raises:
        UserError: there is more than texts and numbers of a table's rows can be.
    """
    chunks, size, rows = list[pa.Array](), 0, 0
    for values in found:
        check_texts(columns, name, pa.chunked_array([values]), rows)
        # Written out: a text that all rows share would be as small in memory as in the file.
        chunks.append(write_out(values))
        size, rows = size + chunks[-1].nbytes, rows + len(values)
        check_size(size, rows, f"{columns.file}: column '{name}'")
    return pa.chunked_array(chunks, None if chunks else columns.kind(name))


def drop_blank(columns: Columns, name: str, found: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of a table of texts without the rows that have nothing in them; errors as of `gather`."""
    require_memory(COPIES * found.nbytes + TEXT * len(found), f"{columns.file}: column '{name}'")
    return check_texts(columns, name, drop_empty(columns, found.slice(0, max(0, len(found) - columns.blank))))


def check_texts(columns: Columns, name: str, found: pa.ChunkedArray, start: int = 0) -> pa.ChunkedArray:
    """Return rows of a column whose texts are short enough to name something; `start` is the place of the first."""
    for values in found.chunks:
        if long := find_long(values):
            row = columns.number(start + long.place)
            said = f"row {row}: '{name}' is a text of {long.size:,} bytes; {ALLOWED}"
            raise TooLongError(f"{columns.file}: {said}")
        start += len(values)
    return found
