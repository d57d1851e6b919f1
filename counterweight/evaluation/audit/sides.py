"""The two sets of an audit, brought to one shape, and what they differ in besides pictures."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.groups import Indices
from counterweight.core.images import ImageSet
from counterweight.core.near_duplicates import sketch
from counterweight.core.pictures import number_pictures
from counterweight.core.twins import digest_pixels
from counterweight.data.besides.repeats import group_repeats
from counterweight.data.besides.same import FEWEST
from counterweight.evaluation.style.network import SMALLEST_SIZE
from counterweight.results.files import ClassMix, Equalised, FileFacts

ITEM = "audit"
"""The name that random draws are derived from, whatever a set is called and wherever it lies."""


class Sides(NamedTuple):
    """Both sets, brought to one shape, and what they differ in besides pictures, as far as that is known."""

    real: ImageSet
    synthetic: ImageSet
    files: FileFacts | None = None
    """Of two folders."""
    mix: ClassMix | None = None
    """Where both have the same classes in another mix."""
    equalised: Equalised | None = None
    """What makes them the same in all that, where they differ in it."""
    same: tuple[ImageSet, ImageSet] | None = None
    """Real and synthetic images after that, where it changes what is compared."""


def check_sides(sides: Sides, real: str, synthetic: str) -> Sides:
    """Return both sets under the name that draws are derived from.

    Args:
        real, synthetic: what the sets are called in an error's message.

    Raises:
        UserError: images are too small or too few.
    """
    height, width = sides.real.shape[1:]
    if min(height, width) < SMALLEST_SIZE:
        raise UserError(f"{real}: images of {height} x {width} pixels; sides of {SMALLEST_SIZE} at least are needed")
    for name, images in ((real, sides.real), (synthetic, sides.synthetic)):
        if len(images) < FEWEST:
            raise UserError(f"{name}: {len(images)} images that can be read; at least {FEWEST} are needed")
    first = group_pictures(rename_set(sides.real), rename_set(sides.synthetic))
    same = None if sides.same is None else group_pictures(rename_set(sides.same[0]), rename_set(sides.same[1]))
    return sides._replace(real=first[0], synthetic=first[1], same=same)


def group_pictures(real: ImageSet, synthetic: ImageSet) -> tuple[ImageSet, ImageSet]:
    """Return both sets, in which images of a side that are the same picture are a group, as `group_repeats` says."""
    sets = real, synthetic
    first, second = (number_pictures(digest_pixels(own.images), sketch(own.images)).near for own in sets)
    first_groups, second_groups = group_repeats((first, second), (real.groups, synthetic.groups))
    return name_groups(real, first_groups), name_groups(synthetic, second_groups)


def name_groups(images: ImageSet, groups: Indices | None) -> ImageSet:
    """Return a set whose groups have these numbers (N,); None: as it is."""
    return images if groups is None else replace(images, group_names=groups.astype(np.str_))


def rename_set(images: ImageSet) -> ImageSet:
    """Return a set under the name that its random draws are derived from, whatever folder it lies in."""
    return replace(images, provenance={**images.provenance, "item": ITEM})
