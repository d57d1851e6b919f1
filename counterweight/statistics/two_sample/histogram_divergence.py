"""How far apart single features are distributed: divergences of their histograms, beside their baselines."""

from collections.abc import Iterator
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
from scipy import special

from counterweight.statistics.base.resampling import (
    Features,
    Labels,
    Spread,
    check_comparable,
    check_labelled,
    draw_halves,
    explain_too_few,
    summarize,
)

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BINS = 10
PSEUDO = 0.5
"""Added to the count of every bin before Kullback-Leibler divergences: half an image (Krichevsky and Trofimov)."""
VALUES = 2**22
"""Values of a block of features."""


class Divergences(NamedTuple):
    """Means over the features that vary, in nats: KL(a || b), KL(b || a) and Jensen-Shannon; 0 if none varies."""

    forward: float
    backward: float
    jensen_shannon: float
    constant: int


class DivergenceSpread(TypedDict):
    """The three over repeated draws."""

    real_to_synthetic: Spread
    synthetic_to_real: Spread
    jensen_shannon: Spread


class CalibratedDivergences(TypedDict):
    """Divergences of `n` real from `n` synthetic images, and from n other real ones, over `repeats` draws.

    `constant` of the `features` have one value in the first draw's halves of both sets; such are left out. In
    `baseline`, other real images take the place of the synthetic ones.
    """

    n: int
    repeats: int
    features: int
    constant: int | None
    between: DivergenceSpread | None
    baseline: DivergenceSpread | None
    reason: str | None


def marginal_divergences(a: Features, b: Features, bins: int = BINS) -> Divergences:
    """Compare the histograms of every feature in two samples, and average over the features.

    Bins are shared and end at quantiles of the values of both samples together, so that each holds as many of them as
    its neighbours; of equal quantiles the bins are one. Kullback-Leibler divergences (Kullback and
    Leibler 1951, equation 2.4, https://doi.org/10.1214/aoms/1177729694) are of counts to which half an image is added
    in every bin that has any, the Jensen-Shannon divergence (Lin 1991, equation 4.1,
    https://doi.org/10.1109/18.61115) is of the counts themselves: half the sum of the divergences from the mean of
    both, between 0 and log 2. It sees no dependence between features. For equal distributions the KL divergences are
    near (bins - 1) / n of n images each, and the Jensen-Shannon divergence a quarter of that.

    Args:
        a: (N, D), N >= 1.
        b: (M, D), M >= 1.
        bins: at least 2.

    Raises:
        ValueError: a shape is another one, a set is empty, a value is not finite, or `bins` is below 2.
    """
    if bins < 2 or min(len(a), len(b)) < 1:
        raise ValueError(f"2 bins and one of either are needed, got {bins} bins, {len(a)} and {len(b)}")
    check_comparable(a, b)
    sums, varying = np.zeros(3), 0
    for block_a, block_b in feature_blocks(a, b):
        counts_a, counts_b = histograms(block_a, block_b, bins)
        varies = np.sum(counts_a + counts_b > 0, axis=0) > 1
        varying += int(varies.sum())
        sums += divergences(counts_a[:, varies], counts_b[:, varies])
    forward, backward, jensen_shannon = (sums / max(1, varying)).tolist()
    return Divergences(forward, backward, jensen_shannon, a.shape[1] - varying)


