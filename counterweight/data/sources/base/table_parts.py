"""Which part each row of a table is in: what a column says, or the name of the table or of a folder above it."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.sources.base.column_texts import NO_LABELS, find_part_columns, find_words, read_values
from counterweight.data.sources.base.columns import Columns, choose_column, list_usual
from counterweight.data.sources.base.fold_tables import find_fold
from counterweight.data.sources.base.labels import is_missing, normalize_label
from counterweight.data.sources.base.part_conflicts import check_columns, find_part_of
from counterweight.data.sources.base.part_flags import (
    check_sizes,
    check_table_name,
    describe_doubtful_flags,
    describe_nothing,
    find_doubtful_flags,
    find_flag_columns,
    is_flag,
    read_flags,
    says_part,
)
from counterweight.data.sources.base.part_folds import (
    Folds,
    describe_marks_of_folds,
    describe_unused,
    find_folds,
    read_folds,
)
from counterweight.data.sources.base.part_lists import find_listed
from counterweight.data.sources.base.part_names import (
    Validation,
    assign_parts,
    find_part_words,
    parse_part_name,
)
from counterweight.data.sources.base.part_words import (
    UNUSED,
    describe_partly,
    find_mixed_columns,
    find_part,
    name_rows,
    offer_words,
)
from counterweight.data.sources.base.table_rows import DROPPED, UNLISTED, Table
from counterweight.data.sources.base.written_names import write_names

WANTED = "expected images and their labels"
SPLIT = ("split", "subset", "partition")


class PartColumns(NamedTuple):
    """What settings say of parts: the column of them, which of its words are tested on, and the column of groups."""

    split: str | None = None
    test: Sequence[str | int] = ()
    group: str | None = None


def list_part_columns(columns: Columns, split: str | None, image: str) -> list[str]:
    """Return the columns that say which part a row is in, or number folds, and so are no labels.

    Args:
        split: the one that the settings name.
        image: the column of images.
    """
    named = [name for name in (split, *list_usual(columns, SPLIT)) if name is not None]
    found = find_part_columns(columns, [image], lambda word: find_part(word) is not None)
    found += find_mixed_columns(columns, [image])
    folds = [own.column for own in find_folds(columns, [image])]
    flags = find_flag_columns(columns, [image])
    doubtful = [name for name in find_doubtful_flags(columns, [image, *flags]) if is_flag(name)]
    return [*named, *found, *flags, *doubtful, *folds]


def read_parts(
    columns: Columns, wanted: PartColumns, folder: Path, count: int, others: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Return the part of each row, and notes: what a column says, else the name of the table or of a folder above it.

    Args:
        others: the columns of images and labels.
    """
    column = choose_column(columns, wanted.split, SPLIT, lambda name: False)
    column = None if wanted.split is None and column and not names_parts(columns, column) else column
    folds = find_folds(columns, [*others, column, wanted.group])
    notes = describe_unused(folds, columns.file.name)
    notes += describe_marks_of_folds(columns, [*others, column]) if column is None else []
    if wanted.test:
        return read_tested(columns, wanted.test, column, folds, count, columns.file.relative_to(folder)), []
    if column is None:
        found = find_part_columns(columns, others, lambda word: find_part(word) is not None)
        found = found or find_mixed_columns(columns, others)
        if len(found) > 1:
            every = ", ".join(found)
            raise UserError(f"{columns.file}: columns {every} have names of parts; set split: COLUMN takes one of them")
        if found:
            column = found[0]
            notes += [f"{columns.file.name}: column '{column}' says which part each image is in"]
        elif flags := find_flag_columns(columns, others):
            parts, said = read_found_flags(columns, flags)
            return parts, notes + said + describe_doubtful_flags(columns, [*others, *flags])
        else:
            notes += describe_partly(columns, others) + describe_doubtful_flags(columns, others)
    if column:
        if says_part(columns, column):
            return read_flags(columns, [column]), notes + describe_nothing(columns, [column])
        values = read_words(columns, column)
        parts, said = name_rows(values, columns, column, wanted.split is not None)
        if wanted.split is None:
            check_columns(columns, column, parts, others)
        return parts, notes + said + describe_same_parts(columns, column, dict(zip(values, parts, strict=True)))
    stem, above = columns.file.stem, columns.file.relative_to(folder).parent.parts
    names = find_part_words(stem) or [part for name in reversed(above) if (part := parse_part_name(name))] or [""]
    return [names[0]] * count, notes


