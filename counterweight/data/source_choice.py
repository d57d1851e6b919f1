"""Which kind of source reads a folder or a file: folders of classes, or tables."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from shlex import quote

from counterweight.core.errors import UserError
from counterweight.data.decode import account
from counterweight.data.decode.tree import Tree, find_ending, is_image, scan_tree
from counterweight.data.labelled_texts import (
    CALLED,
    ENDINGS,
    LabelsError,
    check_labelled,
    describe_labelled,
    describe_places,
    find_labelled_texts,
    name_layout,
    offer_labelled,
)
from counterweight.data.sources import table
from counterweight.data.sources.base.columns import SUFFIXES
from counterweight.data.sources.base.labels import match_numbers, normalize_label, order_names
from counterweight.data.sources.base.layout_doubts import (
    are_pictures,
    holds_classes,
    list_classes,
    name_pieces,
    name_some,
    unwrap,
)
from counterweight.data.sources.base.layout_sets import find_inner
from counterweight.data.sources.base.name_labels import describe_label_files
from counterweight.data.sources.base.part_conflicts import check_same_parts
from counterweight.data.sources.base.part_lists import describe_lists
from counterweight.data.sources.base.part_names import are_part_names, guess_part_name, parse_part_name
from counterweight.data.sources.base.table_columns import NoColumnError, NoLabelsError
from counterweight.data.sources.base.table_files import FIRST
from counterweight.data.sources.base.table_paths import CopiesError

SHOWN = 3  # tables that a message names
LISTED = 0.5  # of the rows of a table name a file, where it is one of images
WANTED = "expected a folder with a sub-folder of images per class, or train and test above them, or tables"


def detect_source(path: Path) -> str:
    """Return the kind of source that reads a path: `folder` or `table`.

    Raises:
        UserError: none does, or both do and differ.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return "table"
        if path.suffix.lower() in account.ARCHIVES:
            raise UserError(f"{path}: an archive; unpack it, then give the folder")
        if find_ending(str(path)) in ENDINGS:
            ways = f"give {quote(os.fspath(path.parent))} and set tables: [{path.name}] has its labels read"
            raise UserError(f"{path}: a text: {ways}; {WANTED}")
        raise UserError(f"{path}: a file that is no table ({', '.join(SUFFIXES)}); {WANTED}")
    tree = scan_tree(os.fspath(path), path.resolve(), follow_links=True)
    classes, table = find_class_folders(tree), find_table(path, tree)
    if len(classes) > 1 and not are_part_names(classes):
        if table and (are_pieces(tree) or are_pictures(classes)) and may_label(path):
            return "table"
        if table:
            return choose_labels(path, tree, classes, Path(table).name)
        check_labelled(path, tree, classes)
        check_only_part(path, tree, classes)
        return "folder"
    if table:
        check_inner(path, tree)
        return "table"
    if len(classes) > 1:
        labelled = offer_labelled(tree, classes=False) or describe_label_files(tree)
        raise UserError(
            f"{path}: {', '.join(classes)} look like parts, not classes{labelled}; {WANTED}; "
            "set layout: classes takes them as classes"
        )
    return check_single(path, tree, classes)


def check_only_part(path: Path, tree: Tree, classes: Sequence[str]) -> None:
    """Refuse a single folder that is called as a part is where texts beside it part its images, and name its classes.

    Raises:
        UserError: it is so; folders may be called by the numbers of the classes, as iNaturalist's are.
    """
    folders = [folder.name for folder in tree.folders if folder.images]
    if len(folders) > 1 or not guess_part_name(folders[0]):
        return
    texts = [own for own in find_labelled_texts(tree) if len(own.files) > 1 and {*own.labels}.isdisjoint(classes)]
    if texts:
        ways = f"set train: [{folders[0]}] takes folders {name_some(classes)} for classes without parts"
        raise UserError(f"{path}: {folders[0]} looks like one part of several; {describe_labelled(texts)}; {ways}")


def find_table(path: Path, tree: Tree) -> str | None:
    """Return the first table of a folder; lines of JSON and Arrow beside images are one only if they label these."""
    if first := find_file(tree, FIRST):
        return first
    second = find_file(tree, SUFFIXES)
    if second and tree.images:
        return second if may_label(path) else None
    return second


