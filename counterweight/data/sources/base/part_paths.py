"""Which of several files of a name a row of a table means: that in the folder of the row's own part."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from counterweight.data.sources.base.part_names import TESTS, VALIDATION, guess_part_name


def choose_by_parts(
    names: Sequence[str], parts: Sequence[str], spread: Mapping[str, Sequence[str]], root: Path
) -> list[str] | None:
    """Return the path of each name, that in the folder of its part where there are several; as it is where none is.

    None where rows are in one part, no name has several paths, or one such is in no folder of its part, or in several.

    Args:
        parts: of each name.
        spread: the paths below `root` of each.
    """
    if len({*parts}) < 2 or all(len(paths) < 2 for paths in spread.values()):
        return None
    found: list[str] = []
    for name, part in zip(names, parts, strict=True):
        paths = spread.get(name, [name])
        own = paths if len(paths) == 1 else list_of_part(paths, part, root)
        if len(own) != 1:
            return None
        found.append(own[0])
    return found


def list_of_part(paths: Sequence[str], part: str, root: Path) -> list[str]:
    """Return those of some paths that lie in the folder of a part, or in one of validation by another name.

    Of a part that is tested on, where none lies in its own, those in a folder that is not trained on: what a column of
    yes and no says is not `is_train` may be validation.
    """
    words = {path: find_nearest_part(Path(path).relative_to(root).parts[:-1]) for path in paths}
    known = [{part}, {*VALIDATION} if part in VALIDATION else {part}]
    known += [{word for word in words.values() if word not in (None, "train")}] if part in TESTS else []
    every = ([path for path, word in words.items() if word in own] for own in known)
    return next(filter(None, every), [])


def find_nearest_part(names: Sequence[str]) -> str | None:
    """Return the part that the last of some folders names, or the last above it that does; None: none does."""
    return next((part for name in reversed(names) if (part := guess_part_name(name))), None)
