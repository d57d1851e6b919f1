"""Tables that say of which class the images in each folder are, as where folders are called after patients."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import LeftOut, Tree, find_ending, find_stem, is_image, list_stems
from counterweight.data.sources.base.column_texts import find_words, read_several, read_values
from counterweight.data.sources.base.columns import Columns, describe_missing, list_usual, name_all, read_columns
from counterweight.data.sources.base.label_texts import LABEL
from counterweight.data.sources.base.labels import find_too_long, fold_case, is_missing, match_numbers, normalize_label
from counterweight.data.sources.base.layout_doubts import name_some
from counterweight.data.sources.base.layout_parts import Wanted
from counterweight.data.sources.base.lazy_images import strip_root
from counterweight.data.sources.base.name_labels import Labelled, Named, collect_each, part_images
from counterweight.data.sources.base.parted_lists import TABLES
from counterweight.data.sources.base.tested_tables import drop_files
from counterweight.data.sources.base.written_names import write_folder

LABELS = "the table of labels"
NO_LABEL = "in no folder with a label"
MOST = 20  # tables that are looked at
LARGEST = 2**24  # bytes of one
FEWEST = 3  # folders that one names
HALF = 0.5  # of the rows name folders at least, and of the images lie in these
NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d*)?")
FLAGS = frozenset({"0", "1"})


class FolderTable(NamedTuple):
    """A table with names of folders: its path below the root, the column of names, and the labels by other columns.

    Columns that are called as those of labels are come first. `by_image` says whether another column names an image in
    each row, so that the table can be read as one of images.
    """

    file: str
    key: str
    labels: dict[str, dict[str, str]]
    by_image: bool


class Folders(NamedTuple):
    """How many images lie in folders of each name, in all of these, and in all folders."""

    names: Counter[str]
    total: int


def find_folder_tables(tree: Tree) -> list[FolderTable]:
    """Return the tables that give folders of images fewer labels than there are folders, each folder one."""
    every = (Path(tree.path) / file for file in list_tables(tree))
    files = islice((file for file in every if file.is_file() and file.stat().st_size <= LARGEST), MOST)
    folders = count_folders(tree)
    found = [read_folder_table(file, tree, folders) for file in files]
    return [table for table in found if table is not None and table.labels]


def count_folders(tree: Tree) -> Folders:
    """Count the images in folders of each name."""
    found = Counter[str]()
    for own in tree.walk():
        if own is not tree and own.images:
            found[normalize_label(own.name)] += own.images
    return Folders(found, tree.images)


def read_folder_table(file: Path, tree: Tree, folders: Folders) -> FolderTable | None:
    """Return what a table says of folders; None where it names too few, or cannot be read."""
    try:
        columns = read_columns(file)
        key = find_key(columns, folders) if columns.header else None
        if key is None:
            return None
        named = name_folders(read_values(columns, key), folders)
        others = [name for name in columns.single_names if name != key]
        every = dict(zip(others, read_several(columns, others), strict=True))
    except (OSError, UserError):  # it is something else
        return None
    usual = list_usual(columns, LABEL)
    pairs = {name: label_folders(named, every[name] or ()) for name in sorted(every, key=lambda own: own not in usual)}
    labels = {name: own for name, own in pairs.items() if own is not None and are_labels(own, name in usual)}
    return FolderTable(os.path.relpath(file, tree.path), key, labels, names_images(every.values(), list_stems(tree)))


def names_images(columns: Iterable[Sequence[str | None] | None], stems: Collection[str]) -> bool:
    """Say whether a column names another image in half of the rows or more, by its name with its ending or without.

    Args:
        stems: names of all images without their endings.
    """
    words = ([os.path.basename(word or "") for word in own or ()] for own in columns)
    return any(own and len({find_stem(word) for word in own if is_in(word, stems)}) >= HALF * len(own) for own in words)


def is_in(word: str, stems: Collection[str]) -> bool:
    """Say whether a word is the name of an image."""
    return word in stems or (is_image(word) and find_stem(word) in stems)


def find_key(columns: Columns, folders: Folders) -> str | None:
    """Return the first column at least half of whose words name folders, which have at least half of the images.

    By the first rows, and then by all.

    Raises:
        UserError: a column cannot be read.
    """
    for name, words in find_words(columns, ()).items():
        if is_key([*words], folders, HALF) and is_key(read_values(columns, name), folders, HALF):
            return name
    return None


def is_key(words: Sequence[str | None], folders: Folders, part: float) -> bool:
    """Say whether a part of some words, at least, name folders, and these have as large a part of all images."""
    named = name_folders(words, folders)
    known = {*filter(None, named)}
    held = sum(folders.names[own] for own in known)
    return len(known) >= FEWEST and sum(map(bool, named)) >= part * len(words) and held >= part * folders.total


def name_folders(words: Sequence[str | None], folders: Folders) -> list[str | None]:
    """Return the folder that each row's word names, None for one that is not there; `7` names `007`, `P1` also `p1`."""
    plain = [normalize_label(word or "") for word in words]
    counts = Counter(map(fold_case, folders.names))
    known = {fold_case(name): name for name in folders.names if counts[fold_case(name)] == 1}
    known |= match_numbers(plain, [name for name in folders.names if name.isdecimal()])
    return [word if word in folders.names else known.get(fold_case(word)) for word in plain]