def names_parts(columns: Columns, column: str) -> bool:
    """Say whether a column that is called as those of parts are is one: `subset` may be of anything else, too."""
    words = find_words(columns, {*columns.names} - {column}).get(column, {"0"})
    return column.strip().lower() != "subset" or any(find_part(word) or not word.isalpha() for word in words if word)


def describe_same_parts(columns: Columns, column: str, parts: Mapping[str, str]) -> list[str]:
    """Return a note if words of a column that differ by more than their form mean one part, as `PublicTest` may.

    Args:
        parts: the part that each word means.
    """
    found: dict[str, list[str]] = {}
    for word, part in parts.items():
        found.setdefault(part, []).append(word)
    several = {part: words for part, words in found.items() if len({word.strip().lower() for word in words}) > 1}
    said = [f"{' and '.join(map(repr, words))} mean {part}" for part, words in several.items()]
    return [f"{columns.file.name}: column '{column}': {'; '.join(said)}"] if said else []


def read_tested(
    columns: Columns, test: Sequence[str | int], column: str | None, folds: Sequence[Folds], count: int, path: Path
) -> list[str]:
    """Return the part of each of `count` rows where the settings say what is tested on, perhaps tables of folds.

    Args:
        path: of the table below the dataset's folder.

    Raises:
        UserError: no column is named whose words they may be, and none or several are of folds.
    """
    if column is None:
        if not folds and (fold := find_fold(path)):
            return ["test" if fold.is_one_of(test) else "train"] * count
        if len(folds) != 1:
            found = ", ".join(own.column for own in folds) or "none"
            every = ", ".join(columns.names)
            raise UserError(
                f"{columns.file}: test: {found} looks like folds; it has {every}; set split: COLUMN takes one of them"
            )
        column = folds[0].column
    return read_folds(columns, column, [word or "" for word in read_values(columns, column)], test)


def read_found_flags(columns: Columns, flags: list[str]) -> tuple[list[str], list[str]]:
    """Return the part of each row as columns of yes and no say it that nobody has named, and a note."""
    parts = read_flags(columns, flags)
    if len(flags) == 1:
        check_table_name(columns, flags[0], parts)
        check_sizes(columns, flags[0], parts)
    every = ", ".join(f"'{name}'" for name in flags)
    note = f"{columns.file.name}: {every} of yes and no: taken as the part that each image is in"
    return parts, [note, *describe_nothing(columns, flags)]


def part_by_folders(tables: Sequence[Table]) -> tuple[list[Table], list[str]]:
    """Return tables with the parts that the folders of images name, of all rows of which nothing else says any; a note.

    One of training images must be among all parts. Folders that are called as classes are, as `test_tube`, name none.
    """
    words = {part for table in tables for part in table.parts} - {"", None}
    bare = [table for table in tables if "" in table.parts]
    classes = {name for table in bare for name in table.classes if name is not None}
    places = {place for table in bare for place in map(os.path.dirname, table.origins)}
    named = {place: find_part_of(place, classes) for place in places}
    used = {
        named[os.path.dirname(origin)]
        for table in bare
        for origin, part in zip(table.origins, table.parts, strict=True)
        if part == ""
    }
    every = used | words
    if not bare or None in used or not {"train"} < every or any(table.paths is None for table in bare):
        return [*tables], []
    parted = [
        table._replace(
            parts=[
                named[os.path.dirname(origin)] if part == "" else part
                for origin, part in zip(table.origins, table.parts, strict=True)
            ]
        )
        for table in tables
    ]
    names = ", ".join(table.columns.file.name for table in bare[:2]) + (", ..." if len(bare) > 2 else "")
    said = f"{names}: the folders that images lie in say which part each is in"
    return parted, [f"{said}; set keep_split: false splits all images here"]


