"""Columns of CSV and Parquet tables: which there are, their texts, and images that are read when they are wanted."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from counterweight.core.errors import UserError
from counterweight.core.schema import suggest_name
from counterweight.data.sources.base.batches import ARROW, LINES, read_schema
from counterweight.data.sources.base.delimited_text import (
    DELIMITERS,
    SAID,
    check_blank_before_quotes,
    choose_delimiter,
    count_blank_rows,
    detect_encoding,
    number_row,
    read_head,
)
from counterweight.data.sources.base.first_rows import read_first_columns
from counterweight.data.sources.base.json_tables import JSON, read_json_table
from counterweight.data.sources.base.label_texts import read_label_text
from counterweight.data.sources.base.text_columns import (
    Reading,
    find_nothing,
    read_first_texts,
    read_names,
    read_text_columns,
)
from counterweight.data.sources.base.text_lengths import hide_long, is_text

FIRST = 10_000  # rows that tell what a column holds
NAMED = 20  # columns that a message names
TYPED = (".parquet", LINES, ARROW)
SUFFIXES = (*DELIMITERS, *TYPED)
HINTS = {
    "Expected 1 columns, got": "remove what stands above the names of the columns",
    'CSV parse error.*"': "is a quote not closed there?",
    "straddl": "a row has more than a million characters; is a quote not closed?",
    "changed from": "write values of one kind in each column, as all numbers or all texts in quotes",
}
"""What may be done about an error of the library that reads tables, by words of it."""

Indices = npt.NDArray[np.int64]


class UnreadableError(UserError):
    """A table cannot be read."""


class Columns(NamedTuple):
    """The columns of a table."""

    file: Path
    schema: pa.Schema
    delimiter: str = ""
    """Of a table of texts."""
    encoding: str = "utf-8"
    skipped: int = 0
    """Lines before that with the names of the columns."""
    header: bool = True
    """Whether there is such a line; columns of a table of texts without are called f0, f1..."""
    blank: int = 0
    """Rows at the end of a table of texts with nothing in them, which are not read."""
    empty: tuple[int, ...] = ()
    """Rows above these with nothing in them, which are not read either, counted from 0."""
    texts: pa.Table | None = None
    """All of a text that is parted by blanks, or of JSON."""

    def number(self, place: int) -> int:
        """Return the number of a row in the file, from 1, given its place among those that are read."""
        return number_row(place, self.empty)

    @property
    def reading(self) -> Reading:
        """How a table of texts is to be read."""
        # A quoted text may hold line breaks.
        parsing = pyarrow.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
        named = {"skip_rows": self.skipped, "autogenerate_column_names": not self.header}
        return Reading(self.encoding, pyarrow.csv.ReadOptions(use_threads=False, **named), parsing)

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    @property
    def single_names(self) -> list[str]:
        """The names that one column alone has."""
        return [name for name, count in Counter(self.schema.names).items() if count == 1]

    def kind(self, name: str) -> pa.DataType:
        """Return the type of a column, of the first where several have its name."""
        return self.schema.field(self.schema.get_all_field_indices(name)[0]).type

    def class_names(self, name: str) -> list[str] | None:
        """Return what the numbers of a column stand for, as Hugging Face's `datasets` writes it."""
        try:
            facts = json.loads((self.schema.metadata or {})[b"huggingface"])
            names = facts["info"]["features"][name]["names"]
        except (KeyError, TypeError, ValueError):
            return None
        return [str(word) for word in names] if isinstance(names, list) else None


def read_columns(file: Path, delimiter: str | None = None, encoding: str | None = None) -> Columns:
    """Return the columns of a table.

    Args:
        delimiter, encoding: of a table of texts; None: as its first line looks.

    Raises:
        UserError: it cannot be read.
    """
    with translate_errors(file):
        if file.suffix.lower() in TYPED:
            return Columns(file, read_schema(file))
        encoding = encoding or detect_encoding(file)
        if file.suffix.lower() == JSON:
            texts = read_json_table(file, encoding)
            return Columns(file, texts.schema, encoding=encoding, texts=texts)
        if not delimiter and file.suffix.lower() not in DELIMITERS:
            texts, skipped = read_label_text(file, encoding)
            return Columns(file, texts.schema, encoding=encoding, header=False, empty=skipped, texts=texts)
        head = read_head(file, encoding)
        said = SAID.fullmatch(head.strip())
        delimiter = delimiter or (said["mark"] if said else choose_delimiter(file, head))
        check_blank_before_quotes(file, head, delimiter)
        blank = count_blank_rows(file, encoding, delimiter)
        found = Columns(file, pa.schema([]), delimiter, encoding, skipped=1 if said else 0, blank=blank)
        names = read_names(file, found.reading)
        found = found._replace(schema=pa.schema([(name, pa.string()) for name in names]))
        return found._replace(empty=find_empty_rows(found))


def find_empty_rows(columns: Columns) -> tuple[int, ...]:
    """Return the rows of a table of texts, above those at its end, that have nothing in any column."""
    mark = re.escape(columns.delimiter)
    line = re.compile(rf"[ \"]*(?:{mark}[ \"]*)+\n?")
    with columns.file.open(encoding=columns.encoding) as stream:
        if sum(line.fullmatch(own) is not None for own in stream) <= columns.blank:
            return ()
    choose = partial(find_nothing, blank=columns.blank)
    found = read_text_columns(columns.file, columns.reading, columns.names, choose)
    return tuple(row for batch in found for row in batch.column(0).to_pylist())