def label_folders(folders: Sequence[str | None], words: Sequence[str | None]) -> dict[str, str] | None:
    """Return the label of each folder, given those of rows; None where a folder has two."""
    found = dict[str, str]()
    for folder, word in zip(folders, words, strict=False):
        label = normalize_label(word or "")
        if folder and label and not is_missing(label) and found.setdefault(folder, label) != label:
            return None
    return found


def are_labels(labels: Mapping[str, str], called: bool) -> bool:
    """Say whether what a column says of folders may be classes: several, each of two folders or more on average.

    Args:
        called: whether the column is called as one of labels is; others may have numbers of anything.
    """
    words = {*labels.values()}
    numbers = all(NUMBER.fullmatch(word) for word in words) and not words <= FLAGS
    return 1 < len(words) <= HALF * len(labels) and find_too_long(words) is None and (called or not numbers)


def offer_folder_table(tree: Tree, classes: Collection[str]) -> tuple[str, str] | None:
    """Return what the first such table says of the folders that are classes, and the setting that reads it.

    None where there is no such, or it names other folders than these.

    Args:
        classes: their names.
    """
    for file, key, labels, by_image in find_folder_tables(tree):
        name, own = next(iter(labels.items()))
        if len({*own} & {*classes}) < HALF * len(classes):
            continue
        said = f"{name_some({*own.values()})} by column '{name}' of {file}, whose column '{key}' names folders"
        others = f" (or {', '.join(islice(labels, 1, None))})" if len(labels) > 1 else ""
        if by_image:
            return said, f"set layout: table and set label: {write_folder(name)}{others}"
        column = f" and set folder_label: {write_folder(name)}" if len(labels) > 1 else ""
        return said, f"set folder_table: {write_folder(file)}{column}{others}"
    return None


def describe_folder_tables(tree: Tree, classes: Collection[str]) -> list[str]:
    """Return a note of a table that gives the folders which are classes other labels; arguments as above."""
    found = offer_folder_table(tree, classes)
    return (
        [f"folders may be of classes {found[0]}, and nothing of that is read: {found[1]} takes these"] if found else []
    )


def list_by_folders(
    tree: Tree, file: str, label: str | None, wanted: Wanted, merge: bool, left_out: Counter[LeftOut], where: str
) -> Named:
    """Return the images of both parts with the labels that a table gives their folders; others join the account.

    Of folders in each other the innermost that the table names counts.

    Args:
        file: the table below the folder.
        label: its column of labels; None: the only one that may be it.
        wanted, merge: as of `list_by_names`.

    Raises:
        UserError: the table cannot be read, names no folders, or gives one two labels; or as of `list_by_names`.
    """
    labels, notes = read_folder_labels(tree, file, label, where)
    images = list[Labelled]()
    left_out[LeftOut(LABELS, find_ending(file), os.path.dirname(file) or ".")] += 1
    rest = drop_files(tree, {os.path.abspath(os.path.join(tree.path, file))})
    for place, own in collect_each(rest, wanted.masks):
        left_out.update(own.left_out)
        for path, image in zip(strip_root(Path(tree.path), own.files), own.files, strict=True):
            above = map(normalize_label, reversed(path.split("/")[:-1]))
            if name := next((labels[folder] for folder in above if folder in labels), None):
                images.append(Labelled(image, name, place))
            else:
                left_out[LeftOut(NO_LABEL, find_ending(path), place)] += 1
    named = part_images(tree, images, wanted, merge, left_out, where)
    return named._replace(notes=[*notes, *named.notes])


