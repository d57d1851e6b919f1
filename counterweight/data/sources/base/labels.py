"""Names of classes: as they are written, as they are meant, and in which order."""

import re
import unicodedata
from collections.abc import Iterable

MISSING = frozenset({"", "nan", "-nan", "n/a", "#n/a", "na", "#na", "<na>", "null"})
"""In lower case; what programs write where there is no label. `none` is none of them: it is a class of some."""
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def normalize_label(text: str) -> str:
    """Return a label without blanks around it, in the composed form of Unicode (NFC)."""
    return unicodedata.normalize("NFC", text).strip()


def is_missing(label: str) -> bool:
    """Say whether a normalized label stands for none."""
    return label.lower() in MISSING


def order_names(names: Iterable[str]) -> list[str]:
    """Sort names, numbers by their size, those inside of names, too: `2` before `10`, `r90` before `r180`."""
    every = [*names]
    if all(NUMBER.fullmatch(name) for name in every):
        return sorted(every, key=lambda name: (float(name), name))
    return sorted(every, key=lambda name: ([*map(weigh, re.split(r"(\d+)", name))], name))


def weigh(piece: str) -> tuple[int, int, str]:
    """Return what a piece of a name is sorted by: digits by their number, before other characters."""
    return (0, int(piece), "") if piece.isdecimal() else (1, 0, piece) if piece else (-1, 0, "")


def fold_label(name: str) -> str:
    """Return what names have in common that differ by case, by compatible characters of Unicode or by blanks only."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def find_lookalikes(names: Iterable[str]) -> list[list[str]]:
    """Return groups of names that differ by case, by compatible characters of Unicode or by blanks only."""
    groups: dict[str, list[str]] = {}
    for name in order_names({*names}):
        groups.setdefault(fold_label(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def describe_lookalikes(names: Iterable[str]) -> list[str]:
    """Return a note for each group of names that look alike."""
    return [
        f"classes {', '.join(map(repr, group))} differ by case, blanks or form only; rename them if they are one"
        for group in find_lookalikes(names)
    ]
