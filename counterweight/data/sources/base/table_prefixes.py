"""Paths in a table that begin with folders of another machine, as where it was made."""

import os
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

ELSEWHERE = re.compile(r"/|[A-Za-z]:/|//|\.\./|[a-z0-9]+://", re.IGNORECASE)
TRIED = 50  # paths that tell in which folder images lie


class Stripped(NamedTuple):
    """Paths, the folder that they begin in, and what was taken away of them."""

    words: Sequence[str]
    start: Path
    notes: list[str]


def strip_foreign(words: Sequence[str], start: Path, others: Iterable[Path], root: Path, name: str) -> Stripped:
    """Return paths without the beginning that all share, if that leads out of the folder, or nowhere in it.

    What is left is as long as can be; nothing changes where the first files are not all there then, or in several
    folders, or are where the paths say. A note says what was taken away.

    Args:
        start: the folder that paths begin in.
        others: those that they may begin in, which are not looked at in vain.
        root: the folder that all of these are in, for the note.
        name: of the table, for the note.
    """
    plain = [word.strip().replace("\\", "/") for word in words]
    if not plain or any(os.path.lexists(start / word) for word in plain[:TRIED]):
        return Stripped(words, start, [])
    foreign = all(map(ELSEWHERE.match, plain))
    if not foreign:
        others = [*others] if all("/" in word for word in plain) else []
        if not others or any(os.path.lexists(place / plain[0]) for place in others):
            return Stripped(words, start, [])
    parts = [word.split("/") for word in plain]
    for places in ([start], others):
        if found := find_rest(parts, [*places], bare=foreign):
            where = "here" if found.start == start else f"in {os.path.relpath(found.start, root)}"
            gone = "/".join(parts[0][: found.cut])
            note = f"{name}: all paths begin with '{gone}/', which is not here: what follows is looked for {where}"
            return Stripped(["/".join(own[found.cut :]) for own in parts], found.start, [note])
    return Stripped(words, start, [])


class Rest(NamedTuple):
    """How many of the first names of paths are to be taken away, and in which folder the rest is."""

    cut: int
    start: Path


def find_rest(parts: Sequence[Sequence[str]], places: Sequence[Path], bare: bool) -> Rest | None:
    """Return the longest ends of paths that are in one of some folders; None if they are in none, or in several.

    Args:
        parts: the names in each path.
        bare: whether the names of files alone may be left: of paths within the folder these may be those of masks.
    """
    columns = zip(*(own[:-1] for own in parts), strict=False)  # up to the shortest
    shared = sum(1 for _ in takewhile(lambda names: len({*names}) == 1, columns))
    for cut in range(1, shared + 1):
        first = ["/".join(own[cut:]) for own in parts[:TRIED]]
        if any(ELSEWHERE.match(word) or not (bare or "/" in word) for word in first):
            continue
        if found := [place for place in places if all(os.path.isfile(place / word) for word in first)]:
            return Rest(cut, found[0]) if len(found) == 1 else None
    return None