def read_folder_labels(tree: Tree, file: str, label: str | None, where: str) -> tuple[dict[str, str], list[str]]:
    """Return the label of each folder that a table names, and notes; arguments and errors as of `list_by_folders`."""
    path, known = Path(tree.path) / file, count_folders(tree)
    said = f"{where}: folder_table: {file}"
    if not path.is_file():
        raise UserError(f"{said}: no such file; there are {name_some(list_tables(tree)) or 'no tables'}")
    columns = read_columns(path)
    if (key := find_key(columns, known)) is None:
        raise UserError(
            f"{said}: no column names folders of images here, as {name_some(known.names) or 'there are none'}"
        )
    if label is not None and label not in columns.names:
        raise UserError(describe_missing(columns, label))
    folders, chosen = name_folders(read_values(columns, key), known), label or choose_label(columns, tree, known, said)
    words = read_values(columns, chosen)
    labels = label_folders(folders, words)
    if labels is None:
        raise UserError(f"{said}: {describe_two_labels(columns, folders, words)}; a folder has one label")
    if len({*labels.values()}) < 2:
        raise UserError(f"{said}: column '{chosen}' has fewer than two labels of folders")
    notes = [f"{file}: folders, named in '{key}', have the labels of its column '{chosen}'; no split parts one"]
    if lost := [place for place, folder in enumerate(folders) if folder is None]:
        first = f"row {columns.number(lost[0])}"
        notes.append(f"{file}: {len(lost):,} rows name no folder of images here, first {first}")
    return labels, notes


def list_labelled_folders(tree: Tree, file: str) -> frozenset[str]:
    """Return the names of the folders that a table names, whose images belong together.

    Raises:
        UserError: it cannot be read.
    """
    columns, folders = read_columns(Path(tree.path) / file), count_folders(tree)
    key = find_key(columns, folders)
    return frozenset(filter(None, name_folders(read_values(columns, key), folders) if key else ()))


def name_groups(origins: Sequence[str], folders: Collection[str]) -> list[str]:
    """Return the innermost of some folders that each image lies in, of whatever part.

    Args:
        origins: paths of images, all in one of these, with `/` between folders.
    """
    above = (map(normalize_label, reversed(origin.split("/")[:-1])) for origin in origins)
    return [next(name for name in names if name in folders) for names in above]


def choose_label(columns: Columns, tree: Tree, folders: Folders, said: str) -> str:
    """Return the only column of a table that may have the labels of folders, or the one that is called so.

    Raises:
        UserError: none may, or several.
    """
    found = read_folder_table(columns.file, tree, folders)
    known = [*found.labels] if found else []
    if len(known) == 1 or (known and known[0] in list_usual(columns, LABEL)):
        return known[0]
    which = f"columns {', '.join(known)} may have the labels" if known else "no column seems to have labels of folders"
    raise UserError(f"{said}: {which}; it has {name_all(columns)}; set folder_label: COLUMN takes one of them")


def describe_two_labels(columns: Columns, folders: Iterable[str | None], words: Iterable[str | None]) -> str:
    """Name the first folder that a table gives two labels."""
    seen = dict[str, tuple[str, int]]()
    for place, (folder, word) in enumerate(zip(folders, words, strict=True)):
        label, number = normalize_label(word or ""), columns.number(place)
        if not folder or not label or is_missing(label):
            continue
        known, row = seen.setdefault(folder, (label, number))
        if known != label:
            return f"{folder} is '{known}' in row {row}, '{label}' in row {number}"
    raise ValueError("no folder has two labels")


def list_tables(tree: Tree) -> Iterator[str]:
    """Yield the tables below a folder."""
    for own in tree.walk():
        yield from (os.path.relpath(file, tree.path) for file in own.files if find_ending(file) in TABLES)
