"""The one table format for labelled images: Parquet on disk, uint8 arrays in memory."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.groups import Indices, choose_together, number_names
from counterweight.core.memory import require_memory
from counterweight.core.twins import part_copies

COLUMNS = MappingProxyType({"label": pa.int64(), "origin": pa.string(), "draw": pa.int64()})
"""What an image table has beside its images."""
FACTS = (b"shape", b"class_names", b"provenance")
"""What it says of itself, each in JSON."""
ROW_GROUP_BYTES = 16 * 2**20  # What the writer holds in memory.

FILE_DIFFERENCES = "file_differences"
"""Where the provenance of a pair's images says what both sides differ in besides pictures, if they do."""

GROUPED_REPEATS = "groups_are_repeats"
"""Whether the provenance of images says that their groups are of the same picture and of nothing else."""

Fit = Literal["stretch", "crop", "pad"]
"""How an image is brought to another size: whatever its proportions, cut at its longer side, or padded with white."""


@dataclass(frozen=True)
class ImageSet:
    """Labelled images of one size.

    `images` is uint8 (N, C, H, W), `labels` int64 (N,) with values that index `class_names`, `origins`
    says for each image where it came from, and `provenance` (plain JSON) where the whole set did. `group_names` (N,)
    are those of patients, videos and the like, of each of which no draw may part the images; None: each stands alone.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    origins: npt.NDArray[np.str_]
    provenance: dict[str, Any]
    group_names: npt.NDArray[np.str_] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def item(self) -> str:
        """Dataset, scenario and generator, as far as they are known, as in `digits/drop75/bagan`; seeds use it."""
        return str(self.provenance.get("item", ""))

    @property
    def not_applicable(self) -> str | None:
        """Why a generator could make no images, as it said; None where there are images."""
        reason = self.provenance.get("not_applicable")
        return None if reason is None else str(reason)

    @property
    def groups(self) -> npt.NDArray[np.int64] | None:
        """Numbers (N,) that images share whose groups have one name; None: each stands alone."""
        return None if self.group_names is None else number_names(self.group_names)

    def read_fact(self, name: str) -> list[int]:
        """Return `wanted` (images of each class) or `minority` (labels), which the imbalance stage notes of a set.

        Raises:
            UserError: it did not see this set.
        """
        if name not in self.provenance:
            raise UserError(f"an image table without '{name}'; the one that the imbalance stage writes is needed here")
        return [int(number) for number in self.provenance[name]]

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the number of images of each class, int64 (K,)."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def take(self, indices: npt.NDArray[np.int64]) -> "ImageSet":
        """Return the images at `indices`, in that order.

        Raises:
            UserError: that is more than fits into memory.
        """
        require_memory(len(indices) * math.prod(self.shape), f"{len(indices):,} images of {self.shape}")
        names = None if self.group_names is None else self.group_names[indices]
        images, labels, origins = self.images[indices], self.labels[indices], self.origins[indices]
        return replace(self, images=images, labels=labels, origins=origins, group_names=names)

    def concatenate(self, other: "ImageSet") -> "ImageSet":
        """Return these images followed by those of `other`, which has the same shape and classes."""
        if self.shape != other.shape or self.class_names != other.class_names:
            raise ValueError(f"sets differ: {self.shape} {self.class_names} and {other.shape} {other.class_names}")
        return replace(
            self,
            images=np.concatenate([self.images, other.images]),
            labels=np.concatenate([self.labels, other.labels]),
            origins=np.concatenate([self.origins, other.origins]),
            group_names=join_names(self, other),
        )


def join_names(first: ImageSet, second: ImageSet) -> npt.NDArray[np.str_] | None:
    """Return the groups of both sets; of one that has none each image is one, called by where it came from."""
    if first.group_names is None and second.group_names is None:
        return None
    return np.concatenate([own.origins if own.group_names is None else own.group_names for own in (first, second)])


class ImageWriter:
    """Writes an image table bit by bit, so that memory never holds more than a row group of it.

    Columns: `image` (C*H*W bytes, row-major), `label`, `origin`, `draw`, and `group` (its name) if so wanted; class
    names, shape and provenance are metadata. The draw is that of a synthetic image; of all others it is 0.
    Bytes, not an Arrow tensor of uint8: Parquet has no 8-bit integers and would store each pixel as a
    32-bit one with its own level, which measured four times the size and twenty times the time.
    """

    def __init__(
        self, path: Path, shape: tuple[int, int, int], class_names: tuple[str, ...], grouped: bool = False
    ) -> None:
        self.facts = {"class_names": class_names, "shape": shape}
        size = math.prod(shape)
        columns = {"image": pa.binary(size), **COLUMNS}
        columns |= {"group": pa.string()} if grouped else {}
        # No two images are alike: a dictionary of them, or the smallest of them, would be time spent in vain.
        few = [name for name in ("label", "draw", "group") if name in columns]
        self.writer = pq.ParquetWriter(
            path, pa.schema(columns), compression="zstd", use_dictionary=few, write_statistics=few
        )
        self.images = np.empty((max(1, ROW_GROUP_BYTES // size), *shape), dtype=np.uint8)
        self.labels: list[int] = []
        self.origins: list[str] = []
        self.draws: list[int] = []
        self.groups: list[str] | None = [] if grouped else None

    def add(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        origins: Sequence[str],
        draw: int = 0,
        groups: Sequence[str] = (),
    ) -> None:
        """Append images (N, C, H, W) of one draw, their labels (N,), where they came from, and groups if it has any."""
        while len(labels):
            start = len(self.labels)
            fits = min(len(labels), len(self.images) - start)
            self.images[start : start + fits] = images[:fits]
            self.labels += labels[:fits].tolist()
            self.origins += origins[:fits]
            self.draws += [draw] * fits
            if self.groups is not None:
                self.groups += groups[:fits]
            images, labels, origins, groups = images[fits:], labels[fits:], origins[fits:], groups[fits:]
            if len(self.labels) == len(self.images):
                self.flush()

    def flush(self) -> None:
        """Write what is waiting as a row group."""
        schema, count = self.writer.schema, len(self.labels)
        # No copy: written before the array is filled again.
        pixels = pa.FixedSizeBinaryArray.from_buffers(schema.types[0], count, [None, pa.py_buffer(self.images)])
        columns = [pixels, self.labels, self.origins, self.draws, *([] if self.groups is None else [self.groups])]
        self.writer.write_table(pa.table(columns, schema=schema))
        self.labels, self.origins, self.draws = [], [], []
        self.groups = None if self.groups is None else []

    def finish(self, provenance: dict[str, Any]) -> None:
        """Write what is left, and where the set came from; the table is whole then."""
        if self.labels:
            self.flush()
        facts = {**self.facts, "provenance": provenance}
        # At the end: only then it is known what was skipped.
        self.writer.add_key_value_metadata({key: json.dumps(fact, sort_keys=True) for key, fact in facts.items()})

    def __enter__(self) -> "ImageWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self.writer.close()


def write_images(images: ImageSet, path: Path) -> None:
    """Write a set as a Parquet file, as `ImageWriter` describes it."""
    names = images.group_names
    with ImageWriter(path, images.shape, images.class_names, names is not None) as writer:
        groups = () if names is None else names.tolist()
        writer.add(images.images, images.labels, images.origins.tolist(), groups=groups)
        writer.finish(images.provenance)


def read_images(path: Path, draws: int | None = None) -> ImageSet:
    """Read what `write_images` wrote, or the images of the first so many draws, of all if None.

    Raises:
        UserError: there is no such file, or it is not an image table.
    """
    images, draw = read_table(path)
    return images if draws is None or draw.max(initial=0) < draws else images.take(np.flatnonzero(draw < draws))


def read_draws(path: Path) -> list[ImageSet]:
    """Read a set for each draw of a table; errors as of `read_images`."""
    images, draw = read_table(path)
    return [images.take(np.flatnonzero(draw == place)) for place in range(draw.max(initial=0) + 1)]


def read_table(path: Path) -> tuple[ImageSet, npt.NDArray[np.int64]]:
    """Return the images of a table and the draw of each; errors as of `read_images`."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; it is an image table that an earlier stage writes")
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            shape, class_names, provenance = read_facts(file)
            # Twice: what is read is brought together in one piece.
            require_memory(2 * file.metadata.num_rows * math.prod(shape), str(path))
            table = file.read().combine_chunks()
        images = ImageSet(
            images=view_pixels(table.column("image"), shape),
            labels=table.column("label").to_numpy(),
            class_names=class_names,
            origins=read_names(table.column("origin")),
            provenance=provenance,
            group_names=read_names(table.column("group")) if "group" in table.column_names else None,
        )
        draws = table.column("draw").to_numpy()
        check_rows(images.labels, draws, class_names)
        return images, draws
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not an image table of this project: {error}") from error


