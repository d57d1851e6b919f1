"""Columns of CSV and Parquet tables: which there are, their texts, and images that are read when they are wanted."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.schema import suggest_name

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*DELIMITERS, ".parquet")
BATCH = 32  # images of a column that are read at a time: a row group may be the whole file

Indices = npt.NDArray[np.int64]


class Columns(NamedTuple):
    """The columns of a table."""

    file: Path
    schema: pa.Schema

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    def kind(self, name: str) -> pa.DataType:
        """Return the type of a column."""
        return self.schema.field(name).type

    def class_names(self, name: str) -> list[str] | None:
        """Return what the numbers of a column stand for, as Hugging Face's `datasets` writes it."""
        try:
            facts = json.loads((self.schema.metadata or {})[b"huggingface"])
            names = facts["info"]["features"][name]["names"]
        except (KeyError, TypeError, ValueError):
            return None
        return [str(word) for word in names] if isinstance(names, list) else None


def read_columns(file: Path) -> Columns:
    """Return the columns of a table.

    Raises:
        UserError: it cannot be read.
    """
    with translate_errors(file):
        if file.suffix.lower() not in DELIMITERS:
            return Columns(file, pq.read_schema(file))
        with pyarrow.csv.open_csv(file, parse_options=detect_layout(file)) as reader:
            return Columns(file, pa.schema([(name, pa.string()) for name in reader.schema.names]))


@contextmanager
def translate_errors(file: Path) -> Iterator[None]:
    """Say in one line that a table cannot be read."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {' '.join(str(error).split())}") from error


def detect_layout(file: Path) -> pyarrow.csv.ParseOptions:
    """Return how the lines of a CSV or TSV file are to be read."""
    # A quoted text may hold line breaks.
    return pyarrow.csv.ParseOptions(delimiter=DELIMITERS[file.suffix.lower()], newlines_in_values=True)


def choose_column(
    columns: Columns, wanted: str | None, usual: Sequence[str], only: Callable[[str], bool]
) -> str | None:
    """Return the name of a column: the one that is wanted, else one of the usual, else the only one that will do.

    Raises:
        UserError: the wanted one is not there.
    """
    if wanted is not None and wanted not in columns.names:
        near, every = suggest_name(wanted, columns.names), ", ".join(columns.names)
        offer = near if near.startswith("; allowed") else f"{near} It has {every}"
        raise UserError(f"{columns.file}: no column '{wanted}'{offer}")
    lower = {name.lower(): name for name in reversed(columns.names)}  # Reversed: the first of equal names wins.
    found = [lower[name] for name in usual if name in lower][:1] or [name for name in columns.names if only(name)]
    return wanted or (found[0] if len(found) == 1 else None)


def read_column(columns: Columns, name: str) -> pa.ChunkedArray:
    """Return a column, or a field of one that is named as `image.path`."""
    with translate_errors(columns.file):
        if columns.file.suffix.lower() not in DELIMITERS:
            with pq.ParquetFile(columns.file) as file:
                return file.read(columns=[name]).column(0)
        # As text: 007 would become a number otherwise.
        options = pyarrow.csv.ConvertOptions(include_columns=[name], column_types={name: pa.string()})
        return pyarrow.csv.read_csv(
            columns.file, parse_options=detect_layout(columns.file), convert_options=options
        ).column(0)


def read_texts(columns: Columns, name: str) -> list[str]:
    """Return a column as texts, none empty: whole numbers by their names where the table gives such.

    Raises:
        UserError: a value is missing or has no name, or the column holds something else.
    """
    kind, array, names = columns.kind(name), read_column(columns, name), columns.class_names(name)
    if pa.types.is_dictionary(kind):
        kind, array = kind.value_type, array.cast(kind.value_type)
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise UserError(f"{columns.file}: column '{name}' holds {kind}; texts or whole numbers are needed")
    values = array.to_pylist()
    for row, value in enumerate(values, 1):
        if value is None or value == "":
            raise UserError(f"{columns.file}: row {row}: '{name}' is empty")
        # Not isinstance: True and False are ints, too.
        if names and type(value) is int and not 0 <= value < len(names):
            raise UserError(f"{columns.file}: row {row}: '{name}' is {value}, which none of the {len(names)} names has")
    return [names[value] if names and type(value) is int else str(value) for value in values]


def is_text(kind: pa.DataType) -> bool:
    """Say whether a type is one of texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_binary(kind: pa.DataType) -> bool:
    """Say whether a type is one of bytes."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def list_fields(kind: pa.DataType) -> list[str]:
    """Return which of `bytes` and `path` a type has."""
    names = [field.name for field in kind] if pa.types.is_struct(kind) else []
    return [name for name in ("bytes", "path") if name in names]


def holds_images(columns: Columns, name: str) -> bool:
    """Say whether a column holds encoded images, not only paths.

    Raises:
        UserError: it holds neither.
    """
    kind = columns.kind(name)
    if not (is_text(kind) or is_binary(kind) or list_fields(kind)):
        wanted = "paths, image files as bytes, or structs of bytes and path"
        raise UserError(f"{columns.file}: column '{name}' holds {kind}; {wanted} are needed")
    return is_binary(kind) or ("bytes" in list_fields(kind) and not is_all_null(columns.file, f"{name}.bytes"))


def is_all_null(file: Path, name: str) -> bool:
    """Say whether a table's statistics tell that a field holds nothing at all."""
    with translate_errors(file):
        facts = pq.read_metadata(file)
    groups = [facts.row_group(number) for number in range(facts.num_row_groups)]
    chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
    found = [chunk for chunk in chunks if chunk.path_in_schema == name]
    return all(
        chunk.statistics is not None
        and chunk.statistics.has_null_count
        and chunk.statistics.null_count == chunk.num_values
        for chunk in found
    )


