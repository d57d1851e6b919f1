"""Which folders are classes and which are parts: by their names, by what they hold, and by how many images each has."""

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
from counterweight.data.sources.base.labels import normalize_label, order_names
from counterweight.data.sources.base.layout_beside import (
    IN_NO_CLASS,
    count_around,
    count_wrapping,
    leave_beside,
    offer_all_parts,
    offer_part,
)
from counterweight.data.sources.base.layout_doubts import (
    NAMED,
    are_parts,
    check_flat_parts,
    check_inner_pictures,
    check_names,
    check_paired_classes,
    check_pictures,
    check_pieces,
    check_twins,
    has_classes,
    holds_texts_alone,
    is_kind,
    is_tested,
    list_classes,
    name_some,
    offer_one_of_each,
    offer_one_set,
    unwrap,
)
from counterweight.data.sources.base.layout_sets import (
    FOLDER,
    check_copies,
    check_in_part,
    check_letters,
    check_sets,
    check_wrapped,
    enter_images,
    find_rest,
    find_shared,
)
from counterweight.data.sources.base.part_names import (
    Validation,
    are_part_names,
    assign_parts,
    describe_joined,
    guess_part_name,
    parse_part_name,
)
from counterweight.data.sources.base.written_names import write_names

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


def choose_layout(root: Tree, wanted: Wanted, where: str) -> Layout:
    """Return which folders are classes and which are parts.

    Raises:
        UserError: two readings are plausible, a folder of a part is not there, or parts are there twice.
    """
    check_faults(root)
    layout = find_layout(root, wanted, where)
    if wanted.masks:
        check_pictures(order_names({folder.name for part in layout.train for folder in part.classes}), where)
        for part in layout.train:
            check_paired_classes([folder.tree for folder in part.classes], where)
            check_twins([folder.tree for folder in part.classes], where)
    if wanted.kind == "auto":
        for part in layout.train:
            check_in_part([folder.tree for folder in part.classes], where, "classes" if wanted.lists else "parts")
    return layout


def find_layout(root: Tree, wanted: Wanted, where: str) -> Layout:
    """Return the layout, as `choose_layout` does, whatever the classes are called."""
    if wanted.train or wanted.test:
        return take_named_parts(root, wanted, where)
    folders = [folder for folder in root.folders if folder.images]
    if wanted.kind == "classes" or not folders:
        return take_classes(root, [])
    name_part = guess_part_name if wanted.kind == "parts" else parse_part_name
    if wanted.rest and (inner := find_rest(root, name_part)):
        return place_below(find_layout(inner, wanted, where), root, inner)
    if wanted.kind != "parts":
        check_flat_parts(folders, where)
    words = find_parts(root.folders if wanted.kind == "parts" else folders, wanted.kind, where)
    if "train" not in words:
        if wanted.kind == "parts":
            raise UserError(f"{where}: no folder train; set train: [FOLDER, ...] says which are trained on")
        check_names([folder.name for folder in folders], where, folders)
        return find_parts_below(root, folders, wanted, where) or check_classes(root, folders, wanted, where)
    if wanted.kind != "parts" and are_part_names([*list_classes(words["train"])]):  # a class, which has parts in it
        below = find_parts_below(root, folders, wanted, where)
        if below:
            return below
    if wanted.kind == "parts" or are_parts(words, folders, where):
        return take_parts(root, words, wanted)
    name, several = words["train"].name, list_classes(words["train"])
    notes = [f"folder '{name}' is a class as its neighbours are; set layout: parts takes it for the training part"]
    return take_classes(root, notes if several else [])


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


