"""Hashes of folders of images that DVC need not compute again, as long as their files look the same.

DVC opens no file whose inode, size and time of change are as they were, but it looks each up in a database and puts
all hashes together whenever it is asked, several times for a stage that runs. The same look without that takes a
fifth of the time: `benchmarks/watching.py`.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc.dependency import Dependency
    from dvc_data.hashfile.hash_info import HashInfo

IMAGES = "images"


class KnownFolders:
    """What DVC found of folders, and what their files looked like then."""

    def __init__(self, path: Path) -> None:
        """Read what is known.

        Args:
            path: JSON file; what is in none, or in a damaged one, DVC computes.
        """
        self.path = path
        self.known: dict[str, list[str]] = {}
        try:
            self.known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return

    def watch(self, dependency: "Dependency") -> None:
        """Let a dependency of a stage that is a folder of images ask here for its hash."""
        if dependency.def_path and Path(dependency.def_path).parts[0] == IMAGES:
            ask = dependency.get_hash
            dependency.get_hash = lambda: self.find(dependency, ask)

    def find(self, dependency: "Dependency", ask: Callable[[], "HashInfo"]) -> "HashInfo":
        """Return the hash of a folder, DVC's own for whatever is none."""
        from dvc_data.hashfile.hash_info import HashInfo

        name, folder = str(dependency.def_path), Path(dependency.fs_path)
        if not folder.is_dir():
            return ask()
        look = describe(folder)
        seen, value = self.known.get(name, ("", ""))
        if seen == look:
            return HashInfo(dependency.hash_name, value)
        found = ask()
        if found.value and describe(folder) == look:  # Nobody changed it meanwhile.
            self.known[name] = [look, found.value]
            self.write()
        return found

    def write(self) -> None:
        """Write down what is known."""
        partial = self.path.with_name(f".{self.path.name}.partial")
        partial.write_text(json.dumps(self.known), encoding="utf-8")
        partial.replace(self.path)


def describe(folder: Path) -> str:
    """Return a digest of the names, inodes, sizes and times of change of all files of a folder."""
    digest = hashlib.blake2b(digest_size=16)
    for path, facts in list_files(os.fspath(folder)):
        text = f"{path}\0{facts.st_ino} {facts.st_size} {facts.st_mtime_ns}\n"
        digest.update(text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def list_files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files below a folder and what is known of them; like DVC, look into no link to a folder."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from list_files(entry.path)
        else:
            # DVC itself says what it thinks of a link that leads nowhere.
            yield entry.path, entry.stat(follow_symlinks=os.path.exists(entry.path) if entry.is_symlink() else True)
