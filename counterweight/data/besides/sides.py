"""The files of one side and numbers of theirs, and of two sides the lower ones."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.data.decode.facts import Facts

WHOLE = 1_000_000
"""Stands for the quality, or the number of colours, of what has lost none."""

Numbers = npt.NDArray[np.int64]


class FileSide(NamedTuple):
    """The readable files of one side, and what they are like."""

    files: Sequence[Path]
    facts: Sequence[Facts]

    def take(self, indices: Numbers) -> "FileSide":
        """Return the files at `indices`, int64 (K,), in that order."""
        places = indices.tolist()
        return FileSide([self.files[place] for place in places], [self.facts[place] for place in places])

    def cut_bars(self) -> "FileSide":
        """Return the same files, whose sizes are those without bars."""
        cut = [
            fact
            if fact.bars is None
            else fact._replace(width=fact.width - 2 * fact.bars.horizontal, height=fact.height - 2 * fact.bars.vertical)
            for fact in self.facts
        ]
        return FileSide(self.files, cut)

    def measure(self, number: Callable[[Facts], int]) -> Numbers:
        """Return a number of each file, int64 (N,)."""
        return np.array([number(fact) for fact in self.facts], dtype=np.int64)


Sides = tuple[FileSide, FileSide]


def find_partners(values: Sequence[Numbers], orders: Sequence[Numbers]) -> list[Numbers]:
    """Return beside each value of two sides that at the same quantile of the other side.

    Args:
        values: int64 (N,) and (M,).
        orders: which of equal values is the lower one: permutations of N and of M.
    """
    found = []
    for own, other, order in zip(values, reversed(values), orders, strict=True):
        places = order[np.argsort(own[order], kind="stable")]
        quantiles = (np.arange(len(own)) + 0.5) / len(own)
        partners = np.empty_like(own)
        partners[places] = np.sort(other)[(quantiles * len(other)).astype(np.int64)]
        found.append(partners)
    return found


def match_lower(values: Sequence[Numbers], orders: Sequence[Numbers]) -> list[Numbers]:
    """Return of each value of two sides the lower one of it and of its partner; arguments as of `find_partners`."""
    return [np.minimum(*both) for both in zip(values, find_partners(values, orders), strict=True)]


def name_range(values: Sequence[Numbers]) -> str:
    """Return the lowest and the highest of the values that are there, or the only one."""
    known = [value for own in values for value in own.tolist() if value != WHOLE]
    low, high = min(known), max(known)
    return f"{low}" if low == high else f"{low} to {high}"
