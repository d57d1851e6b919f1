"""Synthetic sets whose pieces are put together."""

from collections.abc import Iterable
from functools import reduce

from counterweight.core.images import ImageSet
from counterweight.generators.base.synthesis import Piece


def join_pieces(pieces: Iterable[Piece]) -> list[ImageSet]:
    """Return the images of each draw."""
    sets: dict[int, list[ImageSet]] = {}
    for draw, images in pieces:
        sets.setdefault(draw, []).append(images)
    return [reduce(ImageSet.concatenate, sets[draw]) for draw in sorted(sets)]
