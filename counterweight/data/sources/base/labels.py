"""Names of classes: as they are written, as they are meant, and in which order."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

MISSING = frozenset({"", "nan", "-nan", "n/a", "#n/a", "na", "#na", "<na>", "null"})
"""In lower case; what programs write where there is no label. `none` is none of them: it is a class of some."""
YES, NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
WHOLE = re.compile(r"([+-]?\d+)(?:\.0+)?")
DASH = re.compile(
    r"(?<=\w)_(?=\w)|(?<=[^\W\d_]{2})-(?=[^\W_])|(?<=[^\W\d_])-(?=[^\W\d_])"
)  # for a blank: no sign of a number, no range
LATIN = str.maketrans("АВСЕНІЈКМОРЅТХУасеоріјѕхуΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABCEHIJKMOPSTXYaceopijsxyABEZHIKMNOPTYXo")
"""Cyrillic and Greek letters that look like Latin ones."""
ACCENT = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
DIGIT = re.compile(r"(?<=[a-z])[01](?![0-9])(?![a-z]*[0-9])")  # the only one
AROUND = "'\"`\u2018\u2019\u201c\u201d.,;:"
WORD = 3  # letters, at least
SCRIPTS = frozenset({"LATIN", "CYRILLIC"})  # of which some letters look alike; Greek ones stand in units
BETWEEN_ALONE = re.compile(r"[|;]")  # what no name of one class has in it
BETWEEN = re.compile(r"[|;,+&/]")  # the labels of an image of several
LONGEST = 255  # bytes of a class's name: file systems allow no longer one to a folder, in which some formats have it
NAMED = 3  # labels that a note gives as examples


@lru_cache(2**10)  # a class has many images, and marks above letters take the square of their number
def normalize_label(text: str) -> str:
    """Return a label without blanks around it, in the composed form of Unicode (NFC)."""
    return unicodedata.normalize("NFC", text).strip()


def is_missing(label: str) -> bool:
    """Say whether a normalized label stands for none."""
    return label.lower() in MISSING


def find_too_long(labels: Iterable[str | None]) -> int | None:
    """Return the place of the first label that is too long to be a class's name; None where all may be."""
    return next((place for place, name in enumerate(labels) if name and len(name.encode()) > LONGEST), None)


