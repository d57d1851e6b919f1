"""Which labels are meant where folders of classes lie beside a table that labels their images, too."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import Tree
from counterweight.data.labelled_texts import CALLED, LabelsError, describe_places, name_layout
from counterweight.data.sources import table
from counterweight.data.sources.base.labels import match_numbers, normalize_label
from counterweight.data.sources.base.layout_doubts import name_some
from counterweight.data.sources.base.lazy_images import DatasetSplits
from counterweight.data.sources.base.part_conflicts import check_same_parts
from counterweight.data.sources.base.part_names import guess_part_name
from counterweight.data.sources.base.table_columns import NoColumnError
from counterweight.data.sources.base.table_paths import CopiesError

SHOWN = 3  # tables that a message names
LISTED = 0.5  # of the rows of a table name a file, where it is one of images


def choose_labels(path: Path, tree: Tree, classes: Sequence[str], name: str) -> str:
    """Return the kind of source of folders of classes beside a table: that, if it says of which part all images are.

    Raises:
        UserError: the table gives images other labels, or parts to some of them; which is meant cannot be known.
    """
    kept = name_layout(tree, classes)
    if (found := find_beside(path, classes, name, kept)) is None:
        return "folder"
    train, test = found
    parts = [part for part in found if part is not None]
    pairs = [
        (part.class_names[label], origin)
        for part in parts
        for label, origin in zip(part.labels.tolist(), part.origins, strict=True)
    ]
    there = [(label, origin) for label, origin in pairs if os.path.isfile(path / origin)]
    if len(there) < LISTED * len(pairs) or (test is None and are_numbers_of_folders(there)):
        return "folder"
    choice = f"set layout: {kept} takes the first, set layout: table the other"
    tables = train.provenance["tables"]
    lists = describe_listing(tables, {origin for _, origin in there})
    check_tested(path, tree, there, tables, choice)
    if not all(label in map(normalize_label, Path(origin).parts[:-1]) for label, origin in there):
        folders, labels = name_some(classes), name_some({label for label, _ in pairs})
        choice += describe_places(there, classes)
        raise LabelsError(f"{path}: classes {folders} by their folders, or {labels} by {lists} images? {choice}")
    if test is None:
        return "folder"
    if any(guess_part_name(word) for _, origin in there for word in Path(origin).parts[:-1]):
        check_same_parts(path, train.origins, test.origins, name_tables(tables))
        return "folder"
    if len(there) == len(pairs) == tree.images:
        return "table"
    first = f"all {tree.images:,} images without parts, or those of {lists} of them"
    raise UserError(f"{path}: {first}? {choice}")


def find_beside(path: Path, classes: Sequence[str], name: str, kept: str) -> DatasetSplits | None:
    """Return the images that tables beside folders of classes label; None where they list none.

    Args:
        name: of the first table.
        kept: the layout that takes the folders.

    Raises:
        LabelsError: a table that is called as labels are cannot be read so, or its paths mean several images.
    """
    try:
        lenient = table.Settings(size=1, two_labels="leave_out", missing_classes="leave_out")
        return table.find_in_tables(path, lenient, guess=False)
    except NoColumnError:  # It lists no images here.
        return None
    except UserError as error:
        if not isinstance(error, CopiesError) and not CALLED.search(name):
            return None
        first = f"classes {name_some(classes)} by their folders, or the labels of a table"
        raise LabelsError(f"{path}: {first}? set layout: {kept} takes the first; {ask_for_table(error)}") from error


def ask_for_table(error: UserError) -> str:
    """Return an error's message with the setting that a way out of it needs beside its own."""
    return str(error).replace("set image_folder:", "set layout: table and set image_folder:")


def name_tables(tables: Sequence[str]) -> str:
    """Return the names of tables, the first of many."""
    return ", ".join(tables[:SHOWN]) + (f" and {len(tables) - SHOWN:,} more" if len(tables) > SHOWN else "")


def describe_listing(tables: Sequence[str], images: Collection[str]) -> str:
    """Return which tables list how many images, to go on with what these are."""
    return f"{name_tables(tables)}, which list{'' if len(tables) > 1 else 's'} {len(images):,}"


def check_tested(path: Path, tree: Tree, there: Sequence[tuple[str, str]], tables: Sequence[str], choice: str) -> None:
    """Refuse folders of classes beside tables with the same classes, of some of which all images lie in other folders.

    Args:
        there: labels and paths of the images of the tables.
        tables: their names.
        choice: what takes only one of both.

    Raises:
        LabelsError: it is so; these may be what is tested on.
    """
    labels = {label for label, _ in there}
    folders = {normalize_label(own.name) for own in tree.walk() if own.images}
    numbers = match_numbers(labels, {name for name in folders if name.isdecimal()})
    if not labels <= folders | {*numbers}:
        return
    files = [Path(file) for own in tree.walk() for file in own.files if os.path.basename(file) in tables]
    found = find_outside(path, files, {origin: numbers.get(label, label) for label, origin in there})
    if not found:
        return
    names = ", ".join(found)
    verb = "have" if len(found) > 1 else "has"
    others = f"{len({origin for own in found.values() for origin in own}):,} others that {names} {verb} of these"
    first = f"images in folders of classes {name_some(labels)}, or {others}"
    ways = f"set test_tables: [{names}] trains on the first and tests on the others"
    raise LabelsError(f"{path}: {first}? {ways}, {choice}")


def find_outside(path: Path, files: Iterable[Path], classes: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the tables whose images all lie in no folder of a class, and these images.

    There are none where a table has images of both kinds, or one that lies in the folder of another class.

    Args:
        classes: of each image that tables name, as its folder would be called.
    """
    known, found = {*classes.values()}, dict[str, list[str]]()
    for file in files:
        read = table.read_table(file, path, table.Settings(size=1), guess=False)
        own = {origin: {*map(normalize_label, Path(origin).parts)} for origin in read.origins if origin in classes}
        inside = [origin for origin, above in own.items() if not above.isdisjoint(known)]
        if len(inside) not in (0, len(own)) or any(classes[origin] not in own[origin] for origin in inside):
            return {}
        if own and not inside:
            found[os.path.relpath(file, path)] = [*own]
    return found


def are_numbers_of_folders(pairs: Sequence[tuple[str, str]]) -> bool:
    """Say whether labels are whole numbers that stand for the folders of images, each for one, given both of all."""
    both = {(label, Path(origin).parent.name) for label, origin in pairs}
    one_to_one = len(both) == len({label for label, _ in both}) == len({folder for _, folder in both})
    return one_to_one and all(label.isdecimal() for label, _ in both)
