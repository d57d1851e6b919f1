"""Texts with an image and its label in each line, parted by blanks, as Caffe reads them, or by commas and the like."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from counterweight.core.memory import require_memory
from counterweight.data.decode.tree import is_image
from counterweight.data.sources.base.delimited_text import OTHER_DELIMITERS, number_row

COPIES = 8  # of a text that are in memory while it is read
BLANKS = re.compile(r"\s+")
COMMENT = "#"
IMAGE = ("image", "img", "path", "image_path", "file_name", "filename", "file")  # what columns are called, the first
LABEL = ("label", "labels", "class", "class_name", "category", "target", "class_id", "classid", "category_id")
FIRST = 100  # lines that tell how a text is written
MOST = 0.9  # of which have what parts the columns


class LabelText(NamedTuple):
    """The columns of a text, `f0`, `f1`..., and the lines that are no rows of it, counted from 0."""

    columns: pa.Table
    skipped: tuple[int, ...]


def find_mark(lines: Sequence[str]) -> str | None:
    """Return what parts the columns in the first lines, all but one in ten of them; None: blanks do."""
    first = lines[:FIRST]
    counts = {mark: sum(mark in line for line in first) for mark in OTHER_DELIMITERS}
    mark = max(OTHER_DELIMITERS, key=lambda own: counts[own])
    return mark if first and counts[mark] >= MOST * len(first) else None


def read_label_text(file: Path, encoding: str) -> LabelText:
    """Return the columns of a text; empty lines and comments are no rows.

    A line with too few cells lacks the last, as a table's empty ones. Where each has a path and a label, what follows
    the first mark is the label, marks and all; elsewhere a line with too many cells has its path alone, and no label.
    A first line with usual names of columns is none.

    Raises:
        UserError: it needs more memory than there is.
        OSError, UnicodeDecodeError, LookupError: it cannot be read.
    """
    require_memory(COPIES * file.stat().st_size, str(file))
    lines = file.read_text(encoding).removeprefix("\ufeff").splitlines()
    skipped = tuple(place for place, line in enumerate(lines) if not is_row(line))
    plain = [line.strip(" ") for line in lines if is_row(line)]
    mark = find_mark(plain)
    rows = part_rows([line.strip() for line in plain]) if mark is None else part_by(plain, mark)
    count = Counter(map(len, rows)).most_common(1)[0][0] if rows else 2
    names = name_columns(count)
    if rows and (head := [cell.lower() for cell in rows[0]])[0] in IMAGE and any(cell in LABEL for cell in head[1:]):
        names = list(rows[0][:count]) + names[len(rows[0]) :]
        rows = rows[1:]
        skipped = tuple(sorted({*skipped, number_row(0, skipped) - 1}))
    cells = [fit_row(row, len(names), mark) for row in rows]
    arrays = [pa.array([row[place] for row in cells], pa.string()) for place in range(len(names))]
    return LabelText(pa.Table.from_arrays(arrays, names), skipped)


def fit_row(row: Sequence[str], count: int, mark: str | None) -> list[str | None]:
    """Return so many cells of a row: none is cut off unsaid, as that may be part of a label."""
    if len(row) > count:
        return [row[0], f"{mark} ".join(row[1:])] if count == 2 else [row[0], *[None] * (count - 1)]
    return [*row, *[None] * (count - len(row))]


def part_by(lines: Sequence[str], mark: str) -> list[tuple[str, ...]]:
    """Return the cells of lines that a character parts, without blanks around them."""
    return [tuple(cell.strip() for cell in part_cells(line, mark)) for line in lines]


def part_cells(line: str, mark: str) -> list[str]:
    """Return the cells of a line, some of which may be in quotes; a quote that is not closed ends with its line.

    Raises:
        pa.ArrowInvalid: a cell is longer than any name.
    """
    try:
        return next(csv.reader([line], delimiter=mark, skipinitialspace=True))
    except csv.Error as error:
        raise pa.ArrowInvalid(f"'{line[:FIRST]}...': {error}") from error


def is_row(line: str) -> bool:
    """Say whether a line is neither empty nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith(COMMENT)


def name_columns(count: int) -> list[str]:
    """Return what the columns of a text are called: a path and its label, or any."""
    return ["image", "label"] if count <= 2 else [f"f{place}" for place in range(count)]


def part_rows(lines: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the cells of lines: a name and numbers where all have as many of these, else a path and its label.

    Both may have blanks in them: a path ends where it ends as those of images do, else at the first blank. Labels stand
    first where all lines end in a path and none begins with one.
    """
    words = [line.split() for line in lines]
    count = len(words[0]) if words else 0
    if count > 2 and all(len(own) == count and all(map(is_number, own[1:])) for own in words):
        return [tuple(own) for own in words]
    if all(
        len(own) > 1 and is_image(own[-1]) and part_line(line) == (line,)
        for own, line in zip(words, lines, strict=True)
    ):
        return [tuple(reversed(line.split(None, 1))) for line in lines]
    return [part_line(line) for line in lines]


def part_line(line: str) -> tuple[str, ...]:
    """Return the path and the label of a line; the line alone if it is a path, or has no blank."""
    if line.startswith('"'):
        return tuple(part_cells(line, " "))
    for blank in BLANKS.finditer(line):
        if is_image(line[: blank.start()]):
            return line[: blank.start()], line[blank.end() :]
    return (line,) if is_image(line) else tuple(line.split(None, 1))


def is_number(word: str) -> bool:
    """Say whether a word is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True
