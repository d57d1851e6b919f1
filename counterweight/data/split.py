"""Which images of a source make the training part and which the test part, and how they are read into tables."""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.groups import check_groups, check_sides, choose_together, find_spanning, join_numbers
from counterweight.core.images import ImageSet, ImageWriter, choose_stratified
from counterweight.core.memory import require_memory
from counterweight.core.near_duplicates import Pictures, Sketches, find_seen, join_sketches, number_pictures, sketch
from counterweight.core.twins import Digests, digest_pixels, find_identical, find_shared, stack_digests
from counterweight.data.decode import account
from counterweight.data.decode.images import BadFile, describe_bad_files
from counterweight.data.decode.pool import Decoded, Workers
from counterweight.data.sources.base.group_names import number_groups
from counterweight.data.sources.base.lazy_images import CHUNK, DatasetSplits, Indices, LazyImages


class Subset(NamedTuple):
    """Some images of a part, at increasing indices int64 (n,)."""

    part: LazyImages
    indices: Indices


class Readable(NamedTuple):
    """Images that could be read, uint8 (n, C, H, W), their indices in the part, and those that could not."""

    images: npt.NDArray[np.uint8]
    indices: Indices
    bad: list[BadFile]


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
        blank = np.zeros((1, *images.shape), dtype=np.uint8)
        written = 0
        for some, indices, faults in read_subset(choose_all(images), how.where, "images", workers):
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
            yield Decoded(pixels[own], [bad.get(index) for index in own.tolist()])

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
    chosen = choose_together(images.labels, fraction, rng, numbers)
    check_sides(images.labels, chosen, images.class_names, numbers, what)
    return chosen


def choose_all(part: LazyImages) -> Subset:
    """Choose all images of a part."""
    return Subset(part, np.arange(len(part)))


def write_part(
    chosen: Subset,
    path: Path,
    where: str,
    label: str,
    workers: Workers,
    every_class: bool = True,
    train: Written | None = None,
    near: bool = False,
) -> Written:
    """Read images and write them as an image table; memory holds but a few of them at a time.

    Where images are the same picture, the table's provenance says how many.

    Args:
        where: file and key of the dataset, as in `params.yaml: datasets.pets`; begins an error's message.
        label: name of the part, for the progress bar and messages.
        every_class: whether none may be left without images; else one may be, since what is left out is counted.
        train: the part that was written before this one, whose images are looked for among these.
        near: whether near duplicates are looked for, too.

    Raises:
        UserError: an image cannot be read and is not to be skipped, or a class is left without any.
    """
    part, bad, parts = chosen.part, list[BadFile](), list[Written]()
    counts = np.zeros(len(part.class_names), dtype=np.int64)
    with ImageWriter(path, part.shape, part.class_names, part.groups is not None) as writer:
        for images, indices, faults in read_subset(chosen, where, label, workers):
            bad += faults
            labels = part.labels[indices]
            counts += np.bincount(labels, minlength=len(counts))
            own = [part.origins[index] for index in indices]
            parts.append(Written(digest_pixels(images), sketch(images) if near else None, own, labels))
            groups = () if part.groups is None else [part.groups[index] for index in indices]
            writer.add(images, labels, own, groups=groups)
        if every_class:
            check_counts(counts, chosen, where, label)
        written = join_written(parts)
        facts = {"skipped_files": report_skipped(bad, where, label), **count_same(written, train, len(counts))}
        writer.finish({**part.provenance, **facts})
    return written


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
        both = train.concatenate(part)
        seen = find_seen(number_pictures(both.digests, both.sketches), len(train.digests))
        for key, which in (("identical_images", seen.exact), ("near_duplicates", seen.near)):
            found[key]["in_train"] = int(which.sum())
            if which.any():
                found[key]["in_train_by_class"] = np.bincount(part.labels[which], minlength=classes).tolist()
    return {key: counts for key, counts in found.items() if any(counts.values())}


def report_same(train: Written, test: Written, where: str, kept: bool, names: Sequence[str]) -> None:
    """Say on standard error how many images are the same picture as another, and how many tested ones are trained on.

    Args:
        where: file and key of the dataset.
        kept: whether the split is the source's own.
        names: of the classes.
    """
    both = train.concatenate(test)
    pictures = number_pictures(both.digests, both.sketches)
    found = find_identical(both.digests, both.origins, len(train.digests))
    seen, tested = find_seen(pictures, len(train.digests)), len(test.digests)
    why = "the split is the source's own" if kept else "a class has no others"
    lines = []
    if found is not None:
        lines.append((found.describe(), int(seen.exact.sum())))
    if pictures.pair is not None:
        count = int((find_shared(pictures.near) & ~find_shared(pictures.exact)).sum())
        first, second = (both.origins[place] for place in pictures.pair)
        lines.append((f"{count:,} images are near duplicates of others ({first}, {second})", int(seen.near.sum())))
    for said, count in lines:
        told = f"{count:,} of {tested:,} test images are in the training part, too{f': {why}' if count else ''}"
        print(f"{where}: {said}; {told}", file=sys.stderr)
    if mixed := describe_mixed(pictures.near, both, names):
        print(f"{where}: {mixed}", file=sys.stderr)


