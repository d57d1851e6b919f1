"""Texts beside images that label them and that nobody has asked for: which, and the settings that read them."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import NO_ENDING, Tree, find_ending, find_stem, list_stems, scan_tree
from counterweight.data.sources import table
from counterweight.data.sources.base.columns import UnreadableError, read_columns
from counterweight.data.sources.base.json_tables import JSON
from counterweight.data.sources.base.label_columns import FEW, is_measure
from counterweight.data.sources.base.labels import normalize_label, order_names
from counterweight.data.sources.base.layout_doubts import are_pictures, list_classes, name_some
from counterweight.data.sources.base.listed_paths import read_beginning
from counterweight.data.sources.base.name_labels import find_name_labels, offer_pattern
from counterweight.data.sources.base.part_lists import BETWEEN, PROSE, is_named
from counterweight.data.sources.base.part_names import JOINED, NAMED_PART, TESTS, find_part_words, guess_part_name
from counterweight.data.sources.base.table_columns import NoLabelsError
from counterweight.data.sources.base.unplaced_tables import begin_unplaced
from counterweight.data.sources.base.written_names import write_names

ENDINGS = (".txt", ".lst", ".list", ".data", JSON, NO_ENDING)
MOST = 200  # texts that are looked into
TRIED = 8  # kinds of texts that are read
SHOWN = 3  # of these, that are named
NAMED = 0.9  # of the lines of such a text name an image
PRESENT = 0.5  # of which as many are there
CALLED = re.compile(
    r"label|class|annot|list|categor|target|truth|metadata|dataset|(?<![a-z])gt(?![a-z])", re.IGNORECASE
)
UNNAMED = ("f1", "f2", "f3")  # columns of a text without names of such
COLUMNS = 8  # that may have the labels where there are several, the first that are looked at
PARTED = re.compile(r"split|partition|fold", re.IGNORECASE)  # whose numbers are those of parts


class LabelsError(UserError):
    """Folders and a table have different labels, or label different images; which are meant cannot be known."""


class LabelledTexts(NamedTuple):
    """Texts of one kind that label images, the column of labels if it must be named, and the label of each image."""

    files: list[str]
    column: str | None
    pairs: list[tuple[str, str]]
    fault: str = ""
    """Why they cannot be read, if they are called as labels are and name images."""

    @property
    def labels(self) -> list[str]:
        """The labels, each once, in their order."""
        return order_names({label for label, _ in self.pairs})

    @property
    def way(self) -> str:
        """The setting that reads them."""
        column = f" and set label: {self.column}" if self.column else ""
        return f"set tables: {write_names(self.files)}{column}"

    def is_contrary(self, classes: Collection[str]) -> bool:
        """Say whether these mean other classes than folders do.

        Images in no folder of a class, as those of a part without labels, say nothing of that.

        Args:
            classes: names of folders; none where these are no classes.
        """
        if self.fault:
            return True
        above = [(label, [normalize_label(name) for name in origin.split("/")[:-1]]) for label, origin in self.pairs]
        own = [(label, names) for label, names in above if not classes or not {*classes}.isdisjoint(names)]
        if all(label in names for label, names in own):
            return False
        kept = [(label, [name for name in names if name in classes][:1] or names) for label, names in own]
        both = {(label, "/".join(names)) for label, names in kept}
        places = {name for _, names in kept for name in names}
        if any(label in places and label not in names for label, names in kept):
            return True  # the name of another folder
        return not len(both) == len({label for label, _ in both}) == len({place for _, place in both})

    def numbers(self, pattern: str) -> bool:
        """Say whether labels are numbers, one of each class that a pattern finds in paths."""
        matches = [(label, re.search(pattern, origin)) for label, origin in self.pairs]
        both = {(label, match[1]) for label, match in matches if match}
        one_to_one = len(both) == len({label for label, _ in both}) == len({name for _, name in both})
        return one_to_one and all(match and label.isdecimal() for label, match in matches)

    @property
    def is_called_so(self) -> bool:
        """Whether these are called as labels or parts are."""
        stems = [*map(find_stem, self.files)]
        return any(CALLED.search(stem) or guess_part_name(stem) for stem in stems)


def find_labelled_texts(tree: Tree) -> list[LabelledTexts]:
    """Return what texts of a folder label its images: those of both parts first, then those of most labels."""
    root, found = Path(tree.path), list[LabelledTexts]()
    for files in islice(group_texts(find_candidates(tree), root), TRIED):
        for column in list_columns(root / files[0]):
            try:
                pairs = read_pairs(root, files, column)
            except NoLabelsError:
                continue
            except UnreadableError as error:
                found.append(LabelledTexts(files, None, [], str(error)))
                break
            except UserError:  # it is something else
                break
            labels = {label for label, _ in pairs}
            if 1 < len(labels) <= FEW * len(pairs) and not is_measure(labels):
                found.append(LabelledTexts(files, column, pairs))
                break
    # One text may have what two of parts have.
    kinds = {tuple(sorted(own.pairs)): own for own in sorted(found, key=lambda own: len(own.files))}
    return sorted(kinds.values(), key=lambda own: (-len(own.files), -len(own.labels)))


def list_columns(file: Path) -> list[str | None]:
    """Return the columns of a text that may have its labels, None first, for what tells itself which has."""
    try:
        return [None, *UNNAMED, *read_columns(file).names[:COLUMNS]]
    except UserError:  # told when it is read
        return [None]


def read_pairs(root: Path, files: Sequence[str], column: str | None) -> list[tuple[str, str]]:
    """Return the label and the path of each image that is there, of texts as tables.

    Raises:
        UserError: they cannot be read as such, or most images are not there.
    """
    lenient = {"missing_classes": "leave_out", "two_labels": "leave_out"}
    settings = table.Settings.model_validate({"size": 1, "tables": [*files], "label": column, **lenient})
    parts = [part for part in table.find_in_tables(root, settings) if part is not None]
    pairs = [
        (part.class_names[label], origin)
        for part in parts
        for label, origin in zip(part.labels.tolist(), part.origins, strict=True)
    ]
    there = [(label, origin) for label, origin in pairs if os.path.isfile(root / origin)]
    if len(there) < PRESENT * len(pairs):
        raise UserError(f"{root}: {len(pairs) - len(there):,} images are not there")
    return there


def find_candidates(tree: Tree) -> Iterator[str]:
    """Yield the texts of a folder most of whose first lines name an image and have something beside it."""
    stems = list_stems(tree)
    files = (file for own in tree.walk() for file in own.files if find_ending(file) in ENDINGS)
    plain = (file for file in files if find_stem(file) not in stems and not PROSE.match(find_stem(file)))
    plain = (file for file in plain if not PARTED.search(find_stem(file)))
    for file in islice(plain, MOST):
        if find_ending(file) == JSON:
            if is_named(read_beginning(file), stems, bare=True):
                yield file
            continue
        lines = [line for line in read_beginning(file).splitlines()[:-1] if line.strip()]
        several = [line for line in lines if len(BETWEEN.split(line.strip())) > 1]
        if len(lines) > 1 and sum(is_named(line, stems, bare=True) for line in several) >= NAMED * (len(lines) - 1):
            yield file


def group_texts(files: Iterator[str], root: Path) -> Iterator[list[str]]:
    """Yield the paths below a folder of texts whose names differ by a part alone, or of each that has no part."""
    groups: dict[str, list[str]] = {}
    for file in files:
        path = os.path.relpath(file, root)
        key = NAMED_PART.sub("", JOINED.sub("train", os.path.splitext(path)[0].lower())).strip(" _.-")
        groups.setdefault(key, []).append(path)
    for own in groups.values():
        parted = choose_parted(own)
        yield from [parted] if parted else ([path] for path in own)


def choose_parted(paths: Sequence[str]) -> list[str]:
    """Return the texts that are called as parts are, if one is of training images and another is not.

    What `trainval` holds is not named twice.
    """
    parts = {path: next(iter(reversed(find_part_words(path))), None) for path in paths}
    whole = [path for path in paths if JOINED.search(find_stem(path).lower())] if {*parts.values()} & {*TESTS} else []
    parts = {path: part for path, part in parts.items() if whole or not JOINED.search(find_stem(path).lower())}
    kept = [path for path, part in parts.items() if part in TESTS or (path in whole if whole else part)]
    words = {parts[path] for path in kept}
    return kept if "train" in words and len(words) > 1 else []


def check_labelled(path: Path, tree: Tree, classes: Sequence[str]) -> None:
    """Refuse a folder of classes, or of images alone, that texts beside them label otherwise.

    Args:
        classes: the folders of classes; none where the images are of one class.

    Raises:
        LabelsError: it is so; which is meant cannot be known.
    """
    found = find_labelled_texts(tree)
    found = [own for own in found if (not classes and not own.fault) or (own.is_called_so and own.is_contrary(classes))]
    if not found:
        return
    said, layout = describe_labelled(found, tree), name_layout(tree, classes)
    if are_pictures(classes):  # which are hardly meant
        folders = f"set layout: {layout} takes {name_some(classes)} for classes"
        raise LabelsError(f"{path}: images and what belongs to them, with labels of texts? {said}; {folders}")
    first = f"classes {name_some(classes)} by their folders" if classes else "all images of one class"
    places = describe_places(found[0].pairs, classes) if classes else ""
    raise LabelsError(f"{path}: {first}, or labels of texts? set layout: {layout} takes the first; {said}{places}")


def describe_places(pairs: Sequence[tuple[str, str]], classes: Collection[str]) -> str:
    """Return how many images lie in folders of other classes than they are labelled, and in none; empty if none do.

    Args:
        pairs: label and path of images.
        classes: names of folders.
    """
    known = {*map(normalize_label, classes)}
    above = [{*map(normalize_label, origin.split("/")[:-1])} & known for _, origin in pairs]
    elsewhere = [pair for pair, own in zip(pairs, above, strict=True) if own and pair[0] in known - own]
    nowhere = [pair for pair, own in zip(pairs, above, strict=True) if not own]
    found = {"the folder of another class": elsewhere, "no folder of a class": nowhere}
    said = [
        f"{len(own):,} of {len(pairs):,} labelled images lie in {where}, first {own[0][1]}, labelled '{own[0][0]}'"
        for where, own in found.items()
        if own
    ]
    return "".join(f"; {text}" for text in said)


def offer_labelled(tree: Tree, classes: bool) -> str:
    """Return which texts label images otherwise than folders do, to go on with an error's message; empty if none do.

    Args:
        classes: whether folders may be classes, which stand against what is called neither as labels nor as parts are,
            or says the same of all images in one part.
    """
    found = [own for own in find_labelled_texts(tree) if not own.fault]
    found = [own for own in found if not classes or (own.is_called_so and (own.is_contrary(()) or len(own.files) > 1))]
    return f"; {describe_labelled(found, tree)}" if found else ""


def name_layout(tree: Tree, classes: Sequence[str]) -> str:
    """Return the layout that takes folders for classes, which may lie in those of parts."""
    return "classes" if not classes or {*classes} <= list_classes(tree) else "parts"


def describe_unplaced(root: Path, images: Collection[str], classes: Sequence[str]) -> list[str]:
    """Return a note for texts that label images in no folder of a class, or otherwise than folders do.

    Args:
        images: paths below `root` of those that are in a class.
        classes: their names.
    """
    notes, placed = list[str](), {*images}
    for own in find_labelled_texts(scan_tree(os.fspath(root), Path(os.path.realpath(root)), follow_links=True)):
        if own.fault:
            continue
        if all(origin not in placed for _, origin in own.pairs):
            said = begin_unplaced(own.files, len(own.pairs), own.labels)
            notes.append(f"{said}: sort them into folders of classes to have them, too")
        elif not own.is_called_so and own.is_contrary(classes):
            notes.append(f"{describe_labelled([own])}, in place of the folders")
    return notes


def describe_labelled(found: Sequence[LabelledTexts], tree: Tree | None = None) -> str:
    """Return what texts label, and the settings that read them.

    Args:
        tree: the folder; names of files there that say the same classes, of which texts have the numbers, come first.
    """
    named = None if tree is None else find_name_labels(tree)
    said = [offer_pattern(named)] if named and any(own.numbers(named.pattern) for own in found) else []
    said += [
        own.fault
        or f"{', '.join(own.files)} label{'' if len(own.files) > 1 else 's'} {len(own.pairs):,} images "
        f"({name_some(own.labels)}): {own.way} takes these"
        for own in found[:SHOWN]
    ]
    return "; ".join(said)
