"""What publishers say of their files, and what becomes of lists and batches that are not theirs."""

import io
import random
from collections.abc import Callable, Sized
from functools import partial as bound
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from counterweight.core.errors import UserError
from counterweight.data.sources import celeba, chars74k, cifar10, clothing, stanford_dogs, vehicles

HEAD = "3\n5_o_Clock_Shadow Male Young \n"
ATTRIBUTES = f"{HEAD}000001.jpg -1 -1  1\n000002.jpg  1  1 -1\n000003.jpg  1 -1 -1\n"
PARTS = "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# What others know of the same files.


def test_celeba_is_that_of_torchvision() -> None:
    from torchvision.datasets import CelebA

    published = {name: (drive_id, md5) for drive_id, md5, name in CelebA.file_list}
    for remote in celeba.list_remotes():
        drive_id, md5 = published[remote.name]
        assert remote.md5 == md5
        assert all(url.startswith("https://drive.usercontent.google.com/") for url in remote.urls)
        assert all(f"&id={drive_id}" in url for url in remote.urls)
    assert [remote.name for remote in celeba.list_remotes()] == [*celeba.FILES]
    assert celeba.TEST in celeba.PARTS


def test_cifar10_has_the_address_of_torchvision_and_the_classes_in_its_order() -> None:
    from torchvision.datasets import CIFAR10

    assert cifar10.REMOTE.urls[0].rpartition("/")[0] == CIFAR10.url.rpartition("/")[0]
    assert [f"{name}.bin" for name, _ in CIFAR10.train_list] == [*cifar10.TRAIN]
    assert [f"{name}.bin" for name, _ in CIFAR10.test_list] == [*cifar10.TEST]
    assert tuple(sorted(cifar10.CLASSES)) == cifar10.CLASSES, "the publisher numbers them by their names"
    assert len(cifar10.CLASSES) == 10


def test_the_numbers_are_those_of_the_documents() -> None:
    assert sum(category.images for category in vehicles.CATEGORIES) == 2552  # balancing thesis, 5.1.3
    assert {category.label for category in vehicles.CATEGORIES} == {0, 1, 2}
    assert chars74k.SUBSETS["fnt"].published == 62_992 / 62  # as its publisher says
    assert len(chars74k.CLASSES) == 62
    assert sum(clothing.PUBLISHED.values()) == 3781


# CelebA's lists.


def test_portraits_are_men_or_women_and_of_the_test_part_or_not(tmp_path: Path) -> None:
    names, male = celeba.read_labels(write(tmp_path / "attributes.txt", ATTRIBUTES))
    assert names == ["000001.jpg", "000002.jpg", "000003.jpg"]
    assert (male.tolist(), male.dtype) == ([0, 1, 0], np.int64)
    tested = celeba.read_test_portraits(write(tmp_path / "parts.txt", PARTS), names)
    assert (tested.tolist(), tested.dtype) == ([False, False, True], np.bool_)


