"""Lists that say which images of a folder are in which part: texts with the path of an image in each line."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import NO_ENDING, Tree, find_ending, find_stem, is_image, list_stems
from counterweight.data.sources.base.columns import list_usual, read_columns
from counterweight.data.sources.base.json_parts import has_both
from counterweight.data.sources.base.label_texts import LABEL
from counterweight.data.sources.base.lazy_images import strip_root
from counterweight.data.sources.base.listed_paths import WHOLE, PathIndex, find_places, read_beginning, read_lists
from counterweight.data.sources.base.part_flags import is_flag
from counterweight.data.sources.base.part_names import NAMED_PART, TESTS, guess_part_name, parse_part_name
from counterweight.data.sources.base.parted_lists import TABLES, read_parted
from counterweight.data.sources.base.written_names import write_names

PLAIN = (".txt", ".lst", ".list", ".data", ".csv", ".tsv", NO_ENDING)
TEXTS = (*PLAIN, ".json", ".yaml", ".yml")
OTHERS = (".mat", ".pkl", ".npy", ".npz")  # not looked into
SPLIT = re.compile(r"split|folds?(?![a-z])|train|test(?![a-z])", re.IGNORECASE)
PROSE = re.compile(r"read[ _-]?me|licen[cs]e|copying|change", re.IGNORECASE)
BETWEEN = re.compile(r"[\s,;|\"'\[\]{}:]+")  # the words of a line, of JSON, too
AROUND = " \t\"'[]{}"  # a cell, or a text in JSON
CELLS = re.compile(r"[,;|\t]")
WITH_LISTS = "set test_lists: [test.txt] tests on the images of a text of that name, with the path of one in each line"
SHOWN = 3  # files that a note names
COLUMNS = {"split", "subset", "partition"}  # of tables that say parts by words or numbers


class ListFile(NamedTuple):
    """A file that seems to say which images are in which part, and whether it is a list of those of a single one.

    `parted` says whether images of both parts are read from it.
    """

    path: str
    single: bool
    parted: bool = False


class Lists(NamedTuple):
    """Which images lists have for both parts, by their places, and what is to be said of it."""

    train: list[int]
    test: list[int]
    notes: list[str]


def describe_lists(tree: Tree, images: Iterable[Path] | None = None, told: Collection[str] = ()) -> list[str]:
    """Return a note if files of a folder seem to say which of its images are in which part; they are not read.

    Lists of images that are in no class say nothing.

    Args:
        images: those that are in a class; None: all.
        told: absolute paths of files of which something else is said.
    """
    files = [file for own in tree.walk() for file in own.files if os.path.abspath(file) not in told]
    classes = {own.name for own in tree.walk() if own.images}
    found = [*find_lists(files, partial(list_stems, tree), classes)]
    images = [*images] if images is not None and found else None
    stems = None if images is None else {image.stem for image in images}
    kept = [own for own in found if stems is None or not own.single or names_any(own.path, stems)]
    kept = name_from(kept, Path(tree.path))
    return [f"{describe_unread(kept)}: {offer_lists(kept, classes, images or (), Path(tree.path))}"] if kept else []


def names_any(file: str, stems: set[str]) -> bool:
    """Say whether the beginning of a list names one of some images."""
    return is_named(read_beginning(file), stems, bare=True)


def is_table(file: str) -> bool:
    """Say whether a file is called as a table of texts is."""
    return find_ending(file) in TABLES


def may_have_labels(file: Path) -> bool:
    """Say whether a table has more than a column of images and one that is not called as those of labels are."""
    try:
        columns = read_columns(file)
    except UserError:  # it is written as the settings say
        return True
    return len(columns.names) > 2 or bool(list_usual(columns, LABEL))


def describe_lists_beside(files: Iterable[str], images: Sequence[Path], root: Path) -> list[str]:
    """Return a note if files beside a table seem to say which of its images are in which part; they are not read.

    Args:
        images: those that the table names.
    """
    found = name_from(find_lists(files, lambda: {image.stem for image in images}), root)
    ways = "or a column of the table may say it, set split: COLUMN"
    return [f"{describe_unread(found)}: {offer_lists(found, (), images, root)}, {ways}"] if found else []


def name_from(files: Iterable[ListFile], root: Path) -> list[ListFile]:
    """Return files with their paths from a folder on."""
    return [file._replace(path=os.path.relpath(file.path, root)) for file in files]


def describe_unread(found: Sequence[ListFile]) -> str:
    """Return what is said of files that seem to be lists of parts."""
    some = ", ".join(file.path for file in found[:SHOWN])
    some += f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    verb = "say" if len(found) > 1 else "says"
    return f"{some} {verb} which images are in which part, as it seems, and nothing of that is read"


def offer_lists(
    found: Sequence[ListFile], classes: Collection[str], images: Sequence[Path] = (), root: Path = Path()
) -> str:
    """Return the settings that take the parts from lists, the first of each part; all where each is of a class.

    Args:
        classes: names of folders that may be in those of lists, as in `cat_test.txt`.
        images: those of the folder `root`; where the lists do not fit them, it is said why.
    """
    train, test = choose_lists(found, classes)
    if not test:
        table = next((file.path for file in found if is_table(file.path) and may_have_labels(root / file.path)), None)
        return f"set layout: table takes the labels of {table}, too, if it has them" if table else WITH_LISTS
    ways = f"set test_lists: {write_names(test)} tests on its images and trains on the others"
    if train:
        ways = f"set train_lists: {write_names(train)} and test_lists: {write_names(test)} take their parts"
    try:
        find_listed(strip_root(root, images), train, test, root, follow=True) if images else None
    except UserError as error:
        return f"{ways}, but {str(error).removeprefix(os.path.join(root, ''))}"
    return ways


def choose_lists(found: Sequence[ListFile], classes: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the lists of what is trained on, none where these are all others, and tested on; arguments as above."""
    parts = {file.path: guess_part_name(find_stem(file.path)) for file in found if file.single}
    if whole := choose_class_lists(parts, classes):
        return whole
    first = {part: name for name, part in reversed(parts.items()) if part}
    test = next((first[word] for word in (*TESTS, *first) if word in first and word != "train"), None)
    if test is None:
        both = [file.path for file in found if file.parted][:1]
        return both, both
    rest = sorted(name for word, name in first.items() if word not in TESTS and name != test)
    return rest if "train" in first else [], [test]