def read_paths(columns: Columns, name: str) -> list[str]:
    """Return the paths of a column that holds no images.

    Raises:
        UserError: one is missing.
    """
    inner = list_fields(columns.kind(name))
    if not inner:
        return read_texts(columns, name)
    if "path" not in inner:
        raise UserError(f"{columns.file}: column '{name}' has neither bytes nor paths")
    words: list[str] = read_column(columns, f"{name}.path").combine_chunks().field("path").to_pylist()
    for row, word in enumerate(words, 1):
        if not word:
            raise UserError(f"{columns.file}: row {row}: '{name}' has neither bytes nor a path")
    return words


class Content(NamedTuple):
    """An image of a column: the content of its file, its path, or both."""

    row: int
    content: bytes | None
    path: str | None


def read_contents(columns: Columns, name: str, rows: Indices) -> Iterator[Content]:
    """Yield the images in some rows of a Parquet column, in that order; other row groups are not read.

    Raises:
        UserError: the table cannot be read.
    """
    with translate_errors(columns.file), pq.ParquetFile(columns.file, memory_map=True) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        groups = np.searchsorted(ends, rows, side="right")
        # A new run wherever the row group changes or rows go back: inside a run a group is read once.
        breaks = np.flatnonzero((np.diff(groups) != 0) | (np.diff(rows) <= 0)) + 1
        for run in np.split(rows, breaks) if len(rows) else []:
            group = int(np.searchsorted(ends, run[0], side="right"))
            yield from read_group(file, name, group, int(ends[group]) - sizes[group], run)


def read_group(file: pq.ParquetFile, name: str, group: int, start: int, rows: Indices) -> Iterator[Content]:
    """Yield the images in increasing rows of one row group, whose first row is `start`."""
    for batch in file.iter_batches(BATCH, row_groups=[group], columns=[name]):
        own = rows[(rows >= start) & (rows < start + len(batch))]
        images = batch.column(0).take(pa.array(own - start)).to_pylist()
        for row, image in zip(own.tolist(), images, strict=True):
            if isinstance(image, bytes):
                yield Content(row, image, None)
            else:
                yield Content(row, *((image or {}).get(field) for field in ("bytes", "path")))
        start += len(batch)
        if start > rows[-1]:
            return
