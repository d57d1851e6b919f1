"""Two sets of image files made the same in what is not the picture: which files are read, and how."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.data.besides.equalising import Plan, plan_equalising
from counterweight.data.besides.mix import describe_same_mix
from counterweight.data.besides.sides import FileSide
from counterweight.data.decode.opening import Altered
from counterweight.data.pairs.base import ONE_CLASS
from counterweight.data.sources.base.class_folders import SharedClasses
from counterweight.data.sources.base.file_settings import FileSettings
from counterweight.data.sources.base.lazy_images import LazyImages, make_fetch, wrap_files
from counterweight.results.files import ClassMix, Equalised, FileFacts
from counterweight.statistics.base.resampling import draw_matched

FEWEST = 2
"""Images of a side without which nothing can be compared."""
LARGEST_SIZE = 224  # pixels; what the backbones and the largest style classifier look at

Numbers = npt.NDArray[np.int64]


class KnownSide(NamedTuple):
    """The readable files of one side, where they come from, and, of some, the names of their groups."""

    files: FileSide
    origins: Sequence[str]
    provenance: dict[str, Any]
    groups: Sequence[str] | None = None

    def take(self, indices: Numbers) -> "KnownSide":
        """Return the files at `indices`, int64 (K,), in that order."""
        places = indices.tolist()
        groups = None if self.groups is None else [self.groups[place] for place in places]
        origins = [self.origins[place] for place in places]
        return self._replace(files=self.files.take(indices), origins=origins, groups=groups)


class Besides(NamedTuple):
    """What two sides are known to differ in besides pictures, and the classes that they share, if they do."""

    files: FileFacts
    mix: ClassMix | None
    classes: SharedClasses | None
    """Of the readable files, as a `KnownSide` has them."""

    @property
    def differ(self) -> bool:
        """Say whether there is anything to be made the same."""
        return bool(self.files.differences) or self.mix is not None


class Chosen(NamedTuple):
    """Files of both sides with their labels, which index the names of classes."""

    sides: tuple[KnownSide, KnownSide]
    labels: tuple[Numbers, Numbers]
    names: tuple[str, ...]


class Same(NamedTuple):
    """How two sides are made the same, and their images after that; None where that changes nothing."""

    how: Equalised
    parts: tuple[LazyImages, LazyImages] | None


def make_same(
    sides: tuple[KnownSide, KnownSide],
    besides: Besides,
    settings: FileSettings,
    any_size: bool,
    rng: np.random.Generator,
) -> Same:
    """Return both sides made the same in all that they differ in and that can be made the same.

    Args:
        settings: how their images are read as they are.
        any_size: whether these may be brought to another size, if that is what both have afterwards.
    """
    chosen = choose_files(sides, besides.classes if besides.mix else None, rng)
    plan = plan_equalising((chosen.sides[0].files, chosen.sides[1].files), besides.files, rng)
    same_mix = besides.mix if len(chosen.names) > 1 else None
    how = Equalised(steps=plan.steps) if same_mix is None else describe_same_mix(same_mix, plan.steps)
    how = how.model_copy(update={"remaining": plan.remaining})
    if not plan.steps and same_mix is None:
        return Same(how, None)
    own = adapt_settings(settings, plan, any_size)
    return Same(how, (wrap_chosen(chosen, 0, plan, own), wrap_chosen(chosen, 1, plan, own)))


def choose_files(sides: tuple[KnownSide, KnownSide], classes: SharedClasses | None, rng: np.random.Generator) -> Chosen:
    """Return all files, or as many of each class from both sides if that leaves enough.

    Args:
        classes: None where their mix is no matter.
    """
    if classes is not None:
        rows = draw_matched(classes.real, classes.synthetic, rng)
        if len(rows[0]) >= FEWEST:
            labels = classes.real[rows[0]], classes.synthetic[rows[1]]
            return Chosen((sides[0].take(rows[0]), sides[1].take(rows[1])), labels, classes.names)
    labels = np.zeros(len(sides[0].origins), dtype=np.int64), np.zeros(len(sides[1].origins), dtype=np.int64)
    return Chosen(sides, labels, ONE_CLASS)


def choose_common_size(shorter_sides: Sequence[Numbers]) -> int:
    """Return the side in pixels to which images are brought: the smaller of both sets' medians, 224 at most.

    Args:
        shorter_sides: of the images of both sets, int64 (N,) and (M,).
    """
    # The smaller one: enlarged images lack what sharp ones have.
    return min(LARGEST_SIZE, *(int(np.median(each)) for each in shorter_sides))


def adapt_settings(settings: FileSettings, plan: Plan, any_size: bool) -> FileSettings:
    """Return how images are read that a plan makes smaller, or grey, or cuts."""
    shorter = [np.array([each.shorter for each in own if each.shorter is not None]) for own in plan.changes]
    size = choose_common_size(shorter) if any_size and all(map(len, shorter)) else settings.size
    fit, channels = "crop" if plan.cropped else settings.fit, 1 if plan.grey else settings.channels
    return settings.model_copy(update={"size": size, "channels": channels, "fit": fit})


def wrap_chosen(chosen: Chosen, place: int, plan: Plan, settings: FileSettings) -> LazyImages:
    """Return the files of one side (0: real, 1: synthetic), which are read as a plan changes them."""
    side, changes = chosen.sides[place], plan.changes[place]
    # Without a step they are what they are as they are: files that are changed are decoded whole, if slowly.
    files = side.files.files
    images = [Altered(*each) for each in zip(files, changes, strict=True)] if plan.steps else files
    names, labels = chosen.names, chosen.labels[place]
    white = plan.whites[place]
    part = wrap_files(make_fetch(images), labels, names, side.origins, side.provenance, settings, white)
    return replace(part, groups=side.groups)
