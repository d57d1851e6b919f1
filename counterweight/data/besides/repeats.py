"""Images of a side that are the same picture: they are a group, unless it is the generator that repeats itself."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.core.groups import Indices, join_numbers
from counterweight.core.image_file import ImageFile
from counterweight.core.pictures import number_pictures
from counterweight.data.besides.files import are_mixed_differently
from counterweight.data.split.pictures import Written
from counterweight.data.split.repeats import write_groups

Groups = tuple[Indices | None, Indices | None]
"""Numbers (N,) and (M,) that real images and synthetic ones share; None: each stands alone."""


def group_repeats(pictures: tuple[Indices, Indices], groups: Groups) -> Groups:
    """Return numbers that images of a side share which are the same picture; None of a side that stays as it is.

    A set in which a few images are there twice is told from any that has them once, whatever they show. Where synthetic
    images repeat each other more than real ones do, that is their generator's, and each stands alone.

    Args:
        pictures: numbers that real and synthetic images share which are the same picture.
        groups: that they have beside these, which are joined.
    """
    joined = [join_pictures(own, known) for own, known in zip(pictures, groups, strict=True)]
    grouped = [known if own is None else own for own, known in zip(joined, groups, strict=True)]
    shares = [count_repeats(own, len(shown)) for own, shown in zip(grouped, pictures, strict=True)]
    more = shares[1]["repeated"] * len(pictures[0]) > shares[0]["repeated"] * len(pictures[1])
    return joined[0], None if more and are_mixed_differently(*shares) else joined[1]


def join_pictures(pictures: Indices, groups: Indices | None) -> Indices | None:
    """Return numbers (N,) of groups in which the same picture is in one; None where no two images are the same."""
    if len({*pictures.tolist()}) == len(pictures):
        return None
    return pictures if groups is None else join_numbers(groups, pictures)


def count_repeats(groups: Indices | None, count: int) -> Counter[str]:
    """Count images whose group has one before them, and the others, of so many."""
    repeated = 0 if groups is None else count - len({*groups.tolist()})
    return Counter({"repeated": repeated, "first": count - repeated})


def group_tables(written: Sequence[Written], paths: Sequence[Path]) -> None:
    """Give the image tables of both sides groups of the same picture; those without such stay as they are.

    Args:
        written: what is known of the images of the real and of the synthetic table.
    """
    real, synthetic = (number_pictures(own.digests, own.sketches).near for own in written)
    known = ImageFile(paths[0]).groups, ImageFile(paths[1]).groups
    for path, groups in zip(paths, group_repeats((real, synthetic), known), strict=True):
        if groups is not None:
            write_groups(groups.astype(np.str_), path)
