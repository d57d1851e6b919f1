"""Inner products and squared distances of all pairs of rows of two tables, a block of rows at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.statistics.base.moments import first_row, iterate_shifted, sum_arrays
from counterweight.statistics.base.resampling import Features

Floats = npt.NDArray[np.float64]

BLOCK = 2**22
"""Pairs of a block: a matrix of float64 with so many entries has 32 MiB."""
TIE = 1e-13
"""Squared distances closer than this fraction of the squared norms are equal: some 100 times the rounding error."""


class Centred(NamedTuple):
    """A table (N, D) in float64 around the origin that its comparisons share, and its squared norms (N,)."""

    rows: Floats
    squares: Floats


def compute_center(features: Features) -> Floats:
    """Return the mean (D,) of features (N, D), N >= 1, in float64."""
    origin = first_row(features)
    return origin + sum_arrays(block.sum(axis=0) for block in iterate_shifted(features, origin)) / len(features)


def center_around(features: Features, origin: Floats) -> Centred:
    """Return features (N, D) minus an origin (D,): the nearer to them it is, the less do inner products round."""
    rows = features - origin
    return Centred(rows, np.einsum("nd,nd->n", rows, rows))


def split_rows(count: int, width: int) -> Iterator[slice]:
    """Yield slices of `count` rows so that a block of `width` columns has at most `BLOCK` entries, or one row."""
    step = max(1, BLOCK // max(1, width))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def squared_distances(a: Centred, b: Centred) -> Iterator[tuple[slice, Floats, Floats]]:
    """Yield of every block of rows of a the squared distances (K, M) from all rows of b, and what counts as equal.

    Distances that differ by at most the latter (K, M) are one distance. Below it a squared distance is 0, so that
    an exact copy is at 0, and so is one that differs in a ten-millionth of its norm.
    """
    for place in split_rows(len(a.rows), len(b.rows)):
        squares = a.squares[place, np.newaxis] + b.squares  # |x|^2 + |y|^2 - 2 x.y, by a fast product.
        tolerance = TIE * squares
        squares -= 2 * (a.rows[place] @ b.rows.T)
        squares[squares <= tolerance] = 0
        yield place, squares, tolerance
