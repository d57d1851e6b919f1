"""Images of your own in a folder: one sub-folder per class, with `train`, `val` and `test` above them if you like.

Where there are no sub-folders of classes, all images are of one class.
"""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import MinLen
from pydantic import Field

from counterweight.core.errors import UserError
from counterweight.data.decode import account
from counterweight.data.decode.tree import (
    COMPANION_OF,
    LeftOut,
    Tree,
    describe_unfit,
    find_ending,
    is_image,
    prune,
    scan_tree,
)
from counterweight.data.sources import table
from counterweight.data.sources.base.file_settings import MissingClasses, Name, OwnFileSettings, name_setting
from counterweight.data.sources.base.folder_classes import check_empty, name_classes
from counterweight.data.sources.base.folder_tables import (
    describe_folder_tables,
    list_by_folders,
    list_labelled_folders,
    name_groups,
)
from counterweight.data.sources.base.image_tables import describe_image_tables
from counterweight.data.sources.base.labels import describe_lookalikes, order_names
from counterweight.data.sources.base.layout import choose_layout
from counterweight.data.sources.base.layout_parts import Wanted
from counterweight.data.sources.base.lazy_images import (
    DatasetSplits,
    LazyImages,
    agree_on_classes,
    make_fetch,
    strip_root,
    wrap_files,
)
from counterweight.data.sources.base.listing import Listing, keep_classes, list_part
from counterweight.data.sources.base.name_labels import Named, describe_label_files, list_by_names
from counterweight.data.sources.base.name_pairs import describe_name_pairs
from counterweight.data.sources.base.part_conflicts import describe_contrary_parts
from counterweight.data.sources.base.part_lists import WITH_LISTS, describe_lists, describe_named_parts, find_listed
from counterweight.data.sources.base.part_names import TESTS, Validation, describe_joined, parse_part_name
from counterweight.data.sources.base.partial_lists import describe_partial
from counterweight.data.sources.base.table_columns import NoColumnError, NoLabelsError
from counterweight.data.sources.base.table_rows import Table
from counterweight.data.sources.base.tested_tables import (
    Tested,
    check_untested,
    describe_other_folders,
    drop_files,
    find_label_column,
    keep_present,
    list_tested,
    name_as_folders,
)
from counterweight.data.sources.base.unplaced_tables import describe_unplaced_tables
from counterweight.data.sources.base.written_names import write_names
from counterweight.settings.datasets import Pattern

IN_NO_LIST = "in no list of a part"


class Settings(OwnFileSettings):
    """Settings of a folder of images."""

    path: Annotated[str, MinLen(1)] | None = None
    """The folder; null: `images/` and the dataset's name, which is all that the graph can watch: there, make that a
    symbolic link to the folder. Beside `train`, `val` and `test` other sub-folders are left out."""
    layout: Literal["auto", "classes", "parts"] = "auto"
    """Whether the sub-folders are `classes`, or `parts` above the classes by their names; `auto`: by what they hold."""
    train: list[Name] = Field(default_factory=list)
    """Sub-folders that are trained on, where their names do not say so; those in neither list are left out."""
    test: list[Name] = Field(default_factory=list)
    """Sub-folders that are tested on, where their names do not say so, as `[fold5]`."""
    train_lists: list[str] = Field(default_factory=list)
    """Texts in the folder with the path of an image in each line, as `[meta/train.txt]`, all of which are trained on.
    Files of both parts are named in both: JSON with a list of each, `[split.json]`, tables of paths and parts, or
    `[train_test_split.txt]` beside `images.txt`; `[]`: those that `test_lists` does not name."""
    test_lists: list[str] = Field(default_factory=list)
    """Texts with the paths of the images that are tested on, whatever folders say; images in no list are left out."""
    test_tables: list[str] = Field(default_factory=list)
    """Tables in the folder with the paths and labels of the images that are tested on, as `[Test.csv]`, wherever these
    lie; all others are trained on, by their folders."""
    label_pattern: Pattern | None = None
    """A regular expression that is found in the path of an image below the folder: what its first parentheses hold, or
    all of it, is the image's class, whatever folders but parts are called, as `([^/]*?)[0-9]+[.]` for `cat12.jpg`.
    Images in whose path it is not found are left out; null: folders are the classes."""
    folder_table: Name | None = None
    """A table in the folder that says of which class the images in each sub-folder are, by a column of these' names, as
    `patients.csv` where they are called after patients; images in folders without a label are left out, and those of a
    folder belong together, as `group_pattern` has it, unless that says otherwise."""
    folder_label: Name | None = None
    """The column of `folder_table` with the labels; null: the one that is called so, or the only one that may be it."""
    leave_out: list[Name] | None = None
    """Names of folders and files to be left out, as `[masks, "*_mask.png"]`; null: masks and thumbnails that have the
    names of images beside them; `[]`: none."""
    missing_classes: MissingClasses = "refuse"
    """What becomes of classes that the training or the test part lacks: `refuse` the dataset, `leave_out` their images,
    or `split_anew`: join the parts and split all images here."""
    links: Literal["refuse", "follow"] = "refuse"
    """What to do about symbolic links that lead out of the folder. Follow them only in folders that you trust; the
    graph does not notice what changes behind links to other folders."""
    validation: Validation = "use"
    """What becomes of `val`: it joins the training images, or is the test part where there is no `test`; or nothing."""


