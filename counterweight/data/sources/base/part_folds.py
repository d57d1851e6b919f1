"""Columns of numbered folds, as `fold` has them: named where they are not heeded, and tested on by number."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import pyarrow as pa

from counterweight.core.errors import UserError
from counterweight.data.sources.base.columns import Columns, read_first_rows
from counterweight.data.sources.base.fold_tables import FOLD
from counterweight.data.sources.base.labels import WHOLE, is_missing, normalize_label, order_names
from counterweight.data.sources.base.part_flags import YES, are_flags, is_plain
from counterweight.data.sources.base.part_words import write_words

NAME = re.compile(r"(?:(?:cv|k|strat\w*|cross[ _-]?val\w*)[ _-]?)?folds?(?:[ _-]?(?:id|idx|index|no|nr|num|number))?")
WORD = re.compile(r"(?:fold[ _-]?)?\d+|-1")  # of those that are held out
MOST = 100  # folds
NAMED = 3  # columns in a message


class Folds(NamedTuple):
    """A column of folds, what stands in its first rows, and whether some of these are empty."""

    column: str
    words: list[str]
    partly: bool = False

    def describe(self) -> str:
        """Name them, the first and the last where there are many."""
        own = self.words if len(self.words) < 4 else [*self.words[:2], "...", self.words[-1]]
        return f"column '{self.column}' ({', '.join(own)}{', empty in some rows' if self.partly else ''})"


def find_folds(columns: Columns, others: Collection[str | None]) -> list[Folds]:
    """Return the columns that are called folds and have numbers of such, by the first rows.

    Args:
        others: columns that are something else.
    """
    names = [name for name in columns.single_names if name not in others and NAME.fullmatch(name.strip().lower())]
    names = [name for name in names if is_plain(columns.kind(name)) or pa.types.is_floating(columns.kind(name))]
    if not names:
        return []
    batch = read_first_rows(columns, names)
    values = {name: batch.column(name).unique().to_pylist() for name in names}
    every = {name: {"" if word is None else strip_decimals(str(word)) for word in own} for name, own in values.items()}
    found = {name: {word for word in own if not is_missing(normalize_label(word))} for name, own in every.items()}
    return [
        Folds(name, order_names(words), words != every[name])
        for name, words in found.items()
        if 1 < len(words) <= MOST and all(WORD.fullmatch(word.lower()) for word in words)
    ]


def describe_unused(found: Sequence[Folds], file: str) -> list[str]:
    """Return a note for each column of folds that is not heeded, with the options that have it heeded."""
    return [
        f"{file}: {own.describe()} looks like folds and is not heeded; set split: {own.column} and test: "
        f"[{own.words[-1]}] tests on one and trains on the others{', those without one, too' if own.partly else ''}"
        for own in found
    ]


def describe_marks_of_folds(columns: Columns, others: Collection[str | None]) -> list[str]:
    """Return a note if each fold has a column of yes and no, `fold1`, `fold2`..., which are not heeded.

    Args:
        others: columns that are something else.
    """
    names = [name for name in columns.single_names if name not in others and FOLD.search(name.strip().lower())]
    names = [name for name in names if is_plain(columns.kind(name)) or pa.types.is_floating(columns.kind(name))]
    if len(names) < 2:
        return []
    batch = read_first_rows(columns, names)
    found = {name: {str(word) for word in batch.column(name).unique().to_pylist()} for name in names}
    if not all(map(are_flags, found.values())):
        return []
    last = names[-1]
    yes = write_words([word for word in found[last] if word.strip().lower() in YES])
    said = f"columns {', '.join(names[:NAMED])}{', ...' if len(names) > NAMED else ''} look like folds"
    ways = f"set split: {last} and test: [{yes}] tests on one and trains on the others"
    return [f"{columns.file.name}: {said} and are not heeded; {ways}"]


def read_folds(columns: Columns, column: str, values: Sequence[str], test: Sequence[str | int]) -> list[str]:
    """Return the part of each row: `test` where a column has one of some words, else `train`.

    Raises:
        UserError: such a word stands nowhere in it.
    """
    own, wanted = [*map(strip_decimals, values)], [strip_decimals(str(word)) for word in test]
    present = {*own}
    for word in wanted:
        if word not in present:
            said = f"column '{column}' has {', '.join(order_names(present)[:MOST])}"
            raise UserError(f"{columns.file}: test: '{word}': {said}; name those of them that are tested on")
    return ["test" if word in wanted else "train" for word in own]


def strip_decimals(word: str) -> str:
    """Return a word without blanks around it, a whole number as its digits."""
    match = WHOLE.fullmatch(word.strip())
    return match[1] if match else word.strip()
