"""Images that are identical, pixel by pixel or as files, and how they are kept together."""

from hashlib import sha256

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Digests = npt.NDArray[np.void]
"""SHA-256 of images or files, 32 bytes (N,)."""


def digest_pixels(images: npt.NDArray[np.uint8]) -> Digests:
    """Return a digest of the pixels of each image, uint8 (N, C, H, W)."""
    return stack_digests([sha256(image).digest() for image in np.ascontiguousarray(images)])


def stack_digests(digests: list[bytes]) -> Digests:
    """Return digests of 32 bytes as an array."""
    return np.array(digests, dtype="V32")


def number_twins(digests: Digests) -> Indices:
    """Return numbers, int64 (N,), that images share whose digests are the same."""
    return np.unique(digests, return_inverse=True)[1].astype(np.int64)


def find_twins(digests: Digests) -> npt.NDArray[np.bool_]:
    """Return which images have an identical one among the others, bool (N,)."""
    _, numbers, counts = np.unique(digests, return_inverse=True, return_counts=True)
    return counts[numbers] > 1


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
    _, first, places, counts = np.unique(numbers[order], return_index=True, return_inverse=True, return_counts=True)
    if len(counts) == 1:
        return order, np.ones(len(order), dtype=np.int64)
    return order[np.argsort(first[places], kind="stable")], counts[np.argsort(first)]
