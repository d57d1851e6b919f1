"""Nearest rows of a table, and how many synthetic images are nearer to a training image than real ones are."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.results.compare import Copies, Side
from counterweight.statistics.base.pairwise import compute_center
from counterweight.statistics.base.resampling import Features, Indices, check_comparable, estimate_design_effect

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]
Distances = npt.NDArray[np.floating]

QUERIES = 4096
KEYS = 1024
"""Rows of the blocks of which all pairs are looked at together."""
CLOSEST = 0.8
"""Of the distance from the second nearest image, at most: Lowe's, beyond which most matches of real ones are chance. In
many dimensions all real images are about equally far from each other, and any image near the middle would count."""


class Nearest(NamedTuple):
    """Of every query the row (N,) of the nearest key and Euclidean distances (N,), in float64."""

    row: Indices
    distance: Floats
    """From the nearest key."""
    second: Floats
    """From the second nearest, infinite without one. From one of the nearest few if rounding makes several alike; as
    long as `distance` if equal keys are both nearest, and not a number where the query equals a key."""


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
    equal = find_equal_rows(queries, keys, exclude_self)
    index = np.stack([equal, np.full(len(queries), -1)])
    unequal = np.flatnonzero(equal < 0)
    # In float32 first: twice as many values in a register, and few rows are left for float64.
    unsure = refine_nearest(index, unequal, queries, keys, exclude_self, np.float32)
    refine_nearest(index, unsure, queries, keys, exclude_self, np.float64)
    second = np.where(equal < 0, np.inf, np.nan)
    known = np.flatnonzero(index[1] >= 0)
    second[known] = measure_distances(queries[known], keys, index[1, known])
    return Nearest(index[0], measure_distances(queries, keys, index[0]), second)


def find_nearest_others(keys: Features) -> Nearest:
    """Find of every key (N, D), N >= 2, the nearest other one; keys that equal the nearest are no second nearest."""
    equal = find_equal_rows(keys, keys, exclude_self=True)
    distinct, place = np.unique(find_equal_rows(keys, keys, exclude_self=False), return_inverse=True)
    if len(distinct) == 1:
        return Nearest(equal, np.zeros(len(keys)), np.full(len(keys), np.nan))
    apart = find_nearest(keys[distinct], keys[distinct], exclude_self=True)
    return Nearest(
        np.where(equal < 0, distinct[apart.row[place]], equal),
        np.where(equal < 0, apart.distance[place], 0.0),
        np.where(equal < 0, apart.second[place], np.nan),
    )


def find_distinct(keys: Features) -> Indices:
    """Return the rows of keys (N, D) that equal none before them."""
    return np.unique(find_equal_rows(keys, keys, exclude_self=False))


def measure_distances(queries: Features, keys: Features, rows: Indices) -> Floats:
    """Return the distance (N,) of every query (N, D) from the key in its row."""
    parts = [slice(start, start + KEYS) for start in range(0, len(queries), KEYS)]
    apart = [np.linalg.norm(queries[part].astype(np.float64) - keys[rows[part]], axis=1) for part in parts]
    return np.concatenate([np.empty(0), *apart])


def measure_closeness(nearest: Nearest) -> Floats:
    """Return the distance of every query from the nearest key as a fraction of that from the second nearest, (N,).

    0 where the query equals a key, or where there is no second key; 1 where two keys are as near.
    """
    equal = nearest.distance == 0
    return np.where(equal, 0.0, nearest.distance / np.where(equal, 1.0, nearest.second))


def count_likely_copies(
    synthetic: Nearest, real: Nearest, quantile: float, groups: Mapping[Side, Indices] | None = None
) -> Copies:
    """Count synthetic images that are nearer to one training image than all but a `quantile` of real images are.

    In two ways: by the distance from it, and by this distance as a fraction of that from the second nearest. The first
    alone (cf. Meehan et al. 2020, A Non-Parametric Test to Detect Data-Copying, https://arxiv.org/abs/2004.05675) calls
    blurred and pale images copies, which are near to all training images at once; the second (Lowe 2004, Distinctive
    Image Features from Scale-Invariant Keypoints, 7.1, https://doi.org/10.1023/B:VISI.0000029664.99615.94; at most
    `CLOSEST`) does not. Of real images that no generator saw, at most the
    quantile is that near, so a synthetic fraction well above it means that training images were copied. Exact copies
    always count, also if so many real images are in the training set that the thresholds are 0.

    Args:
        synthetic: the nearest training images of synthetic images.
        real: those of other real images, or of the training images the nearest others.
        quantile: between 0 and 1, say 0.01.
        groups: of a side whose images come in groups, numbers (N,) that those of one share.

    Raises:
        ValueError: `quantile` is out of range, or a distance is not finite or below 0.
    """
    for nearest in (synthetic, real):
        if nearest.distance.ndim != 1 or not (np.isfinite(nearest.distance) & (nearest.distance >= 0)).all():
            raise ValueError("distances (N,) from 0 on wanted")
    if not 0 < quantile < 1:
        raise ValueError(f"quantile: between 0 and 1, got {quantile}")
    sizes = len(synthetic.distance), len(real.distance)
    if min(sizes) == 0:
        return without_distances(sizes[0], sizes[1])
    closeness = measure_closeness(real)
    # Lower: a value that some image really has.
    threshold = float(np.quantile(real.distance, quantile, method="lower"))
    closest = min(CLOSEST, float(np.quantile(closeness, quantile, method="lower")))
    near, near_real = (
        ((found.distance < threshold) & (measure_closeness(found) < closest)) | (found.distance == 0)
        for found in (synthetic, real)
    )
    marks: dict[Side, Marks] = {"synthetic": near, "real": near_real}
    return Copies(
        n=sizes[0],
        n_real=sizes[1],
        fraction=float(near.mean()),
        real_fraction=float(near_real.mean()),
        exact=int(np.sum(synthetic.distance == 0)),
        threshold=threshold,
        closeness=closest,
        median=float(np.median(synthetic.distance)),
        real_median=float(np.median(real.distance)),
        reason=None,
        effective={side: count_effective(marks[side], own) for side, own in (groups or {}).items()},
    )


def count_effective(marks: Marks, groups: Indices) -> float:
    """Return as how many independent images tell as much of the fraction that is marked, at most N of N.

    N over the design effect (see `estimate_design_effect`); where none or all are marked it cannot be known, and each
    group counts once.

    Args:
        marks: bool (N,).
        groups: numbers (N,) that images of one group share.
    """
    effect = estimate_design_effect(marks[:, None].astype(np.float64), groups)
    return float(len(np.unique(groups))) if effect is None else len(marks) / max(1.0, effect)


def without_distances(count: int, count_real: int) -> Copies:
    """Return a result that says that there are no distances."""
    return Copies(
        n=count,
        n_real=count_real,
        fraction=None,
        real_fraction=None,
        exact=None,
        threshold=None,
        closeness=None,
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
    """Write the two nearest keys of some rows of the queries into `index` (2, N).

    Returns the rows that the nearest may be wrong for.
    """
    origin, unsure = compute_center(keys), [np.empty(0, dtype=np.int64)]
    for start in range(0, len(rows), QUERIES):
        part = rows[start : start + QUERIES]
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold, float64 decides
            index[:, part], sure = search_block(queries[part], keys, origin, part if exclude_self else None, kind)
        unsure.append(part[~sure])
    return np.concatenate(unsure)


def search_block(
    queries: Features, keys: Features, origin: Floats, own: Indices | None, kind: type[np.floating]
) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """Return of every query the two nearest keys (2, N), and whether rounding of the kind left no other nearest.

    Without the key at `own` (N,), if any. Products of D terms are taken to round like random walks of D steps.
    """
    rows: Floats = queries - origin  # Around the keys' mean: small norms round less.
    sides = np.einsum("nd,nd->n", rows, rows)
    best = np.full((2, len(rows)), np.inf)
    index, largest = np.full((2, len(rows)), -1), 0.0
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
    """Update the two least values (2, N) of every row, and their places (2, N), by those (N, K) from `start` on."""
    lines = np.arange(len(values))
    for _ in range(min(2, values.shape[1])):
        places = values.argmin(axis=1)
        found = values[lines, places].astype(np.float64)
        nearer, other = found < best[0], (found >= best[0]) & (found < best[1])
        best[1, nearer], index[1, nearer] = best[0, nearer], index[0, nearer]
        best[0, nearer], index[0, nearer] = found[nearer], start + places[nearer]
        best[1, other], index[1, other] = found[other], start + places[other]
        values[lines, places] = np.inf  # Out of the way of the second least.
