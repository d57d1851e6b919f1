"""What words of a column mean as parts, and what is said where only some of them do."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from difflib import get_close_matches

from counterweight.core.errors import UserError
from counterweight.data.sources.base.column_texts import find_words
from counterweight.data.sources.base.columns import Columns
from counterweight.data.sources.base.labels import WHOLE
from counterweight.data.sources.base.part_names import PARTS, guess_part_name, parse_part_name
from counterweight.data.sources.base.written_names import write_name

USUAL = re.compile(r"(?:(?:data|sub)[ _-]?)?(?:set|split|usage|phase|purpose|mode|part|cv)", re.IGNORECASE)
FEW = 8  # words of a column that may name parts
UNUSED = "unused"  # what stands for the part of a row that is in none
NO_PART = re.compile(
    r"(?:un|not[ _-]?)used|un(?:labell?ed|assigned)|(?:exclude|ignore|discard|remove)d?|(?:skip|drop)(?:ped)?",
    re.IGNORECASE,
)
NEAR = 0.75  # how alike a word is to a part's name of which it is a slip, as `trian`
LOST = 0.1  # of all rows; so many may be in no part without a question


def describe_partly(columns: Columns, others: Collection[str]) -> list[str]:
    """Return a note for each column that is not heeded though at least half of its few words name parts.

    Args:
        others: the columns of images and labels.
    """
    notes = []
    for name, found in find_words(columns, others).items():
        words = sorted(word or "" for word in found)
        parts = [word for word in words if find_part(word)]
        rest = [word for word in words if word not in parts]
        called = USUAL.fullmatch(name.strip()) and len(words) > 1
        if (called or (parts and len(parts) >= len(rest))) and len(words) <= FEW:
            tested = [word for word in parts if find_part(word) != "train"] or rest[-1:]
            way = f"set split: {name} and test: [{write_words(tested)}] tests on these rows and trains on the others"
            way = f"fill in or remove the rows without a word, then {way}" if "" in rest else way
            said = f"'{name}' names parts ({', '.join(parts)}) and others ({', '.join(map(repr, rest))})"
            said = said if parts else f"'{name}' ({', '.join(map(repr, rest))}) may name parts"
            notes.append(f"{columns.file.name}: column {said} and is not heeded; {way}")
    return notes


def find_mixed_columns(columns: Columns, others: Collection[str]) -> list[str]:
    """Return the columns whose few words name training, another part and something else, and which are never empty.

    Args:
        others: columns that are something else.
    """
    found = []
    for name, words in find_words(columns, others).items():
        parts = {find_part(word) for word in words if word}
        if None in parts and "train" in parts and len(parts) > 2 and len(words) <= FEW and all(words):
            found.append(name)
    return found


def name_rows(values: Sequence[str], columns: Columns, column: str, asked: bool) -> tuple[list[str], list[str]]:
    """Return the part of each row, and a note of those that are in none beside others of training and of another part.

    Args:
        values: what a column of parts says.
        asked: whether the settings name it.

    Raises:
        UserError: words name none where not both are there or are slips, or more than a few rows and unasked.
    """
    counts = Counter(values)
    known = {word: find_part(word) for word in counts}
    rest = [word for word in counts if known[word] is None]
    parts, ways = {known[word] for word in counts} - {None}, offer_words(values)
    if not asked:
        ways = ways.replace("set test:", f"set split: {column} and test:")
    slips = [word for word in rest if get_close_matches(word.lower(), PARTS, 1, NEAR)]
    if slips or (rest and not ("train" in parts and len(parts) > 1)):
        word = [*slips, *rest][0]
        said = f"row {columns.number(values.index(word))}: '{column}' says '{word}'; allowed: {', '.join(PARTS)}"
        raise UserError(f"{columns.file}: {said}; remove such rows{ways}")
    lost = sum(counts[word] for word in rest)
    said = f"{lost:,} of {len(values):,} rows say {' or '.join(map(repr, rest))}"
    if lost > LOST * len(values) and not asked and not all(map(NO_PART.fullmatch, rest)):
        leave = f"set split: {column} leaves these out"
        raise UserError(f"{columns.file}: column '{column}' names parts, but {said}; {leave}{ways}")
    notes = [f"{columns.file.name}: column '{column}': {said}, which is no part: left out"] if rest else []
    return [known[word] or UNUSED for word in values], notes


def find_part(word: str) -> str | None:
    """Return the part that a word of a column means."""
    return parse_part_name(word) or guess_part_name(word.strip())


def offer_words(values: Sequence[str]) -> str:
    """Return the way out where some words of a column name no part, to end an error's message with."""
    counts = Counter(values)
    tested = [word for word in counts if find_part(word) not in (None, "train")]
    if not tested and any(find_part(word) for word in counts):
        return ""
    if not tested and len(counts) == 2 and {*counts} != {"0", "1"}:
        ways = [f"set test: [{write_words([word])}]" for word, _ in reversed(counts.most_common())]
        return f"; or {', or '.join(ways)}, tests on rows that say so and trains on all others"
    words = tested or [min(counts.items(), key=lambda own: own[1])[0]] if counts else []
    words = ["2"] if {*counts} == {"0", "1", "2"} else words  # training, validation and test, as some number them
    return f"; or set test: [{write_words(words)}] tests on rows that say so and trains on all others" if words else ""


def write_words(words: Sequence[str]) -> str:
    """Return words as settings take them, `2.0` as `2`."""
    return ", ".join(write_name(match[1] if (match := WHOLE.fullmatch(word)) else word) for word in words)
