"""Labels that stand in the names of files, as in `cat.12.jpg`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode import account
from counterweight.data.decode.tree import (
    COMPANION_OF,
    Collected,
    LeftOut,
    Tree,
    collect,
    count_all,
    find_companions,
    find_ending,
    is_image,
)
from counterweight.data.sources.base.group_names import name_group
from counterweight.data.sources.base.labels import merge_labels, normalize_label, order_names
from counterweight.data.sources.base.layout import IN_NO_PART, UNUSED_PART, Wanted
from counterweight.data.sources.base.layout_doubts import name_some
from counterweight.data.sources.base.lazy_images import assign_parts, parse_part_name, strip_root
from counterweight.data.sources.base.listing import Listing

NO_LABEL = "without a label in its path"
NUMBERED = re.compile(r"(?P<label>.*?[^\W\d_]\)?)(?P<between>[ ._-]*)\d+")
"""The name of a file, without its ending, that has a label and a number."""
FEWEST = 2  # classes, and images of each
MOST = 0.25  # as many classes, at most, as a part of the images


class Named(NamedTuple):
    """The images of both parts, whether there is a test part, folders that are not read, and notes."""

    train: Listing
    test: Listing
    tested: bool
    ignored: list[str]
    notes: list[str]


class Labelled(NamedTuple):
    """An image file, its class and the folder of the root that it lies in, `.` if in none."""

    file: Path
    label: str
    place: str


def list_by_names(
    tree: Tree, pattern: re.Pattern[str], wanted: Wanted, merge: bool, left_out: Counter[LeftOut], where: str
) -> Named:
    """Return the images of both parts, whose classes a pattern finds in their paths; others join the account.

    Parts are the folders that the settings name, or that are called `train`, `val` and `test`; without such all images
    are of one part.

    Args:
        merge: whether labels that differ by case only are one.

    Raises:
        UserError: the pattern is found in no path, or a folder of a part is not there.
    """
    images = list_labelled(tree, pattern, wanted.masks, left_out, where)
    named, notes = merge_labels(Counter(image.label for image in images)) if merge else ({}, [])
    parts = choose_parts(tree, {image.place for image in images}, wanted, where)
    train, test = (Listing([], [], []) for _ in range(2))
    for file, label, place in images:
        part = parts.get(place, IN_NO_PART) if parts else "train"
        if part not in ("train", "test"):
            left_out[LeftOut(part, find_ending(str(file)), place)] += 1
            continue
        listing = train if part == "train" else test
        listing.files.append(file)
        listing.classes.append(named.get(label, label))
        listing.places.append(place)
    ignored = [folder.name for folder in tree.folders if folder.name not in {*train.places, *test.places}]
    return Named(train, test, "test" in parts.values(), ignored, notes)


def list_labelled(
    tree: Tree, pattern: re.Pattern[str], masks: bool, left_out: Counter[LeftOut], where: str
) -> list[Labelled]:
    """Return the images in whose path a pattern is found; others join the account."""
    found: list[Labelled] = []
    first = None
    for place, own in collect_each(tree, masks):
        left_out.update(own.left_out)
        for file, path in zip(own.files, strip_root(Path(tree.path), own.files), strict=True):
            if label := normalize_label(name_group(pattern.search(path))):
                found.append(Labelled(file, label, place))
            else:
                first = first or path
                left_out[LeftOut(NO_LABEL, find_ending(path), place)] += 1
    if not found:
        said = f"first: {first}" if first else "there are none"
        raise UserError(f"{where}: label_pattern: '{pattern.pattern}' finds a label in no image's path, {said}")
    return found


def collect_each(tree: Tree, masks: bool) -> Iterator[tuple[str, Collected]]:
    """Yield the images beside a folder's folders, and of each of these, with the name that the account has for it."""
    yield ".", collect(replace(tree, entries=[*tree.files]), ".", masks)
    companions = find_companions(tree) if masks else ()
    for folder in tree.folders:
        beside = folder.path in companions
        yield (
            folder.name,
            Collected([], count_all(folder, COMPANION_OF, folder.name))
            if beside
            else collect(folder, folder.name, masks),
        )


def choose_parts(tree: Tree, places: set[str], wanted: Wanted, where: str) -> dict[str, str]:
    """Return which folders are trained on and which are tested on, and why others are not; nothing without parts.

    Args:
        places: folders with images that have labels.
    """
    if wanted.train or wanted.test:
        there = {folder.name for folder in tree.folders}
        if missing := [name for name in (*wanted.train, *wanted.test) if name not in there]:
            known = name_some(order_names(there))
            raise UserError(f"{where}: no folder '{missing[0]}' for train and test; there are {known}")
        if both := {*wanted.train} & {*wanted.test}:
            raise UserError(f"{where}: {name_some(both)} in train and in test; a folder belongs to one part")
        trained = wanted.train or [name for name in places if parse_part_name(name) == "train"]
        return {**dict.fromkeys(trained, "train"), **dict.fromkeys(wanted.test, "test")}
    words = {place: word for place in sorted(places) if (word := parse_part_name(place))}
    if "train" not in words.values():
        return {}
    train, test = assign_parts({*words.values()}, wanted.validation)
    return {
        place: "train" if word in train else "test" if word in test else UNUSED_PART for place, word in words.items()
    }


def describe_name_labels(tree: Tree) -> str:
    """Return which classes the names of files seem to say, and the setting that reads them; nothing if they do not."""
    names = [Path(file).stem for own in tree.walk() for file in own.files if is_image(file)]
    matches = [match for name in names if (match := NUMBERED.fullmatch(name))]
    counts = Counter(match["label"] for match in matches)
    labels = [name for name, count in counts.items() if count >= FEWEST]
    between = {match["between"] for match in matches}
    if not FEWEST <= len(labels) == len(counts) <= MOST * len(matches):
        return ""
    said = name_some([f"{name} ({counts[name]:,})" for name in order_names(labels)])
    pattern = f"([^/]*?){write_between(between)}[0-9]+[.]"
    return f"; names of files seem to say classes: {said}; set label_pattern: '{pattern}' reads them"


def describe_label_files(tree: Tree) -> str:
    """Return what seems to have labels that are not read, names of files or files, to go on with an error's message."""
    return describe_name_labels(tree) or account.describe_labels(tree)


def write_between(between: Sequence[str] | set[str]) -> str:
    """Return a pattern of what stands between label and number."""
    return re.escape(min(between)) if len(between) == 1 else "[ ._-]*"
