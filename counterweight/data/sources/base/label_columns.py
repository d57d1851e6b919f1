"""Which columns of a table have its labels: by their names, else by what stands in them."""

import math
from collections import Counter
from collections.abc import Callable, Collection

from counterweight.core.errors import UserError
from counterweight.data.sources.base.column_texts import Labels, check_names, read_labels
from counterweight.data.sources.base.columns import (
    Columns,
    choose_column,
    describe_missing,
    list_usual,
    read_first_rows,
)
from counterweight.data.sources.base.label_texts import LABEL
from counterweight.data.sources.base.labels import find_too_long
from counterweight.data.sources.base.one_hot import describe_rivals, find_one_hot, find_rivals, read_one_hot
from counterweight.data.sources.base.table_columns import NUMBERS, NoLabelsError, check_single, describe_lack

FEW = 0.5  # of the rows have different labels, at most, where nothing else says that a column has labels


def find_labels(
    columns: Columns,
    wanted: str | None,
    image: str,
    others: Callable[[], Collection[str]],
    keep_missing: bool,
    guess: bool = True,
) -> tuple[str | None, Labels]:
    """Return the column of labels, None where several have one label each, and the label of each row.

    Args:
        others: returns columns of parts, folds and the like.
        keep_missing: as of `read_labels`.
        guess: whether labels may be known by what stands in columns, where none is called so.

    Raises:
        UserError: the wanted one is not there, none or several may be it, or what it says is too long for a name.
    """
    if wanted and wanted not in columns.names:
        raise NoLabelsError(describe_missing(columns, wanted))
    found = choose_column(columns, wanted, LABEL, lambda name: columns.class_names(name) is not None)
    if found is not None:
        check_single(columns, found)
        notes = [] if wanted else note_others(columns, found)
        read = read_labels(columns, found, keep_missing)
        check_names(columns, found, read.labels)
        return found, Labels(read.labels, notes + read.notes)
    if not guess and columns.header:  # names of columns tell nothing where there are none
        raise NoLabelsError(describe_lack(columns, LABEL, "label"))
    if (names := find_one_hot(columns, image)) and (marked := read_marks(columns, names, {image, *others()})):
        return None, marked
    several = len({*columns.names}) < len(columns.names)  # of one name
    own = [name for name in columns.names if not NUMBERS.fullmatch(name.strip("\ufeff "))]
    rest = [] if several else [name for name in own if name not in {image, *others()}]
    if len(rest) == 1:
        read = read_labels(columns, rest[0], keep_missing)
        words = {word for word in read.labels if word is not None}
        named = find_too_long(words) is None and not is_measure(words)
        if 1 < len(words) <= FEW * len(read.labels) and named:
            note = f"{columns.file.name}: column '{rest[0]}' is taken for the labels: there is no other"
            return rest[0], Labels(read.labels, [note, *read.notes])
    raise NoLabelsError(describe_lack(columns, LABEL, "label"))


def read_marks(columns: Columns, names: list[str], others: Collection[str]) -> Labels | None:
    """Return the labels of columns of 0 and 1; None where one says all, or they say something else beside the classes.

    Args:
        others: columns of images, parts and the like.

    Raises:
        UserError: they are no labels and no other column may have these, or two of them and another may.
    """
    rivals = find_rivals(columns, names, others)
    try:
        read = read_one_hot(columns, names)
    except UserError:
        if rivals:
            return None
        raise
    if len({*read.labels}) < 2:
        return None
    return Labels(read.labels, [*read.notes, *describe_rivals(columns, names, rivals)])


def is_measure(words: Collection[str]) -> bool:
    """Say whether all words are numbers, and of such as count or measure something: no numbers of classes.

    Those of classes are whole, and of all from the least to the largest at least half are there, as in 1...10. Widths,
    ages and scores are not so.
    """
    try:
        values = [float(word) for word in words]
    except ValueError:
        return False
    if not all(map(math.isfinite, values)):  # `nan` is a word
        return False
    return any(not value.is_integer() for value in values) or max(values) - min(values) >= 2 * len(values)


def note_others(columns: Columns, found: str) -> list[str]:
    """Return a note if other columns are called as those of labels are, too."""
    others = [name for name in list_usual(columns, LABEL) if name != found]
    every = ", ".join(f"'{name}'" for name in others)
    said = f"column '{found}' is taken for the labels, not {every}"
    if not others:
        return []
    apart = describe_apart(columns, found, others[0])
    return [f"{columns.file.name}: {said}; set label: {others[0]} takes that{apart}"]


def describe_apart(columns: Columns, found: str, other: str) -> str:
    """Say in how many of the first rows two columns of labels, of which one stands for the other, disagree.

    Nothing where they agree in all, or mean other classes: where more than one row in ten would disagree.
    """
    batch = read_first_rows(columns, [found, other])
    pairs = [*zip(*(map(str, batch.column(name).to_pylist()) for name in (found, other)), strict=True)]
    usual = dict[str, str]()
    for (one, two), _ in Counter(pairs).most_common():
        usual.setdefault(one, two)
    apart = [row for row, (one, two) in enumerate(pairs) if usual[one] != two]
    if not apart or len(apart) > len(pairs) / 10 or len({*usual.values()}) < len(usual):
        return ""
    one, two = pairs[apart[0]]
    return f"; they disagree in {len(apart):,} rows, first row {columns.number(apart[0])}: '{one}' and '{two}'"
