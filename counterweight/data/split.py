"""Which images of a source make the training part and which the test part, and how they are read into tables."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.groups import check_groups, check_sides, choose_together, join_numbers
from counterweight.core.images import ImageSet, ImageWriter, choose_stratified
from counterweight.core.twins import Digests, digest_pixels, find_identical, find_twins, number_twins, stack_digests
from counterweight.data.decode import account
from counterweight.data.decode.images import BadFile, describe_bad_files, digest_file
from counterweight.data.decode.pool import Decoded, Workers
from counterweight.data.sources.base.group_names import number_groups
from counterweight.data.sources.base.lazy_images import DatasetSplits, Indices, LazyImages


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
    """What is known of the images of a table that was written: digests of their pixels (N,), and their origins."""

    digests: Digests
    origins: list[str]


def split_parts(
    found: DatasetSplits, keep_split: bool, test_fraction: float, rng: np.random.Generator, workers: Workers, where: str
) -> tuple[Subset, Subset]:
    """Return the source's own parts where they are to be kept, else a stratified random split of all its images.

    Such a split parts no group, and no images that are identical: as files, since it is made before any is decoded, or,
    where there are no files, in their pixels.

    Args:
        where: file and key of the dataset; begins an error's message.

    Raises:
        UserError: there are too few groups.
    """
    train, test = found
    if test is not None and keep_split:
        return choose_all(train), choose_all(test)
    images = train if test is None else train.concatenate(test)
    twins = number_twins(np.concatenate([digest_part(part, workers) for part in found if part is not None]))
    chosen = choose_test(images, test_fraction, rng, twins, where)
    return Subset(images, np.flatnonzero(~chosen)), Subset(images, np.flatnonzero(chosen))


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


def digest_part(part: LazyImages, workers: Workers) -> Digests:
    """Return a digest of each image's file, or of its pixels where it is not one."""
    everything = np.arange(len(part))
    if part.fetch is not None:
        return stack_digests([digest_file(image) for image in part.fetch(everything)])
    return np.concatenate([digest_pixels(images) for images, _ in part.read(everything, None, workers)])


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
) -> Written:
    """Read images and write them as an image table; memory holds but a few of them at a time.

    Where images are identical, the table's provenance says how many.

    Args:
        where: file and key of the dataset, as in `params.yaml: datasets.pets`; begins an error's message.
        label: name of the part, for the progress bar and messages.
        every_class: whether none may be left without images; else one may be, since what is left out is counted.
        train: the part that was written before this one, whose images are looked for among these.

    Raises:
        UserError: an image cannot be read and is not to be skipped, or a class is left without any.
    """
    part, bad, origins = chosen.part, list[BadFile](), list[str]()
    counts = np.zeros(len(part.class_names), dtype=np.int64)
    digests = [stack_digests([])]
    with ImageWriter(path, part.shape, part.class_names, part.groups is not None) as writer:
        for images, indices, faults in read_subset(chosen, where, label, workers):
            bad += faults
            labels = part.labels[indices]
            counts += np.bincount(labels, minlength=len(counts))
            digests.append(digest_pixels(images))
            own = [part.origins[index] for index in indices]
            origins += own
            groups = () if part.groups is None else [part.groups[index] for index in indices]
            writer.add(images, labels, own, groups=groups)
        if every_class:
            check_counts(counts, chosen, where, label)
        written = Written(np.concatenate(digests), origins)
        facts = {"skipped_files": report_skipped(bad, where, label), **count_identical(written, train)}
        writer.finish({**part.provenance, **facts})
    return written


def count_identical(part: Written, train: Written | None) -> dict[str, dict[str, int]]:
    """Return how many images of a part have an identical one in it or in the training part; nothing where none has.

    Tables of images without such are what they were before these were counted, byte by byte.
    """
    found = {"in_this_part": int(find_twins(part.digests).sum())}
    if train is not None:
        found["in_train"] = int(np.isin(part.digests, train.digests).sum())
    return {"identical_images": found} if any(found.values()) else {}


def report_identical(train: Written, test: Written, where: str, kept: bool) -> None:
    """Say on standard error how many images have an identical one, and how many of those tested are trained on.

    Args:
        where: file and key of the dataset.
        kept: whether the split is the source's own.
    """
    digests, origins = np.concatenate([train.digests, test.digests]), train.origins + test.origins
    found = find_identical(digests, origins, len(train.digests))
    if found is None:
        return
    tested = f"{found.in_train:,} of {len(test.digests):,} test images are in the training part, too"
    why = "the split is the source's own" if kept else "their files differ, their classes do, or a class has no others"
    print(f"{where}: {found.describe()}; {tested}{f': {why}' if found.in_train else ''}", file=sys.stderr)


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
