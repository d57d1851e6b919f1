"""What names other parts of images than those they are in: names of folders, files and tables, columns and lists."""

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import Tree, find_ending, find_stem
from counterweight.data.sources.base.column_texts import find_part_columns, read_values
from counterweight.data.sources.base.columns import Columns
from counterweight.data.sources.base.json_tables import JSON
from counterweight.data.sources.base.labels import normalize_label
from counterweight.data.sources.base.lazy_images import strip_root
from counterweight.data.sources.base.listed_paths import PathIndex, find_places, read_lists
from counterweight.data.sources.base.listing import Listing
from counterweight.data.sources.base.named_parts import find_named_parts
from counterweight.data.sources.base.part_flags import YES, find_flag_columns, name_flag
from counterweight.data.sources.base.part_lists import (
    PLAIN,
    SPLIT,
    describe_lists_beside,
    describe_named_parts,
    find_lists,
)
from counterweight.data.sources.base.part_names import TESTS, VALIDATION, guess_part_name, parse_part_name
from counterweight.data.sources.base.parted_lists import TABLES
from counterweight.data.sources.base.table_rows import Rows

MOST = 20  # lists that are looked at


def check_columns(columns: Columns, column: str, parts: Sequence[str], others: Collection[str]) -> None:
    """Refuse a table in which two columns name parts and differ, of which nobody has named one.

    Args:
        column: that which has the parts.
        others: columns that are something else.

    Raises:
        UserError: one says that a row is trained on, the other that it is tested on.
    """
    known = [column, *others]
    found = {
        name: [are_contrary(part, parse_part_name(word or "")) for part, word in zip(parts, words, strict=True)]
        for name in find_part_columns(columns, known, lambda word: parse_part_name(word) is not None)
        for words in (read_values(columns, name),)
    }
    found |= {
        name: [denies(part, word, name) for part, word in zip(parts, read_values(columns, name), strict=True)]
        for name in find_flag_columns(columns, [*known, *found])
    }
    for name, differ in found.items():
        if any(differ):
            said = f"'{column}' and '{name}' both name parts, and differ in {sum(differ):,} rows"
            first = f"first row {columns.number(differ.index(True))}"
            raise UserError(f"{columns.file}: columns {said}, {first}; set split: COLUMN takes one of them")


def denies(part: str, word: str | None, flag: str) -> bool:
    """Say whether a column of yes and no, `is_test`, says something else of a row than its part."""
    named, yes = name_flag(flag), (word or "").strip().lower() in YES
    return are_contrary(part, named) if yes else part == named and (part == "train" or part in TESTS)


def are_contrary(one: str | None, other: str | None) -> bool:
    """Say whether one part is trained on and the other tested on."""
    return (one == "train" and other in TESTS) or (one in TESTS and other == "train")


def describe_contrary(
    paths: Sequence[str], tested: Sequence[bool], named: Sequence[str | None], by: str, both: bool = True
) -> list[str]:
    """Return a note if something names other parts than those that images are in.

    Args:
        paths: of images, for the note.
        tested: whether they are tested on.
        named: the part that is named of each; None: none is.
        by: what names it.
        both: whether it means nothing unless it names a training and another part.
    """
    words = {*named} - {None}
    if both and not ("train" in words and len(words) > 1):
        return []
    tests = {*TESTS} if words & {*TESTS} or not both else {*VALIDATION}
    wrong = [
        place
        for place, (word, own) in enumerate(zip(named, tested, strict=True))
        if (word == "train" and own) or (word in tests and not own)
    ]
    if not wrong:
        return []
    first, part = paths[wrong[0]], "tested on" if tested[wrong[0]] else "trained on"
    return [f"{len(wrong):,} images are in another part than {by} say, first {first}, which is {part}"]


def describe_contrary_names(paths: Sequence[str], tested: Sequence[bool]) -> list[str]:
    """Return a note if names of files name other parts; arguments as above."""
    return describe_contrary(paths, tested, [guess_part_name(find_stem(path)) for path in paths], "names of files")


def describe_contrary_folders(paths: Sequence[str], tested: Sequence[bool]) -> list[str]:
    """Return a note if the folders of images name other parts; arguments as above."""
    places = {place: find_part_of(place) for place in {*map(os.path.dirname, paths)}}
    named = [places[os.path.dirname(path)] for path in paths]
    return describe_contrary(paths, tested, named, "the folders that they lie in")


def find_part_of(place: str, classes: Collection[str] = ()) -> str | None:
    """Return the part that the nearest folder of a path names, if one does, that is not called as a class is."""
    names = (name.strip() for name in reversed(place.split(os.sep)) if normalize_label(name) not in classes)
    return next((word for name in names if (word := parse_part_name(name) or guess_part_name(name))), None)