def read_names(column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    """Return a column of texts (N,)."""
    return np.asarray(column.to_pylist(), dtype=np.str_)


def read_facts(file: pq.ParquetFile) -> tuple[tuple[int, int, int], tuple[str, ...], dict[str, Any]]:
    """Return shape, names of classes and provenance of an open image table.

    Raises:
        KeyError, ValueError: it lacks one of them, or has other columns than such a table.
    """
    metadata, schema = file.metadata.metadata or {}, file.schema_arrow
    if lacking := [key.decode() for key in FACTS if key not in metadata]:
        raise ValueError(f"it does not say its {lacking[0]}")
    shape, names, provenance = (json.loads(metadata[key]) for key in FACTS)
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(side) is int and side > 0 for side in shape)):
        raise ValueError(f"its shape is {shape}")
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError(f"its classes are {names}")
    if type(provenance) is not dict:
        raise ValueError(f"its provenance is {provenance}")
    size = math.prod(shape)
    if str(schema.field("image").type) != f"fixed_size_binary[{size}]":
        raise ValueError(f"images of {size} bytes are wanted, they are {schema.field('image').type}")
    for name, kind in {**COLUMNS, **({"group": pa.string()} if "group" in schema.names else {})}.items():
        if schema.field(name).type != kind:
            raise ValueError(f"column '{name}' is {schema.field(name).type}, {kind} is wanted")
    return (shape[0], shape[1], shape[2]), tuple(names), provenance