def describe_empty(columns: Columns) -> list[str]:
    """Return a note if rows above others have nothing in any column."""
    if not columns.empty:
        return []
    if columns.texts is not None:
        return [f"{columns.file.name}: {len(columns.empty):,} lines are empty or comments"]
    said = f"{len(columns.empty):,} rows have nothing in any column and are none, first row {columns.empty[0] + 1}"
    return [f"{columns.file.name}: {said}"]


Rows = TypeVar("Rows", pa.ChunkedArray, pa.RecordBatch)


def drop_empty(columns: Columns, found: Rows) -> Rows:
    """Return rows from the first on without those that have nothing in them."""
    if not columns.empty:
        return found
    kept = np.ones(len(found), dtype=np.bool_)
    kept[[row for row in columns.empty if row < len(found)]] = False
    return found.filter(pa.array(kept))


@contextmanager
def translate_errors(file: Path) -> Iterator[None]:
    """Say in one line that a table cannot be read."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, LookupError) as error:
        said = " ".join(str(error).split())
        hint = next((f"; {hint}" for words, hint in HINTS.items() if re.search(words, said)), "")
        raise UnreadableError(f"{file}: cannot be read: {said}{hint}") from error


def choose_column(
    columns: Columns, wanted: str | None, usual: Sequence[str], only: Callable[[str], bool]
) -> str | None:
    """Return the name of a column: the one that is wanted, else one of the usual, else the only one that will do.

    Raises:
        UserError: the wanted one is not there.
    """
    if wanted is not None and wanted not in columns.names:
        raise UserError(describe_missing(columns, wanted))
    found = list_usual(columns, usual)[:1] or [name for name in columns.names if only(name)]
    return wanted or (found[0] if len(found) == 1 else None)


def describe_missing(columns: Columns, wanted: str) -> str:
    """Say that a table has no column that is asked for, and which it has."""
    if nested := describe_nested(columns, [wanted.partition(".")[0]]):
        return f"{columns.file}: no column '{wanted}'; {nested}"
    near = suggest_name(wanted, columns.names)
    if near.startswith("; allowed"):
        return f"{columns.file}: no column '{wanted}'; allowed: {name_all(columns)}"
    return f"{columns.file}: no column '{wanted}'{near} It has {name_all(columns)}"


def describe_nested(columns: Columns, names: Sequence[str]) -> str:
    """Say which of some columns has others in it, none of which is read; nothing where none has but those of images."""
    for name in filter(columns.names.__contains__, names):
        kind = columns.kind(name)
        kinds = {field.name: field.type for field in kind} if pa.types.is_struct(kind) else {}
        fields = [*kinds]
        named = any(pa.types.is_struct(own) or is_text(own) for own in kinds.values())
        if named and "bytes" not in fields and fields != ["path"]:
            inner = ", ".join(f"{name}.{field}" for field in fields[:NAMED])
            ways = "write each as a column of its own; allowed: texts, numbers, bytes, structs of bytes and path"
            return f"column '{name}' is a struct of {inner}, which is not read: {ways}"
    return ""


def name_all(columns: Columns) -> str:
    """Return the names of the columns, the first of many."""
    first, rest = columns.names[:NAMED], len(columns.names) - NAMED
    return ", ".join(name or "''" for name in first) + (f" and {rest:,} more" if rest > 0 else "")


def list_usual(columns: Columns, usual: Sequence[str]) -> list[str]:
    """Return the columns that have usual names, whatever their case, in the order of these."""
    # Reversed: the first of equal names wins.
    lower = {name.strip("\ufeff ").lower(): name for name in reversed(columns.names)}
    return [lower[name] for name in usual if name in lower]


def drop_header(columns: Columns) -> Columns:
    """Return a table of texts whose first line is a row as others are."""
    schema = pa.schema([(f"f{place}", pa.string()) for place in range(len(columns.names))])
    return columns._replace(header=False, schema=schema, empty=tuple(row + 1 for row in columns.empty))


def read_first_rows(columns: Columns, names: list[str]) -> pa.RecordBatch:
    """Return some columns of the first rows of a table, without texts that are too long to name anything."""
    with translate_errors(columns.file):
        found = read_rows(columns, names)
    return pa.RecordBatch.from_arrays([hide_long(values) for values in found.columns], found.schema.names)


def read_rows(columns: Columns, names: list[str]) -> pa.RecordBatch:
    """Return some columns of the first rows of a table as they are."""
    if columns.texts is not None:
        first = columns.texts.select(names).slice(0, FIRST)
        return pa.RecordBatch.from_arrays([own.combine_chunks() for own in first.columns], names)
    if columns.delimiter:
        return drop_empty(columns, read_first_texts(columns.file, columns.reading, names, columns.blank))
    found = read_first_columns(columns.file, names, FIRST)
    rows = max(map(len, found.values()), default=0)
    blank = {name: pa.nulls(rows, columns.kind(name)) for name in names if name not in found}
    every = found | blank
    return pa.RecordBatch.from_arrays([every[name] for name in names], names)
