"""MNIST as it is published, where COUNTERWEIGHT_REAL_DATA names a folder that holds it."""

import gzip
import os
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.data.decode.pool import Workers
from counterweight.data.sources import mnist
from counterweight.data.sources.base.lazy_images import LazyImages
from counterweight.data.sources.mnist import MNIST, Settings

REAL = os.environ.get("COUNTERWEIGHT_REAL_DATA")
needs_real = pytest.mark.skipif(REAL is None, reason="COUNTERWEIGHT_REAL_DATA names no folder of real data")


def images(part: LazyImages) -> npt.NDArray[np.uint8]:
    return np.concatenate([chunk.images for chunk in part.read(np.arange(len(part)), None, Workers())])


def counts(part: LazyImages) -> list[int]:
    return np.bincount(part.labels).tolist()


def test_addresses_and_checksums_are_those_of_torchvision() -> None:
    from torchvision import datasets

    assert datasets.MNIST.mirrors == list(MNIST.addresses)
    assert dict(datasets.MNIST.resources) == {f"{stem}.gz": checksums.gz for stem, checksums in MNIST.files.items()}


@needs_real
def test_published_files_load_in_seconds() -> None:
    start = time.perf_counter()
    loaded = mnist.find(Settings(mirror=f"{REAL}/mnist"), "mnist")
    assert time.perf_counter() - start < 10
    assert loaded.test is not None
    assert counts(loaded.train) == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert counts(loaded.test) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert loaded.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert images(loaded.train).mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert images(loaded.train).std() / 255 == pytest.approx(0.3081, abs=1e-4)


@needs_real
def test_published_files_may_be_unpacked(tmp_path: Path) -> None:
    for stem in MNIST.files:
        (tmp_path / stem).write_bytes(gzip.decompress(Path(f"{REAL}/mnist/{stem}.gz").read_bytes()))
    loaded = mnist.find(Settings(mirror=str(tmp_path)), "mnist")
    assert loaded.test is not None
    assert (len(loaded.train), len(loaded.test)) == (60000, 10000)


@needs_real
def test_published_files_resize_in_seconds() -> None:
    start = time.perf_counter()
    loaded = mnist.find(Settings(mirror=f"{REAL}/mnist", size=32, channels=3), "mnist")
    assert time.perf_counter() - start < 20
    assert images(loaded.train).shape == (60000, 3, 32, 32)