def forget_parts(tables: Sequence[Table]) -> list[Table]:
    """Return tables whose rows are in no part."""
    return [table._replace(parts=[None if part is None else "" for part in table.parts]) for table in tables]


def part_by_lists(
    tables: Sequence[Table], train: Sequence[str], test: Sequence[str], root: Path, follow: bool
) -> tuple[list[Table], list[str]]:
    """Return tables with the parts of texts that name images, whatever else names any, and notes.

    Args:
        train, test, root, follow: as of `find_listed`.

    Raises:
        UserError: as of `find_listed`; there are lists of training images alone, or a table without its folder.
    """
    if not root.is_dir():
        raise UserError(f"{root}: train_lists and test_lists lie in a folder with tables; give that")
    if not test:
        raise UserError(f"{root}: train_lists without test_lists; both say which images are in which part")
    rows = [(number, row) for number, own in enumerate(tables) for row, part in enumerate(own.parts) if is_used(part)]
    found = find_listed([tables[number].origins[row] for number, row in rows], train, test, root, follow)
    parts = [[UNLISTED if is_used(part) else part for part in own.parts] for own in tables]
    for word, places in (("train", found.train), ("test", found.test)):
        for number, row in (rows[place] for place in places):
            parts[number][row] = word
    return [table._replace(parts=own) for table, own in zip(tables, parts, strict=True)], found.notes


def is_used(part: str | None) -> bool:
    """Say whether a row with a part is not left out already."""
    return part is not None and part != DROPPED


def describe_none(tables: Sequence[Table]) -> str:
    """Say why tables list no image, where they have rows: files are missing, or labels."""
    paths = [path for own in tables for path in own.paths or ()]
    missing = [path for path in paths if not os.path.lexists(path)]
    if missing and len(missing) == len(paths):
        return f"{len(missing):,} of {len(paths):,} files missing, first: {missing[0]}; nor has any row a label"
    if not any(own.classes for own in tables):
        return "tables without rows"
    said = [note for own in tables for note in own.notes if f": {NO_LABELS} in " in note]
    return "; ".join(["no row has a label", *said])


def choose_parts(
    words: Collection[str], tables: Sequence[Table], validation: Validation, root: Path
) -> tuple[list[str], list[str]]:
    """Return the names of the parts that make the training part, and of those that make the test part."""
    words = {*words} - {UNUSED}
    if not words:
        raise UserError(f"{root}: {describe_none(tables)}; {WANTED}")
    if len(words) == 1:  # one part alone is no split
        return [*words], []
    if "" in words:
        bare = next(table.columns.file for table in tables if "" in table.parts)
        known = [os.path.relpath(table.columns.file, root) for table in tables if "" not in table.parts]
        ways = f"set tables: {write_names(known)} reads these alone; or give one table itself"
        raise UserError(f"{bare}: neither its name nor a column split says which part it is, as others do; {ways}")
    if "train" not in words:
        raise UserError(f"{root}: no part train, only {', '.join(sorted(words))}")
    return assign_parts(words, validation)


def read_words(columns: Columns, column: str) -> list[str]:
    """Return what a column of parts says.

    Raises:
        UserError: it is empty in some rows, which may be in any part or in none.
    """
    values = read_values(columns, column)
    given = [word for word in values if word and not is_missing(normalize_label(word))]
    if len(given) < len(values):
        place, word = next(own for own in enumerate(values) if not own[1] or is_missing(normalize_label(own[1])))
        said = f"row {columns.number(place)}: '{column}' is {repr(word) if word else 'empty'}, a part of none"
        some = f"{len(values) - len(given):,} of {len(values):,} rows say none"
        raise UserError(f"{columns.file}: {said}; {some}: fill it in, or remove these rows{offer_words(given)}")
    return given