def describe_too_long(label: str) -> str:
    """Return what is said of a label that is too long."""
    return f"a label of {len(label.encode()):,} bytes; a class's name has {LONGEST} at most"


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
    """Return what names have in common that differ by case, compatible or invisible characters, or blanks only.

    `_`, and `-` between letters, count as blanks.
    """
    spaced = DASH.sub(" ", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(spaced.split())
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")  # as a zero-width space


def outline_label(name: str) -> str:
    """Return what names have in common that look alike, or whose `fold_label` is the same.

    Letters that look like Latin ones count as these; quotes and stops around a name count as nothing, nor do accents in
    words, in which 0 and 1 count as letters.
    """
    folded = fold_label(name.translate(LATIN))
    plain = folded.strip(AROUND) or folded
    if len(plain) < WORD:  # of letters, these are other ones
        return plain
    bare = ACCENT.sub("", unicodedata.normalize("NFD", plain))
    return DIGIT.sub(lambda match: "ol"[int(match[0])], unicodedata.normalize("NFC", bare))


def find_lookalikes(names: Iterable[str]) -> list[list[str]]:
    """Return groups of names with one outline, as `outline_label` has it."""
    groups: dict[str, list[str]] = {}
    for name in order_names({*names}):
        groups.setdefault(outline_label(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def describe_lookalikes(names: Collection[str]) -> list[str]:
    """Return a note for each group of names that look alike, with what makes them one."""
    notes = []
    for group in find_lookalikes(names):
        same = len({*map(fold_case, group)}) < len(group)
        ways = (
            "set merge_labels: true takes those that differ by case as one" if same else "rename them if they are one"
        )
        more = len({*map(fold_label, group)}) > 1
        said = "by accents, marks or letters that look alike" if more else "by case, blanks or form"
        notes.append(
            f"classes {', '.join(map(quote_alike, group) if more else map(repr, group))} differ {said} only; {ways}"
        )
    return notes + describe_mixed_scripts(names) + describe_equal_numbers(names) + describe_truth(names)


def quote_alike(name: str) -> str:
    """Return a name in quotes, and its letters by their numbers where some are not of ASCII."""
    return repr(name) if name.isascii() else f"{name!r} ({ascii(name)[1:-1]})"


def describe_mixed_scripts(names: Iterable[str]) -> list[str]:
    """Return a note if words of labels are of letters of two scripts, which may look like those of one."""
    found = [name for name in order_names({*names}) if any(map(is_mixed, re.findall(r"[^\W\d_]+", name)))]
    some = ", ".join(f"{name!r} ({ascii(name)[1:-1]})" for name in found[:NAMED])
    return (
        [f"classes {some} have letters of two scripts in one word; rename them if others look alike"] if found else []
    )


def is_mixed(word: str) -> bool:
    """Say whether a word has letters of all SCRIPTS."""
    if word.isascii():
        return False
    return {unicodedata.name(letter, "").split(" ")[0] for letter in word} >= SCRIPTS


def describe_equal_numbers(names: Iterable[str], what: str = "classes") -> list[str]:
    """Return a note if labels, or what else is named, are the same number written in two ways, as `1` and `01`."""
    groups: dict[int, set[str]] = {}
    for name in names:
        if match := WHOLE.fullmatch(name):
            groups.setdefault(int(match[1]), set()).add(name)
    found = [", ".join(map(repr, order_names(group))) for _, group in sorted(groups.items()) if len(group) > 1]
    more = f" (and {len(found) - 1:,} more numbers)" if len(found) > 1 else ""
    return [f"{what} {found[0]} are the same number{more}; write it in one way if they are one"] if found else []


def describe_truth(names: Collection[str]) -> list[str]:
    """Return a note if labels say yes or no in several ways, as `True` and `1`, and nothing else."""
    every = order_names({*names})
    for word, others in ((YES, NO), (NO, YES)):
        same = [name for name in every if name.lower() in word]
        if len({name.lower() for name in same}) > 1 and all(name.lower() in word | others for name in every):
            some = ", ".join(map(repr, same))
            return [f"classes {some} may all mean {'yes' if word is YES else 'no'}; write it in one way if they do"]
    return []


def describe_like_groups(names: Collection[str]) -> list[str]:
    """Return notes if groups of images look alike: they may be one, and on two sides of a split all the same."""
    found = find_lookalikes(names)
    more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
    notes = [
        f"groups {', '.join(map(repr, own))}{more} differ by case, blanks or form only; rename them if they are one"
        for own in found[:1]
    ]
    return notes + describe_equal_numbers(names, "groups")


def describe_combined(counts: Mapping[str, int]) -> list[str]:
    """Return a note if labels are made of others, as `cat|dog` is, which are classes of their own here.

    Args:
        counts: how many images each label has.
    """
    pieces = {name: [normalize_label(piece) for piece in BETWEEN.split(name)] for name in order_names(counts)}
    found = [
        name
        for name, own in pieces.items()
        if len(own) > 1 and (any if BETWEEN_ALONE.search(name) else all)(piece in counts for piece in own)
    ]
    if not found:
        return []
    images, some = sum(counts[name] for name in found), ", ".join(map(repr, found[:NAMED]))
    rest = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    said = f"{images:,} images have labels that are made of others, each a class of its own: {some}{rest}"
    return [f"{said}; images of several classes are not read as such: leave them out, or give each one label"]


def fold_case(name: str) -> str:
    """Return what names have in common that differ by case, by blanks around them or by Unicode's form only."""
    return normalize_label(normalize_label(name).casefold())


def describe_written(written: Mapping[str, Collection[str]], noun: str) -> list[str]:
    """Return a note for each label that is written in several ways, given all ways of each.

    Args:
        noun: what they are, as `folders`.
    """
    return [
        f"{noun} {', '.join(map(quote_name, sorted(ways)))} are one class, {label!r}: they differ by blanks around "
        "them or by Unicode's form only"
        for label, ways in written.items()
        if len(ways) > 1
    ]


def quote_name(name: str) -> str:
    """Return a name in quotes, by the numbers of its characters where it is not as it is normalized."""
    return ascii(name) if name.strip() != normalize_label(name) else repr(name)


class Merged(NamedTuple):
    """What each label becomes where some are taken as one or renamed, and what is to be said of it."""

    names: dict[str, str]
    notes: list[str]


def merge_labels(counts: Mapping[str, int]) -> Merged:
    """Take labels as one that differ by case only, by the name that most images have, the first of equal ones.

    Args:
        counts: how many images each label has.
    """
    groups: dict[str, Counter[str]] = {}
    for name in order_names(counts):
        groups.setdefault(fold_case(name), Counter())[name] = counts[name]
    names = {name: max(group, key=group.__getitem__) for group in groups.values() for name in group}
    said = [
        f"merge_labels: {', '.join(f'{name!r} ({count:,})' for name, count in group.items())} are one class, "
        f"{names[next(iter(group))]!r}"
        for group in groups.values()
        if len(group) > 1
    ]
    return Merged(names, said)


def drop_decimals(counts: Mapping[str, int]) -> Merged:
    """Take whole numbers by their digits, `2.0` as `2`, if all numbers among the labels are whole.

    A program that has only numbers with decimals for missing values writes them so where a label is empty.

    Args:
        counts: how many images each label has.
    """
    numbers = [name for name in order_names(counts) if NUMBER.fullmatch(name)]
    whole = {name: match[1] for name in numbers if (match := WHOLE.fullmatch(name))}
    names = {name: digits for name, digits in whole.items() if name != digits}
    if not names or len(whole) < len(numbers):
        return Merged({}, [])
    some = [f"{name!r} as {digits!r}" for name, digits in [*names.items()][:NAMED]]
    images = sum(counts[name] for name in names)
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    said = f"{images:,} labels are whole numbers written with decimals, as all numbers here are whole"
    return Merged(names, [f"{said}: {', '.join(some)}{rest}"])


def match_numbers(labels: Iterable[str], folders: Iterable[str]) -> dict[str, str]:
    """Return the folders that labels mean which are called otherwise and have the same numbers, `00007` for `7`.

    None where a folder is called by no number, or two by the same one.
    """
    names = {*folders}
    known = {int(name): name for name in names if name.isdecimal()}
    if len(known) < len(names):
        return {}
    rest = {label for label in labels if label.isdecimal()} - names
    return {label: known[int(label)] for label in rest if int(label) in known}
