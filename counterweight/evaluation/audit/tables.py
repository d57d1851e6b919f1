"""Image tables that strangers may have made: read once in a process that may take no more than they promise."""

import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.confined import read_confined
from counterweight.core.errors import UserError
from counterweight.core.images import read_facts
from counterweight.core.memory import require_memory

AT_ONCE = 2**25
"""Bytes of images that are looked at together."""
BESIDE = 2**13
"""Bytes that an image may have beside its pixels: where it came from and its group, each as long as a path at most."""


def check_table(path: Path) -> None:
    """Refuse a table that holds more than the images it promises, or takes more memory or time than these.

    Raises:
        UserError: it does, or is no image table.
    """
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            size, rows = math.prod(read_facts(file)[0]), file.metadata.num_rows
        require_memory(2 * rows * size, str(path))
        [found] = read_confined(lambda: measure(path, max(1, AT_ONCE // size)), path.stat().st_size)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        ways = "of other tables the images must be in a folder"
        raise UserError(f"{path}: not an image table of this project: {error}; {ways}") from error
    held = found.column(0)[0].as_py()
    if held > rows * (size + BESIDE):
        raise UserError(f"{path}: {held:,} bytes in {rows:,} images of {size:,}; an image may have {BESIDE:,} more")


def measure(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the bytes that all rows of a table have in memory; so many of these are read together."""
    with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
        sizes = [batch.nbytes for batch in file.iter_batches(rows, use_threads=False)]
    yield pa.RecordBatch.from_pydict({"bytes": [sum(sizes)]})
