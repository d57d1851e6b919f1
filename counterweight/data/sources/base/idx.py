"""Datasets in MNIST's form: grey images and their labels in four IDX files, downloaded or read from a mirror."""

import gzip
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen

from counterweight.core import schema
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.data.fetch.downloads import Remote, fetch_file, find_mirror_file
from counterweight.data.sources.base.file_settings import Size, name_setting
from counterweight.data.sources.base.lazy_images import DatasetSplits, LazyImages, wrap_array

DOWNLOADS = Path("downloads")
IDX_OF_BYTES = 0x0800  # two zero bytes, the code of unsigned bytes, the number of dimensions


class Checksums(NamedTuple):
    """MD5 of a file as published (torchvision lists these) and of what it holds unpacked."""

    gz: str
    plain: str


class Dataset(NamedTuple):
    """A dataset's name, its classes in the order of their labels, where it is published, and its four files."""

    name: str
    classes: tuple[str, ...]
    addresses: tuple[str, ...]
    files: Mapping[str, Checksums]


class IdxSettings(schema.Settings):
    """Settings of a dataset whose original size is 28 x 28."""

    size: Size = 28
    """Side in pixels to which images are resized, or height and width."""
    channels: Literal[1, 3] = 1
    """1 for grey, 3 to repeat the grey in each colour."""
    mirror: Annotated[str, MinLen(1)] | None = None
    """Folder that holds the four IDX files, packed or not, or an http(s) address to download them from; null: they are
    downloaded from their publisher. Downloads are kept in `downloads/` and the source's name."""


def check_mirror(dataset: Dataset, settings: IdxSettings, name: str) -> None:
    """Check that the mirror, if it is a folder, holds the four files.

    Raises:
        UserError: there is no such folder, or it lacks a file.
    """
    for stem in dataset.files:
        find_mirror_file(settings.mirror, list_names(stem), name_setting(name, "mirror"))


def find_idx(dataset: Dataset, settings: IdxSettings, name: str, progress: bool) -> DatasetSplits:
    """Return the images in the dataset's own split.

    Raises:
        UserError: a file is missing, cannot be downloaded, or is not the published one.
    """
    return DatasetSplits(
        read_part(dataset, "train", "train", settings, name, progress),
        read_part(dataset, "t10k", "test", settings, name, progress),
    )


def read_part(
    dataset: Dataset, prefix: str, origin: str, settings: IdxSettings, name: str, progress: bool
) -> LazyImages:
    """Return the images and labels in the two files whose names begin with `prefix`."""
    greys, labels = read_arrays(dataset, prefix, settings.mirror, name, progress)
    images = ImageSet(
        images=greys[:, None],  # (N, h, w) -> (N, 1, h, w)
        labels=labels.astype(np.int64),
        class_names=dataset.classes,
        origins=np.array([f"{origin}/{number}" for number in range(len(labels))]),
        provenance={
            "source": dataset.name,
            "settings": settings.model_dump(exclude={"mirror"}),  # may be a path of this machine
            "md5": {stem: checksums.plain for stem, checksums in dataset.files.items()},
        },
    )
    return wrap_array(images, settings.size, settings.channels)


def read_arrays(
    dataset: Dataset, prefix: str, mirror: str | None, name: str, progress: bool
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return grey images (N, h, w) and their labels (N,) as they were published, read-only.

    Raises:
        UserError: a file is missing, cannot be downloaded, or is not the published one.
    """
    image_file, label_file = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
    greys = parse_idx(read_content(dataset, image_file, mirror, name, progress), 3, image_file)
    labels = parse_idx(read_content(dataset, label_file, mirror, name, progress), 1, label_file)
    if len(greys) != len(labels):
        raise UserError(f"{image_file}: holds {len(greys)} images, {label_file} {len(labels)} labels")
    return greys, labels


def read_content(dataset: Dataset, stem: str, mirror: str | None, name: str, progress: bool) -> bytes:
    """Return what one of the four files holds, unpacked."""
    packed, where, checksums = f"{stem}.gz", name_setting(name, "mirror"), dataset.files[stem]
    local = find_mirror_file(mirror, list_names(stem), where)
    if local is not None and local.name != packed:
        plain = Remote(local.name, (), md5=checksums.plain)
        return fetch_file(plain, DOWNLOADS / dataset.name, mirror, where, progress).read_bytes()
    remote = Remote(packed, tuple(f"{address}{packed}" for address in dataset.addresses), md5=checksums.gz)
    return gzip.decompress(fetch_file(remote, DOWNLOADS / dataset.name, mirror, where, progress).read_bytes())


def list_names(stem: str) -> tuple[str, ...]:
    """Return the names under which a file is in use, the published, packed one first."""
    return f"{stem}.gz", stem, stem.replace("-idx", ".idx")


def parse_idx(data: bytes, dimensions: int, file: str) -> npt.NDArray[np.uint8]:
    """Return the array of bytes that an unpacked IDX file holds, read-only.

    Raises:
        UserError: it has another type or number of dimensions, or is too short or too long.
    """
    header = 4 * (1 + dimensions)
    # Big-endian; a file too short fails a check below.
    magic, *shape = np.frombuffer(data[:header].ljust(header, b"\0"), dtype=">u4").tolist()
    expected = IDX_OF_BYTES + dimensions
    if magic != expected:
        raise UserError(f"{file}: begins with {magic:#06x}, not {expected:#06x}: no IDX of bytes in {dimensions}-D")
    length = header + math.prod(shape)
    if len(data) != length:
        raise UserError(f"{file}: is {len(data)} bytes long, its header promises {length}")
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)