class Found(NamedTuple):
    """What a folder holds: the files of both parts, its classes, what is left out, folders among that, and notes."""

    train: Listing
    test: Listing | None
    names: tuple[str, ...]
    left_out: Counter[LeftOut]
    ignored: list[str]
    notes: list[str]
    groups: Collection[str] = ()
    """Names of the folders whose images belong together."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the folder is there and holds image files; return the names of their classes.

    Raises:
        UserError: it is not so, a class is empty, a link leads out of it, its layout can be read in two ways, or the
            classes of its parts differ.
    """
    return find_all(settings, name).names


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List all image files in the order of their sorted paths; folders `train` and `test` make the parts.

    Raises:
        UserError: as in `precheck`.
    """
    found = find_all(settings, name)
    root = find_root_folder(settings, name)
    test = None if found.test is None else make_folder_part(found.test, found, settings, root)
    return DatasetSplits(make_folder_part(found.train, found, settings, root), test)


def find_all(settings: Settings, name: str) -> Found:
    """Return what the folder holds, with an account of what is left out of it."""
    root, where = find_root_folder(settings, name), name_setting(name, "path")
    if not root.is_dir():
        raise UserError(f"{where}: {root}: no such folder; it must hold one sub-folder of images per class")
    where = f"{where}: {root}"
    try:
        tree = scan_tree(os.fspath(root), Path(os.path.realpath(root)), settings.links == "follow")
        patterns = settings.leave_out or ()
        found = find_in_tree(*prune(tree, patterns, ""), settings, where)
        named = () if settings.folder_table is None else list_labelled_folders(tree, settings.folder_table)
        return found._replace(notes=[*found.notes, *describe_unfit(tree, patterns)], groups=named)
    except UserError as error:
        message = str(error)  # those of links and names begin with the file
        raise UserError(message if message.startswith(where) else f"{name_setting(name, 'path')}: {message}") from error


def find_root_folder(settings: Settings, name: str) -> Path:
    """Return the folder above the classes or above `train` and `test`."""
    return Path(settings.path or f"images/{name}").expanduser()


def find_in_tree(tree: Tree, left_out: Counter[LeftOut], settings: Settings, where: str) -> Found:
    """Return the parts and classes of what lies in a folder."""
    train, test, tested, ignored, notes = list_parts(tree, left_out, settings, where)
    notes += describe_lookalikes(train.classes + test.classes)
    if settings.folder_table is None and settings.label_pattern is None:
        known = {*train.classes}
        notes += describe_folder_tables(tree, known) or describe_image_tables(tree, known)
    notes += describe_name_pairs(train.group()) if settings.leave_out is None else []
    if settings.test_lists:
        train, test, said = split_by_lists(train, test, settings, Path(tree.path), left_out)
        notes += said
    elif not tested:
        known = {*train.classes}
        unplaced = describe_unplaced_tables(tree, train.files, known, lambda own: list_tables(tree, settings, [own]))
        notes += [*unplaced.notes, *describe_lists(tree, train.files, unplaced.files)]
        notes += describe_named_parts(train.group(), WITH_LISTS)
        notes += describe_partial_files(tree, train.files)
        return Found(train, None, tuple(order_names({*train.classes})), left_out, ignored, notes)
    try:
        common = agree_on_classes(train.counts, test.counts, settings.missing_classes, where)
    except UserError as error:  # of lists, lines may name no image here
        more = said[:-1] if settings.test_lists else offer_others(tree, train, test, notes)
        raise UserError("; ".join([str(error), *more])) from error
    notes += common.notes
    if common.joined:
        return Found(train.join(test), None, common.names, left_out, ignored, notes)
    kept = [keep_classes(part, common.names, left_out) for part in (train, test)]
    if not settings.test_lists:
        notes += describe_contrary_parts(kept[0], kept[1], tree)
        used = {os.path.abspath(os.path.join(tree.path, name)) for name in settings.test_tables}
        notes += describe_partial_files(drop_files(tree, used), [*train.files, *test.files])
    return Found(kept[0], kept[1], common.names, left_out, ignored, notes)


def offer_others(tree: Tree, train: Listing, test: Listing, notes: Sequence[str]) -> list[str]:
    """Return what may be done where the test part has no class of the training part: do without it, take inner folders.

    Args:
        notes: of the layout, among them that of inner folders.
    """
    if not {*train.classes}.isdisjoint(test.classes):
        return []
    names = order_names({place.split("/")[0] for place in train.places})
    alone = [f"set train: {write_names(names)} takes its images alone"]
    inner = [note for note in notes if "set label_pattern: " in note]
    return inner + (alone if {*names} <= {folder.name for folder in tree.folders} else [])


def list_parts(tree: Tree, left_out: Counter[LeftOut], settings: Settings, where: str) -> Named:
    """Return the images of both parts, those that are tested on by tables if these are named; others join the account.

    Raises:
        UserError: a table is not there or cannot be read as such, or lists name parts, too.
    """
    if not settings.test_tables:
        return list_images(tree, left_out, settings, where)
    if settings.test_lists or settings.test:
        raise UserError(f"{tree.path}: test_tables beside test or test_lists; one of them says what is tested on")
    tested = list_tables(tree, settings, settings.test_tables)
    found = list_images(drop_files(tree, tested.files), left_out, settings, where)
    left_out.update(tested.left_out)
    check_untested(found.test, tree.path)
    train = found.train.join(found.test)  # that are images of validation
    joined = describe_joined(["train", "val"]) if found.test.files else []
    test, said = name_as_folders(keep_present(tested.listing, tree), train.classes)
    said += describe_other_folders(test, {*train.classes}, Path(tree.path))
    return Named(train, test, True, found.ignored, [*found.notes, *joined, *tested.notes, *said])


def list_tables(tree: Tree, settings: Settings, names: Sequence[str]) -> Tested:
    """Return the images that tables below a folder label, as those that are tested on.

    Where columns have no usual names, the one with nothing but names of folders has the labels.
    """
    root = Path(tree.path)
    own = table.Settings(size=settings.size, tables=[*names], links=settings.links)

    def read(file: Path) -> Table:
        try:
            return table.read_table(file, root, own, guess=True)
        except NoLabelsError:
            if (label := find_label_column(file, tree)) is None:
                raise
            return table.read_table(file, root, own.model_copy(update={"label": label}), guess=True)

    try:
        return list_tested(root, names, read, settings.links == "follow", settings.merge_labels)
    except NoColumnError as error:  # no setting of a folder names columns
        said = str(error).partition("; set ")[0]
        raise type(error)(f"{said}; test_tables knows columns by names such as path and label") from error


def list_images(tree: Tree, left_out: Counter[LeftOut], settings: Settings, where: str) -> Named:
    """Return the images of both parts with their classes, of folders or of names; others join the account."""
    rest = bool(left_out or settings.test_tables)
    wanted, masks = read_wanted(settings, tree, rest), settings.leave_out is None
    if settings.label_pattern is not None:
        return list_by_names(tree, settings.label_pattern, wanted, settings.merge_labels, left_out, where)
    if settings.folder_table is not None:
        merge = settings.merge_labels
        return list_by_folders(tree, settings.folder_table, settings.folder_label, wanted, merge, left_out, where)
    layout = choose_layout(tree, wanted, where)
    left_out.update(layout.left_out)
    layout, notes = name_classes(layout, masks, settings.merge_labels)
    train, test = (list_part(parts, masks, left_out) for parts in (layout.train, layout.test))
    beside = any(own.reason == COMPANION_OF for own in left_out)
    check_empty(tree, layout, train.classes + test.classes, where, beside)
    if len({*train.classes}) == 1 and (said := describe_label_files(tree, masks)):
        notes.append(f"all images are of one class{said}")
    return Named(train, test, bool(layout.test), layout.ignored, [*layout.notes, *notes])


def describe_partial_files(tree: Tree, images: Sequence[Path]) -> list[str]:
    """Return notes of files that name some of the images beside them."""
    root = Path(tree.path)
    return describe_partial((file for own in tree.walk() for file in own.files), strip_root(root, images), root)


def read_wanted(settings: Settings, tree: Tree, rest: bool) -> Wanted:
    """Return what the settings say of a layout; where lists name the parts, a folder around all classes is no class.

    Args:
        rest: whether something is left out by its name.

    Raises:
        UserError: there are lists of training images alone.
    """
    if settings.train_lists and not settings.test_lists:
        raise UserError(f"{tree.path}: train_lists without test_lists; both say which images are in which part")
    around = [folder.name for folder in tree.folders if folder.images]
    inside = settings.test_lists and len(around) == 1 and not any(map(is_image, tree.files))
    train = settings.train or (around if inside and settings.layout != "parts" else [])
    if settings.test_tables and not train:
        train = find_only_training(tree)
    masks, lists = settings.leave_out is None, bool(settings.test_lists)
    return Wanted(settings.layout, train, settings.test, settings.validation, masks, lists, rest)


def find_only_training(tree: Tree) -> list[str]:
    """Return the folder that is trained on if there is one, and others that are no parts: they could all be classes."""
    called = {folder.name: parse_part_name(folder.name) for folder in tree.folders if folder.images}
    named = [name for name, word in called.items() if word is not None and word not in TESTS]
    return named if [called[name] for name in named] == ["train"] and None in called.values() else []


def split_by_lists(
    train: Listing, test: Listing, settings: Settings, root: Path, left_out: Counter[LeftOut]
) -> tuple[Listing, Listing, list[str]]:
    """Return the images of both parts as lists have them, and notes; images in no list join the account."""
    every = train.join(test)
    found = find_listed(
        strip_root(root, every.files), settings.train_lists, settings.test_lists, root, settings.links == "follow"
    )
    for place in {*range(len(every.files))} - {*found.train, *found.test}:
        left_out[LeftOut(IN_NO_LIST, find_ending(str(every.files[place])), every.places[place])] += 1
    return every.take(found.train), every.take(found.test), found.notes


def make_folder_part(listing: Listing, found: Found, settings: Settings, root: Path) -> LazyImages:
    """Return files as a part of the dataset; the account stands with the training part."""
    places = {name: place for place, name in enumerate(found.names)}
    left_out = found.left_out if listing is found.train else Counter[LeftOut]()
    origins = strip_root(root, listing.files)
    part = wrap_files(
        fetch=make_fetch(listing.files),
        labels=np.array([places[name] for name in listing.classes], dtype=np.int64),
        class_names=found.names,
        origins=origins,
        provenance={
            "source": "folder",
            "settings": describe_settings(settings),
            "ignored_files": left_out.total(),
            "ignored_folders": found.ignored,
            "left_out": account.to_json(left_out),
            "notes": found.notes if listing is found.train else [],
        },
        settings=settings,
    )
    return replace(part, groups=name_groups(origins, found.groups)) if found.groups else part


def describe_settings(settings: Settings) -> dict[str, object]:
    """Return settings but for the folder, which may be one of this machine alone, and for some that are not used."""
    usual: dict[str, object] = {
        "white": None,
        "black": None,
        "merge_labels": False,
    }  # newer than tables that are there already
    usual |= {"train_lists": [], "test_lists": [], "test_tables": [], "label_pattern": None}
    usual |= {"folder_table": None, "folder_label": None}
    values = settings.model_dump(mode="json", exclude={"path"})
    return {name: value for name, value in values.items() if name not in usual or value != usual[name]}
