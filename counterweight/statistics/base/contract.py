"""What a file of `statistics/two_sample` declares: a function of two sets of features, and the columns that show it.

A file defines `STATISTIC`. Whoever calls it draws the halves: of a half of the real images (a) it asks how far the
other half of the synthetic ones is (b), and beside it the other half of the real ones, which is the baseline.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from counterweight.core.registry import load_module, names_in
from counterweight.statistics.base.resampling import Features, Table, check_comparable

FOLDER = "statistics/two_sample"

Numbers = Mapping[str, float]
Measure = Callable[..., Numbers]
"""Of a (or what `prepare` made of it), b and a random generator, the numbers by name."""


class UndefinedStatisticError(Exception):
    """A statistic has no value for these sets; the message is the reason."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """How a number stands in tables."""

    key: str
    """Of the number, as the statistic calls it."""
    header: str
    format: str
    """Python's format specification, as in `.1%` or `.2f`."""
    unit: str
    better: Literal["lower", "higher", "baseline"]
    """Which values mean 'more like real images': as low as can be, as high, or like the baseline's."""
    meaning: str
    """One sentence."""
    shown: Literal["between", "within", "ratio", "deviations"] = "between"
    """Between synthetic and real; within the synthetic set; between, in units of the baseline (geometric mean over
    backbones); or between minus baseline, in standard deviations of the baseline."""


class Space(NamedTuple):
    """Both sets where they are compared, (N, K) and (M, K), and the functions that compare them there."""

    real: Table
    synthetic: Table
    prepare: Callable[[Any], Any]
    measure: Measure


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """A two-sample statistic."""

    measure: Measure
    columns: tuple[Column, ...]
    rank: int
    """Statistics are computed and shown in this order; every file has a rank of its own. Each draws its halves from one
    generator after the others, so that a new one takes the next highest rank, which changes no other's numbers."""
    least: int = 2
    """Images of a half without which there is no value."""
    settings: tuple[str, ...] = ()
    """Settings of the section `compare` that `measure` (or `enter_space`) takes as keywords of the same names."""
    prepare: Callable[[Any], Any] | None = None
    """What is computed of a once, and given to `measure` in its place, for all that it is compared with."""
    streams: bool = False
    """`prepare` and `measure` go through a set a block of rows at a time: it may lie on disk, as `core.features.Rows`.
    Of a large set any other statistic sees `compare.images` images at most."""
    enter_space: Callable[..., Space] | None = None
    """Both sets, of the common classes alone, and the number of images of a half, to another space than the features'.

    It may raise `UndefinedStatisticError`."""
    whole: bool = False
    """`measure` gets both sets whole, and parts them itself: the first half of the rows and the others are halves with
    the same number of every class. Such a statistic has no baseline but `chance`."""
    once: bool = False
    """The first draw is the only one: of sets that are taken whole, others would be much the same."""
    independent: bool = False
    """Images have to be independent of each other: of those that share a group, one is drawn."""
    clusters: bool = False
    """`measure` also takes `groups`, those of the rows of a and of b, where images have such: of a statistic that is
    given its sets whole."""
    chance: Mapping[str, float] | None = None
    """What equal distributions give, where that is known without a baseline."""
    within: bool = False
    """Compare two halves of the synthetic set, too."""
    symmetric: tuple[str, ...] = ()
    """Numbers that are the same for b and a."""
    of_one_draw: tuple[str, ...] = ()
    """Numbers that mean nothing but for a single draw, as a p-value: the first draw's are kept."""

    def compare(
        self, a: Features, b: Features, rng: np.random.Generator, options: Mapping[str, Any] | None = None
    ) -> Numbers:
        """Return the numbers of two samples (N, D) and (M, D), without halves or baseline.

        Args:
            options: the `settings` by name.

        Raises:
            ValueError: a shape is another one, a value is not finite, or there are too few rows, or not as many of both
                for a statistic that parts its sets itself.
            UndefinedStatisticError: they have no value.
        """
        check_comparable(a, b)
        least = 2 * self.least if self.whole else self.least
        if min(len(a), len(b)) < least:
            raise ValueError(f"at least {least} of either are needed, got {len(a)} and {len(b)}")
        if self.whole and len(a) != len(b):
            raise ValueError(f"as many of both are needed, got {len(a)} and {len(b)}")
        given = options or {}
        if self.enter_space:
            space = self.enter_space(a, b, min(len(a), len(b)), **given)
            return space.measure(space.prepare(space.real), space.synthetic, rng)
        return self.measure(self.prepare(a) if self.prepare else a, b, rng, **given)


def find_statistics() -> dict[str, Statistic]:
    """Return all statistics by the names of their files, in the order of their ranks."""
    found = {name: load_module(FOLDER, name).STATISTIC for name in names_in(FOLDER)}
    return dict(sorted(found.items(), key=lambda item: (item[1].rank, item[0])))  # Ties by name: the same on any disk.
