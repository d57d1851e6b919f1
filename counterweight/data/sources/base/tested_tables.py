"""Tables that label the images that are tested on, where folders of classes have those that are trained on."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import LeftOut, Tree
from counterweight.data.sources.base.column_texts import find_words
from counterweight.data.sources.base.columns import read_columns
from counterweight.data.sources.base.labels import match_numbers, normalize_label
from counterweight.data.sources.base.listing import Listing
from counterweight.data.sources.base.part_conflicts import find_part_of
from counterweight.data.sources.base.part_names import TESTS
from counterweight.data.sources.base.table_choice import take_tables
from counterweight.data.sources.base.table_files import find_table_files
from counterweight.data.sources.base.table_paths import check_near
from counterweight.data.sources.base.table_repeats import drop_repeats
from counterweight.data.sources.base.table_rows import DROPPED, Table, leave_out_rows, name_classes
from counterweight.data.sources.base.written_names import write_names, write_patterns


class Tested(NamedTuple):
    """The images that tables label, all files that belong to these, what of them is left out, and notes."""

    listing: Listing
    files: set[str]
    left_out: Counter[LeftOut]
    notes: list[str]


def list_tested(root: Path, names: Sequence[str], read: Callable[[Path], Table], follow: bool, merge: bool) -> Tested:
    """Return the images that tables label, whatever part they name.

    Args:
        names: of the tables below `root`.
        read: reads one.
        follow: links that lead out of the folder.
        merge: whether labels that differ by case only are one.

    Raises:
        UserError: a table is not there, cannot be read, holds its images, or names training images or such elsewhere.
    """
    chosen = take_tables(find_table_files(root, follow, names).tables, read, root)
    check_near([table.paths or [] for table in chosen.tables], root)
    tables, notes = name_classes(chosen.tables, merge)
    try:
        tables, left_out, said = drop_repeats(tables, "refuse")
    except UserError as error:
        message = str(error).partition("; set two_labels")[0]  # which is a setting of tables alone
        raise type(error)(message.replace("set tables:", "set test_tables:")) from error
    for table in tables:
        check_table(table, root, names)
    words = {part for table in tables for part in table.parts if part not in (None, DROPPED)}
    left_out.update(leave_out_rows(tables, [word for word in words if word is not None]))
    listing = Listing([], [], [])
    for table in tables:
        for path, name, part in zip(table.paths or (), table.classes, table.parts, strict=True):
            if name is not None and part is not None and part != DROPPED:
                listing.files.append(root / os.path.relpath(path, root))
                listing.classes.append(name)
                listing.places.append(table.columns.file.name)
    files = {os.path.abspath(path) for table in tables for path in (table.columns.file, *(table.paths or ()))}
    notes += [note for table in tables for note in table.notes]
    return Tested(listing, files, left_out, [*notes, *said, f"tested on are the images of {', '.join(names)}"])


def find_label_column(file: Path, tree: Tree) -> str | None:
    """Return the only column of a table with several names of folders, and nothing else, by its first rows; else None.

    Args:
        tree: the folder with the folders of classes.
    """
    known = {normalize_label(own.name) for own in tree.walk() if own.images}
    every = find_words(read_columns(file), ())
    words = {name: {normalize_label(word or "") for word in own} for name, own in every.items()}
    found = [name for name, own in words.items() if len(own) > 1 and own <= known]
    return found[0] if len(found) == 1 else None


def check_table(table: Table, root: Path, names: Sequence[str]) -> None:
    """Refuse a table that cannot label images of a folder that are tested on.

    Args:
        names: of all tables that are to do so.

    Raises:
        UserError: it holds the images, names some elsewhere, or says that some are trained on.
    """
    said = f"{table.columns.file}: test_tables"
    if table.paths is None:
        raise UserError(f"{said}: it holds images; expected a table of paths and labels of images in {root}")
    start = os.path.join(os.path.abspath(root), "")
    if other := next((path for path in table.paths if not os.path.abspath(path).startswith(start)), None):
        raise UserError(f"{said}: {other} is not in {root}; expected paths of images in it")
    if "train" in table.parts:
        every = f"the table{'s' if len(names) > 1 else ''}"
        ways = f"set tables: {write_names(names)} reads all parts of {every}"
        raise UserError(f"{said}: it says that images are trained on; {ways}")


def check_untested(test: Listing, where: str) -> None:
    """Refuse folders of classes that are tested on beside tables that say what is.

    Raises:
        UserError: there are such.
    """
    if place := next((place for place in test.places if find_part_of(place) in TESTS), None):
        folder = place.split(os.sep)[0]
        ways = f"set leave_out: {write_patterns([folder])} goes on without them"
        raise UserError(f"{where}: test_tables beside folders of classes in {folder}, which are tested on, too; {ways}")


def drop_files(tree: Tree, gone: Collection[str]) -> Tree:
    """Return a folder without some files, given by absolute paths, and without the folders that have no others."""
    entries: list[str | Tree] = []
    for entry in tree.entries:
        if not isinstance(entry, Tree):
            entries += [] if os.path.abspath(entry) in gone else [entry]
            continue
        own = drop_files(entry, gone)
        if own.entries or own.left_out or own.faults or not entry.entries:
            entries.append(own)
    return replace(tree, entries=entries)


def keep_present(tested: Listing, tree: Tree) -> Listing:
    """Return images without those that are left out of a folder, hidden or by their names; those that lack are bad."""
    known = {os.path.abspath(file) for own in tree.walk() for file in own.files}
    files = [(os.path.abspath(file), file) for file in tested.files]
    return tested.take([n for n, (path, file) in enumerate(files) if path in known or not os.path.lexists(file)])


def name_as_folders(tested: Listing, classes: Iterable[str]) -> tuple[Listing, list[str]]:
    """Return images with numbers of classes written as folders of numbers are, `7` as `00007`, and a note of it."""
    known = match_numbers(tested.classes, classes)
    if not known:
        return tested, []
    first = min(known, key=int)
    note = f"labels of tables are taken for the folders of the same numbers: '{first}' for '{known[first]}'"
    return tested._replace(classes=[known.get(name, name) for name in tested.classes]), [note]


def describe_other_folders(tested: Listing, classes: Collection[str], root: Path) -> list[str]:
    """Return a note if images that a table labels lie in the folder of another class."""
    found = []
    for file, name in zip(tested.files, tested.classes, strict=True):
        above = {*map(normalize_label, file.relative_to(root).parts[:-1])} & {*classes}
        found += [f"{file.relative_to(root)}, which is labelled '{name}'"] if above and name not in above else []
    return [f"{len(found):,} images lie in folders of other classes than tables say, first {found[0]}"] if found else []