def check_rows(labels: npt.NDArray[Any], draws: npt.NDArray[Any], class_names: tuple[str, ...]) -> None:
    """Refuse labels that name no class, and draws of which there cannot be so many.

    Raises:
        ValueError: one does so, or is missing.
    """
    for name, numbers, end in (("label", labels, len(class_names)), ("draw", draws, len(draws))):
        if numbers.dtype != np.int64 or not ((numbers >= 0) & (numbers < end)).all():
            raise ValueError(f"a {name} is missing, or is not one of 0...{end - 1}")


def view_pixels(column: pa.ChunkedArray, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return an image column as (N, C, H, W) without copying it."""
    if column.num_chunks == 0:
        return np.empty((0, *shape), dtype=np.uint8)
    chunk = column.chunk(0)
    # In bytes; a sliced column still has the whole buffer.
    start, size = chunk.offset * chunk.type.byte_width, len(chunk) * chunk.type.byte_width
    return np.frombuffer(chunk.buffers()[1], dtype=np.uint8)[start : start + size].reshape(-1, *shape)


def choose_stratified(
    labels: npt.NDArray[np.int64], fraction: float, rng: np.random.Generator, twins: Indices | None = None
) -> npt.NDArray[np.bool_]:
    """Choose a fraction of the images of every class at random, bool (N,).

    A class of two or more images has one on either side, however small or large the fraction.

    Args:
        twins: numbers (N,) that identical images share; those are on one side, unless all of a class are identical.
            The fraction is met as nearly as that allows.
    """
    numbers = np.arange(len(labels)) if twins is None else part_copies(labels, twins)
    return choose_together(labels, fraction, rng, numbers)
