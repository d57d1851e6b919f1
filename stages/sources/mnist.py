"""MNIST: 70,000 handwritten digits in four IDX files, downloaded or read from a folder of yours."""

import gzip
import hashlib
import math
import shutil
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen
from tqdm import tqdm

from stages.blocks import Block
from stages.errors import UserError
from stages.imageset import ImageSet
from stages.process import writing
from stages.sources.base import Found, Size, from_greys, in_memory, setting

CLASSES = tuple("0123456789")
PREFIXES = MappingProxyType({"train": "train", "t10k": "test"})
DOWNLOADS = Path("downloads/mnist")
TIMEOUT_SECONDS = 30
IDX_OF_BYTES = 0x0800  # two zero bytes, the code of unsigned bytes, the number of dimensions
# Not OSError as a whole: a full disk is no fault of the network.
NETWORK_ERRORS = (URLError, HTTPException, ConnectionError, TimeoutError, SSLError)


class Checksums(NamedTuple):
    """MD5 of a file as published (torchvision lists these) and of what it holds unpacked."""

    gz: str
    plain: str


FILES: Mapping[str, Checksums] = MappingProxyType(
    {
        "train-images-idx3-ubyte": Checksums("f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
        "train-labels-idx1-ubyte": Checksums("d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
        "t10k-images-idx3-ubyte": Checksums("9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
        "t10k-labels-idx1-ubyte": Checksums("ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
    }
)


class Settings(Block):
    """Settings of MNIST, whose original size is 28 x 28."""

    size: Size = 28
    """Side in pixels to which images are resized, or height and width."""
    channels: Literal[1, 3] = 1
    """1 for grey, 3 to repeat the grey in each colour."""
    mirror: Annotated[str, MinLen(1)] | None = None
    """Folder that holds the four IDX files, packed or not; null: they are downloaded to `downloads/mnist`."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror folder, if one is set, holds the four files; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks a file.
    """
    if settings.mirror is not None:
        for stem in FILES:
            mirrored(Path(settings.mirror).expanduser(), stem, name)
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> Found:
    """Return MNIST, classes `0` to `9`, in its own split of 60,000 and 10,000.

    Raises:
        UserError: a file is missing, cannot be downloaded, or is not the published one.
    """
    train, test = (part(prefix, origin, settings, name, progress) for prefix, origin in PREFIXES.items())
    return Found(in_memory(train), in_memory(test))


def part(prefix: str, origin: str, settings: Settings, name: str, progress: bool) -> ImageSet:
    """Return the images and labels in the two files whose names begin with `prefix`."""
    image_file, label_file = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
    greys = parse_idx(content(image_file, settings, name, progress), 3, image_file)
    labels = parse_idx(content(label_file, settings, name, progress), 1, label_file)
    if len(greys) != len(labels):
        raise UserError(f"{image_file}: holds {len(greys)} images, {label_file} {len(labels)} labels")
    return ImageSet(
        images=from_greys(greys, settings.size, settings.channels),
        labels=labels.astype(np.int64),
        class_names=CLASSES,
        origins=np.array([f"{origin}/{number}" for number in range(len(labels))]),
        provenance={
            "source": "mnist",
            "settings": settings.model_dump(exclude={"mirror"}),  # a path of this machine
            "md5": {stem: checksums.plain for stem, checksums in FILES.items()},
        },
    )


def content(stem: str, settings: Settings, name: str, progress: bool) -> bytes:
    """Return what one of the four files holds, unpacked."""
    if settings.mirror is None:
        return gzip.decompress(downloaded(stem, name, progress).read_bytes())
    path = mirrored(Path(settings.mirror).expanduser(), stem, name)
    data = path.read_bytes()
    if path.suffix == ".gz":
        check_md5(data, FILES[stem].gz, str(path))
        return gzip.decompress(data)
    check_md5(data, FILES[stem].plain, str(path))
    return data


def mirrored(folder: Path, stem: str, name: str) -> Path:
    """Return the file of a mirror folder, under any of the names in use."""
    if not folder.is_dir():
        raise UserError(f"{setting(name, 'mirror')}: {folder}: no such folder; it must hold the four files of MNIST")
    names = [f"{stem}.gz", stem, stem.replace("-idx", ".idx")]
    for path in (folder / file for file in names):
        if path.is_file():
            return path
    raise UserError(f"{setting(name, 'mirror')}: {folder}: none of {', '.join(names)} is there")


def downloaded(stem: str, name: str, progress: bool) -> Path:
    """Return the file in the folder of downloads, fetched from the first address that has it whole."""
    target, expected, failures = DOWNLOADS / f"{stem}.gz", FILES[stem].gz, []
    if target.is_file() and md5(target.read_bytes()) == expected:
        return target
    from torchvision.datasets import MNIST  # imports torch, which validating settings must not

    for address in MNIST.mirrors:
        url = f"{address}{target.name}"
        try:
            fetch(url, target, expected, progress)
            return target
        except WrongContentError as error:
            failures.append(str(error))
        except NETWORK_ERRORS as error:
            failures.append(f"{url}: {str(error) or type(error).__name__}")
    raise UserError(
        f"{target.name}: cannot be downloaded; {'; '.join(failures)}; without a network, set"
        f" {setting(name, 'mirror')} to a folder that holds the four files of MNIST"
    )


def fetch(url: str, target: Path, expected: str, progress: bool) -> None:
    """Download a file that becomes `target` only if it is whole and its checksum the expected one."""
    request = Request(url, headers={"User-Agent": "counterweight"})
    silent = None if progress else True  # None: tqdm shows nothing unless there is a terminal
    with writing(target) as partial:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response, partial.open("wb") as file:
            with tqdm.wrapattr(response, "read", response.length, desc=target.name, disable=silent) as body:
                shutil.copyfileobj(body, file)
            if response.length:  # what is still to come
                raise ConnectionError(f"the connection broke off {response.length} bytes before the end")
        check_md5(partial.read_bytes(), expected, url)


class WrongContentError(UserError):
    """A file is not the published one."""


def check_md5(data: bytes, expected: str, source: str) -> None:
    """Compare a file's checksum with the published one.

    Raises:
        WrongContentError: they differ.
    """
    if (found := md5(data)) != expected:
        raise WrongContentError(f"{source}: MD5 is {found}, expected {expected}; the file is damaged or another one")


def md5(data: bytes) -> str:
    """Return the MD5 of a file's bytes in hexadecimal digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def parse_idx(data: bytes, dimensions: int, file: str) -> npt.NDArray[np.uint8]:
    """Return the array of bytes that an unpacked IDX file holds, read-only.

    Raises:
        UserError: it has another type or number of dimensions, or is too short or too long.
    """
    header = 4 * (1 + dimensions)
    magic, *shape = np.frombuffer(data[:header].ljust(header, b"\0"), dtype=">u4").tolist()
    expected = IDX_OF_BYTES + dimensions
    if magic != expected:
        raise UserError(f"{file}: begins with {magic:#06x}, not {expected:#06x}: no IDX of bytes in {dimensions}-D")
    length = header + math.prod(shape)
    if len(data) != length:
        raise UserError(f"{file}: is {len(data)} bytes long, its header promises {length}")
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)
