"""Columns of images: whether they hold files or paths, and the files' bytes, a row group at a time."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.confined import read_confined
from counterweight.core.errors import UserError
from counterweight.data.sources.base.batches import read_batches, read_parquet
from counterweight.data.sources.base.column_texts import read_texts
from counterweight.data.sources.base.columns import Columns, Indices, describe_nested, translate_errors
from counterweight.data.sources.base.text_lengths import is_text
from counterweight.data.sources.base.whole_columns import read_column

PARQUET = ".parquet"
ENCODED = re.compile(r"(?:data:image/\w+;base64,)?[A-Za-z0-9+/\s]{256,}=*\s*")  # longer than names of files are
BATCH = 32  # images of a column that are read at a time: a row group may be the whole file


def is_binary(kind: pa.DataType) -> bool:
    """Say whether a type is one of bytes."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def list_fields(kind: pa.DataType) -> list[str]:
    """Return which of `bytes` and `path` a type has; texts are no bytes, as which JSON has them."""
    kinds = {field.name: field.type for field in kind} if pa.types.is_struct(kind) else {}
    if "bytes" in kinds and is_text(kinds["bytes"]):
        del kinds["bytes"]
    return [name for name in ("bytes", "path") if name in kinds]


def holds_images(columns: Columns, name: str) -> bool:
    """Say whether a column holds encoded images, not only paths.

    Raises:
        UserError: it holds neither.
    """
    kind = columns.kind(name)
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (is_text(kind) or is_binary(kind) or list_fields(kind)):
        wanted = "paths, image files as bytes, or structs of bytes and path"
        said = describe_nested(columns, [name]) or f"column '{name}' holds {kind}; {wanted} are needed"
        raise UserError(f"{columns.file}: {said}")
    return is_binary(kind) or ("bytes" in list_fields(kind) and not is_all_null(columns.file, name, "bytes"))


def is_all_null(file: Path, name: str, field: str) -> bool:
    """Say whether a field of a column holds nothing at all; the first batch that has something ends the search.

    Statistics of Parquet would tell, too, but pyarrow crashes on some that are damaged.
    """
    with translate_errors(file):
        own = (batch.field(field) for batch in read_batches(file, name, BATCH, field, naming=False))
        return all(values.null_count == len(values) for values in own)


def read_paths(columns: Columns, name: str) -> list[str]:
    """Return the paths of a column that holds no images.

    Raises:
        UserError: one is missing.
    """
    inner = list_fields(columns.kind(name))
    if not inner:
        texts = read_texts(columns, name)
        if texts and ENCODED.fullmatch(texts[0]):
            ways = "write each image as a file and its path here, or as bytes in Parquet"
            raise UserError(f"{columns.file}: column '{name}' holds base64, which is not read; {ways}")
        return texts
    if "path" not in inner:
        raise UserError(f"{columns.file}: column '{name}' has neither bytes nor paths")
    with translate_errors(columns.file):
        words: list[str] = read_column(columns, name, "path").combine_chunks().field("path").to_pylist()
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
    """Yield the images in some rows of a column, in that order; other row groups of Parquet are not read.

    Raises:
        UserError: the table cannot be read.
    """
    with translate_errors(columns.file):
        if columns.file.suffix.lower() == PARQUET:
            found = read_confined(lambda: read_groups(columns.file, name, rows), columns.file.stat().st_size)
        else:
            runs = np.split(rows, np.flatnonzero(np.diff(rows) <= 0) + 1) if len(rows) else []
            own = (take_rows(read_batches(columns.file, name, BATCH, naming=False), 0, run) for run in runs)
            found = chain.from_iterable(own)
        for batch in found:
            yield from list_contents(batch)


def list_contents(batch: pa.RecordBatch) -> Iterator[Content]:
    """Yield the images of a batch of `take_rows`."""
    for row, image in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
        if isinstance(image, bytes):
            yield Content(row, image, None)
        else:
            yield Content(row, *((image or {}).get(field) for field in ("bytes", "path")))


def read_groups(file: Path, name: str, rows: Indices) -> Iterator[pa.RecordBatch]:
    """Yield some rows of a Parquet column, in that order, as `take_rows` does."""
    facts = pq.read_metadata(file)
    sizes = [facts.row_group(number).num_rows for number in range(facts.num_row_groups)]
    ends = np.cumsum(sizes)
    groups = np.searchsorted(ends, rows, side="right")
    # A new run wherever the row group changes or rows go back: inside a run a group is read once.
    breaks = np.flatnonzero((np.diff(groups) != 0) | (np.diff(rows) <= 0)) + 1
    for run in np.split(rows, breaks) if len(rows) else []:
        group = int(np.searchsorted(ends, run[0], side="right"))
        batches = (batch.column(0) for batch in read_parquet(file, [name], BATCH, [], [group], facts))
        yield from take_rows(batches, int(ends[group]) - sizes[group], run)


def take_rows(batches: Iterable[pa.Array], start: int, rows: Indices) -> Iterator[pa.RecordBatch]:
    """Yield increasing rows of some batches, whose first row is `start`: their numbers, and what they hold."""
    for batch in batches:
        own = rows[(rows >= start) & (rows < start + len(batch))]
        if len(own):
            yield pa.RecordBatch.from_arrays([pa.array(own), batch.take(pa.array(own - start))], ["row", "image"])
        start += len(batch)
        if start > rows[-1]:
            return
