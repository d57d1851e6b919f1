"""Which column of a table has the images: by its name, else by what stands in it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import is_image
from counterweight.data.sources.base.columns import (
    Columns,
    choose_column,
    describe_missing,
    describe_nested,
    drop_header,
    list_usual,
    name_all,
    read_first_rows,
)
from counterweight.data.sources.base.embedded import is_binary, list_fields
from counterweight.data.sources.base.label_texts import IMAGE, LABEL
from counterweight.data.sources.base.lazy_images import HELD
from counterweight.data.sources.base.table_paths import locate_images
from counterweight.data.sources.base.table_prefixes import TRIED
from counterweight.data.sources.base.text_lengths import is_text

NUMBERS = re.compile(r"|Unnamed: \d+|__index_level_\d+__|index", re.IGNORECASE)  # of rows, as pandas calls them
PIXELS = re.compile(r"(?:pixel|px|pix)s?[ _-]?(?:\d+|\d+x\d+)?|\d+x\d+", re.IGNORECASE)


class NoColumnError(UserError):
    """A table has no column of images, or none of labels."""

    absent: str | None = None
    """A column that names images by their endings, of which some or all are not there."""


class NoLabelsError(NoColumnError):
    """A table has a column of images and none of labels."""


class Lookup(NamedTuple):
    """Where the files are looked for that a table names, as `locate_images` takes it."""

    root: Path
    folder: str | None
    follow: bool

    def has_all(self, words: Sequence[str | None], file: Path) -> bool:
        """Say whether words, the first ones of a column, are files there, each of them."""
        plain = [word for word in words[:TRIED] if word]
        if not plain or len(plain) < min(TRIED, len(words)):
            return False
        try:
            paths = locate_images(plain, file, *self).paths
        except (UserError, OSError):  # it is no path, or is one that leads out
            return False
        return all(map(os.path.isfile, paths))

    def list_missing(self, words: Sequence[str], file: Path) -> list[str]:
        """Return the words that are no files there; none where they cannot be paths of one folder."""
        try:
            paths = locate_images(words, file, *self).paths
        except (UserError, OSError):
            return []
        return [word for word, path in zip(words, paths, strict=True) if not os.path.isfile(path)]


def check_header(columns: Columns, lookup: Lookup, wanted: str | None) -> tuple[Columns, list[str]]:
    """Return a table of texts as one without names of columns if its first line is a row as others are, and a note.

    It is one where it names an image by its ending, or a file as the rows below do.

    Args:
        wanted: a column that is asked for.
    """
    if not columns.delimiter or wanted in columns.names or list_usual(columns, IMAGE):
        return columns, []
    bare = drop_header(columns)
    if not any(map(is_image, columns.names)) and not name_files(bare, lookup):
        return columns, []
    first = ", ".join(columns.names)
    return bare, [f"{columns.file.name}: its first line is a row ({first}): columns are called {', '.join(bare.names)}"]


def name_files(columns: Columns, lookup: Lookup) -> list[str]:
    """Return the columns of texts whose first ones are files.

    Of several, as numbers may be names of images, those that end as such, else those with no text twice.
    """
    labels = list_usual(columns, LABEL)
    names = [name for name in columns.single_names if is_text(columns.kind(name)) and name not in labels]
    if not names:
        return []
    batch = read_first_rows(columns, names)
    words = {name: batch.column(name)[:TRIED].to_pylist() for name in names}
    found = [name for name in names if lookup.has_all(words[name], columns.file)]
    if len(found) < 2:
        return found
    ended = [name for name in found if all(is_image(str(word)) for word in words[name])]
    return ended or [name for name in found if len({*words[name]}) == len(words[name])]


def find_image_column(columns: Columns, wanted: str | None, lookup: Lookup) -> tuple[str, list[str]]:
    """Return the column of images or of their paths, and what is to be said of it.

    Raises:
        UserError: the wanted one is not there, or none or several may be it.
    """

    def only(name: str) -> bool:
        return may_hold_images(columns, name)

    if wanted and wanted not in columns.names:
        raise NoColumnError(describe_missing(columns, wanted))
    usual = list_usual(columns, IMAGE)
    if (found := choose_column(columns, wanted, IMAGE, only)) and (wanted or len(usual) < 2):
        check_single(columns, found)
        return found, [] if wanted else describe_held(columns, found)
    named = name_files(columns, lookup)
    if found:  # several of the usual: the first that names files
        chosen = next((name for name in usual if name in named), found)
        return chosen, describe_held(columns, chosen)
    if len(named) == 1:
        return named[0], [f"{columns.file.name}: column '{named[0]}' is taken for the images: it names files"]
    pixels = describe_pixels(columns)
    if not pixels and (absent := describe_absent(columns, lookup)):
        error = NoColumnError(f"{columns.file}: {absent.said}")
        error.absent = absent.column
        raise error
    raise NoColumnError(describe_lack(columns, IMAGE, "image", pixels))


def may_hold_images(columns: Columns, name: str) -> bool:
    """Say whether a column is of bytes."""
    return is_binary(columns.kind(name)) or "bytes" in list_fields(columns.kind(name))


def describe_held(columns: Columns, chosen: str) -> list[str]:
    """Return a note if a table holds images, too, beside the column of paths that is chosen."""
    held = [name for name in columns.single_names if may_hold_images(columns, name)]
    if not held or may_hold_images(columns, chosen):
        return []
    ways = f"set image: {held[0]} {HELD}"
    return [f"{columns.file.name}: column '{chosen}' of paths is taken for the images, by its name; {ways}"]


def describe_pixels(columns: Columns) -> str:
    """Say that columns hold pixels, as those called pixel0 to pixel783, or texts of many numbers, do; or nothing."""
    names = [name for name in columns.names if PIXELS.fullmatch(name)]
    return f"; columns such as {names[0]} hold pixels, which are not read: write each image as a file" if names else ""


def check_single(columns: Columns, name: str) -> None:
    """Refuse a column of images or labels whose name others have, too.

    Raises:
        UserError: it is so.
    """
    if (count := columns.names.count(name)) > 1:
        raise UserError(f"{columns.file}: {count} columns are called '{name}'; rename all but the one that is meant")


class Absent(NamedTuple):
    """A column that names images by their endings, and how many of them are not there."""

    column: str
    said: str


def describe_absent(columns: Columns, lookup: Lookup) -> Absent | None:
    """Say which column names images by their endings, and how many cannot be there; None where none does."""
    names = [name for name in columns.single_names if is_text(columns.kind(name))]
    if not names:
        return None
    batch = read_first_rows(columns, names)
    for name in names:
        words = [str(word) for word in batch.column(name).to_pylist()]
        if words and all(map(is_image, words[:TRIED])):
            way = f"set image: {name} takes it as it is"
            said = f"column '{name}' names images"
            if (
                first := next((word for word in words[:TRIED] if not lookup.has_all([word], columns.file)), None)
            ) is None:
                return Absent(name, f"{said} that are there each, but not from one folder on; {way}")
            if lost := lookup.list_missing(words, columns.file):
                return Absent(name, f"{said}, {len(lost):,} of {len(words):,} missing, first: {lost[0]}; {way}")
            return Absent(name, f"{said} that are not there, first: {first}; {way}")
    return None


def describe_lack(columns: Columns, usual: Sequence[str], key: str, pixels: str = "") -> str:
    """Say that a table has no column of some names, which it has, and what is to be done.

    Args:
        key: the setting that names one.
        pixels: as of `describe_pixels`.
    """
    said = f"{columns.file}: no column {', '.join(usual)}; it has {name_all(columns)}"
    if nested := describe_nested(columns, columns.names):
        return f"{said}; {nested}"
    if columns.delimiter and len(columns.names) == 1:
        said += " alone; set delimiter: CHARACTER parts a line into more"
    return f"{said}{pixels}; set {key}: COLUMN takes one of them"