def choose_class_lists(parts: Mapping[str, str | None], classes: Collection[str]) -> tuple[list[str], list[str]] | None:
    """Return all lists of both parts, given the part of each, if all are called by a class and a part."""
    rest = {name: NAMED_PART.sub("", find_stem(name)).strip(" _.-") for name in parts}
    words = {*parts.values()}
    tested = words & {*TESTS} or words - {"train"}
    every = [sorted(name for name, part in parts.items() if (part in tested) == is_test) for is_test in (False, True)]
    if not all(every) or None in words or not all(own in classes for own in rest.values()):
        return None
    return every[0], every[1]


def describe_named_parts(files: Mapping[str, Sequence[Path]], ways: str) -> list[str]:
    """Return a note if files are called after parts in all classes, as `test_000.png` is; nothing of that is read.

    Args:
        files: the images of each class.
        ways: what can be done, to end the note with.
    """
    words = {name: Counter(guess_part_name(file.stem) for file in own) for name, own in files.items()}
    total = sum(words.values(), Counter[str | None]())
    parts = {word: count for word, count in total.items() if word}
    # A single word may be the class's own, but for some images of each class.
    if len(total) < 2 or not parts or not all(len(own) > 1 for own in words.values()) or {*parts} == {"train"}:
        return []
    said = " and ".join(f"{count:,} with '{word}'" for word, count in sorted(parts.items()))
    return [f"names of files in every class name parts ({said}), and nothing of that is read: {ways}"]


def find_lists(
    files: Iterable[str], list_images: Callable[[], set[str]], classes: Collection[str] = ()
) -> Iterator[ListFile]:
    """Yield the files that are called as lists of parts are, or say of images in which part they are.

    Args:
        list_images: returns the names of the images without their endings.
        classes: names of folders, which are no parts here.
    """
    stems: set[str] = set()
    for file in files:
        ending = find_ending(file)
        if ending in OTHERS and SPLIT.search(find_stem(file)):
            yield ListFile(file, single=False)
        elif ending in TEXTS and not PROSE.match(find_stem(file)):
            stems = stems or list_images()
            if found := look_into(file, stems, classes):
                yield found._replace(parted=has_both(read_parted(file)))


