"""Rows of tables: which class and part each is of, what is left out, and the images that it names or holds."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from counterweight.core.errors import UserError
from counterweight.data.decode.account import find_origin_ending
from counterweight.data.decode.opening import Embedded, Encoded
from counterweight.data.decode.tree import OTHER_KIND, LeftOut, find_ending, is_image
from counterweight.data.sources.base.columns import SUFFIXES, Columns
from counterweight.data.sources.base.embedded import Content, read_contents
from counterweight.data.sources.base.labels import describe_like_groups, drop_decimals, merge_labels
from counterweight.data.sources.base.lazy_images import Indices
from counterweight.data.sources.base.path_resolving import PathResolver

UNUSED_ROWS, OTHER_CLASS = "a part that is not used", "a class of one part only"
DROPPED = "dropped"  # what stands for the part of a row that is accounted for already
UNLISTED = "in no list of a part"  # what stands for the part of a row where lists name those of others
NO_LABEL, NO_ROW = "a row without a label", "an image that no row names"
UNREAD = "a table that is not read"


class Table(NamedTuple):
    """What a table says of its rows: classes, parts (empty: of none), origins, and paths if it holds no images.

    Class and part are None in rows that are left out for want of a label; `groups` are None where no column names any,
    and one is where the column is empty.
    """

    columns: Columns
    image: str
    place: PathResolver
    classes: list[str | None]
    parts: list[str | None]
    origins: list[str]
    paths: list[Path] | None
    notes: list[str]
    groups: list[str | None] | None = None


class Rows(NamedTuple):
    """Some rows of some tables: the number of the table and the row in it of each, int64 (N,), and its class."""

    tables: list[Table]
    table: Indices
    row: Indices
    classes: list[str]


def count_classes(listed: list[Rows]) -> Counter[str]:
    """Return how many rows each class has."""
    return Counter(name for rows in listed for name in rows.classes)


def keep_classes(rows: Rows, names: tuple[str, ...], left_out: Counter[LeftOut]) -> Rows:
    """Return the rows of some classes; the others join the account."""
    kept = np.array([name in names for name in rows.classes], dtype=np.bool_)
    for table, row in zip(rows.table[~kept].tolist(), rows.row[~kept].tolist(), strict=True):
        own = rows.tables[table]
        left_out[LeftOut(OTHER_CLASS, find_origin_ending(own.origins[row]), own.columns.file.name)] += 1
    classes = [name for name in rows.classes if name in names]
    return Rows(rows.tables, rows.table[kept], rows.row[kept], classes)


def leave_out_rows(tables: list[Table], used: list[str]) -> Counter[LeftOut]:
    """Count the rows that are in no part which is used."""
    found: Counter[LeftOut] = Counter()
    for table in tables:
        for origin, part in zip(table.origins, table.parts, strict=True):
            if part not in used and part != DROPPED:
                reason = NO_LABEL if part is None else part if part == UNLISTED else UNUSED_ROWS
                found[LeftOut(reason, find_origin_ending(origin), table.columns.file.name)] += 1
    return found


def leave_out_files(others: Iterable[str], named: Collection[str], folder: Path) -> Counter[LeftOut]:
    """Count the files beside tables that no row names.

    Args:
        named: absolute paths of those that rows name.
        folder: that the account's places are in.
    """
    found: Counter[LeftOut] = Counter()
    for path in others:
        if os.path.abspath(path) not in named:
            place = os.path.relpath(path, folder).split(os.sep)
            ending = find_ending(path)
            reason = NO_ROW if is_image(path) else UNREAD if ending in SUFFIXES else OTHER_KIND
            found[LeftOut(reason, ending, place[0] if len(place) > 1 else ".")] += 1
    return found


def select_rows(tables: list[Table], word: str) -> Rows:
    """Return the rows of one part."""
    own = [np.flatnonzero(np.array([part == word for part in table.parts], dtype=np.bool_)) for table in tables]
    numbers = np.repeat(np.arange(len(tables)), [len(rows) for rows in own])
    found = [table.classes[row] for table, rows in zip(tables, own, strict=True) for row in rows.tolist()]
    classes = [name for name in found if name is not None]  # those without a label are in no part
    return Rows(tables, numbers, np.concatenate(own), classes)


def list_groups(tables: list[Table], numbers: Indices, rows: Indices) -> list[str] | None:
    """Return the group that a column names for each of some rows, or nothing; None where no column is to do so."""
    found: list[str] = []
    for number, row in zip(numbers.tolist(), rows.tolist(), strict=True):
        if (groups := tables[number].groups) is None:
            return None
        found.append(groups[row] or "")
    return found


def wrap_images(tables: list[Table], numbers: Indices, rows: Indices) -> Iterator[Encoded]:
    """Yield the images in some rows of some tables, reading no more of the tables than these need."""
    for number, places in groupby(range(len(rows)), key=lambda place: int(numbers[place])):
        own, table = rows[[*places]], tables[number]
        if table.paths is not None:
            yield from (table.paths[row] for row in own.tolist())
        else:
            yield from (find_image(table, content) for content in read_contents(table.columns, table.image, own))


def find_image(table: Table, found: Content) -> Encoded:
    """Return an image of a table as something that can be decoded."""
    label = f"{table.columns.file}: row {found.row + 1}"
    if found.content is None and found.path:
        try:
            return table.place.file(found.path)
        except UserError as error:
            raise UserError(f"{label}: {error}") from error
    return Embedded(f"{label} ({found.path})" if found.path else label, found.content or b"")


def name_classes(tables: list[Table], merge: bool) -> tuple[list[Table], list[str]]:
    """Return tables whose labels and groups have their last names, and notes of what became of others.

    Whole numbers that a program wrote with decimals lose these: `2.0` is `2`, unless any number is none of them.

    Args:
        merge: whether labels that differ by case only are one.
    """
    counts = Counter(name for table in tables for name in table.classes if name is not None)
    names, notes = drop_decimals(counts)
    if merge:
        whole: Counter[str] = Counter()
        for name, count in counts.items():
            whole[names.get(name, name)] += count
        merged = merge_labels(whole)
        names = {name: merged.names[names.get(name, name)] for name in counts}
        notes += merged.notes
    counted = Counter(name for table in tables for name in table.groups or () if name)
    groups = drop_decimals(counted).names
    notes += describe_like_groups({groups.get(name, name) for name in counted})
    return [
        table._replace(
            classes=[None if name is None else names.get(name, name) for name in table.classes],
            groups=table.groups and [None if name is None else groups.get(name, name) for name in table.groups],
        )
        for table in tables
    ], notes
