"""Paths in a table that begin with folders of another machine, as where it was made."""

import os
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

ELSEWHERE = re.compile(r"/|[A-Za-z]:/|//|\.\./|[a-z0-9]+://", re.IGNORECASE)
TRIED = 50  # paths that tell in which folder images lie


def strip_foreign(words: Sequence[str], start: Path, name: str) -> tuple[Sequence[str], list[str]]:
    """Return paths without the beginning that all share, if that leads out of the folder and the rest is there.

    What is left is as long as can be; nothing changes where the first files are not all there then, or are where the
    paths say. A note says what was taken away.

    Args:
        start: folder that paths begin in.
        name: of the table, for the note.
    """
    plain = [word.strip().replace("\\", "/") for word in words]
    if (
        not plain
        or not all(map(ELSEWHERE.match, plain))
        or any(os.path.lexists(start / word) for word in plain[:TRIED])
    ):
        return words, []
    parts = [word.split("/") for word in plain]
    columns = zip(*(own[:-1] for own in parts), strict=False)  # up to the shortest
    shared = sum(1 for _ in takewhile(lambda names: len({*names}) == 1, columns))
    for cut in range(1, shared + 1):
        first = ["/".join(own[cut:]) for own in parts[:TRIED]]
        if not any(ELSEWHERE.match(word) for word in first) and all(os.path.isfile(start / word) for word in first):
            gone = "/".join(parts[0][:cut])
            note = f"{name}: all paths begin with '{gone}/', which is not here: what follows is looked for here"
            return ["/".join(own[cut:]) for own in parts], [note]
    return words, []
