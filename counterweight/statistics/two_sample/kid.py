"""Kernel distance between two sets of features (KID), unbiased, and its baseline.

Inner products are taken around the mean of one set, in the features' own precision, and moved back in float64: what
float32 rounds of them, some 1e-7 of the centred norms, has no preferred sign and vanishes in the mean over all pairs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.statistics.base.contract import Column, Numbers, Statistic
from counterweight.statistics.base.moments import iterate_shifted
from counterweight.statistics.base.pairwise import compute_center, split_rows
from counterweight.statistics.base.resampling import Features

Floats = npt.NDArray[np.float64]


class CentredTable(NamedTuple):
    """Rows (N, D) minus an origin, their products (N,) with it, and its squared norm, that of the unmoved origin."""

    rows: Features
    level: Floats
    square: float


class Reference(NamedTuple):
    """A set as the others are compared with it: the origin (D,), its rows around it, the mean kernel of its pairs."""

    origin: Floats
    rows: CentredTable
    within: float


def prepare(a: Features) -> Reference:
    """Return a set (N, D), N >= 2, around its own mean."""
    origin = compute_center(a)
    rows = move_to_origin(a, origin)
    return Reference(origin, rows, mean_within(rows))


def measure(a: Reference, b: Features, rng: np.random.Generator) -> Numbers:
    """Return the squared maximum mean discrepancy between two sets of features under a cubic kernel.

    With k(x, y) = (x.y / D + 1)^3: Binkowski et al. 2018, Demystifying MMD GANs, section 4
    (https://arxiv.org/abs/1801.01401), by the unbiased estimator of Gretton et al. 2012, A Kernel Two-Sample Test,
    equation 3 (https://jmlr.org/papers/v13/gretton12a.html). On Inception's features it is the KID. Of all pairs
    instead of random blocks of them, which has less variance and no random numbers.

    Args:
        a: what `prepare` makes of the first set.
        b: (M, D), M >= 2.

    Returns:
        A number that is 0 on average for equal distributions, and so below 0 for half of all pairs of sets.
    """
    other = move_to_origin(b, a.origin)
    # The unbiased estimator: no clamp at 0.
    return {"distance": a.within + mean_within(other) - 2 * mean_between(a.rows, other)}


def move_to_origin(features: Features, origin: Floats) -> CentredTable:
    """Return features (N, D) as they are seen from an origin (D,), in their own precision, float32 at least."""
    rows = np.empty(features.shape, dtype=np.result_type(features, np.float32))
    level, start = np.empty(len(features)), 0
    for block in iterate_shifted(features, origin):
        place = slice(start, start + len(block))
        rows[place], level[place] = block, block @ origin
        start += len(block)
    return CentredTable(rows, level, float(origin @ origin))


def mean_within(a: CentredTable) -> float:
    """Return the mean kernel of all pairs of different rows of a table, of which there are at least two."""
    count, result = len(a.rows), 0.0
    for place in split_rows(count, count):
        values = kernel(a, place, a, slice(place.start, count))  # the kernel is symmetric: of two blocks one is enough
        own = values[:, : place.stop - place.start]
        # Pairs to the right count twice, for both orders; the own square holds both already, and its diagonal no pair.
        result += 2 * float(values.sum()) - float(own.sum()) - float(np.trace(own))
    return result / (count * (count - 1))


def mean_between(a: CentredTable, b: CentredTable) -> float:
    """Return the mean kernel of all pairs of a row of one table and one of another."""
    count, other = len(a.rows), len(b.rows)
    blocks = split_rows(count, other)
    return sum(float(kernel(a, place, b, slice(0, other)).sum()) for place in blocks) / (count * other)


def kernel(a: CentredTable, rows_a: slice, b: CentredTable, rows_b: slice) -> Floats:
    """Return (x.y / D + 1)^3 of all pairs of some rows of two tables around one origin."""
    # x.y = x'.y' + x'.o + y'.o + o.o for x = x' + o and y = y' + o.
    products = (a.rows[rows_a] @ b.rows[rows_b].T).astype(np.float64, copy=False)
    products += a.level[rows_a, np.newaxis]
    products += b.level[rows_b] + a.square
    products /= a.rows.shape[1]
    products += 1
    return products * products * products


STATISTIC = Statistic(
    measure=measure,
    prepare=prepare,
    rank=5,
    symmetric=("distance",),
    columns=(
        Column(
            key="distance",
            header="KID",
            format=".1f",
            unit="standard deviations of the distance between halves of the real images",
            better="baseline",
            shown="deviations",
            meaning="Unbiased kernel distance (KID, in the backbone's features) beyond that of real images.",
        ),
    ),
)
