"""Columns of 0 and 1, one for each class, of which one says 1 in each row."""

import numpy as np
import pyarrow as pa

from counterweight.core.errors import UserError
from counterweight.data.sources.base.column_texts import Labels, read_several, read_values
from counterweight.data.sources.base.columns import Columns, read_first_rows
from counterweight.data.sources.base.labels import describe_too_long, find_too_long, normalize_label
from counterweight.data.sources.base.part_flags import is_plain, name_flag

YES, NO = frozenset({"1", "1.0", "true"}), frozenset({"0", "0.0", "false"})  # in lower case
NAMED = 5


def find_one_hot(columns: Columns, image: str) -> list[str]:
    """Return the columns of 0 and 1 that may each be of a class, by the first rows; none if there is but one.

    Those that are called as parts are, as `is_train`, are among them if one row says yes in several without.

    Args:
        image: the column of images.
    """
    names = [name for name in columns.single_names if name != image]
    names = [name for name in names if is_plain(columns.kind(name)) or pa.types.is_floating(columns.kind(name))]
    if not names:
        return []
    batch = read_first_rows(columns, names)
    marks = [name for name in names if {*map(say, batch.column(name).unique().to_pylist())} <= YES | NO]
    plain = [name for name in marks if not name_flag(name)]
    ones = sum(np.isin([*map(say, batch.column(name).to_pylist())], [*YES]).astype(np.int64) for name in marks)
    found = marks if np.all(ones == 1) else plain
    return found if len(found) > 1 and plain else []


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
