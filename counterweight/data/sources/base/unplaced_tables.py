"""Tables beside folders of classes that label images in none of these, and the settings that read them."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import Tree, find_ending, find_stem, is_image
from counterweight.data.sources.base.labels import order_names
from counterweight.data.sources.base.layout_doubts import name_some
from counterweight.data.sources.base.lazy_images import strip_root
from counterweight.data.sources.base.listed_paths import PathIndex, find_places, read_beginning, read_lists
from counterweight.data.sources.base.part_conflicts import find_part_of
from counterweight.data.sources.base.part_lists import PLAIN, PROSE, is_named, is_table
from counterweight.data.sources.base.part_names import TESTS, VALIDATION, guess_part_name
from counterweight.data.sources.base.table_columns import NoLabelsError
from counterweight.data.sources.base.tested_tables import Tested, name_as_folders
from counterweight.data.sources.base.written_names import write_names

MOST = 20  # files that are looked at
PRESENT = 0.5  # of the images that a table names are there, at least
PARQUET = ".parquet"


class Unplaced(NamedTuple):
    """A table that labels images in no folder of a class: its path, how many these are, and their labels.

    `same` says whether the labels are classes of folders, `part` what its name, or the images' folders, say: `test`,
    `val` or nothing.
    """

    file: str
    images: int
    labels: set[str]
    same: bool
    part: str


class Told(NamedTuple):
    """What is to be said of tables, and the absolute paths of those of which it is all."""

    notes: list[str]
    files: set[str]


def describe_unplaced_tables(
    tree: Tree, images: Sequence[Path], classes: Collection[str], read: Callable[[str], Tested]
) -> Told:
    """Return notes of tables that label images in no folder of a class, with the setting that reads them.

    Args:
        images: those that are in such a folder.
        classes: their names.
        read: reads a table as one of images that are tested on, given its path below the folder.
    """
    root, placed = Path(tree.path), {os.path.abspath(image) for image in images}
    every = [Path(file) for own in tree.walk() for file in own.files if is_image(file)]
    rest = {file.stem for file in every if os.path.abspath(file) not in placed}
    found, bare = list[Unplaced](), list[str]()
    for name in (os.path.relpath(file, root) for file in islice(find_candidates(tree, rest), MOST)):
        try:
            found += look_into(name, read(name), placed, classes, root)
        except NoLabelsError:
            bare += [name] if names_others(name, every, placed, root) else []
        except UserError:  # it is something else
            continue
    same = [own for own in found if own.same]
    offered = [own for own in same if own.part == TESTS[0]] or same or found
    notes = [f"{', '.join(bare)}: images in no folder of a class, without labels: nothing of that is read"]
    notes = notes if bare else []
    if offered:
        key, does = (
            ("test_tables", "trains on those in folders and tests on these")
            if same
            else ("tables", "takes these alone")
        )
        files, labels = [own.file for own in offered], {label for own in offered for label in own.labels}
        said = begin_unplaced(files, sum(own.images for own in offered), order_names(labels))
        notes.append(f"{said}: set {key}: {write_names(files)} {does}")
    notes += [describe_validation(own) for own in same if own.part == VALIDATION[0] and own not in offered]
    tables = [file for own in tree.walk() for file in own.files if is_table(file)] if same else []
    told = [*(os.path.abspath(root / name) for name in (*bare, *(own.file for own in found))), *tables]
    return Told(notes, {os.path.abspath(file) for file in told})


def begin_unplaced(files: Sequence[str], count: int, labels: Sequence[str]) -> str:
    """Return how a note of files begins that label images in no folder of a class."""
    verb = "label" if len(files) > 1 else "labels"
    return f"{', '.join(files)} {verb} {count:,} images that are in no folder of a class ({name_some(labels)})"


def describe_validation(own: Unplaced) -> str:
    """Return a note of a table of images of validation, beside others of images that are tested on."""
    said = begin_unplaced([own.file], own.images, order_names(own.labels))
    ways = f"set test_tables: {write_names([own.file])} tests on these instead; folders of classes have them trained on"
    return f"{said}, and is not read: {ways}"


def find_candidates(tree: Tree, stems: set[str]) -> Iterator[str]:
    """Yield the files of a folder that may be tables, of texts those whose beginning names one of some images."""
    for file in (file for own in tree.walk() for file in own.files if stems):
        texts = find_ending(file) in PLAIN and not PROSE.match(find_stem(file))
        if find_ending(file) == PARQUET or (texts and is_named(read_beginning(file), stems, bare=True)):
            yield file


def look_into(
    name: str, tested: Tested, placed: Collection[str], classes: Collection[str], root: Path
) -> list[Unplaced]:
    """Return what a table has of images in no folder of a class, if it has no others and half of them are there."""
    files = tested.listing.files
    there = [file for file in files if os.path.lexists(file)]
    if not there or len(there) < PRESENT * len(files) or any(os.path.abspath(file) in placed for file in there):
        return []
    labels = {*name_as_folders(tested.listing, classes)[0].classes}
    words = {find_part_of(place) for place in {os.path.dirname(os.path.relpath(file, root)) for file in there}}
    called = guess_part_name(find_stem(name))
    part = next((own[0] for own in (TESTS, VALIDATION) if called in own or words <= {*own}), "")
    return [Unplaced(name, len(there), {*tested.listing.classes}, labels <= {*classes}, part)]


def names_others(name: str, every: Sequence[Path], placed: Collection[str], root: Path) -> bool:
    """Say whether a list names images, and none of those that are in a folder of a class.

    Args:
        every: all images of the folder.
    """
    paths = strip_root(root, every)
    try:
        found, _ = find_places(read_lists([name], root, follow=True), PathIndex(paths), paths)
    except UserError:  # it is no text, or names cannot be told apart
        return False
    return bool(found) and not any(os.path.abspath(every[place]) in placed for place in found)
