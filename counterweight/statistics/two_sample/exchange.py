"""Permutation test: could the images of both sets be exchanged without a change of their features?

Of two sets of n images the i-th of either has the same class. If both come from one distribution, to exchange the two
leaves the joint distribution as it is, for every i on its own: so the numbers that random exchanges give are as likely
as the one that was found, and its place among them is a p-value that is exact for any n, any number of features and
any statistic (Hemerik and Goeman 2018, Exact testing with random permutations, theorem 2,
https://doi.org/10.1007/s11749-017-0571-1). It holds, too, where each synthetic image was made of the real one in its
place. It does not hold for frames of one video, which are no independent pairs: of each video one frame is looked at.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.stats import rankdata

from counterweight.statistics.base.contract import Column, Numbers, Statistic
from counterweight.statistics.base.moments import compute_moments
from counterweight.statistics.base.resampling import Features
from counterweight.statistics.two_sample.c2st import penalty

Floats = npt.NDArray[np.float64]

EXCHANGES = 1999
"""Random exchanges beside none at all: the least p-value is 1 / 2,000."""
MOST = 1000
"""Pairs of images that are looked at, drawn at random of more: matrices have four times its square of numbers."""
TIE = 1e-9
"""Numbers that differ by less, in units of a pair's mean size, are equal but for rounding."""


def measure(a: Features, b: Features, rng: np.random.Generator) -> Numbers:
    """Test whether two sets are exchangeable, by three statistics at once.

    All are sums over pairs of pairs, so that an exchange is a change of signs: means of standardised features, which
    finds what changes many of them a little; means of whitened features, as Hotelling's test but with Ledoit and Wolf's
    covariance of both sets together, which finds what hardly varies among images; and the energy distance of whitened
    features (Szekely and Rizzo 2013, https://doi.org/10.1016/j.jspi.2013.03.018), which finds other spreads, too. Each
    number's place among the exchanges is its own p-value; the least of the three has its place in turn, and that is
    the p-value of all (Westfall and Young 1993, Resampling-Based Multiple Testing).

    Args:
        a: real features (N, D).
        b: synthetic ones, as many, with the same class at each position.

    Returns:
        By how much the squared difference of standardised means exceeds what exchanges give on average, in units of
        that: 0 on average for equal distributions; and the p-value.
    """
    chosen = np.sort(rng.permutation(len(a))[:MOST])
    signs = rng.choice([-1.0, 1.0], (EXCHANGES, len(chosen)))
    found = {
        name: np.concatenate([[matrix.sum()], np.einsum("sn,sn->s", signs @ matrix, signs)])
        for name, matrix in compare_pairs(np.concatenate([a[chosen], b[chosen]])).items()
    }
    # The mean over all exchanges is the trace: another image's sign is as often the same as not.
    expected, squares = float(found.pop("expected")[0]), float(found["means"][0])
    excess = squares / expected - 1 if expected > 0 else 0.0
    return {"excess": excess, "p_value": find_place(np.stack(list(found.values())))}


def compare_pairs(both: Features) -> Mapping[str, Floats]:
    """Return the matrices (N, N) whose signed sums are the statistics, of 2 N features (2 N, D), pair by pair.

    Under `expected` stands the diagonal of the first of them, whose sum no exchange changes.
    """
    moments = compute_moments(both)
    varying = moments.variance > 0
    table = (both[:, varying] - moments.mean[varying]) / np.sqrt(moments.variance[varying])
    dimension, count = max(1, table.shape[1]), len(table)
    gram = table @ table.T
    ridge = penalty(float(np.trace(gram)) / count, float(np.vdot(gram, gram)) / count**2, np.diag(gram), dimension)
    # x' (S + c I)^-1 y of all pairs: G (G / N + c I)^-1 = N (I - c (G / N + c I)^-1).
    inverse = linalg.inv(gram / count + ridge * np.eye(count), overwrite_a=True, check_finite=False)
    whitened = count * (np.eye(count) - ridge * inverse)
    means = subtract_within(gram)
    return {
        "means": means,
        "expected": np.diag(np.diag(means)),
        "whitened means": subtract_within(whitened),
        "energy": -subtract_within(find_distances(whitened)),
    }


def find_distances(products: Floats) -> Floats:
    """Return Euclidean distances (N, N) of points with these inner products."""
    norms = np.diag(products)
    return np.sqrt(np.maximum(norms[:, np.newaxis] + norms - 2 * products, 0.0))


def subtract_within(values: Floats) -> Floats:
    """Return of values (2 N, 2 N) of all points those of (x_i - y_i) and (x_j - y_j), (N, N), for a bilinear form.

    In units of the values' mean size, so that what is left of equal points can be told to be rounding.
    """
    half, unit = len(values) // 2, float(np.abs(values).mean())
    first, second = slice(0, half), slice(half, None)
    apart: Floats = values[first, first] + values[second, second] - values[first, second] - values[second, first]
    return apart / unit if unit > 0 else apart


def find_place(numbers: Floats) -> float:
    """Return the p-value of the first of S columns (K, S): of the least of its rows' p-values, among those of all."""
    # Rounded to a grid: ties have to count as such, and those of all signs turned are exact but for rounding.
    grid = np.rint(numbers / TIE)
    ranks = rankdata(-grid, method="max", axis=1).min(axis=0)
    return float(np.mean(ranks <= ranks[0]))


STATISTIC = Statistic(
    measure=measure,
    rank=9,
    least=4,
    whole=True,
    once=True,
    independent=True,
    chance={"excess": 0.0},
    symmetric=("excess", "p_value"),
    of_one_draw=("p_value",),
    columns=(
        Column(
            key="excess",
            header="exchange",
            format=".2f",
            unit="squared difference of means beyond chance, in units of chance",
            better="baseline",
            meaning="How much less alike both sets are than after random exchanges of their images.",
        ),
    ),
)