def describe_mixed(numbers: Indices, images: Written, names: Sequence[str]) -> str | None:
    """Say how many images are the same picture as one of another class, and name the first two; None without any."""
    mixed = np.flatnonzero(find_spanning(images.labels, numbers))
    if not len(mixed):
        return None
    first = int(mixed[0])
    same = mixed[numbers[mixed] == numbers[first]]
    second = int(same[images.labels[same] != images.labels[first]][0])
    named = ", ".join(f"{images.origins[place]} ({names[images.labels[place]]})" for place in (first, second))
    return f"{len(mixed):,} images are the same picture as one of another class: {named}"


def report_account(found: DatasetSplits, where: str) -> None:
    """Say on standard error what is read and what is left out beside it, where a source gives an account.

    Args:
        where: file and key of the dataset.
    """
    parts = {word: part for word, part in (("train", found.train), ("test", found.test)) if part is not None}
    facts = found.train.provenance
    if "left_out" not in facts:
        return
    left_out = account.from_json(facts["left_out"])
    lines = [account.summarize({word: len(part) for word, part in parts.items()}, left_out)]
    lines += [*account.render(left_out), *facts["notes"]]
    print(*(f"{where}: {line}" for line in lines), sep="\n", file=sys.stderr)


def check_present(found: DatasetSplits, where: str) -> None:
    """Refuse files none of which is there, before the first one is called a bad file.

    Args:
        where: file and key of the dataset.

    Raises:
        UserError: none of the files that a table names is there.
    """
    files = [*found.train.files, *(found.test.files if found.test is not None else ())]
    if files and not any(file.exists() for file in files):
        ways = "paths are relative to the table; set image_folder: FOLDER says where they begin otherwise"
        raise UserError(f"{where}: {len(files):,} of {len(files):,} files missing, first: {files[0]}; {ways}")


def read_into_memory(chosen: Subset, where: str, label: str, workers: Workers) -> ImageSet:
    """Read images into memory; arguments and errors as of `write_part`, but a class may be without any."""
    require_memory(2 * len(chosen.indices) * math.prod(chosen.part.shape), where)  # twice: it is put together
    part, chunks = chosen.part, [*read_subset(chosen, where, label, workers)]
    bad = [file for chunk in chunks for file in chunk.bad]
    indices = np.concatenate([np.empty(0, dtype=np.int64), *(chunk.indices for chunk in chunks)])
    return ImageSet(
        images=np.concatenate([np.empty((0, *part.shape), dtype=np.uint8), *(chunk.images for chunk in chunks)]),
        labels=part.labels[indices],
        class_names=part.class_names,
        origins=np.array([part.origins[index] for index in indices], dtype=np.str_),
        provenance={**part.provenance, "skipped_files": report_skipped(bad, where, label)},
        group_names=None if part.groups is None else np.array([part.groups[index] for index in indices], dtype=np.str_),
    )


def read_subset(chosen: Subset, where: str, label: str, workers: Workers) -> Iterator[Readable]:
    """Yield the images some at a time; one that cannot be read stops everything if it is not to be skipped."""
    start = 0
    for images, faults in chosen.part.read(chosen.indices, label, workers):
        indices = chosen.indices[start : start + len(faults)]
        start += len(faults)  # One entry for each image, None for a good one.
        bad = [fault for fault in faults if fault]
        if bad and not chosen.part.skip_bad:  # the number of others is not known yet
            raise UserError(f"{where}: {describe_bad_files(bad[:1])}; mend or remove it, or set bad_files: skip")
        good = Decoded(images, faults).good
        yield Readable(images[good] if bad else images, indices[good], bad)


def check_counts(counts: npt.NDArray[np.int64], chosen: Subset, where: str, label: str) -> None:
    """Refuse a part that lacks images of a class."""
    if (counts == 0).any():
        name = chosen.part.class_names[int(counts.argmin())]
        raise UserError(f"{where}: class '{name}' has too few images: none that can be read for the {label} part")


def report_skipped(bad: list[BadFile], where: str, label: str) -> dict[str, int]:
    """Say on standard error which files were left out, and return how many for each fault."""
    faults = dict(sorted(Counter(file.fault for file in bad).items()))
    if bad:
        words = ", ".join(f"{count} {fault}" for fault, count in faults.items())
        print(f"{where}.bad_files: {label}: {len(bad)} skipped ({words}): {describe_bad_files(bad)}", file=sys.stderr)
    return faults


def draw_some(part: LazyImages, most: int | None, rng: np.random.Generator) -> Subset:
    """Choose all images, or as many as are wanted at most, at random."""
    if most is None or most >= len(part):
        return choose_all(part)
    return Subset(part, np.sort(rng.permutation(len(part))[:most]))  # Subsets have increasing indices.
