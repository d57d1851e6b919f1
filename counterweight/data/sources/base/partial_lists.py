"""Texts and tables beside images that name only some of them, and lists beside the folder that was given."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path

from counterweight.data.decode.tree import find_ending, find_stem
from counterweight.data.sources.base.layout_doubts import IMAGES
from counterweight.data.sources.base.listed_paths import HEAD, is_path, read_beginning
from counterweight.data.sources.base.part_lists import (
    CELLS,
    PROSE,
    SHOWN,
    SPLIT,
    TEXTS,
    describe_unread,
    find_lists,
    name_from,
)
from counterweight.data.sources.base.part_names import guess_part_name
from counterweight.data.sources.base.parted_lists import TABLES

LISTS = (*TABLES, ".txt", ".lst", ".list")
MOST = 100  # files that are looked at whole
LARGEST = 2**26  # bytes of one
AROUND = 1000  # files in a folder that are looked at


def describe_partial(files: Iterable[str], images: Sequence[str], root: Path) -> list[str]:
    """Return a note for each file that names some images and not all, or one for many: it may be a choice of them.

    So for those of names that images of several classes have: a line may mean any of these. Files that are called as
    lists of parts are told of elsewhere.

    Args:
        files: those beside the images.
        images: their paths below `root`.
    """
    places = dict[str, list[int]]()
    for place, image in enumerate(images):
        for key in list_keys(image):
            places.setdefault(key, []).append(place)
    counts, every, stems = dict[str, int](), set[int](), {find_stem(image) for image in images}
    shared = dict[str, list[str]]()
    for file in islice(find_partial(files, stems), MOST):
        lines = read_lines(file, LARGEST)
        named = {name: line for line in lines for name in list_named(line, file, stems) if name in places}
        path = os.path.relpath(file, root)
        found = {place for name in named for place in choose_beside(places[name], images, os.path.dirname(path))}
        own = {name: find_nearest([images[place] for place in places[name]], line) for name, line in named.items()}
        several = [name for name, line in named.items() if is_shared(own[name], line, os.path.dirname(path))]
        if several and len(several) >= len(named) / 2:
            shared[path] = [*own[several[0]][:2], f"{len(several):,}"]
        elif 0 < len(found) < len(images):
            counts[path] = len(found)
            every |= found
    notes = [describe_shared(shared)] if shared else []
    if len(counts) <= SHOWN:
        return notes + [describe_some(f"{file} names {count:,}", [file], images) for file, count in counts.items()]
    said = f"{', '.join([*counts][:SHOWN])} and {len(counts) - SHOWN:,} more together name {len(every):,}"
    return [*notes, describe_some(said, [*counts], images)]


def choose_beside(places: Sequence[int], images: Sequence[str], folder: str) -> Sequence[int]:
    """Return the places of images that a name in a folder means: those in that, if there are such."""
    return [place for place in places if os.path.dirname(images[place]) == folder] or places


def find_nearest(images: Sequence[str], line: str) -> list[str]:
    """Return the images, all of one name, that have most folders in common with the path in a line."""
    cells = [cell.strip("\"' ").replace("\\", "/").split("/")[-2::-1] for cell in CELLS.split(line)]
    above = [os.path.dirname(image).split(os.sep)[::-1] for image in images]
    depths = [max(sum(takewhile(bool, map(str.__eq__, cell, own))) for cell in cells) for own in above]
    return [image for image, depth in zip(images, depths, strict=True) if depth == max(depths)]


def is_shared(images: Sequence[str], line: str, place: str) -> bool:
    """Say whether images that a line may mean are in several folders, of which it names none and is in none.

    Args:
        place: the folder that the file with the line is in.
    """
    folders, cells = {*map(os.path.dirname, images)}, {cell.strip("\"' ") for cell in CELLS.split(line)}
    names = {name for folder in folders for name in folder.split(os.sep)}
    return len(folders) > 1 and place not in folders and names.isdisjoint(cells)


def describe_shared(found: Mapping[str, Sequence[str]]) -> str:
    """Return the note of files that have names of several images each: the first two, and how many such names."""
    (file, (one, other, count)), more = next(iter(found.items())), len(found) - 1
    said = f"{file} has {count} names of several images each, first of {one} and {other}"
    ways = ": set layout: table takes its labels, if it has them" if find_ending(file) in TABLES else ""
    return f"{said}{f', and so have {more:,} more files' if more else ''}, and nothing of that is read{ways}"


def describe_some(said: str, files: Sequence[str], images: Sequence[str]) -> str:
    """Return the note of files that name some images, given how it begins."""
    tables = all(find_ending(file) in TABLES for file in files)
    ways = ": set layout: table takes these alone, if it has their labels" if tables else ""
    return f"{said} of the {len(images):,} images, and {'are' if len(files) > 1 else 'is'} not read{ways}"


def list_keys(path: str) -> list[str]:
    """Return by what a text may name an image: the name with the folder that it is in, if there is one, and alone."""
    *above, name = path.replace("\\", "/").split("/")
    stem = find_stem(name)
    return [f"{above[-1]}/{stem}", stem] if above else [stem]


def list_named(line: str, file: str, stems: set[str]) -> list[str]:
    """Return what the line of a text may name images by: paths, else, in tables, names of some without endings."""
    cells = [cell.strip("\"' ") for cell in CELLS.split(line)]
    paths = [list_keys(cell)[0] for cell in cells if is_path(cell)]
    if paths or find_ending(file) not in TABLES:
        return paths
    return [cell for cell in cells if cell in stems and not cell.isdecimal()]  # numbers may be of anything


def find_partial(files: Iterable[str], stems: set[str]) -> Iterator[str]:
    """Yield the texts half of whose first lines name images, and whose own names are of no part and no image."""
    for file in files:
        stem = find_stem(file)
        told = SPLIT.search(stem) or guess_part_name(stem) or PROSE.match(stem) or stem in stems
        if find_ending(file) in LISTS and not told and os.path.isfile(file) and os.path.getsize(file) <= LARGEST:
            lines = read_lines(file, HEAD)
            if 0 < sum(bool(list_named(line, file, stems)) for line in lines) >= len(lines) / 2:
                yield file


def read_lines(file: str, size: int) -> list[str]:
    """Return the lines in the first bytes of a text that are not empty."""
    return [line for line in read_beginning(file, size).splitlines() if line.strip()]


def describe_lists_around(root: Path, images: Sequence[str]) -> list[str]:
    """Return a note if files beside a folder that is called images seem to be lists of its parts.

    Args:
        images: paths below `root`.
    """
    if not IMAGES.fullmatch(root.name):
        return []
    around = root.absolute().parent
    folders = [around, *sorted(place for place in around.iterdir() if place.is_dir() and place.name != root.name)]
    files = [file for place in folders for file in list_texts(place)]
    found = name_from(find_lists(files, lambda: {*map(find_stem, images)}), around)
    return [f"beside {root.name}, {describe_unread(found)}: give {around} to choose"] if found else []


def list_texts(place: Path) -> list[str]:
    """Return the first texts in a folder, sorted; none of one that cannot be looked into."""
    try:
        names = sorted(entry.name for entry in islice(os.scandir(place), AROUND) if entry.is_file())
    except OSError:
        return []
    return [os.path.join(place, name) for name in names if find_ending(name) in TEXTS and not name.startswith(".")]
