"""Record batches of tables that know their types: Parquet, Arrow as Hugging Face's `datasets` saves it, JSON lines."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from counterweight.core.memory import require_memory
from counterweight.data.sources.base.text_lengths import check_promise

ARROW, LINES = ".arrow", ".jsonl"
LINE = 2**24  # bytes of a line of JSON, at most
COPIES = 4  # of a table of JSON that are in memory while it is read


def read_schema(file: Path) -> pa.Schema:
    """Return names and types of a table's columns.

    Raises:
        pa.ArrowException, OSError, UnicodeDecodeError: it cannot be read.
    """
    if file.suffix.lower() == ARROW:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
            schema = reader.schema
    else:
        schema = read_lines(file).schema if file.suffix.lower() == LINES else pq.read_schema(file)
    check_names(schema)
    return schema


def check_names(fields: Iterable[pa.Field]) -> None:
    """Look at the names of columns and of fields in these, which Arrow takes for texts before it looks at them.

    Raises:
        UnicodeDecodeError: one is none.
    """
    for field in fields:
        assert isinstance(field.name, str)
        check_names(field.type if pa.types.is_struct(field.type) else ())


def read_batches(file: Path, name: str, rows: int, field: str | None = None, naming: bool = True) -> Iterator[pa.Array]:
    """Yield a column of a table, or structs of one field of it alone, so many rows at a time at most.

    Arrow is mapped into memory, where the system takes and drops pages as it likes. Texts and bytes of Parquet that
    are in no struct are dictionaries: what all rows share is in memory once.

    Args:
        naming: whether what it holds is to name something.

    Raises:
        TooLongError: it holds more than that, as a file says that can be unpacked to any size.
        pa.ArrowException, OSError: it cannot be read.
    """
    if file.suffix.lower() == ARROW:
        with pa.memory_map(str(file)) as source:
            for batch in open_column(source, name):
                column = select(batch.column(0), field)
                column.validate(full=True)  # lengths that lead out of the file are found by nobody else
                yield from cut(column, rows)
    elif file.suffix.lower() == LINES:
        for chunk in read_lines(file).column(name).chunks:
            yield from cut(select(chunk, field), rows)
    else:
        path = name if field is None else f"{name}.{field}"
        with pq.ParquetFile(file) as parquet:
            if naming:
                check_promise(parquet, path, f"{file}: column '{name}'")
            facts = parquet.metadata
            # Of fields in structs pyarrow reads no large dictionaries.
            shared = [own.path for own in parquet.schema if own.path == name and field is None]
        with pq.ParquetFile(file, metadata=facts, read_dictionary=shared) as parquet:
            yield from (batch.column(0) for batch in parquet.iter_batches(rows, columns=[path]))


def open_column(source: pa.NativeFile, name: str) -> pa.ipc.RecordBatchStreamReader:
    """Return what reads one column of a stream of Arrow; others may be unpacked to any size."""
    place = pa.ipc.open_stream(source).schema.get_field_index(name)
    source.seek(0)
    return pa.ipc.open_stream(source, options=pa.ipc.IpcReadOptions(included_fields=[place]))


def cut(column: pa.Array, rows: int) -> Iterator[pa.Array]:
    """Yield a column, so many rows at a time at most."""
    yield from (column[start : start + rows] for start in range(0, len(column), rows))


def select(column: pa.Array, field: str | None) -> pa.Array:
    """Return structs of one field of a column's alone, or the column if that is None."""
    return column if field is None else pa.StructArray.from_arrays([column.field(field)], [field])


def read_lines(file: Path) -> pa.Table:
    """Return a table of JSON lines, which is in memory as a whole."""
    require_memory(COPIES * file.stat().st_size, str(file))
    return pyarrow.json.read_json(file, pyarrow.json.ReadOptions(block_size=LINE))
