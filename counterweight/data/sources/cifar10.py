"""CIFAR-10: 60,000 colour images of ten kinds of things, 32 x 32, in their own split of 50,000 and 10,000.

Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, https://www.cs.toronto.edu/~kriz/cifar.html; of
the balancing thesis (5.1.2) and the GAN-vs-VAE report (V). It is read from the publisher's binary version: the other is
made of Python's pickles, which can run whatever stands in them.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import MinLen

from counterweight.core import schema
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.data.fetch.archives import extract_archive
from counterweight.data.fetch.downloads import Remote, fetch_file, find_mirror_file
from counterweight.data.sources.base.file_settings import Size, name_setting
from counterweight.data.sources.base.lazy_images import DatasetSplits, wrap_array

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
DOWNLOADS = Path("downloads/cifar10")
REMOTE = Remote(
    "cifar-10-binary.tar.gz",
    (
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",  # where the first one leads now
    ),
    size=170_052_171,
    md5="c32a1d4ab5d03f1284b67883e8d87530",
)
LIMIT = 2**28
SIZE = 32
PIXELS = 3 * SIZE * SIZE
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)


class Settings(schema.Settings):
    """Settings of CIFAR-10."""

    size: Size = SIZE
    """Side in pixels to which images are resized, or height and width."""
    channels: Literal[1, 3] = 3
    """3 for colour, 1 for its luminance."""
    mirror: Annotated[str, MinLen(1)] | None = None
    """Folder that holds cifar-10-binary.tar.gz, or an http(s) address to download it from; null: it is downloaded from
    its publisher to `downloads/cifar10`."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the archive; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks the archive.
    """
    find_mirror_file(settings.mirror, (REMOTE.name,), name_setting(name, "mirror"))
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """Return CIFAR-10 in its own split.

    Raises:
        UserError: the archive cannot be had, is damaged, or holds something else.
    """
    archive = fetch_file(REMOTE, DOWNLOADS, settings.mirror, name_setting(name, "mirror"), progress)
    folder = extract_archive(archive, DOWNLOADS, LIMIT, progress) / "cifar-10-batches-bin"
    parts = (read_batches([folder / file for file in files], settings) for files in (TRAIN, TEST))
    train, test = (wrap_array(part, settings.size, settings.channels) for part in parts)
    return DatasetSplits(train, test)


def read_batches(files: list[Path], settings: Settings) -> ImageSet:
    """Return the images of some batches, each a row of a label's byte and the pixels', red first.

    Raises:
        UserError: a file is missing, is not made of such rows, or has a label that there is not.
    """
    labels, images, origins = [], [], []
    for file in files:
        rows = np.fromfile(file, dtype=np.uint8) if file.is_file() else np.empty(0, dtype=np.uint8)
        if len(rows) == 0 or len(rows) % (1 + PIXELS):
            raise UserError(f"{file}: {len(rows)} bytes, expected rows of {1 + PIXELS}; not a batch of CIFAR-10")
        rows = rows.reshape(-1, 1 + PIXELS)
        if rows[:, 0].max() >= len(CLASSES):  # The checksum is of the archive, not of what was unpacked since.
            raise UserError(f"{file}: label {rows[:, 0].max()}, the largest is {len(CLASSES) - 1}")
        labels.append(rows[:, 0].astype(np.int64))
        images.append(rows[:, 1:].reshape(-1, 3, SIZE, SIZE))  # (N, 3072) -> (N, 3, 32, 32)
        origins += [f"{file.stem}/{number}" for number in range(len(rows))]
    return ImageSet(
        images=np.concatenate(images),
        labels=np.concatenate(labels),
        class_names=CLASSES,
        origins=np.array(origins),
        provenance={
            "source": "cifar10",
            "settings": settings.model_dump(exclude={"mirror"}),  # may be a path of this machine
            "md5": REMOTE.md5,
        },
    )