def test_lists_of_windows_are_read_alike(tmp_path: Path) -> None:
    names, male = celeba.read_labels(write(tmp_path / "attributes.txt", ATTRIBUTES.replace("\n", "\r\n")))
    assert male.tolist() == [0, 1, 0]
    assert celeba.read_test_portraits(write(tmp_path / "parts.txt", PARTS.replace("\n", "\r\n")), names).sum() == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3\n",
        HEAD,
        "<html>\n<body>\nquota\n",
        ATTRIBUTES[:-1] + " 1\n",
        ATTRIBUTES.replace("3\n", "4\n", 1),
        ATTRIBUTES.replace("Male", "Female"),
        ATTRIBUTES.replace("-1  1\n", "-1  0\n").replace("jpg -1 -1", "jpg -1 0"),
        ATTRIBUTES.replace("000003.jpg", "../3.jpg"),
        ATTRIBUTES.replace("000003.jpg", "/etc/passwd"),
        ATTRIBUTES + "\n",
        ATTRIBUTES.encode() + b"\xff\xfe",
    ],
)
def test_another_list_of_attributes_is_refused(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^.*a\.txt: not CelebA's list of attributes: ") as caught:
        celeba.read_labels(write(tmp_path / "a.txt", text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", PARTS[:-2], PARTS + "\n", PARTS.replace("jpg 2", "jpg 3"), PARTS * 2, PARTS.encode()[:-2] + b"\xff"]
)
def test_another_list_of_parts_is_refused(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^.*p\.txt: not the list of the parts of CelebA's portraits$"):
        celeba.read_test_portraits(write(tmp_path / "p.txt", text), ["000001.jpg", "000002.jpg", "000003.jpg"])


def outcome(read: Callable[[], Sized], length: int) -> str:
    """Say whether something is read, as long as it has to be, or refused, in one line."""
    try:
        found = read()
    except UserError as error:
        return "refused" if "\n" not in str(error) else str(error)
    return "read" if len(found) == length else f"{len(found)} read"


def portraits(path: Path) -> list[str]:
    return celeba.read_labels(path)[0]


def test_damaged_lists_are_read_or_refused(tmp_path: Path) -> None:
    rng, outcomes = random.Random(0), set()
    names = ["000001.jpg", "000002.jpg", "000003.jpg"]
    for _ in range(500):
        for text in (ATTRIBUTES, PARTS):
            content = bytearray(text.encode())
            start = rng.randrange(len(content))
            content[start : start + rng.choice([0, 1, 5])] = rng.randbytes(rng.choice([0, 1, 5]))
            path = write(tmp_path / "list.txt", bytes(content))
            read = bound(celeba.read_test_portraits, path, names) if text == PARTS else bound(portraits, path)
            outcomes.add(outcome(read, 3))
    assert outcomes == {"read", "refused"}


# CIFAR-10's batches.


def test_a_batch_has_a_label_and_three_planes_in_every_row(tmp_path: Path) -> None:
    planes = np.arange(3 * 1024, dtype=np.uint32).astype(np.uint8).tobytes()
    images = cifar10.read_batches([write(tmp_path / "b.bin", b"\x07" + planes)] * 2, cifar10.Settings())
    assert images.labels.tolist() == [7, 7]
    assert images.images[1].tobytes() == planes
    assert images.origins.tolist() == ["b/0", "b/0"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "0 bytes, expected rows of 3073"),
        (b"", "0 bytes, expected rows of 3073"),
        (bytes(3072), "3072 bytes, expected rows of 3073"),
        (bytes(3074), "3074 bytes, expected rows of 3073"),
        (b"\x0a" + bytes(3072), "label 10, the largest is 9"),
    ],
)
def test_another_batch_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "b.bin" if content is None else write(tmp_path / "b.bin", content)
    with pytest.raises(UserError, match=rf"b\.bin: {message}"):
        cifar10.read_batches([path], cifar10.Settings())


def test_damaged_batches_are_read_or_refused(tmp_path: Path) -> None:
    rng, outcomes = random.Random(0), set()
    for _ in range(300):
        content = bytearray(3 * 3073)
        content[3073 * rng.randrange(3) + rng.choice([0, 1, 3072])] = rng.choice([9, 10, 255])
        path = write(tmp_path / "b.bin", bytes(content[: rng.choice([len(content), rng.randrange(len(content))])]))
        outcomes.add(outcome(bound(cifar10.read_batches, [path], cifar10.Settings()), 3))
    assert outcomes == {"read", "refused"}


# The lists of Stanford Dogs.


def mat(content: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, content)
    return buffer.getvalue()


def cells(*paths: str) -> np.ndarray:
    return np.array([[path] for path in paths], dtype=object)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>moved</html>",
        mat({"other": cells("n1-a/b.jpg")}),
        mat({"file_list": np.zeros(3)}),
        mat({"file_list": cells("n1-a/../../b.jpg")}),
        mat({"file_list": cells("/n1-a/b.jpg")}),
        mat({"file_list": cells("..-/b.jpg", "b.jpg")}),
        mat({"file_list": cells("nobreed/b.jpg")}),
        mat({"file_list": cells("n1-a/b.jpg")})[:-50],
    ],
)
def test_another_list_of_dogs_is_refused(content: bytes, tmp_path: Path) -> None:
    write(tmp_path / "train_list.mat", content)
    with pytest.raises(UserError, match=r"train_list\.mat: not a list of Stanford Dogs: .") as caught:
        stanford_dogs.parse_list(tmp_path / "train_list.mat")
    assert "\n" not in str(caught.value)


def test_a_breed_is_what_follows_the_first_hyphen() -> None:
    assert stanford_dogs.list_breeds(["n02086240-Shih-Tzu/a.jpg", "n02085620-Chihuahua/a.jpg"]) == (
        "Chihuahua",
        "Shih-Tzu",
    )
