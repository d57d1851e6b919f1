"""Which part files name of images: JSON, and texts with a path and a part in each line."""

import os
from collections.abc import Iterator
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import find_ending
from counterweight.data.sources.base.column_texts import read_values
from counterweight.data.sources.base.columns import read_columns
from counterweight.data.sources.base.json_parts import LARGEST
from counterweight.data.sources.base.json_tables import JSON
from counterweight.data.sources.base.listed_paths import PathIndex, find_lines, read_lists
from counterweight.data.sources.base.part_flags import find_flag_columns, is_flag, read_flags
from counterweight.data.sources.base.part_lists import BETWEEN
from counterweight.data.sources.base.part_names import parse_part_name
from counterweight.data.sources.base.parted_lists import TABLES, read_parted


def find_named_parts(file: str, index: PathIndex, count: int) -> list[str | None]:
    """Return the part that a file names of each of so many images; None: none, or it means several images.

    In texts the part is the only word of a line that is one, or what columns of yes and no say.
    """
    parts: list[str | None] = [None] * count
    found = [(index.find(own.text), own.part) for own in read_parted(file)]
    if find_ending(file) != JSON:
        found = found or [*find_in_flags(file, index)] or [*find_in_text(file, index)]
    for places, part in found:
        if len(places) == 1:
            parts[next(iter(places))] = part
    return parts


def find_in_flags(file: str, index: PathIndex) -> Iterator[tuple[set[int], str]]:
    """Yield the images that each row of a table means, and the part that columns of yes and no say, as `is_train`."""
    if find_ending(file) not in TABLES or os.path.getsize(file) > LARGEST:
        return
    try:
        columns = read_columns(Path(file))
        flags = [name for name in find_flag_columns(columns, ()) if is_flag(name)]
        parts = read_flags(columns, flags) if flags else []
        named = [
            [index.find(word or "") for word in read_values(columns, name)]
            for name in columns.names
            if name not in flags and parts
        ]
    except UserError:  # it is no table, or says nothing in some rows
        return
    yield from zip(max(named, key=lambda own: sum(map(bool, own)), default=[]), parts, strict=False)


def find_in_text(file: str, index: PathIndex) -> Iterator[tuple[set[int], str]]:
    """Yield the images that each line of a text with a part means, and that."""
    try:
        lines = read_lists([file], Path(), follow=True) if os.path.getsize(file) <= LARGEST else []
    except (UserError, OSError):
        return
    words = [{*filter(None, map(parse_part_name, BETWEEN.split(line.text)))} for line in lines]
    told = [(line, own.pop()) for line, own in zip(lines, words, strict=True) if len(own) == 1]
    ends = [find_lines([line for line, _ in told], index, last) for last in (False, True)]
    found = max(ends, key=lambda own: sum(map(bool, own)))
    yield from zip(found, (part for _, part in told), strict=True)
