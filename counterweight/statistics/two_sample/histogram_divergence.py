"""How far apart single features are distributed: divergences of their histograms, beside their baselines."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import special

from counterweight.statistics.base.contract import Column, Numbers, Statistic
from counterweight.statistics.base.resampling import Features

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BINS = 10
PSEUDO = 0.5
"""Added to the count of every bin before Kullback-Leibler divergences: half an image (Krichevsky and Trofimov)."""
VALUES = 2**22
"""Values of a block of features."""


def measure(a: Features, b: Features, rng: np.random.Generator, bins: int = BINS) -> Numbers:
    """Compare the histograms of every feature in two samples, and average over the features that vary.

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

    Returns:
        Means in nats, 0 if no feature varies: KL(a || b), KL(b || a) and Jensen-Shannon; and how many features have one
        value in both samples.

    Raises:
        ValueError: `bins` is below 2.
    """
    if bins < 2:
        raise ValueError(f"bins: at least 2, got {bins}")
    sums, varying = np.zeros(3), 0
    for block_a, block_b in feature_blocks(a, b):
        counts_a, counts_b = histograms(block_a, block_b, bins)
        varies = np.sum(counts_a + counts_b > 0, axis=0) > 1
        varying += int(varies.sum())
        sums += divergences(counts_a[:, varies], counts_b[:, varies])
    forward, backward, jensen_shannon = (sums / max(1, varying)).tolist()
    constant = float(a.shape[1] - varying)
    return {"a_to_b": forward, "b_to_a": backward, "jensen_shannon": jensen_shannon, "constant": constant}


def feature_blocks(a: Features, b: Features) -> Iterator[tuple[Features, Features]]:
    """Yield some features (K, N) and (K, M) of two tables (N, D) and (M, D) after the other."""
    step = max(1, VALUES // (len(a) + len(b)))
    for start in range(0, a.shape[1], step):
        place = slice(start, start + step)
        # (N, K) -> (K, N): a feature's values lie side by side to be sorted.
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
    return count_bins(a, edges), count_bins(b, edges)


def count_bins(values: Features, edges: Features) -> Counts:
    """Return how many of features (D, N) lie up to the first edge, between each and the next, and above the last."""
    below = [np.count_nonzero(values <= edge[:, np.newaxis], axis=1) for edge in edges]
    below.append(np.full(len(values), values.shape[1]))
    return np.diff(np.array(below), axis=0, prepend=0).astype(np.int64)


def divergences(a: Counts, b: Counts) -> Floats:
    """Return the sums over features of KL(a || b), KL(b || a) and Jensen-Shannon (3,) of counts (B, D)."""
    pseudo = np.where(a + b > 0, PSEUDO, 0.0)  # Bins that are one with their neighbour stay empty.
    smooth_a, smooth_b = normalize(a + pseudo), normalize(b + pseudo)
    fraction_a, fraction_b = normalize(a), normalize(b)
    middle = (fraction_a + fraction_b) / 2
    return np.array(
        [
            special.rel_entr(smooth_a, smooth_b).sum(),  # 0 log 0 = 0.
            special.rel_entr(smooth_b, smooth_a).sum(),
            (special.rel_entr(fraction_a, middle).sum() + special.rel_entr(fraction_b, middle).sum()) / 2,
        ]
    )


def normalize(counts: npt.NDArray[np.number]) -> Floats:
    """Return counts (B, D) as fractions of their features' sums."""
    return np.asarray(counts / counts.sum(axis=0), dtype=np.float64)


STATISTIC = Statistic(
    measure=measure,
    rank=3,
    symmetric=("jensen_shannon", "constant"),
    columns=(
        Column(
            key="jensen_shannon",
            header="JS",
            format=".3f",
            unit="nats",
            better="baseline",
            meaning="Jensen-Shannon divergence of single features' histograms, mean over the features; at most log 2.",
        ),
    ),
)
