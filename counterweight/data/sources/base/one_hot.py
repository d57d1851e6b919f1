"""Columns of 0 and 1, one for each class, of which one says 1 in each row."""

import re
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from counterweight.core.errors import UserError
from counterweight.data.sources.base.column_texts import Labels, read_several, read_values
from counterweight.data.sources.base.columns import Columns, read_first_rows
from counterweight.data.sources.base.fold_tables import FOLD
from counterweight.data.sources.base.label_texts import is_number
from counterweight.data.sources.base.labels import describe_too_long, find_too_long, normalize_label
from counterweight.data.sources.base.part_flags import is_plain, name_flag
from counterweight.data.sources.base.text_lengths import is_text

SAID = frozenset({"yes", "no", "y", "n", "t", "f", "on", "off", "", "none", "nan", "null"})  # of something, or nothing
YES, NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})  # in lower case
CODE = re.compile(r"[\d\W]+|[^\W\d]?\d+")  # of a day, a patient
NAMED = 5
FEW = 0.5  # of the rows have different words, at most, in a column of classes


def find_one_hot(columns: Columns, image: str) -> list[str]:
    """Return the columns of 0 and 1 that may each be of a class, by the first rows; none if there is but one.

    Those that are called as parts are, as `is_train`, are among them if one row says yes in several without.

    Args:
        image: the column of images.
    """
    names = [name for name in columns.single_names if name != image and not FOLD.search(name.strip().lower())]
    names = [name for name in names if is_plain(columns.kind(name)) or pa.types.is_floating(columns.kind(name))]
    if not names:
        return []
    batch = read_first_rows(columns, names)
    marks = [name for name in names if {*map(say, batch.column(name).unique().to_pylist())} <= YES | NO]
    plain = [name for name in marks if not name_flag(name)]
    ones = sum(np.isin([*map(say, batch.column(name).to_pylist())], [*YES]).astype(np.int64) for name in marks)
    found = marks if np.all(ones == 1) else plain
    return found if len(found) > 1 and plain else []


def find_rivals(columns: Columns, names: Collection[str], others: Collection[str]) -> list[str]:
    """Return the columns of texts that may be the classes as well as those of 0 and 1, by the first rows.

    Not those that have one text for each of these columns, which say the same.

    Args:
        names: the columns of 0 and 1.
        others: those of images, parts and the like.
    """
    texts = [name for name in columns.single_names if name not in {*names, *others} and is_text(columns.kind(name))]
    if not texts:
        return []
    batch = read_first_rows(columns, [*names, *texts])
    ones = np.array([[*map(say, batch.column(name).to_pylist())] for name in names])
    own = [*map(tuple, np.isin(ones, [*YES]).T.tolist())]
    return [name for name in texts if may_be_classes([*map(say, batch.column(name).to_pylist())], own)]


def may_be_classes(words: Sequence[str], own: Sequence[object]) -> bool:
    """Say whether words of some rows are classes, and others than what these rows have beside them."""
    known = {*words}
    plain = any(not (word in YES | NO | SAID or is_number(word) or CODE.fullmatch(word)) for word in known)
    both = {*zip(words, own, strict=True)}
    return plain and 1 < len(known) <= FEW * len(words) and not len(both) == len(known) == len({*own})


def describe_rivals(columns: Columns, names: Sequence[str], rivals: Sequence[str]) -> list[str]:
    """Return a note of columns that may be the classes, too.

    Raises:
        UserError: there are but two columns of 0 and 1, which may be of anything else.
    """
    if not rivals:
        return []
    every, first = ", ".join(f"'{name}'" for name in rivals[:NAMED]), f"set label: {rivals[0]} takes"
    if len(names) > 2:
        return [f"{columns.file.name}: columns of 0 and 1 are taken for the classes, not {every}; {first} that"]
    said = f"classes by column {every}, or by columns {', '.join(names)} of 0 and 1"
    raise UserError(f"{columns.file}: {said}? {first} the first, set label: {names[0]} the others, as classes 0 and 1")


def say(word: object) -> str:
    """Return a value as it is compared."""
    return str(word).strip().lower()


def read_one_hot(columns: Columns, names: list[str]) -> Labels:
    """Return the label of each row, the name of the column that says 1, and a note.

    Raises:
        UserError: a row says 1 in none or in several, or something else, or a name is too long for a class.
    """
    if (place := find_too_long(names)) is not None:
        number = columns.names.index(names[place]) + 1
        raise UserError(f"{columns.file}: the name of column {number} is {describe_too_long(names[place])}")
    read = zip(names, read_several(columns, names), strict=True)
    words = np.array([[*map(say, values or read_values(columns, name))] for name, values in read])  # (classes, rows)
    yes, no = np.isin(words, [*YES]), np.isin(words, [*NO])
    every = f"{', '.join(names[:NAMED])}{f' and {len(names) - NAMED:,} more' if len(names) > NAMED else ''}"
    for row in np.flatnonzero(~(yes | no).all(axis=0) | (yes.sum(axis=0) != 1))[:1].tolist():
        said = f"{int(yes[:, row].sum())} of the columns of 0 and 1 ({every}) say 1"
        ways = "an image needs one label; set label: COLUMN takes one of classes, or leave such rows out of the table"
        raise UserError(f"{columns.file}: row {columns.number(row)}: {said}; {ways}")
    labels = [normalize_label(names[place]) for place in yes.argmax(axis=0).tolist()]
    return Labels([*labels], [f"{columns.file.name}: columns {every} of 0 and 1 are taken for the classes"])
