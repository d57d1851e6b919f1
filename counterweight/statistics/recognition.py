"""How well embeddings recognise things: three accuracies, each with what chance has.

The log-ends thesis defines none of the accuracies that it prints (5.4.2, tables 6.13 to 6.15).
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Embeddings = npt.NDArray[np.float32]
Identities = npt.NDArray[np.int64]
Hits = npt.NDArray[np.bool_]

NAMES = ("rank1", "recall5", "recall10", "triplet", "margin")

BLOCK = 512
"""Anchors whose distances to all candidates are in memory at once."""
DECIMALS = 6
"""Of squared distances: what differs in less is equal, and else only by the order of a sum."""


class Found(NamedTuple):
    """What was right of each of T triplets: bool (T,)."""

    rank1: Hits
    """Of the positives of all triplets of other identities none is as near as the anchor's own."""
    recall5: Hits
    """It is among the five nearest."""
    recall10: Hits
    triplet: Hits
    """It is nearer than the triplet's negative."""
    margin: Hits
    """It is nearer by more than the margin, in squared distance."""


def score_triplets(
    anchors: Embeddings, positives: Embeddings, negatives: Embeddings, identity: Identities, margin: float
) -> Found:
    """Return what is right of triplets, given their embeddings (T, D) of length 1.

    Candidates that are as near as the anchor's own positive count as nearer: a network that tells nothing apart
    recognises nothing. Positives of the same identity in other triplets are no candidates: they are not wrong.

    Args:
        identity: of anchors and positives, (T,).
    """
    members = [values.astype(np.float64) for values in (anchors, positives, negatives)]
    own, far = (to_distances(np.einsum("td,td->t", members[0], others)) for others in members[1:])
    ranks = np.empty(len(anchors), dtype=np.int64)
    for start in range(0, len(anchors), BLOCK):
        part = slice(start, start + BLOCK)
        near = to_distances(members[0][part] @ members[1].T) <= own[part, None]
        ranks[part] = 1 + (near & (identity[part, None] != identity)).sum(axis=1)
    return Found(ranks <= 1, ranks <= 5, ranks <= 10, own < far, far - own > margin)


def to_distances(products: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the squared distances of vectors of length 1 from their inner products, as exact as float32 knows them."""
    return np.round(2 - 2 * products, DECIMALS)


def chance_levels(triplets: int, dimension: int, margin: float) -> dict[str, float]:
    """Return what embeddings have that are independent of the images, by name.

    The k nearest of T candidates hold the own one with probability k / T; a triplet is right in one of two cases. The
    difference of two squared distances between independent directions is 2 (a p - a n), whose variance is 8 / D, and
    nearly normal.
    """
    beyond = float(special.ndtr(-margin / math.sqrt(8 / dimension)))
    ranks = {name: min(1.0, k / triplets) for name, k in (("rank1", 1), ("recall5", 5), ("recall10", 10))}
    return {**ranks, "triplet": 0.5, "margin": beyond}
