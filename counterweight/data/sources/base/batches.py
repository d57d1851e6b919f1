"""Record batches of tables that know their types: Parquet, Arrow as Hugging Face's `datasets` saves it, JSON lines."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from counterweight.core.confined import read_confined
from counterweight.core.memory import require_memory
from counterweight.data.sources.base.text_lengths import check_promises, list_promises, write_out_views

ARROW, LINES = ".arrow", ".jsonl"
FILE_OF_ARROW = b"ARROW1"
MOST_ROWS = 2**25
"""Of a table, at most: some bytes may say that it has any, of nothing, or of the same."""
TOGETHER = 2**16  # rows of Parquet that are read at a time where that takes no more memory than fewer
LINE = 2**24  # bytes of a line of JSON, at most
STRADDLING = "straddles two block boundaries"  # what Arrow says of one that is longer
COPIES = 4  # of a table of JSON that are in memory while it is read


def read_schema(file: Path) -> pa.Schema:
    """Return names and types of a table's columns.

    Raises:
        pa.ArrowException, OSError, UnicodeDecodeError: it cannot be read.
    """
    if file.suffix.lower() == ARROW:
        with pa.memory_map(str(file)) as source:
            if source.read(len(FILE_OF_ARROW)) == FILE_OF_ARROW:
                raise pa.ArrowInvalid("it is a file of Arrow, not a stream of it; write it as Parquet")
            source.seek(0)
            schema = pa.ipc.open_stream(source).schema
    else:
        schema = read_line_schema(file) if file.suffix.lower() == LINES else pq.read_schema(file)
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

    They are read in a process of its own, which takes no more memory than their file and some. Texts and bytes of
    Parquet that are in no struct are dictionaries: what all rows share is in memory once.

    Args:
        naming: whether what it holds is to name something.

    Raises:
        TooLongError: it holds more than that, as a file says that can be unpacked to any size.
        pa.ArrowException, OSError: it cannot be read.
    """
    if file.suffix.lower() == ARROW:
        found = read_confined(lambda: read_arrow(file, name, rows, field), file.stat().st_size)
    elif file.suffix.lower() == LINES:
        found = read_confined(lambda: read_line_column(file, name, rows, field), COPIES * file.stat().st_size)
    else:
        path = name if field is None else f"{name}.{field}"
        with pq.ParquetFile(file) as parquet:
            check_rows(parquet.metadata.num_rows)
            if naming:
                check_promises(list_promises(parquet, [path])[path], f"{file}: column '{name}'")
            # Of fields in structs pyarrow reads no large dictionaries.
            shared = [own.path for own in parquet.schema if own.path == name and field is None]
        found = read_confined(lambda: read_parquet(file, [path], rows, shared), file.stat().st_size)
    yield from (batch.column(0) for batch in found)


def read_arrow(file: Path, name: str, rows: int, field: str | None) -> Iterator[pa.RecordBatch]:
    """Yield a column of a stream of Arrow; arguments as of `read_batches`.

    It is mapped into memory, where the system takes and drops pages as it likes.
    """
    read = 0
    with pa.memory_map(str(file)) as source:
        for batch in open_columns(source, [name]):
            check_rows(read := read + len(batch))
            column = select(batch.column(0), field)
            column.validate(full=True)  # lengths that lead out of the file are found by nobody else
            yield from cut([column], rows)


def read_line_column(file: Path, name: str, rows: int, field: str | None) -> Iterator[pa.RecordBatch]:
    """Yield a column of lines of JSON; arguments as of `read_batches`."""
    for chunk in read_lines(file).column(name).chunks:
        yield from cut([select(chunk, field)], rows)