def find_parts(folders: Sequence[Tree], kind: Kind, where: str) -> dict[str, Tree]:
    """Return the folders that are parts by their names, exact ones before others such as `seg_train`.

    Raises:
        UserError: two are the same part.
    """
    exact = {folder.path: parse_part_name(folder.name) for folder in folders}
    guessed = {folder.path: exact[folder.path] or guess_part_name(folder.name) for folder in folders}
    # A guess needs more than itself: all folders, or those of a training and a test part, with the same classes.
    inner = [list_classes(unwrap(folder)) for folder in folders if guessed[folder.path]]
    alike = len(inner) > 1 and bool(set.intersection(*inner))
    words = guessed if kind == "parts" or ("train" not in exact.values() and alike) else exact
    found: dict[str, Tree] = {}
    for folder in folders:
        if word := words[folder.path]:
            if word in found:
                same = f"{found[word].name} and {folder.name} are the same part"
                named = {own.name: words[own.path] for own in folders}
                raise UserError(f"{where}: {same}; {offer_all_parts(named)}")
            found[word] = folder
    return found


def check_classes(root: Tree, folders: Sequence[Tree], wanted: Wanted, where: str) -> Layout:
    """Return folders as classes if nothing in them speaks against it.

    Raises:
        UserError: they hold the same folders, and might be parts.
    """
    names = [folder.name for folder in folders]
    inner = [list_classes(folder) for folder in folders]
    if wanted.masks:
        check_pictures(names, where)
        check_inner_pictures(folders, set.intersection(*inner), where)
    check_copies(folders, where)
    check_letters(folders, where)
    if shared := find_shared(folders):
        every = {name for folder in folders for name in list_classes(enter_images(folder)) if not is_kind(name)}
        first = f"classes {name_some(names)}, each with folders {name_some(every)}"
        *some, last = sorted(order_names(names), key=is_tested)
        example = f"set train: {write_names(some[:NAMED])} and test: {write_names([last])} as an example"
        choice = f"set layout: classes takes the first; {example} the other, train alone splits its images here"
        choice += offer_one_of_each(folders, shared) + offer_one_set(folders)
        raise UserError(f"{where}: {first}, or parts {name_some(names)} of classes {name_some(every)}? {choice}")
    check_wrapped(folders, where)
    check_pieces(names, where)
    return take_classes(root, note_nested(folders))


def note_nested(folders: Sequence[Tree]) -> list[str]:
    """Return a note if there are folders in those of classes."""
    nested = sum(bool(list_classes(folder)) for folder in folders)
    names = {name for folder in folders for name in list_classes(folder)}
    said = f"{nested} of {len(folders)} folders of classes have folders in them ({name_some(names)})"
    several = sum(not is_kind(name) for name in names) > 1
    ways = f"; set label_pattern: '{FOLDER}' takes the inner ones for classes" if several else ""
    return [f"{said}, whose images are taken as theirs{ways}"] if nested else []


def find_parts_below(root: Tree, folders: Sequence[Tree], wanted: Wanted, where: str) -> Layout | None:
    """Return parts whose folders lie in those of the classes, as in `cat/train`; None where it is not so.

    Raises:
        UserError: each folder may be a set with a split of its own.
    """
    words = [
        [parse_part_name(folder.name) or guess_part_name(folder.name) for folder in own.folders] for own in folders
    ]
    inner = [dict(zip(known, own.folders, strict=True)) for known, own in zip(words, folders, strict=True)]
    present = [{word for word in own if word} for own in inner]
    twice = any(len({*known}) < len(known) for known in words)
    if len(folders) < 2 or twice or any(None in own or "train" not in own for own in inner):
        return None
    if 2 * sum(len(own) > 1 for own in inner) <= len(inner):
        return None
    check_sets(folders, where)
    train, test = assign_parts(set.union(*present), wanted.validation)

    def make(word: str) -> Part:
        names = [folder.name for folder in folders]
        own = [(name, parts[word]) for name, parts in zip(names, inner, strict=True) if word in parts]
        return Part(word, [ClassFolder(normalize_label(name), f"{name}/{tree.name}", tree, name) for name, tree in own])

    left_out = leave_beside(root, [*folders], IN_NO_CLASS)
    for folder, parts in zip(folders, inner, strict=True):
        used = [parts[word] for word in (*train, *test) if word in parts]
        left_out.update(leave_beside(folder, used, UNUSED_PART, f"{folder.name}/"))
    notes = ["the folders of parts lie in those of the classes", *describe_joined(train, test)]
    return Layout([make(word) for word in train], [make(word) for word in test], left_out, notes, [])


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
