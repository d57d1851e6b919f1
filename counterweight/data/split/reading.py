"""How images of a source are read: into memory, or into a table."""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, ImageWriter
from counterweight.core.memory import require_memory
from counterweight.core.near_duplicates import sketch
from counterweight.core.twins import digest_pixels
from counterweight.data.decode import account
from counterweight.data.decode.images import BadFile, describe_bad_files
from counterweight.data.decode.pool import Decoded, Workers
from counterweight.data.decode.tree import LeftOut
from counterweight.data.sources.base.lazy_images import HELD, DatasetSplits, Indices, LazyImages
from counterweight.data.split.pictures import Written, count_same, join_written


class Subset(NamedTuple):
    """Some images of a part, at increasing indices int64 (n,)."""

    part: LazyImages
    indices: Indices


class Readable(NamedTuple):
    """Images that could be read, uint8 (n, C, H, W), their indices in the part, and those that could not.

    `lost` has the indices of the latter, `several` those of images with more frames than the one that is read, and
    `clipped` of those with values outside of black and white.
    """

    images: npt.NDArray[np.uint8]
    indices: Indices
    bad: list[BadFile]
    lost: list[int]
    several: list[int]
    clipped: list[int]


class WrittenPart(NamedTuple):
    """What is known of a part's images that were written, those that cannot be read, by class, and what was said."""

    images: Written
    broken: Counter[LeftOut]
    notes: list[str]


def choose_all(part: LazyImages) -> Subset:
    """Choose all images of a part."""
    return Subset(part, np.arange(len(part)))


def draw_some(part: LazyImages, most: int | None, rng: np.random.Generator) -> Subset:
    """Choose all images, or as many as are wanted at most, at random."""
    if most is None or most >= len(part):
        return choose_all(part)
    return Subset(part, np.sort(rng.permutation(len(part))[:most]))  # Subsets have increasing indices.


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
        held = "".join(f"; {note}" for note in found.train.provenance.get("notes", ()) if note.endswith(HELD))
        raise UserError(f"{where}: {len(files):,} of {len(files):,} files missing, first: {files[0]}; {ways}{held}")


def read_into_memory(chosen: Subset, where: str, label: str, workers: Workers) -> ImageSet:
    """Read images into memory; arguments and errors as of `write_part`, but a class may be without any."""
    require_memory(2 * len(chosen.indices) * math.prod(chosen.part.shape), where)  # twice: it is put together
    part, chunks = chosen.part, [*read_subset(chosen, where, label, workers)]
    bad = [file for chunk in chunks for file in chunk.bad]
    several = [part.origins[index] for chunk in chunks for index in chunk.several]
    clipped = [part.origins[index] for chunk in chunks for index in chunk.clipped]
    report_read(describe_read(several, clipped), where, label)
    indices = np.concatenate([np.empty(0, dtype=np.int64), *(chunk.indices for chunk in chunks)])
    return ImageSet(
        images=np.concatenate([np.empty((0, *part.shape), dtype=np.uint8), *(chunk.images for chunk in chunks)]),
        labels=part.labels[indices],
        class_names=part.class_names,
        origins=np.array([part.origins[index] for index in indices], dtype=np.str_),
        provenance={**part.provenance, "skipped_files": report_skipped(bad, where, label)},
        group_names=None if part.groups is None else np.array([part.groups[index] for index in indices], dtype=np.str_),
    )


def write_part(
    chosen: Subset,
    path: Path,
    where: str,
    label: str,
    workers: Workers,
    every_class: bool = True,
    train: Written | None = None,
    near: bool = False,
) -> WrittenPart:
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
    part, seen = chosen.part, Seen(chosen.part, near)
    with ImageWriter(path, part.shape, part.class_names, part.groups is not None) as writer:
        for read in read_subset(chosen, where, label, workers):
            own = seen.add(read)
            groups = () if part.groups is None else [part.groups[index] for index in read.indices]
            writer.add(read.images, own.labels, own.origins, groups=groups)
        written = join_written(seen.lots)
        if every_class:
            check_counts(np.bincount(written.labels, minlength=len(part.class_names)), chosen, where, label)
        said = seen.describe()
        report_read(said, where, label)
        skipped = report_skipped(seen.bad, where, label)
        facts: dict[str, Any] = {"skipped_files": skipped, **count_same(written, train, len(part.class_names))}
        facts |= {"several_frames": len(seen.several)} if seen.several else {}
        writer.finish({**part.provenance, **facts})
    return WrittenPart(written, seen.broken, said)


@dataclass
class Seen:
    """What is known of the images of a part that were read so far."""

    part: LazyImages
    near: bool
    lots: list[Written] = field(default_factory=list)
    bad: list[BadFile] = field(default_factory=list)
    broken: Counter[LeftOut] = field(default_factory=Counter)
    several: list[str] = field(default_factory=list)
    """Where images come from that have more frames."""
    clipped: list[str] = field(default_factory=list)
    """Where those come from that have values outside of black and white."""

    def add(self, read: Readable) -> Written:
        """Take in some images, and return what is known of them."""
        self.bad += read.bad
        for index, fault in zip(read.lost, read.bad, strict=True):
            self.broken[find_broken(self.part, index, fault)] += 1
        self.several += [self.part.origins[index] for index in read.several]
        self.clipped += [self.part.origins[index] for index in read.clipped]
        origins = [self.part.origins[index] for index in read.indices]
        sketches = sketch(read.images) if self.near else None
        self.lots.append(Written(digest_pixels(read.images), sketches, origins, self.part.labels[read.indices]))
        return self.lots[-1]

    def describe(self) -> list[str]:
        """Say which images are broken, which have more frames, and which more than the range that is read."""
        return account.render_broken(self.broken) + describe_read(self.several, self.clipped)


def describe_read(several: Sequence[str], clipped: Sequence[str]) -> list[str]:
    """Say which images have more frames, and which have values outside of the range that is read."""
    said = [account.describe_frames(several)] if several else []
    return said + ([account.describe_clipped(clipped)] if clipped else [])


def report_read(said: Sequence[str], where: str, label: str) -> None:
    """Print what is said of a part's images; arguments as of `write_part`."""
    print(*(f"{where}: {label}: {line}\n" for line in said), sep="", end="", file=sys.stderr)


def find_broken(part: LazyImages, index: int, fault: BadFile) -> LeftOut:
    """Return what the account has of an image of a part that cannot be read."""
    return account.find_broken(part.origins[index], fault.fault, part.class_names[part.labels[index]])


def read_subset(chosen: Subset, where: str, label: str, workers: Workers) -> Iterator[Readable]:
    """Yield the images some at a time; one that cannot be read stops everything if it is not to be skipped."""
    start = 0
    for images, faults, several, clipped in chosen.part.read(chosen.indices, label, workers):
        indices = chosen.indices[start : start + len(faults)]
        start += len(faults)  # One entry for each image, None for a good one.
        bad = [fault for fault in faults if fault]
        if bad and not chosen.part.skip_bad:  # the number of others is not known yet
            raise UserError(f"{where}: {describe_bad_files(bad[:1])}; mend or remove it, or set bad_files: skip")
        good = Decoded(images, faults).good
        named = [indices[np.array(places, dtype=np.int64)].tolist() for places in (several, clipped)]
        yield Readable(images[good] if bad else images, indices[good], bad, indices[~good].tolist(), *named)


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
