"""Folders as parts with folders of classes in them, once it is known which are which, and what lies beside these."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import (
    LeftOut,
    Tree,
    check_faults,
    count_all,
    find_ending,
)
from counterweight.data.sources.base.labels import normalize_label
from counterweight.data.sources.base.layout_beside import (
    IN_NO_CLASS,
    count_around,
    count_wrapping,
    leave_beside,
    offer_part,
)
from counterweight.data.sources.base.layout_doubts import (
    check_names,
    has_classes,
    holds_texts_alone,
    is_kind,
    list_classes,
    name_some,
    unwrap,
)
from counterweight.data.sources.base.layout_sets import (
    FOLDER,
)
from counterweight.data.sources.base.part_names import (
    Validation,
    assign_parts,
    describe_joined,
    parse_part_name,
)

ONLY_CLASS = "all"  # what the class is called where images lie in no sub-folder
IN_NO_PART = "beside the folders of parts"
UNUSED_PART = "a part that is not used"
WITHOUT_CLASSES = "a part without folders of classes"
Kind = Literal["auto", "classes", "parts"]


class ClassFolder(NamedTuple):
    """A folder of images of one class, and what the account calls it."""

    name: str
    place: str
    tree: Tree
    written: str
    """The name before it was normalized."""


class Part(NamedTuple):
    """The folders of the classes of a part, and the part's own name in messages."""

    name: str
    classes: list[ClassFolder]


class Layout(NamedTuple):
    """The parts that are trained on and tested on, what is left out beside them, and what is to be said of it."""

    train: list[Part]
    test: list[Part]
    left_out: Counter[LeftOut]
    notes: list[str]
    ignored: list[str]
    """Names of the folders beside the parts, which are not read."""


class Wanted(NamedTuple):
    """What the settings say of a layout: its kind, the folders of the parts, and what becomes of validation images.

    `masks` says whether it is asked what folders are that might be of masks, `lists` whether lists name the parts,
    `rest` whether something is left out by its name, so that a folder which is left alone is no class, but holds these.
    """

    kind: Kind
    train: Sequence[str]
    test: Sequence[str]
    validation: Validation
    masks: bool
    lists: bool = False
    rest: bool = False


def place_below(layout: Layout, root: Tree, inner: Tree) -> Layout:
    """Return the layout of the only folder of images as one of the folder that it lies in, at any depth."""
    above = os.path.relpath(inner.path, root.path)
    left_out = count_around(root, inner)
    for own, count in layout.left_out.items():
        left_out[own._replace(place=os.path.normpath(f"{above}/{own.place}"))] += count

    def place(part: Part) -> Part:
        return part._replace(classes=[own._replace(place=f"{above}/{own.place}") for own in part.classes])

    train, test = (list(map(place, parts)) for parts in (layout.train, layout.test))
    return layout._replace(train=train, test=test, left_out=left_out)


def note_nested(folders: Sequence[Tree]) -> list[str]:
    """Return a note if there are folders in those of classes."""
    nested = sum(bool(list_classes(folder)) for folder in folders)
    names = {name for folder in folders for name in list_classes(folder)}
    said = f"{nested} of {len(folders)} folders of classes have folders in them ({name_some(names)})"
    several = sum(not is_kind(name) for name in names) > 1
    ways = f"; set label_pattern: '{FOLDER}' takes the inner ones for classes" if several else ""
    return [f"{said}, whose images are taken as theirs{ways}"] if nested else []


def take_classes(root: Tree, notes: list[str]) -> Layout:
    """Return all folders as classes, which bring no split."""
    part, left_out = make_part(root, "")
    texts = [folder.name for folder in root.folders if holds_texts_alone(folder)]
    said = f"{name_some(texts)}: folders of texts alone are no classes"
    return Layout([part], [], left_out, [*notes, said] if texts else notes, [])


