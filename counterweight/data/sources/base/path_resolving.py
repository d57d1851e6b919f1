"""Which files the paths in a table mean: paths of other systems, names without endings, other cases."""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import find_stem, is_image
from counterweight.data.sources.base.delimited_text import number_row

DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class PathResolver:
    """Turns the paths in a table into those of files, which lie in `root` unless links are to be followed.

    A path with backslashes is one with slashes where there is no such file; a name without an ending is that of the
    only image of that name, and one that is not there is that of the only image, or folder, that differs from it by
    case or by Unicode's form alone.
    """

    def __init__(self, folder: Path, root: Path, follow: bool) -> None:
        self.folder, self.root, self.follow = os.fspath(folder), root, follow
        self.inside = Path(os.path.realpath(root))
        self.known: set[str] = set()
        self.stems: dict[str, dict[str, list[str]]] = {}
        self.folders: dict[str, str] = {}

    def file(self, word: str) -> Path:
        """Return the path of a file, there or not.

        Raises:
            UserError: it is absolute, leads out of the folder, or can be no path.
        """
        if "\0" in word:
            raise UserError(f"{word!r}: no path has a zero byte in it")
        path = self.complete(os.path.join(self.folder, word))
        if self.follow:
            return Path(path)
        if os.path.isabs(word) or DRIVE.match(word):
            ways = "write it relative to the table, or to a folder and set image_folder: FOLDER, or set links: follow"
            raise UserError(f"{word}: an absolute path; {ways}")
        parent = os.path.dirname(path)
        if parent not in self.known:  # most files share their folder with others
            self.check(parent)
            self.known.add(parent)
        if os.path.islink(path):
            self.check(path)
        return Path(path)

    def complete(self, path: str) -> str:
        """Return a path as it is, or as what is there in its place: with slashes, or with an ending."""
        if os.path.lexists(path):
            return path
        plain = path.replace("\\", "/")
        if plain != path and os.path.lexists(plain):
            return plain
        parent, name = self.find_folder(os.path.dirname(plain)), os.path.basename(plain)
        there = os.path.join(parent, name)
        if there != plain and os.path.lexists(there):
            return there
        if parent not in self.stems:
            self.stems[parent] = group_stems(parent) if os.path.isdir(parent) else {}
        found = self.stems[parent].get(fold_name(name) if is_image(plain) else compose(name), [])
        return os.path.join(parent, found[0]) if len(found) == 1 else plain

    def find_folder(self, path: str) -> str:
        """Return a folder below this one as it is, or the only one in its place that differs by case or form alone."""
        if path not in self.folders:
            self.folders[path] = path
            if not os.path.isdir(path) and path.startswith(os.path.join(self.folder, "")):
                above, name = self.find_folder(os.path.dirname(path)), fold_name(os.path.basename(path))
                known = list_folder_names(above) if os.path.isdir(above) else []
                found = [own for own in known if fold_name(own) == name]
                self.folders[path] = os.path.join(above, found[0]) if len(found) == 1 else path
        return self.folders[path]

    def check(self, path: str) -> None:
        """Refuse what lies outside."""
        if not (goal := Path(os.path.realpath(path))).is_relative_to(self.inside):
            raise UserError(f"{path} leads out of {self.root}, to {goal}; copy that there, or set links: follow")


def compose(name: str) -> str:
    """Return a name in the composed form of Unicode, as most write it; some systems store the other one."""
    return unicodedata.normalize("NFC", name)


def fold_name(name: str) -> str:
    """Return what names have in common that differ by case or by Unicode's form alone."""
    return compose(compose(name).casefold())


def list_folder_names(folder: str) -> list[str]:
    """Return the names of the folders in a folder, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


def group_stems(folder: str) -> dict[str, list[str]]:
    """Return the names of the images in a folder by these without their endings, and by these whatever their case."""
    found: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder)):
        if is_image(name):
            found.setdefault(compose(find_stem(name)), []).append(name)
            found.setdefault(fold_name(name), []).append(name)
    return found


def resolve(words: Iterable[str], resolver: PathResolver, file: Path, empty: Sequence[int]) -> Iterator[Path]:
    """Yield the files that paths lead to."""
    for place, word in enumerate(words):
        try:
            yield resolver.file(word.strip())
        except UserError as error:
            raise UserError(f"{file}: row {number_row(place, empty)}: {error}") from error