def calibrated(
    real: Features,
    real_labels: Labels,
    synthetic: Features,
    synthetic_labels: Labels,
    rng: np.random.Generator,
    *,
    repeats: int,
    bins: int = BINS,
) -> CalibratedDivergences:
    """Compare the histograms of real and synthetic features, and those of real and real.

    Args:
        real: (N, D), with labels (N,).
        synthetic: (M, D), with labels (M,).
        repeats: number of draws, at least 1; of large sets fewer are made, as `draws_for` says.
        bins: at least 2.

    Raises:
        ValueError: a shape is another one, a value is not finite, or a number is too small.
    """
    check_labelled(real, real_labels, synthetic, synthetic_labels)
    if bins < 2:
        raise ValueError(f"bins: at least 2, got {bins}")
    draws = draw_halves(real_labels, synthetic_labels, rng, repeats)
    size = len(draws[0][0])
    between: list[Divergences] = []
    baseline: list[Divergences] = []
    for real_1, real_2, _, synthetic_2 in draws if size >= 2 else []:
        first = real[real_1]
        between.append(marginal_divergences(first, synthetic[synthetic_2], bins))
        baseline.append(marginal_divergences(first, real[real_2], bins))
    return {
        "n": size,
        "repeats": len(draws),
        "features": real.shape[1],
        "constant": between[0].constant if between else None,
        "between": summary(between),
        "baseline": summary(baseline),
        "reason": None if size >= 2 else explain_too_few(size, 2),
    }


def summary(results: list[Divergences]) -> DivergenceSpread | None:
    """Return means and standard deviations over several comparisons, None for none."""
    if not results:
        return None
    return {
        "real_to_synthetic": summarize([result.forward for result in results]),
        "synthetic_to_real": summarize([result.backward for result in results]),
        "jensen_shannon": summarize([result.jensen_shannon for result in results]),
    }


def feature_blocks(a: Features, b: Features) -> Iterator[tuple[Features, Features]]:
    """Yield some features (K, N) and (K, M) of two tables (N, D) and (M, D) after the other."""
    step = max(1, VALUES // (len(a) + len(b)))
    for start in range(0, a.shape[1], step):
        place = slice(start, start + step)
        yield np.ascontiguousarray(a[:, place].T), np.ascontiguousarray(b[:, place].T)


def histograms(a: Features, b: Features, bins: int) -> tuple[Counts, Counts]:
    """Return how many of features (D, N) and (D, M) lie in each of their shared bins, both (bins, D).

    A bin reaches from above an edge to the next one, this included. No edge is the greatest value, where it would
    end no bin: of a feature that mostly has this value the others are told apart from it, too.
    """
    pooled = np.sort(np.concatenate([a, b], axis=1), axis=1)
    count = pooled.shape[1]
    edges = pooled[:, np.maximum(np.arange(1, bins) * count // bins - 1, 0)]
    others = np.where(pooled < pooled[:, -1:], pooled, -np.inf).max(axis=1, keepdims=True)
    edges = np.minimum(edges, others).T
    return counted(a, edges), counted(b, edges)


def counted(values: Features, edges: Features) -> Counts:
    """Return how many of features (D, N) lie up to the first edge, between each and the next, and above the last."""
    below = [np.count_nonzero(values <= edge[:, np.newaxis], axis=1) for edge in edges]
    below.append(np.full(len(values), values.shape[1]))
    return np.diff(np.array(below), axis=0, prepend=0).astype(np.int64)


def divergences(a: Counts, b: Counts) -> Floats:
    """Return the sums over features of KL(a || b), KL(b || a) and Jensen-Shannon (3,) of counts (B, D)."""
    pseudo = np.where(a + b > 0, PSEUDO, 0.0)
    smooth_a, smooth_b = normalised(a + pseudo), normalised(b + pseudo)
    fraction_a, fraction_b = normalised(a), normalised(b)
    middle = (fraction_a + fraction_b) / 2
    return np.array(
        [
            special.rel_entr(smooth_a, smooth_b).sum(),
            special.rel_entr(smooth_b, smooth_a).sum(),
            (special.rel_entr(fraction_a, middle).sum() + special.rel_entr(fraction_b, middle).sum()) / 2,
        ]
    )


def normalised(counts: npt.NDArray[np.number]) -> Floats:
    """Return counts (B, D) as fractions of their features' sums."""
    return np.asarray(counts / counts.sum(axis=0), dtype=np.float64)
