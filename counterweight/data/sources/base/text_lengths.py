"""How long the texts of a table may be that name something: a small file may say that it holds any."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.memory import require_memory

LONGEST = 2**12  # bytes of a path, a label, a part or a group: Linux knows no longer path
MOST = 2**29  # bytes of a column of such, or of numbers
COPIES = 4  # of a column of texts that are in memory while it is read
TEXT = 2**7  # bytes that Python takes for a short text, its place in lists and what is made of it
HEADERS = 2**20  # bytes that a row group may have beside its values
ALLOWED = f"what names something has {LONGEST:,} at most"


class TooLongError(UserError):
    """A column holds more than can name anything."""


class Long(NamedTuple):
    """A text that is too long to name anything: its place in a column, and its bytes."""

    place: int
    size: int


def is_text(kind: pa.DataType) -> bool:
    """Say whether a type is one of texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def find_long(values: pa.Array) -> Long | None:
    """Return the first text that is too long to name anything, if one of texts, a dictionary or structs of one is."""
    if pa.types.is_struct(values.type):
        return find_long(values.field(0))
    if pa.types.is_dictionary(values.type):
        if find_long(values.dictionary) is None:
            return None
        lengths = measure_texts(values.dictionary).take(values.indices)
    elif is_text(values.type):
        lengths = measure_texts(values)
    else:
        return None
    place = pc.index(pc.greater(lengths, LONGEST), True).as_py()
    return None if place < 0 else Long(place, lengths[place].as_py())


def measure_texts(values: pa.Array) -> pa.Array:
    """Return the bytes of each text."""
    return pc.binary_length(write_out_views(values))


def hide_long(values: pa.Array) -> pa.Array:
    """Return values or a dictionary's, written out, without texts that are too long to name anything."""
    if pa.types.is_dictionary(values.type):
        return write_out(pa.DictionaryArray.from_arrays(values.indices, hide_long(values.dictionary)))
    if find_long(values) is None:
        return values
    places = pa.array(np.arange(len(values)))
    return values.take(pc.if_else(pc.less_equal(measure_texts(values), LONGEST), places, None))


def write_out(values: pa.Array) -> pa.Array:
    """Return the values of a dictionary, or of structs of one: what all rows share would be as small as in the file."""
    if pa.types.is_struct(values.type):
        return pa.StructArray.from_arrays([write_out(values.field(0))], [values.type.field(0).name])
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def write_out_views(values: pa.Array) -> pa.Array:
    """Return texts or bytes that are views as themselves, in structs and dictionaries, too: rows may share a view."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(values.indices, write_out_views(values.dictionary))
    if pa.types.is_struct(kind):
        names = [kind.field(place).name for place in range(kind.num_fields)]
        parts = [write_out_views(values.field(place)) for place in range(kind.num_fields)]
        if any(part.type != values.field(place).type for place, part in enumerate(parts)):
            return pa.StructArray.from_arrays(parts, names, mask=values.is_null())
    if pa.types.is_string_view(kind):
        return values.cast(pa.large_string())
    return values.cast(pa.large_binary()) if pa.types.is_binary_view(kind) else values


def check_size(size: int, rows: int, where: str) -> None:
    """Refuse a column of more bytes than can name anything, or than there is memory for.

    Args:
        where: file and column; begins the error's message.
    """
    if size > MOST:
        raise TooLongError(f"{where} holds more than {MOST / 2**30:.1f} GiB; it can name nothing")
    require_memory(COPIES * size + rows * TEXT, where)


class Promise(NamedTuple):
    """What a file says of a part of a column: bytes once it is unpacked, and rows."""

    size: int
    rows: int


def list_promises(parquet: pq.ParquetFile, paths: Sequence[str]) -> dict[str, list[Promise]]:
    """Return what a Parquet file says of some columns, or of fields in them, as `image.path`, by row group."""
    found: dict[str, list[Promise]] = {path: [] for path in paths}
    schema = parquet.schema
    groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
    for place in range(len(schema)):
        own = found.get(schema.column(place).path)
        if own is not None:
            own += [Promise(group.column(place).total_uncompressed_size, group.num_rows) for group in groups]
    return found


def check_promises(promises: Sequence[Promise], where: str) -> None:
    """Refuse a column of Parquet that holds more than can name anything, by what the file says, before it is read.

    Args:
        where: as of `check_size`.
    """
    for size, rows in promises:
        if size > rows * LONGEST + HEADERS:
            raise TooLongError(f"{where} has {size:,} bytes in {rows:,} rows; {ALLOWED}")
    check_size(sum(own.size for own in promises), sum(own.rows for own in promises), where)
