"""Which images of a source make the training part and which the test part."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.groups import check_groups, check_sides, choose_together, join_numbers
from counterweight.core.images import choose_stratified
from counterweight.core.near_duplicates import Sketches, join_sketches, sketch
from counterweight.core.pictures import Pictures, number_pictures
from counterweight.core.twins import Digests, digest_pixels, stack_digests
from counterweight.data.decode.images import BadFile
from counterweight.data.decode.pool import Decoded, Workers
from counterweight.data.sources.base.group_names import NEEDED, number_groups
from counterweight.data.sources.base.lazy_images import CHUNK, DatasetSplits, Indices, LazyImages
from counterweight.data.split.reading import Subset, choose_all, read_subset


class Splitting(NamedTuple):
    """How a dataset is split: by the source or into a fraction to be tested on, and whether by near duplicates, too.

    `where` is its file and key, and begins an error's message; `folder` is where all of its images lie until they are
    split, for which there must be room as raw pixels.
    """

    keep_split: bool
    test_fraction: float
    near: bool
    where: str
    folder: Path


def split_parts(
    found: DatasetSplits, how: Splitting, rng: np.random.Generator, workers: Workers
) -> tuple[Subset, Subset]:
    """Return the source's own parts where they are to be kept, else a stratified random split of all its images.

    Such a split parts no group, and no images that are the same picture, by their pixels or nearly: so all are read
    before, once, into a file without a name, which is gone when they are.

    Raises:
        UserError: there are too few groups, or an image cannot be read and is not to be skipped.
    """
    train, test = found
    if test is not None and how.keep_split:
        return choose_all(train), choose_all(test)
    images = train if test is None else train.concatenate(test)
    spooled, pictures = spool(images, how, workers)
    chosen = choose_test(spooled, how.test_fraction, rng, pictures.near, how.where)
    return Subset(spooled, np.flatnonzero(~chosen)), Subset(spooled, np.flatnonzero(chosen))


def spool(images: LazyImages, how: Splitting, workers: Workers) -> tuple[LazyImages, Pictures]:
    """Read all images into a file; return them as what reads it, and which of them show the same."""
    with TemporaryFile(dir=how.folder) as file:  # mapped below, it outlives its handle
        digests, sketches, bad = unreadable(len(images)), list[Sketches](), dict[int, BadFile]()
        several, clipped = set[int](), set[int]()
        blank = np.zeros((1, *images.shape), dtype=np.uint8)
        written = 0
        for some, indices, faults, _, frames, outside in read_subset(choose_all(images), how.where, "images", workers):
            several.update(frames)
            clipped.update(outside)
            digests[indices] = digest_pixels(some)
            ends = written + len(some) + len(faults)
            places = np.setdiff1d(np.arange(written, ends), indices)
            bad |= dict(zip(places.tolist(), faults, strict=True))
            whole = np.repeat(blank, ends - written, axis=0)
            whole[indices - written] = some
            whole.tofile(file)
            written = ends
            if how.near:
                sketches.append(sketch(whole))
        file.flush()
        pixels = np.memmap(file, np.uint8, "r", shape=(written, *images.shape)) if written else blank[:0]

    def read(indices: Indices, bar: str | None, workers: Workers) -> Iterator[Decoded]:
        for start in range(0, len(indices), CHUNK):
            own = indices[start : start + CHUNK]
            named = ([place for place, index in enumerate(own.tolist()) if index in of] for of in (several, clipped))
            yield Decoded(pixels[own], [bad.get(index) for index in own.tolist()], *named)

    pictures = number_pictures(digests, join_sketches(sketches) if sketches else None)
    return replace(images, read=read, fetch=None), pictures


def unreadable(count: int) -> Digests:
    """Return digests (N,) of images that are not known, no two of which are the same."""
    return stack_digests([sha256(str(place).encode()).digest() for place in range(count)])


def choose_test(
    images: LazyImages, fraction: float, rng: np.random.Generator, twins: Indices, where: str
) -> npt.NDArray[np.bool_]:
    """Choose the test part's images, bool (N,), by whole groups where there are such.

    Args:
        twins: numbers (N,) that images share which are the same picture.
    """
    if images.groups is None:
        return choose_stratified(images.labels, fraction, rng, twins)
    numbers = join_numbers(number_groups(images), twins)
    what = f"{where}: a training and a test part"
    check_groups(images.labels, numbers, images.class_names, 2, what)
    chosen = choose_together(images.labels, fraction, rng, numbers, left=NEEDED - 1)
    check_sides(images.labels, chosen, images.class_names, numbers, what)
    return chosen
