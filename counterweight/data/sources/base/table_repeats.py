"""Paths that stand in several rows of tables: once with one label, or refused with two."""

import os
from collections import Counter
from typing import Literal, NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import LeftOut, find_ending
from counterweight.data.sources.base.table_rows import DROPPED, Table
from counterweight.data.sources.base.written_names import write_names

TwoLabels = Literal["refuse", "leave_out"]

CONFLICTING = "a path with two labels"


class Place(NamedTuple):
    """A row of a table, both by their numbers from 0, and its label."""

    table: int
    row: int
    label: str


class Repeats(NamedTuple):
    """Tables of which no part has a path twice, what was left out for that, and what is to be said of it."""

    tables: list[Table]
    left_out: Counter[LeftOut]
    notes: list[str]


def drop_repeats(tables: list[Table], two_labels: TwoLabels) -> Repeats:
    """Leave out rows whose path stands in a row before, of the same part and with the same label.

    Rows of another part stay: they are the same picture on both sides, of which is told elsewhere.

    Raises:
        UserError: a path has two labels, unless all of its rows are to be left out.
    """
    seen: dict[str, list[Place]] = {}
    for number, table in enumerate(tables):
        for row, (path, label) in enumerate(zip(table.paths or (), table.classes, strict=False)):
            if label is not None:
                seen.setdefault(os.path.normpath(path), []).append(Place(number, row, label))
    several = [places for places in seen.values() if len(places) > 1]
    conflicts = [places for places in several if len({place.label for place in places}) > 1]
    if conflicts and two_labels == "refuse":
        ways = f"{offer_tables(tables, conflicts[0])}mend the rows"
        leave = "set two_labels: leave_out goes on without such images"
        raise UserError(f"{describe_conflicts(tables, conflicts)}; {ways}; {leave}")
    notes = [f"{describe_conflicts(tables, conflicts)}: left out"] if conflicts else []
    repeated, conflicting = list[Place](), {places[0] for places in conflicts}
    for places in several:
        parts = dict.fromkeys(tables[place.table].parts[place.row] for place in places)  # in the order of rows
        for part in parts if places[0] not in conflicting else ():
            own = [place for place in places if tables[place.table].parts[place.row] == part]
            repeated += own[1:]
    notes += [describe_repeats(tables, seen, repeated)] if repeated else []
    # Of files: one with two labels is left out once, whatever rows it has, and one that others repeat is not.
    origins = [(tables[places[0].table], places[0].row) for places in conflicts]
    left_out = Counter(
        LeftOut(CONFLICTING, find_ending(own.origins[row]), own.columns.file.name) for own, row in origins
    )
    return Repeats(
        drop_places(tables, [*repeated, *(place for places in conflicts for place in places)]), left_out, notes
    )


def offer_tables(tables: list[Table], places: list[Place]) -> str:
    """Return the setting that reads all tables but one of several with a path; nothing where it is in one alone."""
    other = next((place.table for place in places if place.table != places[0].table), None)
    if other is None:
        return ""
    kept = [os.path.relpath(own.columns.file, own.place.root) for n, own in enumerate(tables) if n != other]
    return f"set tables: {write_names(kept)} does without {tables[other].columns.file.name}; or "


def drop_places(tables: list[Table], dropped: list[Place]) -> list[Table]:
    """Return tables in which some rows are dropped."""
    parts = [[*table.parts] for table in tables]
    for place in dropped:
        parts[place.table][place.row] = DROPPED
    return [table._replace(parts=own) for table, own in zip(tables, parts, strict=True)]


def describe_conflicts(tables: list[Table], conflicts: list[list[Place]]) -> str:
    """Name the first path with two labels, and say how many there are."""
    first = conflicts[0][0]
    other = next(place for place in conflicts[0] if place.label != first.label)
    more = f" (and {len(conflicts) - 1:,} more paths with two labels)" if len(conflicts) > 1 else ""
    said = f"is '{first.label}' in {name_row(tables, first)}, '{other.label}' in {name_row(tables, other)}"
    return f"{tables[first.table].origins[first.row]} {said}{more}"


def describe_repeats(tables: list[Table], seen: dict[str, list[Place]], repeated: list[Place]) -> str:
    """Say how many rows repeat a path, and name the first."""
    place = repeated[0]
    path = os.path.normpath((tables[place.table].paths or [])[place.row])
    rows = f"{name_row(tables, seen[path][0])} and {name_row(tables, place)}"
    origin = tables[place.table].origins[place.row]
    return f"{len(repeated):,} rows repeat a path with the same label and count once: first {origin}, in {rows}"


def name_row(tables: list[Table], place: Place) -> str:
    """Return how messages call a row."""
    return f"{tables[place.table].columns.file.name} row {tables[place.table].columns.number(place.row)}"
