"""Labels that stand in the names of files, as in `cat.12.jpg`."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode import account
from counterweight.data.decode.tree import (
    Collected,
    LeftOut,
    Tree,
    collect,
    count_companions,
    find_companions,
    find_ending,
)
from counterweight.data.sources.base.labels import (
    describe_too_long,
    find_too_long,
    merge_labels,
    normalize_label,
    order_names,
)
from counterweight.data.sources.base.layout_doubts import FEW, IMAGES, are_pictures, name_some
from counterweight.data.sources.base.layout_parts import IN_NO_PART, UNUSED_PART, Kind, Wanted
from counterweight.data.sources.base.lazy_images import strip_root
from counterweight.data.sources.base.listing import Listing
from counterweight.data.sources.base.part_lists import WITH_LISTS
from counterweight.data.sources.base.part_names import (
    are_part_names,
    assign_parts,
    describe_joined,
    guess_part_name,
    parse_part_name,
)
from counterweight.data.sources.base.pattern_search import name_match
from counterweight.data.sources.base.patterns import find_all

NO_LABEL = "without a label in its path"
NUMBERED = re.compile(r"(?P<label>.*?[^\W\d_]\)?)(?P<between>[ ._-]*)(?P<open>\()?\d+(?(open)\))")
"""The name of a file, without its ending, that has a label and a number, which may be in parentheses."""
CAMERA = re.compile(r"_?(?:dsc[fn]?|img|imag|pxl|p|gopr|scan|frame|screenshot|whatsapp image|downloads?|unnamed)", re.I)
FEWEST = 2  # classes, and images of each
MOST = 0.25  # as many classes, at most, as a part of the images
NUMBER = "(?:[0-9]+|[(][0-9]+[)])"
EXACT = rf"([^/]*?[^\W\d_]\)?)[ ._-]*{NUMBER}[.][^/.]*$"
"""What reads `NUMBERED` where numbers stand elsewhere in paths, too."""


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
        UserError: the pattern is found in no path or takes too long, or as of `choose_parts`.
    """
    return part_images(
        tree, list_labelled(tree, pattern, wanted.masks, left_out, where), wanted, merge, left_out, where
    )


def part_images(
    tree: Tree, images: Sequence[Labelled], wanted: Wanted, merge: bool, left_out: Counter[LeftOut], where: str
) -> Named:
    """Return the images of both parts; arguments and errors as of `list_by_names`."""
    named, notes = merge_labels(Counter(image.label for image in images)) if merge else ({}, [])
    parts = choose_parts(tree, Counter(image.place for image in images), wanted, where)
    notes += [] if parts else describe_inner_parts(tree, images)
    words = {place: parse_part_name(place) or place for place in parts}
    used = [[words[place] for place, part in parts.items() if part == own] for own in ("train", "test")]
    notes += [] if wanted.train else describe_joined(*used)
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
    """Return the images in whose path a pattern is found; others join the account.

    It is looked for in Unicode's composed form (NFC): some systems write an accent as a character of its own, which no
    letter is for a pattern.
    """
    every: list[tuple[Path, str]] = []
    for place, own in collect_each(tree, masks):
        left_out.update(own.left_out)
        every += [(file, place) for file in own.files]
    paths = strip_root(Path(tree.path), [file for file, _ in every])
    composed = re.compile(compose(pattern.pattern), pattern.flags)
    labels = find_all(composed, [compose(path) for path in paths], f"{where}: label_pattern")
    found: list[Labelled] = []
    for (file, place), path, written in zip(every, paths, labels, strict=True):
        if label := normalize_label(written):
            if find_too_long([label]) is not None:
                raise UserError(f"{file}: label_pattern: '{pattern.pattern}' finds {describe_too_long(label)}")
            found.append(Labelled(file, label, place))
        else:
            left_out[LeftOut(NO_LABEL, find_ending(path), place)] += 1
    if not found:
        said = f"first: {paths[0]}" if paths else "there are none"
        raise UserError(f"{where}: label_pattern: '{pattern.pattern}' finds a label in no image's path, {said}")
    return found


