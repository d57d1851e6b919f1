"""Which grey of more than 8 bits becomes white: one range for a set of files, never one for each."""

from collections.abc import Sequence

from counterweight.data.decode.facts import Facts

DEEP_WHITES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))
FLOAT_WHITES = (1, *DEEP_WHITES)
DARKEST = 16
"""Floats of which the largest is a smaller fraction of white are of another range."""


def choose_range(facts: Sequence[Facts]) -> float | None:
    """Return which grey becomes white in all of some files; None where none has more than 8 bits, or they are mixed.

    It is the largest that as many bits can write as the largest grey of all files needs; of floats likewise, 1 if none
    exceeds that, and where nearly all would be black then, as where the largest is 1.2, the largest itself. Integers
    beside floats have no range in common.
    """
    tops = list_tops(facts)
    if is_mixed(facts) or not tops:
        return None
    largest = max(tops)
    if not are_floats(facts):
        return next(white for white in DEEP_WHITES if largest <= white)
    white = next(white for white in FLOAT_WHITES if largest <= white)
    return white if largest <= 1 or largest * DARKEST > white else largest


def list_tops(facts: Sequence[Facts]) -> list[float]:
    """Return the largest grey of each file that has more than 8 bits."""
    return [fact.top for fact in facts if fact.top is not None]


def are_floats(facts: Sequence[Facts]) -> bool:
    """Say whether some of the greys are floats."""
    return any(fact.mode == "F" for fact in facts if fact.top is not None)


def is_mixed(facts: Sequence[Facts]) -> bool:
    """Say whether some of the greys are floats, and others are integers of more than 8 bits."""
    return len({fact.mode == "F" for fact in facts if fact.top is not None}) > 1