def look_into(file: str, stems: set[str], classes: Collection[str]) -> ListFile | None:
    """Return what a text seems to be that names images, if its own name, or what stands in it, names parts.

    Only its beginning is read.

    Args:
        stems: names of the images without their endings.
        classes: as of `find_lists`.
    """
    text, table = read_beginning(file), is_table(file)
    lines = [text] if find_ending(file) in WHOLE else [line for line in text.splitlines() if line.strip()]
    header = {cell.strip("\"' ").lower() for cell in CELLS.split(lines[0])} if table and lines else set[str]()
    parted = bool(header & COLUMNS) or any(map(is_flag, header))
    if SPLIT.search(find_stem(file)) or guess_part_name(find_stem(file)) or parted:
        words = [word for word in BETWEEN.split(text) if word]
        numbered = bool(words) and all(word.isdecimal() for word in words)  # of images that other files name
        named = is_named(text, stems, bare=True)
        single = (
            find_ending(file) in PLAIN and guess_part_name(find_stem(file)) is not None and not has_part(text, classes)
        )
        return ListFile(file, single and named and not parted) if named or numbered else None
    # Half of them, at least: an account in words may name an image and a part, too.
    told = sum(has_part(line, classes) and is_named(line, stems, table) for line in lines)
    return ListFile(file, single=False) if 0 < told >= len(lines) / 2 else None


def has_part(text: str, classes: Collection[str]) -> bool:
    """Say whether a word of a text is that of a part, and none of a class."""
    return any(parse_part_name(word) and word not in classes for word in BETWEEN.split(text))


def is_named(text: str, stems: set[str], bare: bool) -> bool:
    """Say whether a text names an image.

    Args:
        bare: whether by a name without ending and folders, too.
    """
    cells = [cell.strip(AROUND) for line in text.splitlines() for cell in CELLS.split(line)]  # paths may have blanks
    words = (word.replace("\\", "/") for word in (*filter(None, BETWEEN.split(text)), *cells))
    paths = (word for word in words if bare or is_image(word) or "/" in word)
    return any(
        os.path.basename(path) in stems or (find_stem(path) in stems and not find_ending(path)[1:].isdecimal())  # 0.3
        for path in paths
    )


def find_listed(
    paths: Sequence[str], train: Sequence[str], test: Sequence[str], root: Path, follow: bool = False
) -> Lists:
    """Return which images lists have for the training and the test part; without one for training, all others are.

    Args:
        paths: of the images below `root`, with `/` between folders.
        train, test: names of the lists below `root`.
        follow: whether they may lie elsewhere.

    Raises:
        UserError: a list cannot be read, a line means several images, none is there, one is in both parts, or none is
            left to train on.
    """
    index, notes, places = PathIndex(paths), list[str](), list[list[int]]()
    parted = {*test} & {*(train or test)}
    for names, tested in ((train, False), (test, True)):
        found, lost = find_places(read_lists(names, root, follow, tested, parted), index, paths)
        some = f", first '{lost[0].text}' ({lost[0].file.name} row {lost[0].row})" if lost else ""
        if names and not found:
            raise UserError(f"{root / names[0]}: none of the images that {', '.join(names)} names is there{some}")
        if lost:
            notes.append(f"{len(lost):,} lines of {', '.join(names)} name no image here{some}")
        places.append(found)
    trained, taken = places
    if both := {*trained} & {*taken}:
        said = f"{len(both):,} images are in lists of both parts, first {paths[min(both)]}"
        raise UserError(f"{root / test[0]}: {said}; mend the lists")
    rest = trained if train else sorted({*range(len(paths))} - {*taken})
    if not rest:
        said = f"{', '.join(test)} names all {len(paths):,} images: none is left to train on"
        raise UserError(f"{root / test[0]}: {said}")
    said = f"the parts are those of {', '.join(dict.fromkeys([*train, *test]))}"
    return Lists(rest, taken, [*notes, said])
