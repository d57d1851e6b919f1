"""Which images of several show the same picture: the same pixels, or nearly so."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.groups import Indices
from counterweight.core.near_duplicates import Sketches, find_near_duplicates
from counterweight.core.twins import Digests


class Pictures(NamedTuple):
    """Numbers that images share (N,): of those with the same pixels, and of these and near duplicates, through others.

    `pair` has two images that are the first near duplicates, None where there are none.
    """

    exact: Indices
    near: Indices
    pair: tuple[int, int] | None


def number_pictures(digests: Digests, sketches: Sketches | None) -> Pictures:
    """Number images by what they show.

    Args:
        digests: of their pixels (N,).
        sketches: of them; None: near duplicates are not looked for.
    """
    _, first, exact = np.unique(digests, return_index=True, return_inverse=True)
    exact = exact.astype(np.int64)
    if sketches is None:
        return Pictures(exact, exact, None)
    # In the images' own order, so that what is found does not hang on digests.
    places = np.sort(first)
    pairs = find_near_duplicates(sketches.take(places))
    if not len(pairs):
        return Pictures(exact, exact, None)
    from scipy.sparse import coo_array  # a tenth of a second
    from scipy.sparse.csgraph import connected_components

    edges = exact[places][pairs]
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(first), len(first)))
    near: Indices = connected_components(graph, directed=False)[1][exact].astype(np.int64)
    one, other = places[pairs[0]].tolist()
    return Pictures(exact, near, (one, other))


class Seen(NamedTuple):
    """Which images of a test part are in the training part: with the same pixels, and nearly so, bool (N,) each."""

    exact: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]


def find_seen(pictures: Pictures, trained: int) -> Seen:
    """Return which images after the first so many, which are trained on, show what one of these does."""
    exact, near = (np.isin(own[trained:], own[:trained]) for own in (pictures.exact, pictures.near))
    return Seen(exact, near & ~exact)
