"""What lies beside the folders that are used, for the account, and what may be done with it."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from counterweight.data.decode.tree import LeftOut, Tree, count_all, find_ending
from counterweight.data.sources.base.layout_doubts import unwrap
from counterweight.data.sources.base.part_names import JOINED, assign_parts, guess_part_name, space_words
from counterweight.data.sources.base.written_names import write_names

IN_NO_CLASS = "beside the folders of classes"


def leave_beside(tree: Tree, used: Sequence[Tree], reason: str, place: str = "") -> Counter[LeftOut]:
    """Count what lies in a folder beside those that are used."""
    own = place.rstrip("/") or "."
    found: Counter[LeftOut] = Counter({LeftOut(*kind, own): count for kind, count in tree.left_out.items()})
    found.update(LeftOut(reason, find_ending(file), own) for file in tree.files)
    paths = {folder.path for folder in used}
    for folder in tree.folders:
        if folder.path not in paths:
            found.update(count_all(folder, reason, f"{place}{folder.name}"))
    return found


def offer_part(folder: Tree, train: Sequence[Tree], test: Sequence[Tree]) -> str:
    """Return the setting that takes a folder with the same classes as the parts have, to end a note with."""
    trained, tested = ([part.name for part in own] for own in (train, test))
    if guess_part_name(folder.name) != "train":
        return f"; set test: {write_names([*tested, folder.name])} tests on them, too"
    more = f"set train: {write_names([*trained, folder.name])}" + (
        f" and test: {write_names(tested)}" if tested else ""
    )
    return f"; {more} trains on them, too"


def offer_all_parts(parts: Mapping[str, str | None]) -> str:
    """Return the settings that take all folders of each part where several are of one, given the part of each.

    A folder of training and validation has all images of the others, most likely: it is taken alone.
    """
    words = {part for part in parts.values() if part}
    trained, tested = assign_parts(words | {"train"}, "use")
    train = [name for name, part in parts.items() if part in trained] if "train" in words else []
    joined = [name for name in train if JOINED.search(space_words(name))]
    train = joined if joined and len(joined) < len(train) else train
    test = [name for name, part in parts.items() if part in tested]
    ways = f"set train: {write_names(train) if train else '[FOLDER, ...]'}"
    ways += f" and test: {write_names(test)}" if test else ""
    return f"{ways} takes {'what it holds' if joined else 'all'}, or leave one"


def count_around(root: Tree, inner: Tree) -> Counter[LeftOut]:
    """Count what lies in the folders that are around another, each of which has all images in a single folder."""
    found, tree = Counter[LeftOut](), root
    while tree is not inner:
        only = next(folder for folder in tree.folders if folder.images)
        place = "" if tree is root else f"{os.path.relpath(tree.path, root.path)}/"
        found.update(leave_beside(tree, [only], IN_NO_CLASS, place))
        tree = only
    return found


def count_wrapping(tree: Tree, root: str) -> Counter[LeftOut]:
    """Count what lies in the folders that are around a part's folder of classes alone."""
    goal = unwrap(tree)
    if goal is tree:
        return Counter()
    inner = next(folder for folder in tree.folders if folder.images)
    place = f"{os.path.relpath(tree.path, root)}/"
    return leave_beside(tree, [inner], IN_NO_CLASS, place) + count_wrapping(inner, root)
