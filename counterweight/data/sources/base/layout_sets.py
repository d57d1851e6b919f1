"""Folders that are no classes, but hold them: sets beside others, copies of all classes, letters they begin with."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

from counterweight.core.errors import UserError
from counterweight.data.decode import account
from counterweight.data.decode.tree import Tree, is_image, scan_tree
from counterweight.data.sources.base.labels import order_names
from counterweight.data.sources.base.layout_doubts import (
    FEW,
    IMAGES,
    holds_classes,
    is_kind,
    list_classes,
    name_some,
    unwrap,
)
from counterweight.data.sources.base.part_names import are_part_names, guess_part_name
from counterweight.data.sources.base.written_names import write_names, write_patterns

FOLDER = "([^/]+)/[^/]+$"  # of an image, in its path


def check_sets(folders: Sequence[Tree], where: str) -> None:
    """Refuse folders of parts in those of classes if all have the same folders in them, as folds with a split each.

    Raises:
        UserError: it is so.
    """
    parts = [part for folder in folders for part in folder.folders]
    shared = {name for name in set.intersection(*(list_classes(unwrap(part)) for part in parts)) if not is_kind(name)}
    if len(shared) > 1:
        first = f"classes {name_some(folder.name for folder in folders)}, or sets of classes {name_some(shared)}"
        way = f"give {quote(folders[-1].path)} for one of these sets"
        choice = f"{way}, set layout: classes takes the first, without the parts"
        raise UserError(f"{where}: {first}, each with parts {name_some({part.name for part in parts})}? {choice}")


def check_wrapped(folders: Sequence[Tree], where: str) -> None:
    """Refuse folders one of which holds folders that might be the classes, and seems to be a set as a whole.

    So it does where it has nearly all images and not all others hold folders, or parts in it, or lies in one of its own
    name, as archives have it, or where one is called as a part is.

    Raises:
        UserError: it is so.
    """
    total = sum(folder.images for folder in folders)
    parted = any(guess_part_name(folder.name) for folder in folders)
    goals = [(folder, goal) for folder in folders if holds_classes(goal := unwrap(folder))]
    found = [(folder, goal, {name for name in list_classes(goal) if not is_kind(name)}) for folder, goal in goals]
    for folder, goal, inner in found:
        if are_part_names([*inner]):
            raise UserError(
                f"{where}: parts {name_some(inner)} lie in {folder.name}: give {quote(goal.path)} for these"
            )
    alone = not 1 < len(folders) == len(found)  # where all hold folders, the largest is a class as the others are
    for folder, _, inner in found:
        if parted or is_doubled(folder) or (alone and folder.images >= (1 - FEW) * total):
            other = f"classes {name_some(inner)} in {folder.name}, where {folder.images:,} of {total:,} images are"
            choice = f"set layout: classes takes the first, set train: {write_names([folder.name])} the other"
            raise UserError(f"{where}: classes {name_some(each.name for each in folders)}, or {other}? {choice}")


def is_doubled(folder: Tree) -> bool:
    """Say whether a folder holds one of its own name and no other with images."""
    return list_classes(folder) == {folder.name} and not any(map(is_image, folder.files))


def check_copies(folders: Sequence[Tree], where: str) -> None:
    """Refuse folders one of which has the others in it once more: some archives hold all images twice.

    Raises:
        UserError: it is so.
    """
    plain = {folder.name for folder in folders if not list_classes(folder)}
    for folder in folders:
        inner = list_classes(unwrap(folder))
        if len(both := inner & plain) > 1 and 2 * len(both) >= len(inner):
            said = f"{folder.name} has folders {name_some(inner)}, which are beside it, too: a copy, or a class?"
            above = os.path.dirname(folder.path)  # of the same name, it would be left out, too
            given = f"give {quote(above)} and " if os.path.basename(above) == folder.name else ""
            choice = f"{given}set leave_out: {write_patterns([folder.name])} goes on without, "
            choice += "set layout: classes takes it as a class"
            raise UserError(f"{where}: {said} {choice}")


def check_letters(folders: Sequence[Tree], where: str) -> None:
    """Refuse folders that are called by the letter that all folders in them begin with, as `a/abbey` and `b/bakery`.

    Raises:
        UserError: it is so.
    """
    if found := find_under_letters(folders):
        names = order_names(folder.name for folder in folders)
        first = f"classes {name_some(names)}, or {name_some(found)}, by the letters they begin with"
        choice = f"set layout: classes takes the first, set train: {write_names(names)} the other"
        raise UserError(f"{where}: {first}? {choice}")


def find_under_letters(folders: Sequence[Tree]) -> set[str]:
    """Return the names of the folders in some that are called by the letter which these begin with; none otherwise."""
    letters = [folder.name.lower() for folder in folders]
    inner = [list_classes(folder) for folder in folders]
    loose = any(is_image(file) for folder in folders for file in folder.files)
    if len(folders) < 2 or loose or not all(len(letter) == 1 and letter.isalpha() for letter in letters):
        return set()
    words = any(name[1:2].isalpha() for own in inner for name in own)  # not numbered, as `a/a1` and `a/a2` are
    begin = (own and all(name.lower().startswith(one) for name in own) for one, own in zip(letters, inner, strict=True))
    return set[str]().union(*inner) if words and all(begin) else set()


def find_shared(folders: Sequence[Tree]) -> set[str]:
    """Return the names of the folders in some if these have most of them, as folds of classes have; none otherwise."""
    plain = [{name for name in list_classes(enter_images(folder)) if not is_kind(name)} for folder in folders]
    every = {name for own in plain for name in own}
    shared = {name for name in every if sum(name in own for own in plain) > len(folders) / 2}
    several = any(len(own) > 1 for own in plain)  # else those are folders around others
    return shared if all(plain) and shared and several and len(folders) > 1 and len(every) > 1 else set()


def check_in_part(folders: Sequence[Tree], where: str, kept: str) -> None:
    """Refuse classes of a part that are letters which others begin with, or hold the same folders each.

    Args:
        kept: the layout that takes them as they are.

    Raises:
        UserError: it is so.
    """
    if inner := find_under_letters(folders) or find_shared(folders):
        first = f"classes {name_some(folder.name for folder in folders)}, or {name_some(inner)} in these"
        choice = f"set layout: {kept} takes the first, set label_pattern: '{FOLDER}' the folder that each image is in"
        raise UserError(f"{where}: {first}? {choice}")


def enter_images(folder: Tree) -> Tree:
    """Return the folder of images in a folder that holds nothing else, as `dslr/images/mug`; else the folder itself."""
    inner = [own for own in folder.folders if own.images]
    alone = len(inner) == 1 and not any(map(is_image, folder.files))
    return inner[0] if alone and IMAGES.fullmatch(inner[0].name) else folder


def find_inner(tree: Tree) -> Tree | None:
    """Return the first folder with several folders of images that lies in one that is alone; None without any."""
    inner = [folder for folder in tree.folders if folder.images]
    if len(inner) != 1:
        return None
    names = list_classes(inner[0])
    if len(names) > 1 and are_part_names([*names]) and not any(map(list_classes, inner[0].folders)):
        return None  # parts without classes
    return inner[0] if len(names) > 1 else find_inner(inner[0])


def find_rest(root: Tree, name_part: Callable[[str], str | None]) -> Tree | None:
    """Return the folder of classes or of parts that has all images, in one or several folders that lie alone, if any.

    Args:
        name_part: returns the part that a folder is by its name; such a one is no folder around others.
    """
    tree = root
    while len(inner := [own for own in tree.folders if own.images]) == 1 and inner[0].images == tree.images:
        if name_part(inner[0].name):
            break
        tree = inner[0]
    parted = "train" in map(guess_part_name, list_classes(tree))
    return tree if tree is not root and (holds_classes(tree) or parted) else None


def offer_folders(root: Path) -> str:
    """Return what else a folder has whose tables label nothing, to end an error's message with.

    That are folders in a single one, which may be classes or parts, and pictures that are not read.
    """
    if not root.is_dir():
        return ""
    tree = scan_tree(os.fspath(root), Path(os.path.realpath(root)))
    inner = find_inner(tree)
    said = f"; folders {name_some(list_classes(inner))} are in {inner.path}: give that for these" if inner else ""
    return said + account.describe_unread(tree)
