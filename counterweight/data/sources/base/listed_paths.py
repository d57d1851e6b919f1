"""The lines of a list of images, and which image each means: a path with or without words beside it."""

import csv
import os
import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import is_image
from counterweight.data.sources.base.delimited_text import find_wide_encoding
from counterweight.data.sources.base.json_parts import LARGEST, NamedImage, choose_tested, has_both
from counterweight.data.sources.base.json_tables import JSON
from counterweight.data.sources.base.parted_lists import read_parted
from counterweight.data.sources.base.path_resolving import compose, fold_name

LONGEST = 2**16  # characters of a line that is looked at by its cells
WHOLE = (".json", ".yaml", ".yml")  # an image and its part may be in different lines of these
QUERY = re.compile(r"[?#].*")  # after the path of an address
HEAD = 2**14  # bytes of a file that tell whether it names images


class Line(NamedTuple):
    """A line of a list that says something, the list, and the row that it is in."""

    text: str
    file: Path
    row: int


def read_lists(
    names: Sequence[str], root: Path, follow: bool, tested: bool = False, both: Collection[str] = ()
) -> list[Line]:
    """Return the lines of some lists that say something.

    Args:
        names: of the lists below `root`.
        follow: whether they may lie elsewhere.
        tested: which images are wanted of files with those of several parts: the ones tested on, or all others.
        both: names of lists that may be such files; JSON is one whatever it is called.

    Raises:
        UserError: a file is not there, lies elsewhere, or is no text, or JSON without parts.
    """
    lines = list[Line]()
    for name, file in ((name, root / name) for name in names):
        if file.suffix.lower() in WHOLE and file.suffix.lower() != JSON:
            raise UserError(f"{file}: a list has the path of an image in each line; write one for each part")
        if not follow and not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root)):
            raise UserError(f"{file}: a list outside of the folder; copy it there, or set links: follow")
        whole = file.is_file() and file.suffix.lower() == JSON
        named = read_parted(os.fspath(file)) if whole or (file.is_file() and name in both) else []
        if whole or has_both(named):
            lines += list_parted(file, named, tested)
            continue
        try:
            content = file.read_bytes()
            text = content.decode(find_wide_encoding(content[:64]) or "utf-8-sig")
        except FileNotFoundError as error:
            said = f"no such list; train_lists and test_lists name texts below {root}"
            raise UserError(f"{file}: {said}{offer_nearest(file)}") from error
        except (OSError, ValueError) as error:
            why = (error.strerror or str(error)) if isinstance(error, OSError) else error
            raise UserError(f"{file}: cannot be read as a list of paths in UTF-8: {why}") from error
        own = enumerate(text.splitlines(), 1)
        lines += [Line(line.strip(), file, row) for row, line in own if line.strip()]
    return lines


def list_parted(file: Path, named: Sequence[NamedImage], tested: bool) -> list[Line]:
    """Return the images that a file of both parts has for one; arguments as of `read_lists`.

    Raises:
        UserError: it is JSON, and has none that are trained on and others that are tested on.
    """
    if not has_both(named):
        expected = f'expected {{"train": [PATH, ...], "test": [PATH, ...]}}, of {LARGEST:,} bytes at most'
        raise UserError(f"{file}: no lists of parts in JSON; {expected}")
    words = choose_tested(named)
    return [Line(own.text, file, row) for row, own in enumerate(named, 1) if (own.part in words) == tested]


def offer_nearest(file: Path) -> str:
    """Return a clause that offers the file beside one that is not there whose name is nearest, if any is near."""
    beside = [own.name for own in file.parent.iterdir()] if file.parent.is_dir() else []
    nearest = get_close_matches(file.name, sorted(beside), n=1)
    return f"; did you mean '{nearest[0]}'?" if nearest else ""


def read_beginning(file: str, size: int = HEAD) -> str:
    """Return the first bytes of a text, whatever is in it; none of a link that leads nowhere, or what may not be read.

    Nobody has asked for these files: they are looked at for what is to be said of them.
    """
    try:
        with open(file, "rb") as stream:
            first = stream.read(size)
    except OSError:
        return ""
    return first.decode(find_wide_encoding(first[:64]) or "utf-8-sig", "replace")


