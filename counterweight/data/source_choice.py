"""Which kind of source reads a folder or a file: folders of classes, or tables."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from shlex import quote

from counterweight.core.errors import UserError
from counterweight.data.decode import account
from counterweight.data.decode.tree import Tree, find_ending, is_image, scan_tree
from counterweight.data.label_choice import LISTED, choose_labels, name_tables
from counterweight.data.labelled_texts import (
    ENDINGS,
    LabelsError,
    check_labelled,
    describe_labelled,
    find_labelled_texts,
    name_layout,
    offer_labelled,
)
from counterweight.data.sources import table
from counterweight.data.sources.base.columns import SUFFIXES
from counterweight.data.sources.base.folder_tables import offer_folder_table
from counterweight.data.sources.base.image_tables import offer_image_table
from counterweight.data.sources.base.labels import normalize_label, order_names
from counterweight.data.sources.base.layout_doubts import (
    are_pictures,
    holds_classes,
    list_classes,
    name_pieces,
    name_some,
    offer_parts,
    offer_suffixes,
    unwrap,
)
from counterweight.data.sources.base.layout_sets import find_inner
from counterweight.data.sources.base.lazy_images import DatasetSplits
from counterweight.data.sources.base.name_labels import describe_label_files
from counterweight.data.sources.base.part_lists import describe_lists
from counterweight.data.sources.base.part_names import are_part_names, guess_part_name, parse_part_name
from counterweight.data.sources.base.table_columns import NoColumnError, NoLabelsError
from counterweight.data.sources.base.table_files import FIRST
from counterweight.data.sources.base.written_names import write_names

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
            ways = (
                f"give {quote(os.fspath(path.parent))} and set tables: {write_names([path.name])} has its labels read"
            )
            raise UserError(f"{path}: a text: {ways}; {WANTED}")
        raise UserError(f"{path}: a file that is no table ({', '.join(SUFFIXES)}); {WANTED}")
    tree = scan_tree(os.fspath(path), path.resolve(), follow_links=True)
    classes, table = find_class_folders(tree), find_table(path, tree)
    if len(classes) > 1 and not are_part_names(classes):
        if table and (are_pieces(tree) or are_pictures(classes)) and may_label(path):
            return "table"
        if table:
            kind = choose_labels(path, tree, classes, Path(table).name)
            if kind == "folder":
                check_folder_tables(path, tree, classes)
            return kind
        check_labelled(path, tree, classes)
        check_only_part(path, tree, classes)
        return "folder"
    if table:
        check_others(path, tree)
        return "table"
    if len(classes) > 1:
        labelled = offer_labelled(tree, classes=False) or describe_label_files(tree)
        labelled += offer_parts(tree.folders) + offer_suffixes(classes)
        raise UserError(
            f"{path}: {', '.join(classes)} look like parts, not classes{labelled}; {WANTED}; "
            "set layout: classes takes them as classes"
        )
    return check_single(path, tree, classes)


def check_folder_tables(path: Path, tree: Tree, classes: Sequence[str]) -> None:
    """Refuse folders that are called by numbers, as patients are, where a table gives them, or images, fewer labels.

    Raises:
        LabelsError: it is so; words are names of classes more often, and such a table is told of in a note.
    """
    names = [*map(normalize_label, classes)]
    if 2 * sum(any(map(str.isdigit, name)) for name in names) <= len(names):
        return
    found = offer_folder_table(tree, names) or offer_image_labels(tree, names)
    if found is not None:
        said, ways = found
        choice = f"set layout: {name_layout(tree, classes)} takes the first; {ways} the other"
        raise LabelsError(f"{path}: classes {name_some(classes)} by their folders, or {said}? {choice}")


def offer_image_labels(tree: Tree, names: Sequence[str]) -> tuple[str, str] | None:
    """Return what a table says of images beside more folders than it has labels; else None."""
    found = offer_image_table(tree, names)
    return None if found is None or 2 * found[2] > len(names) else found[:2]


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
        ways = f"set train: {write_names([folders[0]])} takes folders {name_some(classes)} for classes without parts"
        raise UserError(f"{path}: {folders[0]} looks like one part of several; {describe_labelled(texts)}; {ways}")


def find_table(path: Path, tree: Tree) -> str | None:
    """Return the first table of a folder; lines of JSON and Arrow beside images are one only if they label these."""
    if first := find_file(tree, FIRST):
        return first
    second = find_file(tree, SUFFIXES)
    if second and tree.images:
        return second if may_label(path) else None
    return second


def offer_table(path: Path) -> str:
    """Return the setting that reads the tables of a folder, to go on with an error's message; nothing without any."""
    tree = scan_tree(os.fspath(path), path.resolve(), follow_links=True)
    if find_table(path, tree) is None or not may_label(path):
        return ""
    return "; where tables there label the images, set layout: table reads these"


def check_others(path: Path, tree: Tree) -> None:
    """Refuse tables beside folders of classes with other images: most of all in a single folder, or of their classes.

    Raises:
        LabelsError: it is so; either may be meant, or both.
    """
    inner = find_inner(tree)
    if inner is None and len({own.name for own in tree.walk() if any(map(is_image, own.files))}) < 2:
        return
    try:
        parts = table.find_in_tables(path, table.Settings(size=1))
    except UserError:  # told when it is read
        return
    named = {origin for part in parts if part is not None for origin in part.origins}
    first = f"the {len(named):,} images of {name_tables(parts.train.provenance['tables'])}"
    if inner is not None and len(named) < LISTED * inner.images:
        first += f", or the {inner.images:,} in folders {name_some(list_classes(inner))}"
        raise LabelsError(
            f"{path}: {first}? set layout: table takes the first, give {quote(inner.path)} for the others"
        )
    if inner is not None:
        check_guessed(path, inner, parts)
    others = find_others(path, tree, named, {*parts.train.class_names})
    if len({*map(os.path.basename, others)}) > 1:
        first += f", or the {sum(others.values()):,} others in folders of the same classes, as {min(others)}, too"
        ways = "a table of their paths and labels, beside the other, has them read"
        raise LabelsError(f"{path}: {first}? set layout: table takes the first alone; {ways}")


def check_guessed(path: Path, inner: Tree, parts: DatasetSplits) -> None:
    """Refuse labels of a column that is not called so where images lie in folders of other names.

    Args:
        inner: the folder with these, which may be classes.

    Raises:
        LabelsError: it is so; `trn` and `tst` may be parts, and folders may be pieces.
    """
    labels, folders = {*parts.train.class_names}, list_classes(inner)
    if name_pieces([*folders]) or are_part_names([*folders]) or labels & {*map(normalize_label, folders)}:
        return
    try:
        table.find_in_tables(path, table.Settings(size=1), guess=False)
    except NoLabelsError:
        tables = name_tables(parts.train.provenance["tables"])
        first = f"classes {name_some(folders)} by their folders, or {name_some(labels)} by {tables}"
        ways = f"give {quote(inner.path)} for the first, set layout: table takes the other"
        raise LabelsError(f"{path}: {first}? {ways}") from None


def find_others(path: Path, tree: Tree, named: Collection[str], classes: Collection[str]) -> Counter[str]:
    """Return how many images that no table names lie in folders that are called as classes are, by these' paths."""
    found = Counter[str]()
    for folder in tree.walk():
        if normalize_label(folder.name) in classes:
            origins = (os.path.relpath(file, path) for file in folder.files if is_image(file))
            found[os.path.relpath(folder.path, path)] += sum(origin not in named for origin in origins)
    return +found


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