def describe_contrary_lists(
    files: Iterable[str], paths: Sequence[str], tested: Sequence[bool], root: Path
) -> list[str]:
    """Return notes if lists that are called as parts are name images of another; arguments as above."""
    called = {file: guess_part_name(find_stem(file)) for file in files if find_ending(file) in PLAIN}
    own = [file for file, word in called.items() if word == "train" or word in TESTS]
    looked = find_lists(own, lambda: {find_stem(path) for path in paths})
    found = [file.path for file in looked if file.single][:MOST]
    index, notes = PathIndex(paths if found else []), list[str]()
    for file in found:
        named: list[str | None] = [None] * len(paths)
        try:
            places, _ = find_places(read_lists([file], root, follow=True), index, paths)
        except UserError:  # It cannot be read as a list, or not without doubt.
            continue
        for place in places:
            named[place] = called[file]
        by = f"lines of {os.path.relpath(file, root)}"
        notes += [
            f"{note}: nothing of that is read" for note in describe_contrary(paths, tested, named, by, both=False)
        ]
    return notes


def describe_contrary_splits(
    files: Iterable[str], paths: Sequence[str], tested: Sequence[bool], root: Path
) -> list[str]:
    """Return notes if files that name several parts, as `split.json`, have images in another; arguments as above."""
    stems = {find_stem(path) for path in paths}
    own = (file for file in files if find_ending(file) in (JSON, *TABLES) or SPLIT.search(find_stem(file)))
    looked = find_lists((file for file in own if find_stem(file) not in stems), lambda: stems)
    found = [file.path for file in looked if not file.single and find_ending(file.path) in (JSON, *PLAIN)][:MOST]
    index, notes = PathIndex(paths if found else []), list[str]()
    for file in found:
        named = find_named_parts(file, index, len(paths))
        by = f"entries of {os.path.relpath(file, root)}"
        notes += [f"{note}: nothing of that is read" for note in describe_contrary(paths, tested, named, by)]
    return notes


def describe_contrary_parts(train: Listing, test: Listing, tree: Tree) -> list[str]:
    """Return notes if names of files, or lists, say something else of the parts than the folders do."""
    paths = strip_root(Path(tree.path), [*train.files, *test.files])
    tested = [False] * len(train.files) + [True] * len(test.files)
    lists = [file for own in tree.walk() for file in own.files]
    said = describe_contrary_lists(lists, paths, tested, Path(tree.path))
    said += describe_contrary_splits(lists, paths, tested, Path(tree.path))
    return describe_contrary_names(paths, tested) + said


def describe_contrary_tables(
    trained: Sequence[Rows], tested: Sequence[Rows], others: Sequence[str], root: Path
) -> list[str]:
    """Return notes if something else than what has the parts of the rows of tables names others.

    Args:
        others: files that are no tables.
    """
    paths, in_test, called = list[str](), list[bool](), list[str | None]()
    for rows, own in [*((rows, False) for rows in trained), *((rows, True) for rows in tested)]:
        stems = [guess_part_name(table.columns.file.stem) for table in rows.tables]
        for number, row in zip(rows.table.tolist(), rows.row.tolist(), strict=True):
            paths.append(rows.tables[number].origins[row])
            in_test.append(own)
            called.append(stems[number])
    notes = describe_contrary(paths, in_test, called, "the names of their tables")
    return [
        *notes,
        *describe_contrary_folders(paths, in_test),
        *describe_contrary_names(paths, in_test),
        *describe_contrary_lists(others, paths, in_test, root),
        *describe_contrary_splits(others, paths, in_test, root),
    ]


def describe_both_parts(trained: Sequence[Rows], tested: Sequence[Rows]) -> list[str]:
    """Return a note if rows of tables name an image in both parts."""
    named: list[list[tuple[Path, str]]] = [
        [
            (paths[row], rows.tables[number].origins[row])
            for rows in own
            for number, row in zip(rows.table.tolist(), rows.row.tolist(), strict=True)
            if (paths := rows.tables[number].paths) is not None
        ]
        for own in (trained, tested)
    ]
    known = {path for path, _ in named[0]}
    both = {path: origin for path, origin in named[1] if path in known}
    first = next(iter(both.values()), "")
    return [f"{len(both):,} images are in both parts, first {first}, and count in each"] if both else []


def describe_unread_parts(trained: Sequence[Rows], others: Sequence[str], root: Path) -> list[str]:
    """Return notes of what seems to say the parts of images, and is not read, where tables have none."""
    named: dict[str, list[Path]] = {}
    for rows in trained:
        for name, number, row in zip(rows.classes, rows.table.tolist(), rows.row.tolist(), strict=True):
            if (paths := rows.tables[number].paths) is not None:
                named.setdefault(name, []).append(paths[row])
    images = [path for paths in named.values() for path in paths]
    ways = "a column of the table may say it, set split: COLUMN"
    return [*describe_lists_beside(others, images, root), *describe_named_parts(named, ways)]


def check_same_parts(path: Path, trained: Sequence[str], tested: Sequence[str], name: str) -> None:
    """Refuse folders of parts beside a table that gives images other parts.

    Args:
        trained, tested: paths of the images of both parts by the table.

    Raises:
        UserError: it does; which is meant cannot be known.
    """
    in_test = [False] * len(trained) + [True] * len(tested)
    if said := describe_contrary_folders([*trained, *tested], in_test):
        first = f"the parts of {name}, by which {said[0]}, or those of the folders"
        choice = "set layout: table takes the first, set layout: parts the other"
        raise UserError(f"{path}: {first}? {choice}")
