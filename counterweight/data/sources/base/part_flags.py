"""Columns of yes and no that say which part a row is in, as `is_train` or `test` do."""

import re
from collections.abc import Collection

import pyarrow as pa

from counterweight.core.errors import UserError
from counterweight.data.sources.base.column_texts import read_values
from counterweight.data.sources.base.columns import Columns, read_first_rows
from counterweight.data.sources.base.part_names import parse_part_name
from counterweight.data.sources.base.text_lengths import is_text

YES, NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})  # in lower case
MARK = re.compile(
    r"(?:is[ _-]?|to[ _-]?be[ _-]?)?(?:exclud\w*|ignored?|drop(?:ped)?|skip(?:ped)?|bad|corrupt\w*|invalid|usable|"
    r"used?|keep|kept|includ\w*|remov\w*|discard\w*)(?:[ _-]?(?:image|row|sample|flag))?",
    re.IGNORECASE,
)
IS = re.compile(r"is[ _-]?", re.IGNORECASE)


def find_flag_columns(columns: Columns, others: Collection[str]) -> list[str]:
    """Return the columns of yes and no whose names are of parts, by the first rows.

    One that is called `train` and not `is_train` is among them if no other column says yes or no: else it may be a
    class or a mark of another kind.

    Args:
        others: columns that are something else.
    """
    names = [name for name in columns.single_names if name not in others]
    plain = [name for name in names if is_plain(columns.kind(name))]
    if not any(name_flag(name) for name in plain):
        return []
    batch = read_first_rows(columns, plain)
    marks = [name for name in plain if are_flags({str(word) for word in batch.column(name).unique().to_pylist()})]
    found = [name for name in marks if name_flag(name)]
    return [name for name in found if IS.match(name) or found == marks]


def is_plain(kind: pa.DataType) -> bool:
    """Say whether a type is one of texts, whole numbers or truth."""
    return is_text(kind) or bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def name_flag(column: str) -> str | None:
    """Return the part that a column's name is of; None if it is of none."""
    return parse_part_name(IS.sub("", column.strip(), count=1))


def is_flag(column: str) -> bool:
    """Say whether a column is called as one of yes and no that says the part is, and as nothing else is."""
    return IS.match(column.strip()) is not None and name_flag(column) is not None


def are_flags(words: Collection[str]) -> bool:
    """Say whether words are all yes or no, and both are there."""
    lower = {word.strip().lower() for word in words}
    return lower <= YES | NO and bool(lower & YES) and bool(lower & NO)


def read_flags(columns: Columns, names: list[str]) -> list[str]:
    """Return the part of each row: the one whose column says yes; of a single column, no is the other part.

    The other of `train` is `test`, and of all others `train`.

    Raises:
        UserError: a value is neither yes nor no, or several columns do not say yes once in a row.
    """
    says = {name: [is_yes(word, columns, name, row) for row, word in rows(columns, name)] for name in names}
    parts = {name: name_flag(name) or "" for name in names}
    if len(names) == 1:
        part = parts[names[0]]
        return [part if yes else "test" if part == "train" else "train" for yes in says[names[0]]]
    found: list[str] = []
    for place, values in enumerate(zip(*says.values(), strict=True)):
        if sum(values) != 1:
            said = f"columns {', '.join(names)} name {sum(values)} parts of it"
            raise UserError(f"{columns.file}: row {columns.number(place)}: {said}; set split: COLUMN takes one of them")
        found.append(parts[names[values.index(True)]])
    return found


def describe_marks(columns: Columns, others: Collection[str]) -> list[str]:
    """Return a note for each column of yes and no that may say which rows are to be left out; it is not heeded.

    Args:
        others: columns that are something else.
    """
    names = [name for name in columns.single_names if name not in others and MARK.fullmatch(name.strip())]
    plain = [name for name in names if is_plain(columns.kind(name))]
    if not plain:
        return []
    batch = read_first_rows(columns, plain)
    ways = "remove the rows that are to be left out, or make their labels empty"
    return [
        f"{columns.file.name}: column '{name}' of yes and no is not heeded; {ways}"
        for name in plain
        if are_flags({str(word) for word in batch.column(name).unique().to_pylist()})
    ]


def rows(columns: Columns, name: str) -> list[tuple[int, str | None]]:
    """Return the numbers of the rows, from 1, and what a column says in them."""
    return [(columns.number(place), word) for place, word in enumerate(read_values(columns, name))]


def is_yes(word: str | None, columns: Columns, name: str, row: int) -> bool:
    """Say whether a word is yes.

    Raises:
        UserError: it is not no, either.
    """
    lower = (word or "").strip().lower()
    if lower not in YES | NO:
        raise UserError(f"{columns.file}: row {row}: '{name}' says '{word or ''}'; allowed: 0, 1, true, false, yes, no")
    return lower in YES


def check_sizes(columns: Columns, column: str, parts: list[str]) -> None:
    """Refuse a column of a part of which nobody has said that it is one, if less is trained on than tested.

    Raises:
        UserError: it is so.
    """
    trained, tested = parts.count("train"), len(parts) - parts.count("train")
    if trained < tested:
        said = f"column '{column}' would train on {trained:,} images and test on {tested:,}"
        ways = f"set split: {column} takes it so, or rename the column"
        raise UserError(f"{columns.file}: {said}; {ways}")