def compose(text: str) -> str:
    """Return a text in Unicode's composed form."""
    return unicodedata.normalize("NFC", text)


def collect_each(tree: Tree, masks: bool) -> Iterator[tuple[str, Collected]]:
    """Yield the images beside a folder's folders, and of each of these, with the name that the account has for it."""
    yield ".", collect(replace(tree, entries=[*tree.files]), ".", masks)
    companions = find_companions(tree) if masks else ()
    for folder in tree.folders:
        beside = folder.path in companions
        yield (
            folder.name,
            Collected([], count_companions(folder, folder.name)) if beside else collect(folder, folder.name, masks),
        )


def choose_parts(tree: Tree, places: Counter[str], wanted: Wanted, where: str) -> dict[str, str]:
    """Return which folders are trained on and which are tested on, and why others are not; nothing without parts.

    Args:
        places: how many images with labels each folder has.

    Raises:
        UserError: a folder that is named is not there, none is trained on, or `train` may be a folder as others are.
    """
    if wanted.train or wanted.test:
        return take_named(tree, places, wanted, where)
    words = {} if wanted.kind == "classes" else find_words(places, wanted.kind)
    if "train" not in words.values():
        if wanted.kind == "parts":
            raise UserError(f"{where}: no folder train; set train: [FOLDER, ...] says which are trained on")
        return {}
    lost, total = sum(count for place, count in places.items() if place not in words), places.total()
    if wanted.kind == "auto" and {*words.values()} == {"train"} and lost > FEW * total:
        first = f"part {name_some(words)} with {lost:,} of {total:,} images in none, or folders that are no parts"
        raise UserError(f"{where}: {first}? set layout: parts takes the first, set layout: classes the other")
    train, test = assign_parts({*words.values()}, wanted.validation)
    return {
        place: "train" if word in train else "test" if word in test else UNUSED_PART for place, word in words.items()
    }


def take_named(tree: Tree, places: Collection[str], wanted: Wanted, where: str) -> dict[str, str]:
    """Return the parts of the folders that the settings name; arguments and errors as of `choose_parts`."""
    there = {folder.name for folder in tree.folders}
    if missing := [name for name in (*wanted.train, *wanted.test) if name not in there]:
        known = name_some(order_names(there))
        raise UserError(f"{where}: no folder '{missing[0]}' for train and test; there are {known}")
    if both := {*wanted.train} & {*wanted.test}:
        raise UserError(f"{where}: {name_some(both)} in train and in test; a folder belongs to one part")
    trained = wanted.train or [name for name in places if parse_part_name(name) == "train"]
    if not trained:
        raise UserError(f"{where}: test folders are named and no folder is called train; set train: [FOLDER, ...]")
    if empty := [name for name in (*trained, *wanted.test) if name not in places]:
        raise UserError(f"{where}: folder '{empty[0]}' for train and test has no image in whose path a label is found")
    return {**dict.fromkeys(trained, "train"), **dict.fromkeys(wanted.test, "test")}


def find_words(places: Iterable[str], kind: Kind) -> dict[str, str]:
    """Return the part that each folder is called after: exactly so, or, if all are called as parts, as `seg_train`."""
    exact = {place: word for place in sorted(places) if (word := parse_part_name(place))}
    guessed = {place: word for place in sorted(places) if (word := exact.get(place) or guess_part_name(place))}
    every = len(guessed) == len({*places}) and len({*guessed.values()}) > 1
    return guessed if kind == "parts" or ("train" not in exact.values() and every) else exact


def describe_inner_parts(tree: Tree, images: Iterable[Labelled]) -> list[str]:
    """Return a note if images lie in folders called as parts that are no folders of the root; they make no parts."""
    folders = {os.path.dirname(path) for path in strip_root(Path(tree.path), [image.file for image in images])}
    words = {word for folder in folders for name in folder.split("/")[1:] if (word := parse_part_name(name))}
    if "train" not in words or len(words) == 1:
        return []
    said = f"folders in others are called as parts ({', '.join(sorted(words))}), and nothing of that is read"
    around = {folder.split("/")[0] for folder in folders}
    ways = f"give {quote(f'{tree.path}/{around.pop()}')} to have them as parts" if len(around) == 1 else WITH_LISTS
    return [f"{said}: {ways}"]


