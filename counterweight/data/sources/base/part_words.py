"""What words of a column mean as parts, and what is said where only some of them do."""

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence

from counterweight.data.sources.base.column_texts import find_words
from counterweight.data.sources.base.columns import Columns
from counterweight.data.sources.base.labels import WHOLE
from counterweight.data.sources.base.part_names import guess_part_name, parse_part_name

USUAL = re.compile(r"(?:(?:data|sub)[ _-]?)?(?:set|split|usage|phase|purpose|mode|part|cv)", re.IGNORECASE)
FEW = 8  # words of a column that may name parts
PLAIN = re.compile(r"\d+|(?!(?:true|false|yes|no|y|n|on|off|null)$)[^\W\d][\w ./-]*", re.IGNORECASE)


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
    """Return words as settings take them: those that would be something else there in quotes, `2.0` as `2`."""
    plain = [match[1] if (match := WHOLE.fullmatch(word)) else word for word in words]
    return ", ".join(word if PLAIN.fullmatch(word) else json.dumps(word, ensure_ascii=False) for word in plain)
