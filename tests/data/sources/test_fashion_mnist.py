"""Fashion-MNIST as it is published, where COUNTERWEIGHT_REAL_DATA names a folder that holds it."""

import gzip
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.data.decode.pool import Workers
from counterweight.data.sources import fashion_mnist
from counterweight.data.sources.base.lazy_images import LazyImages
from counterweight.data.sources.fashion_mnist import FASHION_MNIST, Settings

REAL = os.environ.get("COUNTERWEIGHT_REAL_DATA")
needs_real = pytest.mark.skipif(
    REAL is None or not Path(REAL, "fashion_mnist").is_dir(),
    reason="COUNTERWEIGHT_REAL_DATA names no folder of real data with Fashion-MNIST in it",
)


def images(part: LazyImages) -> npt.NDArray[np.uint8]:
    return np.concatenate([chunk.images for chunk in part.read(np.arange(len(part)), None, Workers())])


def counts(part: LazyImages) -> list[int]:
    return np.bincount(part.labels).tolist()


def test_classes_addresses_and_checksums_are_those_of_torchvision() -> None:
    from torchvision.datasets import FashionMNIST

    assert FashionMNIST.classes == list(FASHION_MNIST.classes)
    assert FashionMNIST.mirrors == list(FASHION_MNIST.addresses)
    published = {f"{stem}.gz": checksums.gz for stem, checksums in FASHION_MNIST.files.items()}
    assert dict(FashionMNIST.resources) == published


@needs_real
def test_published_files_are_balanced() -> None:
    loaded = fashion_mnist.find(Settings(mirror=f"{REAL}/fashion_mnist"), "clothes")
    assert loaded.test is not None
    assert counts(loaded.train) == [6000] * 10
    assert counts(loaded.test) == [1000] * 10
    assert loaded.train.class_names[loaded.train.labels[0]] == "Ankle boot"
    assert images(loaded.train).mean() / 255 == pytest.approx(0.2860, abs=1e-4)
    assert images(loaded.train).std() / 255 == pytest.approx(0.3530, abs=1e-4)


@needs_real
def test_published_files_may_be_unpacked(tmp_path: Path) -> None:
    for stem in FASHION_MNIST.files:
        (tmp_path / stem).write_bytes(gzip.decompress(Path(f"{REAL}/fashion_mnist/{stem}.gz").read_bytes()))
    loaded = fashion_mnist.find(Settings(mirror=str(tmp_path)), "clothes")
    assert (images(loaded.train).nbytes, loaded.train.labels[:5].tolist()) == (60000 * 28 * 28, [9, 0, 0, 3, 0])