def make_part(tree: Tree, place: str) -> tuple[Part, Counter[LeftOut]]:
    """Return a folder of classes as a part, and what lies beside these."""
    check_faults(tree)
    folders = [folder for folder in tree.folders if not holds_texts_alone(folder)]
    classes = [ClassFolder(normalize_label(own.name), f"{place}{own.name}", own, own.name) for own in folders]
    if not classes:
        return Part(tree.name, [ClassFolder(ONLY_CLASS, place.rstrip("/") or ".", tree, ONLY_CLASS)]), Counter()
    return Part(tree.name, classes), leave_beside(tree, folders, IN_NO_CLASS, place)


def take_parts(root: Tree, words: dict[str, Tree], wanted: Wanted) -> Layout:
    """Return the parts that folders are by their names; those without labels train and test nothing."""
    known = list_classes(unwrap(words["train"]))
    labelled = [word for word, folder in words.items() if not known or has_classes(folder, known)]
    parts = assign_parts(labelled, wanted.validation)
    train, test = ([words[word] for word in own] for own in parts)
    layout = join_parts(root, train, test, {folder.path: word for word, folder in words.items()})
    return layout._replace(notes=[*layout.notes, *describe_joined(*parts)])


def take_named_parts(root: Tree, wanted: Wanted, where: str) -> Layout:
    """Return the parts whose folders the settings name.

    Raises:
        UserError: a folder is not there, or is in both, or none is trained on.
    """
    known = {folder.name: folder for folder in root.folders}
    for name in (*wanted.train, *wanted.test):
        if name not in known:
            raise UserError(f"{where}: no folder '{name}' for train and test; there are {name_some(known)}")
    if both := {*wanted.train} & {*wanted.test}:
        raise UserError(f"{where}: {name_some(both)} in train and in test; a folder belongs to one part")
    trained = [*wanted.train] or [name for name in known if parse_part_name(name) == "train"]
    if not trained:
        raise UserError(f"{where}: test folders are named and no folder is called train; set train: [FOLDER, ...]")
    layout = join_parts(root, [known[name] for name in trained], [known[name] for name in wanted.test], {})
    check_names([folder.name for part in layout.train for folder in part.classes], where)
    return layout


def join_parts(root: Tree, train: Sequence[Tree], test: Sequence[Tree], words: dict[str, str]) -> Layout:
    """Return folders as parts, what lies beside them, and a note of folders with images that are in no part."""
    used = {folder.path for folder in (*train, *test)}
    left_out = Counter({LeftOut(*kind, "."): count for kind, count in root.left_out.items()})
    left_out.update(LeftOut(IN_NO_PART, find_ending(file), ".") for file in root.files)
    classes = {name for folder in train for name in list_classes(unwrap(folder))}
    notes, ignored = list[str](), [folder for folder in root.folders if folder.path not in used]
    for folder in ignored:
        reason = UNUSED_PART if folder.path in words else IN_NO_PART
        if folder.path in words and not has_classes(folder, classes):
            reason = WITHOUT_CLASSES
        left_out.update(count_all(folder, reason, folder.name))
        if (count := folder.images) and reason != WITHOUT_CLASSES:
            ways = offer_part(folder, train, test) if list_classes(unwrap(folder)) & classes else ""
            notes.append(f"{count:,} images in '{folder.name}' are in no part{ways}")
    made: list[list[Part]] = []
    for own_parts in (train, test):
        goals = [unwrap(folder) for folder in own_parts]
        pairs = [make_part(goal, f"{os.path.relpath(goal.path, root.path)}/") for goal in goals]
        made.append([part for part, _ in pairs])
        for folder, (_, beside) in zip(own_parts, pairs, strict=True):
            left_out.update(beside)
            left_out.update(count_wrapping(folder, root.path))
    notes += note_nested([folder.tree for part in made[0] for folder in part.classes])
    return Layout(made[0], made[1], left_out, notes, [folder.name for folder in ignored])
