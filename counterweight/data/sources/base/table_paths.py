"""Where images lie that a table names: paths of other systems, names without endings, folders elsewhere."""

import filecmp
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import COMPANION_FOLDER, find_stem, is_image
from counterweight.data.sources.base.part_names import guess_part_name
from counterweight.data.sources.base.part_paths import choose_by_parts, find_nearest_part
from counterweight.data.sources.base.path_resolving import PathResolver, compose, group_stems, resolve
from counterweight.data.sources.base.table_prefixes import TRIED, strip_foreign
from counterweight.data.sources.base.written_names import write_folder

WRITTEN = "write the paths with their folders"
DEPTH = 5  # folders below the table that are looked into


class CopiesError(UserError):
    """Several folders have all images of a table that names each once."""


class Located(NamedTuple):
    """Files that a table names, there or not, and what is to be said of where they are."""

    paths: list[Path]
    notes: list[str]


def locate_images(
    words: Sequence[str],
    file: Path,
    root: Path,
    folder: str | None,
    follow: bool,
    empty: Sequence[int] = (),
    parts: Sequence[str] = (),
) -> Located:
    """Return the files that the paths in a table lead to.

    Args:
        root: folder that they must not lead out of, unless `follow`.
        folder: where they begin, below `root`; None: where the table is, or the only folder of images below it that
            has the files; or, by their names alone, wherever they are below it.
        empty: rows of the table that are not read.
        parts: of each row, where they are known: of files of one name in several folders that of its part is meant.

    Raises:
        UserError: a path is absolute or leads out, or several folders have the same files.
    """
    if folder is not None and not (root / folder).is_dir():
        raise UserError(f"{root / folder}: no such folder, which image_folder says")
    start = file.parent if folder is None else root / folder
    others = () if folder is not None else chain((root,), list_folders(root))
    words, start, notes = strip_foreign(words, start, others, root, file.name)
    resolver = PathResolver(start, root, follow)
    paths = list(resolve(words, resolver, file, empty))
    if folder is None and paths and not notes and not any(os.path.lexists(path) for path in paths[:TRIED]):
        return locate_below(words, paths, file, root, follow, empty, parts)
    return Located(paths, notes)


def locate_below(
    words: Sequence[str],
    paths: list[Path],
    file: Path,
    root: Path,
    follow: bool,
    empty: Sequence[int],
    parts: Sequence[str],
) -> Located:
    """Return files that are not beside a table, but in a folder below it or below `root`, or by their names in several.

    Arguments and errors as of `locate_images`; `paths` are where they are not.
    """
    said = f"{file.name}: the images that it names are in"
    for start in dict.fromkeys((file.parent, root)):
        names = [path.name if path.parent == file.parent else "" for path in paths]
        spread = find_spread({*names}, start)
        if parts and (chosen := choose_by_parts(names, parts, spread, root)):
            own = [os.path.relpath(path, start) for path in chosen]
            there = [*resolve(own, PathResolver(start, root, follow), file, empty)]
            return Located(there, [f"{said} folders of several parts: each row means that of its own"])
        place = find_place(paths[:TRIED], file, start, root, once=len({*words}) == len(words))
        if place and start != root and COMPANION_FOLDER.fullmatch(place.name):  # others may have them, too
            continue
        tried = names if place else names[:TRIED]
        place = place or find_most(names[:TRIED], spread)
        found = [] if place is None else [*resolve(words, PathResolver(place, root, follow), file, empty)]
        whole = all(map(os.path.lexists, found))
        elsewhere = all(name in spread for name in tried) and (not whole or len({*found}) < len(names))
        copies = drop_copies(spread, file, root) if elsewhere else []
        if elsewhere:
            check_twice(names, spread, file, root)
        if place and (whole or not elsewhere):
            return Located(found, [f"{said} {os.path.relpath(place, root)}"])
        if elsewhere:
            inside = [os.path.relpath(spread[name][0], start) if name in spread else name for name in names]
            folders = {os.path.dirname(path) for path in inside if path}
            several = [*resolve(inside, PathResolver(start, root, follow), file, empty)]
            return Located(several, [f"{said} {len(folders)} folders", *copies])
    return Located(paths, [])


def find_place(paths: Sequence[Path], file: Path, start: Path, root: Path, once: bool) -> Path | None:
    """Return the only folder that has the first files of a table, `start` or below; of those of parts, the table's own.

    One that is called masks is none, if another has them, too.

    Args:
        once: whether the table names each file once.

    Raises:
        UserError: several have them.
    """
    around = [] if start == file.parent or any(".." in path.parts for path in paths) else [start]
    every = (*around, *list_folders(start))
    places = [place for place in every if has_all(paths, file.parent, place)]
    places = [place for place in places if not COMPANION_FOLDER.fullmatch(place.name)] or places
    parts = [find_nearest_part(place.relative_to(root).parts) for place in places]
    own = guess_part_name(file.stem)
    if own and all(parts) and parts.count(own) == 1:
        return places[parts.index(own)]
    if len(places) > 1:
        several = ", ".join(os.path.relpath(place, root) for place in places)
        first = write_folder(os.path.relpath(places[0], root))
        ways = f"set image_folder: {first} takes those in it" if once else WRITTEN
        kind = CopiesError if once else UserError
        raise kind(f"{file}: the images that it names are in {several}; {ways}")
    return places[0] if places else None


