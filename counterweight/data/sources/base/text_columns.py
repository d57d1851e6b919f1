"""Columns of tables of texts, read in a process of its own: a small one may have so many that none of them fits."""

import codecs
import ctypes
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from counterweight.core.confined import Read, read_confined
from counterweight.core.memory import require_memory

COPIES = 4  # of a table of texts that are in memory while it is read
M_MMAP_THRESHOLD, M_MMAP_MAX = -3, -4  # malloc.h
RETURNING = MappingProxyType({M_MMAP_MAX: 2**16, M_MMAP_THRESHOLD: 2**18})
"""What is larger is given back to the kernel as soon as it is free."""

Choose = Callable[[pa.Table], pa.Table]


class Reading(NamedTuple):
    """How a table of texts is read: its encoding, and the options of what is UTF-8 then."""

    encoding: str
    options: pyarrow.csv.ReadOptions
    parsing: pyarrow.csv.ParseOptions

    def open(self, file: Path) -> pa.NativeFile:
        """Open a table as UTF-8; what is written otherwise is in memory as a whole.

        Arrow decodes in a thread whose allocator reserves 1 GiB, for which a confined process has no room.
        """
        if codecs.lookup(self.encoding).name == "utf-8":
            return pa.OSFile(str(file))
        return pa.BufferReader(file.read_bytes().decode(self.encoding).encode())


def read_names(file: Path, reading: Reading) -> list[str]:
    """Return the names of all columns.

    Raises:
        pa.ArrowException, OSError: they cannot be read.
    """

    def read() -> Iterator[pa.RecordBatch]:
        with reading.open(file) as stream, pyarrow.csv.open_csv(stream, reading.options, reading.parsing) as reader:
            yield pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in reader.schema.names]))

    return list(next(read_returning(read, COPIES * file.stat().st_size)).schema.names)


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
        with reading.open(file) as stream:
            table = pyarrow.csv.read_csv(stream, reading.options, reading.parsing, convert_to_texts(names))
        yield from choose(table).to_batches()

    yield from read_returning(read, COPIES * size)


def read_first_texts(file: Path, reading: Reading, names: Sequence[str], blank: int) -> pa.RecordBatch:
    """Return the first rows of some columns, of which so many at the end of the table are none.

    Raises:
        pa.ArrowException, OSError: they cannot be read.
    """

    def read() -> Iterator[pa.RecordBatch]:
        own = reading.options, reading.parsing, convert_to_texts(names)
        with reading.open(file) as stream, pyarrow.csv.open_csv(stream, *own) as reader:
            empty = pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in names]))
            found = next(iter(reader), empty)
            rows = len(found) + sum(len(batch) for batch in reader) - blank if blank else len(found)
            yield found.slice(0, max(0, rows))

    return next(read_returning(read, COPIES * file.stat().st_size))


def read_returning(read: Read, size: int) -> Iterator[pa.RecordBatch]:
    """Yield rows as `read_confined` does, from a process whose C library keeps no large memory that is free.

    For each column Arrow reserves as much as it reads of all columns at a time, 1 MiB, and returns nearly all of it.
    glibc would put small things into the gap, so that the next column needs another: 4 GiB for 1,200 columns.
    """

    def read_own() -> Iterator[pa.RecordBatch]:
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            for parameter, value in RETURNING.items():
                libc.mallopt(parameter, value)
        yield from read()

    yield from read_confined(read_own, size)


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
