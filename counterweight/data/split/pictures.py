"""Which images that were read show the same: counted in tables, and told."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.groups import Indices, find_spanning
from counterweight.core.near_duplicates import Sketches, join_sketches
from counterweight.core.pictures import Pictures, find_seen, number_pictures
from counterweight.core.twins import Digests, find_identical, find_shared, stack_digests


class Written(NamedTuple):
    """What is known of N images that were read: digests of their pixels, sketches if wanted, origins and labels."""

    digests: Digests
    sketches: Sketches | None
    origins: list[str]
    labels: npt.NDArray[np.int64]

    def concatenate(self, other: "Written") -> "Written":
        """Return what is known of these images followed by those of `other`."""
        sketches = None
        if self.sketches is not None and other.sketches is not None:
            sketches = join_sketches([self.sketches, other.sketches])
        digests, labels = (np.concatenate(own) for own in zip(self[::3], other[::3], strict=True))
        return Written(digests, sketches, self.origins + other.origins, labels)


def join_written(parts: list[Written]) -> Written:
    """Return what is known of several lots of images as one."""
    if not parts:
        return Written(stack_digests([]), None, [], np.empty(0, dtype=np.int64))
    sketches = [part.sketches for part in parts if part.sketches is not None]
    return Written(
        np.concatenate([part.digests for part in parts]),
        join_sketches(sketches) if sketches else None,
        [origin for part in parts for origin in part.origins],
        np.concatenate([part.labels for part in parts]),
    )


def count_same(part: Written, train: Written | None, classes: int) -> dict[str, dict[str, Any]]:
    """Return how many images of a part are the same picture as another in it or in the training part; none: nothing.

    Tables of images without such are what they were before these were counted, byte by byte.
    """
    own = number_pictures(part.digests, part.sketches)
    exact = find_shared(own.exact)
    found: dict[str, dict[str, Any]] = {
        "identical_images": {"in_this_part": int(exact.sum())},
        "near_duplicates": {"in_this_part": int((find_shared(own.near) & ~exact).sum())},
    }
    if train is not None:
        seen = find_seen(number_parts(train, part), len(train.digests))
        for key, which in (("identical_images", seen.exact), ("near_duplicates", seen.near)):
            found[key]["in_train"] = int(which.sum())
            if which.any():
                found[key]["in_train_by_class"] = np.bincount(part.labels[which], minlength=classes).tolist()
    return {key: counts for key, counts in found.items() if any(counts.values())}


def number_parts(train: Written, test: Written) -> Pictures:
    """Number the images of both parts together by what they show."""
    both = train.concatenate(test)
    return number_pictures(both.digests, both.sketches)


def describe_same(train: Written, test: Written, pictures: Pictures, kept: bool, names: Sequence[str]) -> list[str]:
    """Say how many images are the same picture as another, and how many tested ones are trained on.

    Args:
        pictures: of the training part's images and of the test part's.
        kept: whether the split is the source's own.
        names: of the classes.
    """
    both = train.concatenate(test)
    found = find_identical(both.digests, both.origins, len(train.digests))
    seen, tested = find_seen(pictures, len(train.digests)), len(test.digests)
    why = "the split is the source's own" if kept else "a class has no others"
    lines, told = [], list[str]()
    if found is not None:
        lines.append((found.describe(), int(seen.exact.sum())))
    if pictures.pair is not None:
        count = int((find_shared(pictures.near) & ~find_shared(pictures.exact)).sum())
        first, second = (both.origins[place] for place in pictures.pair)
        lines.append((f"{count:,} images are near duplicates of others ({first}, {second})", int(seen.near.sum())))
    for said, count in lines:
        told.append(f"{said}; {count:,} of {tested:,} test images are in the training part, too")
        told[-1] += f": {why}" if count else ""
    mixed = find_mixed(pictures.near, both.labels, both.origins, names)
    return told if mixed is None else [*told, mixed.describe()]


class Mixed(NamedTuple):
    """How many images are the same picture as one of another class, origins of the first two, and these classes."""

    images: int
    first: tuple[str, str]
    classes: tuple[str, str]

    def describe(self) -> str:
        """Say it in a few words."""
        named = ", ".join(f"{origin} ({name})" for origin, name in zip(self.first, self.classes, strict=True))
        return f"{self.images:,} images are the same picture as one of another class: {named}"


def find_mixed(numbers: Indices, labels: Indices, origins: Sequence[str], names: Sequence[str]) -> Mixed | None:
    """Find images that are the same picture as one of another class; None without any.

    Args:
        numbers: that images share which are the same picture, int64 (N,).
        labels: classes of the images, int64 (N,), which index `names`.
        origins: of the images.
    """
    mixed = np.flatnonzero(find_spanning(labels, numbers))
    if not len(mixed):
        return None
    same = mixed[numbers[mixed] == numbers[mixed[0]]]
    first, second = int(same[0]), int(same[labels[same] != labels[same[0]]][0])
    classes = names[int(labels[first])], names[int(labels[second])]
    return Mixed(len(mixed), (origins[first], origins[second]), classes)