def find_most(names: Sequence[str], spread: Mapping[str, Sequence[str]]) -> Path | None:
    """Return the folder in which half of some names or more are, if no other has any of them."""
    there = [spread[name] for name in names if name in spread]
    places = {os.path.dirname(path) for paths in there for path in paths}
    return Path(places.pop()) if len(places) == 1 and len(there) >= len(names) / 2 else None


def check_twice(names: Sequence[str], spread: Mapping[str, Sequence[str]], file: Path, root: Path) -> None:
    """Refuse names that several files have: a table may mean any, where rows repeat one or no folder has them all.

    Raises:
        UserError: it is so.
    """
    if twice := next((name for name in names if len(spread.get(name, ())) > 1), None):
        one, other = (os.path.relpath(path, root) for path in spread[twice][:2])
        repeated = len({*names}) < len(names)  # one folder would have rows of the others read from it
        folders = [{os.path.dirname(path) for path in spread.get(name, ())} for name in {*names}]
        whole = sorted(os.path.relpath(folder, root) for folder in set.intersection(*folders))
        ways = WRITTEN if repeated or not whole else f"set image_folder: {write_folder(whole[0])} takes those in it"
        if os.path.dirname(one) == os.path.dirname(other):
            ways = "write the endings of the paths, too"
        raise UserError(f"{file}: {twice} is {one} and {other}; {ways}")


def drop_copies(spread: dict[str, list[str]], file: Path, root: Path) -> list[str]:
    """Take the first of several files of one name that have the same bytes, and return a note if there are such."""
    copies = {
        name: paths
        for name, paths in spread.items()
        if len(paths) > 1 and all(has_same_bytes(paths[0], path) for path in paths[1:])
    }
    spread |= {name: paths[:1] for name, paths in copies.items()}
    first = " and ".join(os.path.relpath(path, root) for path in next(iter(copies.values()), [])[:2])
    said = f"{len(copies):,} images are there more than once, with the same bytes, and are taken once: first {first}"
    return [f"{file.name}: {said}"] if copies else []


def has_same_bytes(one: str, other: str) -> bool:
    """Say whether two files can be read and have the same bytes."""
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:  # told when it is read
        return False


def find_spread(names: set[str], start: Path) -> dict[str, list[str]]:
    """Return the paths of images below a folder by those of some names that they have, with their ending or without."""
    found: dict[str, list[str]] = {}
    for place in list_folders(start):
        for name in filter(is_image, sorted(os.listdir(place))):
            for known in {name, find_stem(name)} & names:
                found.setdefault(known, []).append(os.path.join(place, name))
    return {name: [path for path in paths if not is_in_companion(path)] or paths for name, paths in found.items()}


def is_in_companion(path: str) -> bool:
    """Say whether a file lies in a folder that is called as those of masks and thumbnails are."""
    return COMPANION_FOLDER.fullmatch(os.path.basename(os.path.dirname(path))) is not None


def check_near(tables: Sequence[Sequence[Path]], root: Path) -> None:
    """Name the cause where a table names no file, but its first path differs by the ending alone from images there.

    Raises:
        UserError: it is so.
    """
    for first in (paths[0] for paths in tables if paths and not any(map(os.path.lexists, paths[:TRIED]))):
        names = group_stems(str(first.parent)) if os.path.isdir(first.parent) else {}
        if near := names.get(compose(first.stem if is_image(str(first)) else first.name)):
            said = " and ".join(os.path.relpath(first.parent / name, root) for name in near[:2])
            lacking = os.path.relpath(first, root)
            raise UserError(f"{root}: {lacking} is not there, but there is {said}; mend the endings of paths")
        if first.stem.isdecimal() and (padded := [name for stem, name in list_padded(names) if stem == first.stem]):
            said = f"{os.path.relpath(first, root)} is not there, but there is {padded[0]}"
            raise UserError(f"{root}: {said}; mend the names of images, which have zeros before them")


def list_padded(names: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return the images that are called by numbers with zeros before them, with these numbers alone.

    Args:
        names: those of images by their stems.
    """
    return [(stem.lstrip("0") or "0", own[0]) for stem, own in names.items() if stem.isdecimal() and stem[:1] == "0"]


def write_origins(paths: Iterable[Path], folder: Path) -> list[str]:
    """Return paths from a folder on; those of one place are alike but for their names."""
    places: dict[str, str] = {}
    found = []
    for path in map(os.fspath, paths):
        place, name = os.path.split(path)
        if name == os.pardir:
            found.append(os.path.relpath(path, folder))
            continue
        if place not in places:
            places[place] = os.path.join(os.path.relpath(place, folder), "").removeprefix("./")
        found.append(places[place] + name)
    return found


def list_folders(start: Path) -> Iterator[Path]:
    """Yield the folders below one that are not hidden, some levels deep."""
    for place, names, _ in os.walk(start):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if len(Path(place).relative_to(start).parts) >= DEPTH:
            names.clear()
        yield from (Path(place) / name for name in names)


def has_all(paths: Sequence[Path], start: Path, place: Path) -> bool:
    """Say whether another folder has the first files that a table names."""
    try:
        resolver = PathResolver(place, place, follow=True)
        return all(resolver.file(os.path.relpath(path, start)).is_file() for path in paths)
    except OSError:
        return False
