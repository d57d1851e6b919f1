"""Columns of tables as texts: paths and words, labels as they are meant, and which columns have words of some kind."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from counterweight.core.errors import UserError
from counterweight.data.sources.base.columns import Columns, read_first_rows, translate_errors
from counterweight.data.sources.base.labels import (
    describe_too_long,
    describe_written,
    find_too_long,
    is_missing,
    normalize_label,
)
from counterweight.data.sources.base.text_lengths import is_text
from counterweight.data.sources.base.whole_columns import read_column, read_each

UNKNOWN = -1
LIKE_MISSING = re.compile(
    r"[<(\[]?(?:none|nil|null|missing|undefined|unknown|not[ _]available)[>)\]]?|[?.-]+|\\n", re.I
)


def read_texts(columns: Columns, name: str) -> list[str]:
    """Return a column as texts, none empty: whole numbers by their names where the table gives such.

    Raises:
        UserError: a value is missing or has no name, or the column holds something else.
    """
    values = read_values(columns, name)
    for place, value in enumerate(values):
        if not value:
            raise UserError(f"{columns.file}: row {columns.number(place)}: '{name}' is empty")
    return [value for value in values if value]


def read_values(columns: Columns, name: str) -> list[str | None]:
    """Return a column as texts, None where nothing is: whole numbers by their names where the table gives such.

    Beside names -1 is none: so `datasets` keeps labels that are not known (`ClassLabel`).

    Raises:
        UserError: a value has no name, or the column holds something else.
    """
    return write_values(columns, name, read_column(columns, name))


def read_groups(columns: Columns, group: str, keep: bool) -> list[str | None]:
    """Return the names in the column of groups; None where there is none, or, unless `keep`, a word for none."""
    names = [word and normalize_label(word) for word in read_values(columns, group)]
    return [None if name is None or (is_missing(name) and not keep) else name for name in names]


def read_several(columns: Columns, names: Sequence[str]) -> Iterator[list[str | None] | None]:
    """Yield columns as `read_values` returns them, None for one that it refuses; arguments as of `read_each`."""
    for name, array in zip(names, read_each(columns, names), strict=True):
        try:
            yield None if array is None else write_values(columns, name, array)
        except UserError:
            yield None


def write_values(columns: Columns, name: str, array: pa.ChunkedArray) -> list[str | None]:
    """Return what was read of a column as texts; values and errors as of `read_values`."""
    kind, names = columns.kind(name), columns.class_names(name)
    if pa.types.is_dictionary(kind):
        with translate_errors(columns.file):
            kind, array = kind.value_type, array.cast(kind.value_type)
    if pa.types.is_null(kind):  # a column in which nothing stands has no other type
        return [None] * len(array)
    if pa.types.is_floating(kind) and (whole := read_whole_numbers(array)) is not None:
        return whole
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise UserError(f"{columns.file}: column '{name}' holds {kind}; texts or whole numbers are needed")
    with translate_errors(columns.file):  # A text may not be one: Arrow looks at it only now.
        values = array.to_pylist()
    for row, value in enumerate(values, 1):
        # Not isinstance: True and False are ints, too.
        if names and type(value) is int and not UNKNOWN <= value < len(names):
            raise UserError(f"{columns.file}: row {row}: '{name}' is {value}, which none of the {len(names)} names has")
    texts = [name_value(value, names) for value in values]
    return [None if text is None or text == "" else str(text) for text in texts]


def name_value(value: object, names: Sequence[str] | None) -> object:
    """Return what a whole number stands for, where there are names; anything else as it is."""
    if not names or type(value) is not int:
        return value
    return None if value == UNKNOWN else names[value]


def read_whole_numbers(array: pa.ChunkedArray) -> list[str | None] | None:
    """Return numbers with decimals as texts if they are whole, None where there is none; else nothing.

    So are whole numbers kept by programs that have no others for columns with empty cells.
    """
    values = [None if value is None or value != value else value for value in array.to_pylist()]  # NaN is not itself
    if not all(value is None or float(value).is_integer() for value in values):
        return None
    return [None if value is None else str(int(value)) for value in values]


NO_LABELS = "no label"


class Labels(NamedTuple):
    """The label of each row, None where there is none, and what is to be said of them."""

    labels: list[str | None]
    notes: list[str]


def read_labels(columns: Columns, name: str, keep_missing: bool) -> Labels:
    """Return a column of labels without blanks around them, in Unicode's composed form.

    Args:
        keep_missing: whether `nan`, `N/A` and the like are labels as others are.

    Raises:
        UserError: as of `read_texts`; a row without any label if `keep_missing`.
    """
    words = read_texts(columns, name) if keep_missing else read_values(columns, name)
    named = columns.class_names(name) is not None
    plain = [word if word is None else normalize_label(word) for word in words]
    labels = [None if word is None or (not (keep_missing or named) and is_missing(word)) else word for word in plain]
    notes = []
    if pa.types.is_floating(columns.kind(name)):
        notes = [f"{columns.file.name}: column '{name}' holds decimals, which are whole: taken as whole numbers"]
    missing = Counter(word or None for word, label in zip(plain, labels, strict=True) if label is None)
    if missing:
        said = [describe_missing_labels(missing), *describe_like_missing(Counter(filter(None, labels)))]
        notes += [f"{columns.file.name}: {note}" for note in said]
    changed = sum(word != own for word, own in zip(words, plain, strict=True))
    if not changed:
        return Labels(labels, notes)
    written: dict[str, set[str]] = {}
    for word, label in zip(words, labels, strict=True):
        if word is not None and label is not None:
            written.setdefault(label, set()).add(word)
    said = [
        f"{changed:,} labels had blanks around them or another form of Unicode",
        *describe_written(written, "labels"),
    ]
    return Labels(labels, notes + [f"{columns.file.name}: {note}" for note in said])


def check_names(columns: Columns, name: str, labels: Sequence[str | None]) -> None:
    """Refuse labels that are too long to be names of classes.

    Raises:
        UserError: one is.
    """
    if (place := find_too_long(labels)) is not None:
        said = describe_too_long(labels[place] or "")
        raise UserError(f"{columns.file}: row {columns.number(place)}: '{name}' is {said}")


def describe_missing_labels(words: Counter[str | None]) -> str:
    """Return what is said of rows that have no label, by what stands there, None for nothing."""
    named = [f"'{word}' ({count:,})" for word, count in words.most_common() if word is not None]
    said = f"{NO_LABELS} in {words.total():,} rows: {', '.join([*named, *(['nothing'] if None in words else [])])}"
    once = ", once no label is empty" if None in words else ""
    return f"{said}; set missing_labels: keep takes such words as labels{once}" if named else said


def describe_like_missing(labels: Counter[str]) -> list[str]:
    """Return a note if labels beside rows without any may stand for none, too, as `None` does."""
    named = [f"'{word}' ({count:,})" for word, count in labels.most_common() if LIKE_MISSING.fullmatch(word)]
    said = f"{', '.join(named)} beside rows without a label: taken for a class; if it means none, make such cells empty"
    return [said] if named else []


def find_part_columns(columns: Columns, others: Collection[str], is_part: Callable[[str], bool]) -> list[str]:
    """Return the columns of texts all of which name parts, by the first rows.

    Args:
        others: columns that are something else.
    """
    found = find_words(columns, others)
    return [name for name, words in found.items() if words and all(word and is_part(word) for word in words)]


def find_words(columns: Columns, others: Collection[str]) -> dict[str, set[str | None]]:
    """Return the words of each column of texts in the first rows, None or nothing where a row has none.

    Args:
        others: columns that are something else.
    """
    names = [name for name in columns.single_names if name not in others and is_text(columns.kind(name))]
    if not names:
        return {}
    with translate_errors(columns.file):
        batch = read_first_rows(columns, names)
        return {name: {*batch.column(name).unique().to_pylist()} for name in names}
