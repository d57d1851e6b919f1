"""What the sources of images share: images that are read when they are wanted, and the classes that parts agree on."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.data.decode.opening import Encoded
from counterweight.data.decode.pool import Decoded, Workers, decode_images
from counterweight.data.sources.base.file_settings import FileSettings, MissingClasses, parse_size
from counterweight.data.sources.base.labels import describe_lookalikes, order_names
from counterweight.data.sources.base.resizing import resize_array

CHUNK = 1024
HELD = "takes those that the table holds"  # ends a note of images beside paths

Indices = npt.NDArray[np.int64]
Fetch = Callable[[Indices], Iterable[Encoded]]


@dataclass(frozen=True)
class LazyImages:
    """Labelled images that are read when they are wanted.

    `labels` is int64 (N,) with values that index `class_names`; `origins` says for each image where it comes from, and
    `provenance` (plain JSON) where all do; `shape` is channels, height and width once they are read. `read` yields the
    images at some indices, in that order, some at a time, with a progress bar of the given name if there is one; those
    that are files are decoded by workers.
    """

    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    origins: Sequence[str]
    shape: tuple[int, int, int]
    provenance: dict[str, Any]
    read: Callable[[Indices, str | None, Workers], Iterator[Decoded]]
    skip_bad: bool = False
    """Leave out images that cannot be read, instead of stopping."""
    fetch: Fetch | None = None
    """What yields the images at some indices as files, where they are such."""
    files: Sequence[Path] = ()
    """The files that a table names, there or not."""
    groups: Sequence[str] | None = None
    """Names of patients, videos and the like, (N,), of each of which no split may part the images; None: of none."""

    def __len__(self) -> int:
        return len(self.labels)

    def concatenate(self, other: "LazyImages") -> "LazyImages":
        """Return these images followed by those of `other`, which has the same shape and classes."""

        def read(indices: Indices, bar: str | None, workers: Workers) -> Iterator[Decoded]:
            # Indices increase, so those of the first part all come before those of the second.
            yield from self.read(indices[indices < len(self)], bar, workers)
            yield from other.read(indices[indices >= len(self)] - len(self), bar, workers)

        labels, origins = np.concatenate([self.labels, other.labels]), [*self.origins, *other.origins]
        groups = None if self.groups is None or other.groups is None else [*self.groups, *other.groups]
        return replace(self, labels=labels, origins=origins, read=read, fetch=None, files=(), groups=groups)


class DatasetSplits(NamedTuple):
    """The parts of a dataset; `test` is None where the source brings no split of its own."""

    train: LazyImages
    test: LazyImages | None


def wrap_array(images: ImageSet, size: int | list[int], channels: int) -> LazyImages:
    """Return images that are there already as a part of a dataset; they are resized when they are read."""

    def read(indices: Indices, bar: str | None, workers: Workers) -> Iterator[Decoded]:
        for start in range(0, len(indices), CHUNK):
            chosen = resize_array(images.images[indices[start : start + CHUNK]], size, channels)
            yield Decoded(chosen, [None] * len(chosen))

    shape = (channels, *parse_size(size))
    return LazyImages(images.labels, images.class_names, images.origins.tolist(), shape, images.provenance, read)


def wrap_files(
    fetch: Fetch,
    labels: npt.NDArray[np.int64],
    class_names: tuple[str, ...],
    origins: Sequence[str],
    provenance: dict[str, Any],
    settings: "FileSettings",
    white: float | None = None,
) -> LazyImages:
    """Return image files, or contents of such files, as a part of a dataset: all cores decode them.

    Args:
        fetch: yields the images at some indices, in that order, one at a time.
        white: which grey of more than 8 bits becomes white in all of them; None: as the settings have it.
    """
    target = settings.target if white is None else settings.target._replace(white=white)

    def read(indices: Indices, bar: str | None, workers: Workers) -> Iterator[Decoded]:
        return decode_images(fetch(indices), len(indices), target, bar, workers)

    skip_bad = settings.bad_files == "skip"
    return LazyImages(labels, class_names, origins, target.shape, provenance, read, skip_bad, fetch)


def make_fetch(images: Sequence[Encoded]) -> Fetch:
    """Return what fetches images from a list of all."""
    return lambda indices: (images[index] for index in indices.tolist())


def strip_root(root: Path, files: Iterable[Path]) -> list[str]:
    """Return the paths of files below a folder, which they were found in; pathlib takes a second for 50,000."""
    start = len(os.path.join(root, ""))
    return [os.fspath(file)[start:] for file in files]


def check_counts(names: Sequence[str], labels: npt.NDArray[np.int64], where: str, layout: str, mend: str) -> None:
    """Refuse classes without images.

    Args:
        where: begins the error's message.
        layout: what is expected instead, for a part that has no classes.
        mend: what to do about a class without images.
    """
    counts = np.bincount(labels, minlength=len(names))
    if not counts.any():
        raise UserError(f"{where}: no images; {layout}")
    if not counts.all():
        empty = ", ".join(names[label] for label in np.flatnonzero(counts == 0).tolist())
        raise UserError(f"{where}: no images of class {empty}; every class needs some, {mend}")


def require_two_classes(names: Sequence[str], where: str) -> None:
    """Refuse a dataset of one class, of which a classifier has nothing to tell from."""
    if len(names) < 2:
        way_out = "a table needs two or more; `counterweight gallery` shows generators of one class"
        raise UserError(f"{where}: images of one class only, {names[0]}: {way_out}")


class CommonClasses(NamedTuple):
    """The classes that parts are read with, what is to be said of them, and whether the parts are joined."""

    names: tuple[str, ...]
    notes: list[str]
    joined: bool


def agree_on_classes(
    train: Mapping[str, int], test: Mapping[str, int], missing: MissingClasses, where: str
) -> CommonClasses:
    """Return the classes of two parts, given the images of each in them.

    Raises:
        UserError: a part lacks one that the other has, and nothing is said about such, or no class is in both.
    """
    every = tuple(order_names({*train, *test}))
    lacks = {"test": [name for name in every if not test.get(name)], "train": [n for n in every if not train.get(n)]}
    if not any(lacks.values()):
        return CommonClasses(every, [], False)
    counts = {"test": train, "train": test}
    others = {"test": "train", "train": "test"}
    alike = "".join(f"; {note}" for note in describe_lookalikes(every))
    said = "; ".join(
        f"{part} lacks {', '.join(f'{name} ({counts[part].get(name, 0):,} images in {others[part]})' for name in own)}"
        for part, own in lacks.items()
        if own
    )
    if missing == "refuse":
        ways = "set missing_classes: split_anew splits all images here"
        if any(train.get(name) and test.get(name) for name in every):
            ways = f"set missing_classes: leave_out goes on without, {ways}"
        raise UserError(f"{where}: train and test differ in classes: {said}{alike}; {ways}")
    if missing == "split_anew":
        return CommonClasses(every, [f"{said}: the parts are joined and split anew"], True)
    both = tuple(name for name in every if train.get(name) and test.get(name))
    if not both:
        raise UserError(f"{where}: train and test have no class in common: {said}; set missing_classes: split_anew")
    return CommonClasses(both, [f"{said}: left out"], False)
