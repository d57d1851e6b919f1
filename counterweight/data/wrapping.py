"""Folders around a dataset, in which nothing else lies."""

import os
from pathlib import Path

from counterweight.data.decode.tree import SYSTEM, scan_tree


def find_wrapped(path: Path) -> Path:
    """Return the folder of folders of images that alone lies in a folder, in a folder in it, and so on; else the path.

    Archives are often packed so. Hidden files and those of the system count as nothing; links are not followed.
    """
    inner = path
    while (only := find_only_folder(inner)) is not None:
        inner = only
    if inner == path:
        return path
    folders = scan_tree(os.fspath(inner), inner.resolve(), follow_links=True).folders
    return inner if sum(folder.images > 0 for folder in folders) > 1 else path


def find_only_folder(path: Path) -> Path | None:
    """Return the folder that lies in a folder alone; None where there are none, several, or other things."""
    if not path.is_dir():
        return None
    with os.scandir(path) as entries:
        seen = [own for own in entries if not own.name.startswith(".") and not SYSTEM.fullmatch(own.name)]
    return Path(seen[0].path) if len(seen) == 1 and seen[0].is_dir(follow_symlinks=False) else None
