"""Nearest rows of a table, and how many synthetic images are nearer to a training image than real ones are."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.results.compare import Copies
from counterweight.statistics.base.pairwise import compute_center
from counterweight.statistics.base.resampling import Features, Indices, check_comparable

Floats = npt.NDArray[np.float64]
Distances = npt.NDArray[np.floating]

QUERIES = 4096
KEYS = 1024
"""Rows of the blocks of which all pairs are looked at together."""


class Nearest(NamedTuple):
    """Of every query the row (N,) of the nearest key and the Euclidean distance (N,) from it, in float64."""

    row: Indices
    distance: Floats


def find_nearest(queries: Features, keys: Features, *, exclude_self: bool = False) -> Nearest:
    """Find the nearest key of every query.

    Equal rows are found as such, at distance 0. The others are sought with products of float32; where its rounding
    leaves several candidates, again with float64. Among keys that are as near as float64 can tell it is any one, among
    equal ones the first. Distances are those of the differences, in float64.

    Args:
        queries: (N, D).
        keys: (M, D), M >= 1.
        exclude_self: the queries are the keys, and none is its own nearest; M >= 2.

    Raises:
        ValueError: a shape is another one, there are too few keys, or a value is not finite.
    """
    check_comparable(queries, keys)
    if exclude_self and len(queries) != len(keys):
        raise ValueError(f"as many queries as keys wanted, got {len(queries)} and {len(keys)}")
    if len(keys) < 1 + exclude_self:
        raise ValueError(f"at least {1 + exclude_self} keys are needed, got {len(keys)}")
    index = find_equal_rows(queries, keys, exclude_self)
    unequal = np.flatnonzero(index < 0)
    # In float32 first: twice as many values in a register, and few rows are left for float64.
    unsure = refine_nearest(index, unequal, queries, keys, exclude_self, np.float32)
    refine_nearest(index, unsure, queries, keys, exclude_self, np.float64)
    parts = [slice(start, start + KEYS) for start in range(0, len(queries), KEYS)]
    apart = [np.linalg.norm(queries[part].astype(np.float64) - keys[index[part]], axis=1) for part in parts]
    return Nearest(index, np.concatenate([np.empty(0), *apart]))


def count_likely_copies(synthetic_distances: Distances, real_distances: Distances, quantile: float) -> Copies:
    """Count synthetic images that are nearer to a training image than all but a `quantile` of real images are.

    Of real images that no generator saw, at most this fraction is nearer to the training images than the threshold, so
    a synthetic fraction well above it means that training images were copied (cf. Meehan et al. 2020, A Non-Parametric
    Test to Detect Data-Copying, https://arxiv.org/abs/2004.05675). Exact copies always count, also if so many real
    images are in the training set that the threshold is 0.

    Args:
        synthetic_distances: (N,), of synthetic images from their nearest training image, >= 0.
        real_distances: (M,), of other real images from theirs, or leave-one-out distances of the training images.
        quantile: between 0 and 1, say 0.01.

    Raises:
        ValueError: a shape is another one, a distance is not finite or below 0, or `quantile` is out of range.
    """
    for distances in (synthetic_distances, real_distances):
        if distances.ndim != 1 or not (np.isfinite(distances) & (distances >= 0)).all():
            raise ValueError("distances (N,) from 0 on wanted")
    if not 0 < quantile < 1:
        raise ValueError(f"quantile: between 0 and 1, got {quantile}")
    sizes = len(synthetic_distances), len(real_distances)
    if min(sizes) == 0:
        return without_distances(sizes[0], sizes[1])
    # Lower: a distance that some image really has.
    threshold = float(np.quantile(real_distances, quantile, method="lower"))
    near = [
        float(np.mean((distances < threshold) | (distances == 0)))
        for distances in (synthetic_distances, real_distances)
    ]
    return Copies(
        n=sizes[0],
        n_real=sizes[1],
        fraction=near[0],
        real_fraction=near[1],
        exact=int(np.sum(synthetic_distances == 0)),
        threshold=threshold,
        median=float(np.median(synthetic_distances)),
        real_median=float(np.median(real_distances)),
        reason=None,
    )


def without_distances(count: int, count_real: int) -> Copies:
    """Return a result that says that there are no distances."""
    return Copies(
        n=count,
        n_real=count_real,
        fraction=None,
        real_fraction=None,
        exact=None,
        threshold=None,
        median=None,
        real_median=None,
        reason=f"{count} synthetic and {count_real} real distances; at least one of either is needed",
    )


def find_equal_rows(queries: Features, keys: Features, exclude_self: bool) -> Indices:
    """Return of every query (N, D) the first equal key, its own place excepted if asked, or -1."""
    kind = np.result_type(queries, keys)
    of_keys = list(hash_rows(keys.astype(kind, copy=False)))
    places: dict[bytes, list[int]] = {}
    for place, digest in enumerate(of_keys):
        places.setdefault(digest, []).append(place)
    found = np.full(len(queries), -1, dtype=np.int64)
    for row, digest in enumerate(of_keys if exclude_self else hash_rows(queries.astype(kind, copy=False))):
        # Two: one of them may be itself.
        others = [place for place in places.get(digest, [])[:2] if not (exclude_self and place == row)]
        found[row] = others[0] if others else -1
    return found


def hash_rows(features: Features) -> Iterator[bytes]:
    """Yield a digest of every row (D,); equal rows have equal ones, and others do not."""
    for row in features:
        # 16 bytes: 2^-128 that two given rows collide.
        yield blake2b(row + 0, digest_size=16).digest()  # adding 0 makes -0 and 0 the same bytes


def refine_nearest(
    index: Indices, rows: Indices, queries: Features, keys: Features, exclude_self: bool, kind: type[np.floating]
) -> Indices:
    """Write the nearest key of some rows of the queries into `index` (N,), and return those it may be wrong for."""
    origin, unsure = compute_center(keys), [np.empty(0, dtype=np.int64)]
    for start in range(0, len(rows), QUERIES):
        part = rows[start : start + QUERIES]
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold, float64 decides
            index[part], sure = search_block(queries[part], keys, origin, part if exclude_self else None, kind)
        unsure.append(part[~sure])
    return np.concatenate(unsure)


def search_block(
    queries: Features, keys: Features, origin: Floats, own: Indices | None, kind: type[np.floating]
) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """Return of every query (N, D) the nearest key, and whether rounding of the kind left no other candidate.

    Without the key at `own` (N,), if any. Products of D terms are taken to round like random walks of D steps.
    """
    rows: Floats = queries - origin  # Around the keys' mean: small norms round less.
    sides = np.einsum("nd,nd->n", rows, rows)
    best = np.full((2, len(rows)), np.inf)
    index, largest = np.zeros(len(rows), dtype=np.int64), 0.0
    # |k|^2 - 2 q.k orders keys as the distance does: |q|^2 is the same for all.
    table: Features = (-2 * rows).astype(kind)
    for start in range(0, len(keys), KEYS):
        block: Features = (keys[start : start + KEYS] - origin).astype(kind)
        squares = np.einsum("nd,nd->n", block, block, dtype=np.float64)
        largest = max(largest, float(squares.max()))
        products = table @ block.T
        products += squares.astype(kind)
        if own is not None:
            inside = np.flatnonzero((own >= start) & (own < start + len(block)))
            products[inside, own[inside] - start] = np.inf  # No image is its own neighbour.
        update_least_two(best, index, products, start)
    tolerance = 2 * np.sqrt(len(origin)) * np.finfo(kind).eps * (sides + largest)
    return index, best[1] - best[0] > tolerance


def update_least_two(best: Floats, index: Indices, values: Features, start: int) -> None:
    """Update the two least values (2, N) of every row, and the place of the least, by those (N, K) from `start` on."""
    lines = np.arange(len(values))
    for _ in range(min(2, values.shape[1])):
        places = values.argmin(axis=1)
        found = values[lines, places].astype(np.float64)
        nearer = found < best[0]
        best[1] = np.where(nearer, best[0], np.minimum(best[1], found))
        best[0][nearer], index[nearer] = found[nearer], start + places[nearer]
        values[lines, places] = np.inf  # Out of the way of the second least.