def check_inner(path: Path, tree: Tree) -> None:
    """Refuse tables that label less than half of the images, where folders with most of them are in a single one.

    Raises:
        UserError: it is so; either may be meant.
    """
    if (inner := find_inner(tree)) is None:
        return
    try:
        parts = table.find_in_tables(path, table.Settings(size=1))
    except UserError:  # told when it is read
        return
    count = len({origin for part in parts if part is not None for origin in part.origins})
    if count < LISTED * inner.images:
        first = f"the {count:,} images of {name_tables(parts.train.provenance['tables'])}"
        first += f", or the {inner.images:,} in folders {name_some(list_classes(inner))}"
        raise LabelsError(
            f"{path}: {first}? set layout: table takes the first, give {quote(inner.path)} for the others"
        )


def are_pieces(tree: Tree) -> bool:
    """Say whether folders are called pieces of one set, and none has folders of classes in it."""
    folders = [folder for folder in tree.folders if folder.images]
    return name_pieces(list_names(folders)) and not any(map(holds_classes, folders))


def may_label(path: Path) -> bool:
    """Say whether tables name images of a folder, whatever else they lack."""
    try:
        table.find_in_tables(path, table.Settings(size=1))
    except NoColumnError as error:
        return isinstance(error, NoLabelsError)
    except UserError:  # of something else, which is told when it is read
        return True
    return True


def check_single(path: Path, tree: Tree, classes: Sequence[str]) -> str:
    """Return the kind of source of a folder with the images of one class.

    Raises:
        UserError: it holds no images, or they are not in it alone.
    """
    inner = find_inner(tree) if classes else None
    seen = f"one sub-folder with images only, '{classes[0]}'" if classes else "no sub-folders with images"
    bare = [folder.name for folder in tree.folders if folder.images] if not classes else []
    seen = f"{name_some(bare)} are called as parts, and train has no folders of classes" if bare else seen
    loose = sum(is_image(file) for file in tree.files)
    if loose and not classes:
        check_labelled(path, tree, [])
        return "folder"
    seen += f", {loose} images beside it" if loose else ""
    if inner:
        within, below = name_some(list_classes(inner)), os.path.relpath(inner.path, path)
        where = f"in which {below} holds" if os.sep in below else "which holds"
        lists = offer_labelled(tree, classes=True) or "".join(f"; {note}" for note in describe_lists(tree))
        raise UserError(f"{path}: {seen}, {where} folders {within}: give {quote(inner.path)} for these{lists}")
    if len(classes) == 1 and not loose and (path / classes[0]).is_dir():
        seen += f" (of one class, for a gallery: give {quote(os.fspath(path / classes[0]))} itself)"
    labelled = offer_labelled(tree, classes=False) or describe_label_files(tree)
    raise UserError(f"{path}: {seen}{account.describe_unread(tree)}{labelled}; {WANTED}")


def find_class_folders(tree: Tree) -> list[str]:
    """Return the names of the sub-folders that hold images, at any depth; those in a training part if that has any."""
    folders = [folder for folder in tree.folders if folder.images]
    inner: list[str] = []
    for train in (folder for folder in folders if guess_part_name(folder.name) == "train"):
        inner = order_names(list_classes(unwrap(train)))
        if len(inner) > 1 and not are_part_names(inner):
            return inner
    if all(parse_part_name(folder.name) for folder in tree.folders) and "train" in map(
        guess_part_name, list_names(folders)
    ):
        return inner  # parts without classes are no classes
    return list_names(folders)


def list_names(folders: Iterable[Tree]) -> list[str]:
    """Return the names of folders."""
    return [folder.name for folder in folders]


def find_file(tree: Tree, endings: Collection[str]) -> str | None:
    """Return the first file in a folder whose name has one of some endings."""
    return next((file for own in tree.walk() for file in own.files if find_ending(file) in endings), None)


def choose_labels(path: Path, tree: Tree, classes: Sequence[str], name: str) -> str:
    """Return the kind of source of folders of classes beside a table: that, if it says of which part all images are.

    Raises:
        UserError: the table gives images other labels, or parts to some of them; which is meant cannot be known.
    """
    kept = name_layout(tree, classes)
    try:
        lenient = table.Settings(size=1, two_labels="leave_out", missing_classes="leave_out")
        train, test = table.find_in_tables(path, lenient, guess=False)
    except CopiesError as error:
        first = f"classes {name_some(classes)} by their folders, or the labels of a table"
        raise LabelsError(f"{path}: {first}? set layout: {kept} takes the first; {ask_for_table(error)}") from error
    except NoColumnError:  # It lists no images here.
        return "folder"
    except UserError as error:
        if not CALLED.search(name):
            return "folder"
        first = f"classes {name_some(classes)} by their folders, or the labels of a table"
        raise LabelsError(f"{path}: {first}? set layout: {kept} takes the first; {ask_for_table(error)}") from error
    parts = [part for part in (train, test) if part is not None]
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
