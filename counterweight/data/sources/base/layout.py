"""Which folders are classes and which are parts: by their names, by what they hold, and by how many images each has."""

from collections.abc import Sequence

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import (
    Tree,
    check_faults,
)
from counterweight.data.sources.base.labels import normalize_label, order_names
from counterweight.data.sources.base.layout_beside import (
    IN_NO_CLASS,
    leave_beside,
    offer_all_parts,
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
    is_kind,
    is_tested,
    list_classes,
    name_some,
    offer_one_of_each,
    offer_one_set,
    unwrap,
)
from counterweight.data.sources.base.layout_parts import (
    UNUSED_PART,
    ClassFolder,
    Kind,
    Layout,
    Part,
    Wanted,
    note_nested,
    place_below,
    take_classes,
    take_named_parts,
    take_parts,
)
from counterweight.data.sources.base.layout_sets import (
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
    are_part_names,
    assign_parts,
    describe_joined,
    guess_part_name,
    parse_part_name,
)
from counterweight.data.sources.base.written_names import write_names


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
