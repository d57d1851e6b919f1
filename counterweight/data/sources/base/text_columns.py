"""Columns of tables of texts, read in a process of its own: a small one may have so many that none of them fits."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from counterweight.core.confined import read_confined
from counterweight.core.memory import require_memory

COPIES = 4  # of a table of texts that are in memory while it is read

Reading = tuple[pyarrow.csv.ReadOptions, pyarrow.csv.ParseOptions]
Choose = Callable[[pa.Table], pa.Table]


def read_names(file: Path, reading: Reading) -> list[str]:
    """Return the names of all columns.

    Raises:
        pa.ArrowException, OSError: they cannot be read.
    """

    def read() -> Iterator[pa.RecordBatch]:
        with pyarrow.csv.open_csv(file, *reading) as reader:
            yield pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in reader.schema.names]))

    return list(next(read_confined(read, COPIES * file.stat().st_size)).schema.names)


def read_text_columns(
    file: Path, reading: Reading, names: Sequence[str], choose: Choose = lambda read: read
) -> Iterator[pa.RecordBatch]:
    """Yield what is wanted of some columns.

    Args:
        choose: what that is, of all that was read; it runs in the process that reads.

    Raises:
        UserError: there is too little memory.
        pa.ArrowException, OSError: they cannot be read.
    """
    size = file.stat().st_size
    require_memory(2 * size, str(file))

    def read() -> Iterator[pa.RecordBatch]:
        yield from choose(pyarrow.csv.read_csv(file, *reading, convert_to_texts(names))).to_batches()

    yield from read_confined(read, COPIES * size)


def read_first_texts(file: Path, reading: Reading, names: Sequence[str], blank: int) -> pa.RecordBatch:
    """Return the first rows of some columns, of which so many at the end of the table are none.

    Raises:
        pa.ArrowException, OSError: they cannot be read.
    """

    def read() -> Iterator[pa.RecordBatch]:
        with pyarrow.csv.open_csv(file, *reading, convert_to_texts(names)) as reader:
            empty = pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in names]))
            found = next(iter(reader), empty)
            rows = len(found) + sum(len(batch) for batch in reader) - blank if blank else len(found)
            yield found.slice(0, max(0, rows))

    return next(read_confined(read, COPIES * file.stat().st_size))


def convert_to_texts(names: Sequence[str]) -> pyarrow.csv.ConvertOptions:
    """Return how some columns are read as they are written: 007 would become a number otherwise."""
    return pyarrow.csv.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.string()))


def find_nothing(read: pa.Table, blank: int) -> pa.Table:
    """Return which rows, counted from 0, above so many at their end, have nothing in any column."""
    filled = np.zeros(max(0, read.num_rows - blank), dtype=np.bool_)
    for column in read.columns:
        lengths = pc.fill_null(pc.binary_length(pc.utf8_trim_whitespace(column)), 0)
        filled |= lengths.slice(0, len(filled)).to_numpy() > 0
    return pa.table([pa.array(np.flatnonzero(~filled))], [""])
