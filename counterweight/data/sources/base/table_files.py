"""Which tables a folder has, through links and in caches, and which other files."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import LeftOut, Tree, check_faults, scan_tree
from counterweight.data.sources.base.batches import ARROW, LINES
from counterweight.data.sources.base.columns import SUFFIXES
from counterweight.data.sources.base.delimited_text import DELIMITERS

FIRST = (*DELIMITERS, ".parquet")
SHARD = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<of>\d{5})(?:-[0-9a-f]+)?")
CACHE = "cache-"  # begins the names of Arrow files in which `datasets` keeps what it makes of others


def follow_links(path: Path) -> Path:
    """Return the file that a path leads to, by the last name on the way that ends like a table's.

    The links of caches lead to files that are named by their content alone.
    """
    goal = Path(os.path.realpath(path))
    if goal.suffix.lower() in SUFFIXES:
        return goal
    while path.suffix.lower() not in SUFFIXES and path.is_symlink():
        path = path.parent / os.readlink(path)
    return path


def check_revisions(root: Path) -> None:
    """Refuse a cache of Hugging Face that holds a dataset more than once.

    Raises:
        UserError: it does; the revisions are named.
    """
    snapshots = root / "snapshots"
    if (root / "blobs").is_dir() and snapshots.is_dir():
        revisions = sorted(place.name for place in snapshots.iterdir() if place.is_dir())
        if len(revisions) > 1:
            said = f"a cache of Hugging Face with {len(revisions)} revisions of one dataset: {', '.join(revisions)}"
            raise UserError(f"{root}: {said}; give {snapshots} / one of them and set links: follow")


class TableFiles(NamedTuple):
    """The tables of a folder by how likely their kind is one of labels, and the paths of the other files in it.

    `hidden` is the account of those that are hidden or the system's, which nothing reads.
    """

    tables: list[list[Path]]
    others: list[str]
    hidden: Counter[LeftOut]


def find_table_files(root: Path, follow: bool, wanted: Sequence[str] = ()) -> TableFiles:
    """Return the tables, sorted, of which there must be one, and what else is there.

    Tables of texts and Parquet come before lines of JSON, which many programs write, and Arrow, which is often a copy.

    Args:
        follow: links that lead out of the folder.
        wanted: files below `root` that are the tables, whatever else is one, in the order that they have here.

    Raises:
        UserError: one is not there, or links lead out.
    """
    if wanted and not root.is_dir():
        raise UserError(f"{root}: tables: {wanted[0]} lies in a folder; give that")
    hidden = Counter[LeftOut]()
    if root.is_file():
        files = [follow_links(root)]  # the link may have another name
    elif root.is_dir():
        check_revisions(root)
        tree = scan_tree(os.fspath(root), Path(os.path.realpath(root)), follow)
        files, hidden = [Path(path) for path in list_files(tree)], count_hidden(tree)
    else:
        raise UserError(f"{root}: no such table or folder of tables")
    if wanted:
        return pick_tables(files, wanted, root)._replace(hidden=hidden)
    first = [path for path in files if path.suffix.lower() in FIRST]
    second = [path for path in files if path.suffix.lower() in (LINES, ARROW) and not path.name.startswith(CACHE)]
    if not first and not second:
        raise UserError(f"{root}: no table there; expected {', '.join(SUFFIXES)}")
    tables = {*first, *second}
    return TableFiles([first, second], [os.fspath(path) for path in files if path not in tables], hidden)


def describe_shards(files: Sequence[Path]) -> list[str]:
    """Return a note for tables that are called as pieces of a set, some of which are not there."""
    found: dict[tuple[str, int], set[int]] = {}
    for match in filter(None, (SHARD.fullmatch(file.stem) for file in files)):
        found.setdefault((match["name"], int(match["of"])), set()).add(int(match["number"]))
    return [
        f"{name}: {len(numbers):,} of {of:,} pieces are there, as their names say"
        for (name, of), numbers in found.items()
        if len(numbers) < of
    ]


def pick_tables(files: Sequence[Path], wanted: Sequence[str], root: Path) -> TableFiles:
    """Return files that are asked for by their paths below a folder as tables, and the other files in it.

    Raises:
        UserError: one is not there.
    """
    chosen = [root / name for name in dict.fromkeys(map(os.path.normpath, wanted))]
    known = {*files}
    for path in chosen:
        if path not in known:
            said = "not there" if not path.exists() else "a folder" if path.is_dir() else "not below the folder"
            raise UserError(f"{path}: tables: {said}; expected files in {root}")
    return TableFiles([chosen], [os.fspath(path) for path in files if path not in {*chosen}], Counter())


def count_hidden(tree: Tree) -> Counter[LeftOut]:
    """Count the files of a folder that are hidden or the system's, by the folder in it that they lie in."""
    found = Counter({LeftOut(*kind, "."): count for kind, count in tree.left_out.items()})
    for folder in tree.folders:
        for own in folder.walk():
            found.update({LeftOut(*kind, folder.name): count for kind, count in own.left_out.items()})
    return found


def list_files(tree: Tree) -> Iterator[str]:
    """Yield the files of a folder at any depth, sorted.

    Raises:
        UserError: a link leads out of it.
    """
    check_faults(tree)
    for entry in tree.entries:
        yield from list_files(entry) if isinstance(entry, Tree) else (entry,)