class NameLabels(NamedTuple):
    """The classes that names of files seem to say, how many images each has, and the pattern that reads them."""

    counts: Counter[str]
    pattern: str


def describe_name_labels(tree: Tree, masks: bool = True) -> str:
    """Return which classes the names of files seem to say, and the setting that reads them; nothing if they do not.

    Args:
        masks: as of `find_name_labels`.
    """
    found = find_name_labels(tree, masks)
    return "" if found is None else f"; {offer_pattern(found)}"


def find_name_labels(tree: Tree, masks: bool = True) -> NameLabels | None:
    """Return which classes the names of files seem to say; None if they do not.

    The classes and how many images they have are what this setting reads.

    Args:
        masks: whether masks and thumbnails are left out.
    """
    if any(own.faults for own in tree.walk()):
        return None
    found = [own for _, collected in collect_each(tree, masks) for own in collected.files]
    paths = strip_root(Path(tree.path), found)
    matches = [NUMBERED.fullmatch(unicodedata.normalize("NFC", file.stem)) for file in found]
    labels = [normalize_label(match["label"]) if match else "" for match in matches]
    counts = Counter(filter(None, labels))
    enough = FEWEST <= len(counts) <= MOST * counts.total() and min(counts.values(), default=0) >= FEWEST
    if not enough or 2 * counts.total() < len(found) or is_other([*counts]):
        return None
    simple = f"([^/]*?){write_between({match['between'] for match in matches if match})}{write_number(matches)}[.]"
    pattern = simple if reads(simple, paths, labels) else EXACT
    if not reads(pattern, paths, labels):
        return None
    try:
        named = list_by_names(tree, re.compile(pattern), Wanted("auto", [], [], "use", masks), False, Counter(), "")
    except UserError:  # folders may be parts or not: told when the setting is made
        return NameLabels(counts, pattern)
    return NameLabels(Counter(named.train.classes + named.test.classes), pattern)


def is_other(names: Sequence[str]) -> bool:
    """Say whether words are those of parts, of images, as cameras write them, or of images and masks: no labels."""
    called = all(IMAGES.fullmatch(name) or CAMERA.fullmatch(name) for name in names)
    return called or are_part_names(names) or are_pictures(names)


def reads(pattern: str, paths: Sequence[str], labels: Sequence[str]) -> bool:
    """Say whether a pattern finds just these labels in paths, and nothing where there is none."""
    known = re.compile(pattern)
    return all(normalize_label(name_match(known.search(path))) == own for path, own in zip(paths, labels, strict=True))


def offer_pattern(found: NameLabels) -> str:
    """Return what names of files say and the setting that reads it."""
    said = name_some([f"{name} ({count:,})" for name, count in found.counts.items()])
    return f"names of files seem to say classes: {said}; set label_pattern: '{found.pattern}' reads them"


def describe_label_files(tree: Tree, masks: bool = True) -> str:
    """Return what seems to have labels that are not read, names of files or files, to go on with an error's message.

    Args:
        masks: as of `describe_name_labels`.
    """
    return describe_name_labels(tree, masks) or account.describe_labels(tree)


def write_number(matches: Iterable[re.Match[str] | None]) -> str:
    """Return a pattern of the numbers of names, of which none, all or some are in parentheses."""
    opened = {bool(match["open"]) for match in matches if match}
    return NUMBER if len(opened) > 1 else "[(][0-9]+[)]" if opened == {True} else "[0-9]+"


def write_between(between: Collection[str]) -> str:
    """Return a pattern of what stands between label and number."""
    return re.escape(min(between)) if len(between) == 1 else "[ ._-]*"