def read_parquet(
    file: Path,
    paths: Sequence[str],
    rows: int,
    shared: Sequence[str],
    groups: list[int] | None = None,
    facts: pq.FileMetaData | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield columns of Parquet in the order in which they lie there, so many rows at a time at most.

    Args:
        paths: of the columns, or of fields in them, as `image.path`.
        shared: columns that are read as dictionaries.
        groups: row groups; None: all.
        facts: of the file, if they are known.
    """
    with open_parquet(file, shared, facts) as parquet:
        yield from read_open_parquet(parquet, paths, rows, groups)


def open_parquet(file: Path, shared: Sequence[str], facts: pq.FileMetaData | None = None) -> pq.ParquetFile:
    """Return what reads Parquet with neither threads, of which a fork has one, nor whole row groups at once.

    Args:
        shared, facts: as of `read_parquet`.
    """
    return pq.ParquetFile(file, metadata=facts, read_dictionary=shared, memory_map=True, pre_buffer=False)


def read_open_parquet(
    parquet: pq.ParquetFile, paths: Sequence[str], rows: int, groups: list[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield columns of Parquet; arguments as of `read_parquet`."""
    most = count_together(parquet, paths, rows)
    for batch in parquet.iter_batches(most, groups, columns=[*paths], use_threads=False):
        columns = [shrink(column) for column in batch.columns]
        for start in range(0, len(batch), rows):
            own = [write_out_views(shrink(column[start : start + rows])) for column in columns]
            yield pa.RecordBatch.from_arrays(own, batch.schema.names)


def count_together(parquet: pq.ParquetFile, paths: Sequence[str], rows: int) -> int:
    """Return how many rows are read at a time: many of one column of a dictionary or numbers, else what is wanted.

    With each batch pyarrow hands out all texts of a row group that were read before, too.
    """
    schema = parquet.schema_arrow
    kinds = [schema.field(path).type for path in paths if schema.names.count(path) == 1]
    short = [pa.types.is_dictionary(kind) or pa.types.is_primitive(kind) for kind in kinds]
    return max(rows, TOGETHER) if len(paths) == 1 and any(short) else rows


def shrink(values: pa.Array) -> pa.Array:
    """Return a dictionary of no more texts than there are rows, which had those of others, too."""
    if not pa.types.is_dictionary(values.type) or len(values.dictionary) <= len(values):
        return values
    places = values.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(places.indices, values.dictionary.take(places.dictionary))


def open_columns(source: pa.NativeFile, names: Sequence[str]) -> pa.ipc.RecordBatchStreamReader:
    """Return what reads columns of a stream of Arrow as they lie there; others may be unpacked to any size."""
    schema = pa.ipc.open_stream(source).schema
    places = [schema.get_field_index(name) for name in names]
    source.seek(0)
    return pa.ipc.open_stream(source, options=pa.ipc.IpcReadOptions(included_fields=places, use_threads=False))


def cut(columns: Sequence[pa.Array], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield columns, so many rows at a time at most."""
    names = [str(place) for place in range(len(columns))]
    for start in range(0, len(columns[0]), rows):
        yield pa.RecordBatch.from_arrays([write_out_views(own[start : start + rows]) for own in columns], names)


def check_rows(count: int) -> None:
    """Refuse more rows than a table has.

    Raises:
        pa.ArrowInvalid: there are more.
    """
    if count > MOST_ROWS:
        raise pa.ArrowInvalid(f"it has more than {MOST_ROWS:,} rows")


def select(column: pa.Array, field: str | None) -> pa.Array:
    """Return structs of one field of a column's alone, or the column if that is None."""
    return column if field is None else pa.StructArray.from_arrays([column.field(field)], [field])


def read_line_schema(file: Path) -> pa.Schema:
    """Return names and types of a table of JSON lines; arguments and errors as of `read_schema`."""
    size = COPIES * file.stat().st_size
    require_memory(size, str(file))
    return next(read_confined(lambda: iter([pa.RecordBatch.from_pylist([], read_lines(file).schema)]), size)).schema


def read_lines(file: Path) -> pa.Table:
    """Return a table of JSON lines, which is in memory as a whole.

    Raises:
        pa.ArrowInvalid: it is damaged, or a line is too long.
    """
    try:
        return pyarrow.json.read_json(file, pyarrow.json.ReadOptions(block_size=LINE, use_threads=False))
    except pa.ArrowInvalid as error:
        if STRADDLING not in str(error):
            raise
        raise pa.ArrowInvalid(f"a line has more than {LINE / 2**20:.0f} MiB") from error