class PathIndex:
    """Finds images by the last names of their paths, with or without an ending, by case only where it tells."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.parts = [compose(path).split("/") for path in paths]
        self.above = [{fold_name(name) for name in parts[:-1]} for parts in self.parts]
        self.folders = set[str]().union(*self.above)
        self.known: dict[tuple[int, bool], dict[str, set[int]]] = {}

    def find(self, text: str) -> set[int]:
        """Return the places of the images that a path means, which may begin in folders that are not here."""
        plain = QUERY.sub("", text) if "://" in text else text
        words = [word for word in compose(plain).replace("\\", "/").split("/") if word not in ("", ".", "..")]
        for folded in (False, True):
            # A name alone may be that of images of several classes: where folders are given, one must fit.
            for depth in range(len(words), min(len(words), 2) - 1, -1):
                tail = "/".join(words[-depth:])
                places = self.group(depth, folded).get(fold_name(tail) if folded else tail) if depth else None
                if places and (places := self.drop_others(places, words[:-depth])):
                    return places
        return set()

    def drop_others(self, places: set[int], above: Sequence[str]) -> set[int]:
        """Return the places without those of images in other folders: train/cat/0.png is not test/cat/0.png.

        Args:
            above: folders that a path names and that were not looked at to find it; those that are not here may be
                of another machine.
        """
        needed = {fold_name(name) for name in above} & self.folders if above else set[str]()
        return {place for place in places if needed <= self.above[place]} if needed else places

    def group(self, depth: int, folded: bool) -> dict[str, set[int]]:
        """Return the places of images by the last names of their paths, whatever their case if that is wanted."""
        if (depth, folded) not in self.known:
            found = self.known[depth, folded] = dict[str, set[int]]()
            for place, parts in enumerate(self.parts):
                if len(parts) >= depth:
                    tail = "/".join(parts[-depth:])
                    for key in (tail, os.path.splitext(tail)[0]):
                        found.setdefault(fold_name(key) if folded else key, set()).add(place)
        return self.known[depth, folded]


def list_texts(line: str, last: bool) -> list[str]:
    """Return what of a line may be its path: all of it, or what is left without words at its end.

    Texts that look like paths, by their ending or a folder, stand for all others: those are labels and numbers.

    Args:
        last: whether words stand at its beginning instead.
    """
    if last:
        texts = [line, line.split(None, 1)[-1], line.split()[-1], line.rsplit(",", 1)[-1].strip()]
    else:
        texts = [line, line.rsplit(None, 1)[0], line.split()[0], line.split(",")[0]]
    cells = filter(is_path, next(csv.reader([line]), [])) if "," in line and len(line) < LONGEST else ()
    plain = [text.strip("\"', ") for text in dict.fromkeys((*texts, *cells))]
    return list(filter(is_path, plain)) or plain


def is_path(text: str) -> bool:
    """Say whether a text looks like the path of an image."""
    return is_image(text) or "/" in text or "\\" in text


def find_lines(lines: Sequence[Line], index: PathIndex, last: bool) -> list[set[int]]:
    """Return the places of the images that each line means; arguments as of `list_texts`."""
    return [
        next((places for text in list_texts(line.text, last) if (places := index.find(text))), set()) for line in lines
    ]


def find_places(lines: Sequence[Line], index: PathIndex, paths: Sequence[str]) -> tuple[list[int], list[Line]]:
    """Return the places of the images that lines mean, sorted, and the lines of those that are not there.

    Paths stand at the beginning of all lines or at the end of all, whichever names more images.

    Raises:
        UserError: a line means several, or its beginning one image and its end another.
    """
    found = find_lines(lines, index, last=False)
    if not all(found) or not any(is_path(line.text) for line in lines):
        other = find_lines(lines, index, last=True)
        one, two = (len(set[int]().union(*own)) for own in (found, other))
        if one == two:
            check_same(lines, found, other, paths)
        found = other if two > one else found
    for line, places in zip(lines, found, strict=True):
        if len(places) > 1:
            first, second = (paths[place] for place in sorted(places)[:2])
            said = f"'{line.text}' is {first} and {second}; write paths with their folders"
            raise UserError(f"{line.file}: row {line.row}: {said}")
    return sorted(set[int]().union(*found)), [line for line, own in zip(lines, found, strict=True) if not own]


def check_same(
    lines: Sequence[Line], found: Sequence[set[int]], other: Sequence[set[int]], paths: Sequence[str]
) -> None:
    """Refuse lines of which the beginnings name as many images as the ends, but others."""
    for line, one, two in zip(lines, found, other, strict=True):
        if one and two and one != two:
            said = f"{paths[min(one)]} by its beginning, {paths[min(two)]} by its end"
            raise UserError(f"{line.file}: row {line.row}: '{line.text}' is {said}; write paths with their folders")
