"""Images that are identical, pixel by pixel or as files, and how they are kept together."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.groups import Indices, gather

Digests = npt.NDArray[np.void]
"""SHA-256 of images or files, 32 bytes (N,)."""


class Identical(NamedTuple):
    """How many images have an identical one, the origins of the first two, and how many that are tested are trained on.

    An image is tested and trained on if the training part has one that is identical.
    """

    images: int
    first: tuple[str, str]
    in_train: int

    def describe(self) -> str:
        """Say it in a few words, but for what is tested."""
        return f"{self.images:,} images have an identical twin ({self.first[0]}, {self.first[1]})"


def digest_pixels(images: npt.NDArray[np.uint8]) -> Digests:
    """Return a digest of the pixels of each image, uint8 (N, C, H, W)."""
    return stack_digests([sha256(image).digest() for image in np.ascontiguousarray(images)])


def stack_digests(digests: list[bytes]) -> Digests:
    """Return digests of 32 bytes as an array."""
    return np.array(digests, dtype="V32")


def number_twins(digests: Digests) -> Indices:
    """Return numbers, int64 (N,), that images share whose digests are the same."""
    return np.unique(digests, return_inverse=True)[1].astype(np.int64)


def find_shared(numbers: Indices) -> npt.NDArray[np.bool_]:
    """Return which images share their number with another, bool (N,)."""
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return counts[places] > 1


def find_identical(digests: Digests, origins: Sequence[str], trained: int) -> Identical | None:
    """Find identical images in a training part and a test part together; None where there are none.

    Args:
        digests: of the training part's images and of the test part's (N,).
        origins: of these images.
        trained: how many the training part has.
    """
    twins = np.flatnonzero(find_shared(number_twins(digests)))
    if not len(twins):
        return None
    first, second = np.flatnonzero(digests == digests[twins[0]])[:2].tolist()
    in_train = int(np.isin(digests[trained:], digests[:trained]).sum())
    return Identical(len(twins), (origins[first], origins[second]), in_train)


def gather_twins(order: Indices, numbers: Indices) -> tuple[Indices, Indices]:
    """Bring together what is identical, each where the first of it stands in an order.

    Images all of which are identical are not brought together: whoever parts them needs some on either side.

    Args:
        order: indices of images (K,).
        numbers: that identical images share, int64 (N,).

    Returns:
        The new order, int64 (K,), and how many images follow one another that are identical, int64 (G,); where no two
        are, it is the old order, and ones.
    """
    if len(order) and (numbers[order] == numbers[order[0]]).all():
        return order, np.ones(len(order), dtype=np.int64)
    return gather(order, numbers)


def part_copies(labels: Indices, numbers: Indices) -> Indices:
    """Return numbers, int64 (N,), by which a class all of whose images are identical has images of their own."""
    most, least = np.full(labels.max(initial=-1) + 1, -1), np.full(labels.max(initial=-1) + 1, numbers.max(initial=0))
    np.maximum.at(most, labels, numbers)
    np.minimum.at(least, labels, numbers)
    own = np.arange(len(labels)) + numbers.max(initial=0) + 1
    return np.where((most == least)[labels], own, numbers)
