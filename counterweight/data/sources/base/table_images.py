"""Images that lie where those of tables do, and that no row names."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, filterfalse
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import HIDDEN_FILE, SYSTEM, SYSTEM_FILE, LeftOut, find_ending, is_image
from counterweight.data.sources.base.batches import read_batches
from counterweight.data.sources.base.columns import translate_errors
from counterweight.data.sources.base.embedded import BATCH, list_fields
from counterweight.data.sources.base.table_files import TableFiles
from counterweight.data.sources.base.table_rows import Table, leave_out_files
from counterweight.data.sources.base.whole_columns import read_column

SHOWN = 3  # folders that a note names


def account_files(files: TableFiles, tables: list[Table], root: Path) -> tuple[Counter[LeftOut], list[str]]:
    """Return the account of the files that no row names, and a note if some are not in a folder that was given.

    Beside a table alone, and beside images that lie elsewhere, it is the images in the folders of those that rows name.
    """
    alone = not root.is_dir()
    folder = tables[0].columns.file.parent if alone else root
    own = os.path.join(os.path.abspath(folder), "")
    named = {os.path.abspath(path) for table in tables for path in table.paths or ()}
    if any(map(is_image, files.others)):
        named |= {os.path.abspath(path) for table in tables if table.paths is None for path in find_unheld(table)}
    around = {*map(os.path.dirname, named)}
    places, deep = choose_places([place for place in around if alone or not f"{place}/".startswith(own)], own)
    others = [file for place in places for file in list_images(place, deep)]
    beside = leave_out_files(others, named, folder)
    left_out = leave_out_files(files.others, named, folder) + beside + drop_named(files.hidden, named, own)
    if not beside:
        return left_out, []
    said = f"{describe_places(places, own)}{' and folders in it' if deep else ''}"
    rest = "alone; give the folder for all" if alone else "too"
    return left_out, [f"{tables[0].columns.file.name}: images that no row names are counted in {said}, {rest}"]


def find_unheld(table: Table) -> Iterator[Path]:
    """Yield the files of rows that have a path alone, of a table that holds the images of others."""
    if list_fields(table.columns.kind(table.image)) != ["bytes", "path"]:
        return
    with translate_errors(table.columns.file):
        paths = read_column(table.columns, table.image, "path").combine_chunks().field("path").to_pylist()
        found = {row: path for row, word in enumerate(paths) if word and (path := find_file(table, word))}
        if found:  # which images have, too, that came from files somewhere else
            batches = read_batches(table.columns.file, table.image, BATCH, "bytes", naming=False)
            lacking = chain.from_iterable(batch.field("bytes").is_null().to_pylist() for batch in batches)
            yield from (found[row] for row, lacks in enumerate(lacking) if lacks and row in found)


def find_file(table: Table, word: str) -> Path | None:
    """Return the file that a path in a table leads to; None if it is not there, or not to be read."""
    try:
        path = table.place.file(word)
    except UserError:  # told when it is read
        return None
    return path if os.path.lexists(path) else None


def drop_named(hidden: Counter[LeftOut], named: Iterable[str], own: str) -> Counter[LeftOut]:
    """Return the account of hidden files without those that rows name, which are images as others are."""
    found = Counter(hidden)
    for path in named if hidden else ():
        parts = path.removeprefix(own).split(os.sep)
        if path.startswith(own) and (first := next(filterfalse(is_seen, parts), None)) is not None:
            reason = HIDDEN_FILE if first.startswith(".") else SYSTEM_FILE
            found[LeftOut(reason, find_ending(path), "." if first == parts[0] else parts[0])] -= os.path.isfile(path)
    return +found


def choose_places(folders: Iterable[str], own: str) -> tuple[list[str], bool]:
    """Return the folders that are looked at for images beside those of a table, and whether those in them are, too.

    They are where one folder has all images of the table and lies below the table's own. That may have anything in it,
    as one of downloads has: only what lies beside images of the table is looked at then.
    """
    places = sorted(folders)
    common = os.path.commonpath(places) if places else ""
    return ([common], True) if common.startswith(own) else (places, False)


def describe_places(places: Sequence[str], own: str) -> str:
    """Return the first of some folders by their paths from the table's own on."""
    plain = [os.path.relpath(place, own) for place in places[:SHOWN]]
    names = ["the folder of the table" if name == "." else name for name in plain]
    return ", ".join(names) + (f" and {len(places) - SHOWN:,} more" if len(places) > SHOWN else "")


def list_images(folder: str, deep: bool) -> Iterator[str]:
    """Yield the images in a folder, and below it if `deep`; links to folders and what is hidden are passed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(filter(is_seen, folders)) if deep else []
        yield from (os.path.join(place, name) for name in sorted(filter(is_seen, names)) if is_image(name))


def is_seen(name: str) -> bool:
    """Say whether a name is neither hidden nor one of the system's."""
    return not name.startswith(".") and not SYSTEM.fullmatch(name)
