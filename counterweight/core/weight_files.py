"""Published files of weights: downloaded once, verified by their hash, and read without executing what is in them."""

import hashlib
import math
import os
import struct
import tokenize
import urllib.error
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from counterweight.core.errors import UserError, shorten

SUFFIXES = ("safetensors", "npz", "pth")
CUSTOMARY = ("model.safetensors", "pytorch_model.bin")  # on Hugging Face's hub
WRAPPERS = ("state_dict", "model_state_dict", "model")
PREFIX = "module."
MOST_TIMES, SMALL = 20, 2**20
"""Archives of weights unpack to so many times their size at most, and to so many bytes more."""
# What the readers of three formats, and the networks, raise on a file that holds something else.
UNREADABLE = (
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    SafetensorError,
    struct.error,
    TypeError,
    UnpicklingError,
    ValueError,
    tokenize.TokenError,
)


def fetch_weight_file(url: str, where: str, instead: str) -> Path:
    """Return torchvision's file of ImageNet weights, downloaded if it is not in torch's cache, its hash checked.

    Args:
        url: the file's name ends in the beginning of its SHA-256.
        where: setting that wants the file; begins the error's message.
        instead: setting that does without the file, for the error's message.

    Raises:
        UserError: it cannot be downloaded, or is damaged.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    prefix = path.stem.rsplit("-", 1)[1]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix)
        except (urllib.error.URLError, HTTPException, OSError, RuntimeError) as error:
            raise UserError(
                f"{where}: {path.name} is neither in {path.parent} nor to be downloaded from {url} ({error}); "
                f"put the file into that folder, or choose {instead}"
            ) from error
    # Also of a file that was there already: it may have been cut short, or be another one.
    found = hash_file(path)
    if not found.startswith(prefix):
        raise UserError(
            f"{where}: {path} is damaged: its SHA-256 begins with {found[: len(prefix)]}, not {prefix}; delete it"
        )
    return path


class PackagedFile(NamedTuple):
    """A file that an installed package brings: the package, the path below the folder it is installed in, the hash."""

    package: str
    path: str
    sha256: str

    @property
    def title(self) -> str:
        """Name and version of the package."""
        return f"{self.package} {distribution(self.package).version}"


def find_packaged_file(file: PackagedFile, wanted: str) -> Path:
    """Return the path of a file that an installed package brings, its hash checked.

    Args:
        wanted: what needs it, to begin the error's message with.

    Raises:
        UserError: the package is not installed, or has another file.
    """
    try:
        path = Path(str(distribution(file.package).locate_file(file.path)))
    except PackageNotFoundError as error:
        raise UserError(f"{wanted} needs the package {file.package}, which is not installed: pip install it") from error
    if not path.is_file():
        raise UserError(f"{wanted} needs {path}, which is missing: install {file.title} again")
    if (found := hash_file(path)) != file.sha256:
        raise UserError(
            f"{path}: damaged: its SHA-256 begins with {found[:8]} instead of {file.sha256[:8]}; "
            f"install {file.title} again"
        )
    return path


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_file_in(folder: Path, name: str, where: str, published: str | None = None) -> Path:
    """Return the file of a network's weights in a folder: one that has its name, or a name that is customary.

    Args:
        where: setting that names the folder, for the error's message.
        published: the file's name at its publisher's.

    Raises:
        UserError: there is none.
    """
    names = [*(f"{name}.{suffix}" for suffix in SUFFIXES), *([published] if published else []), *CUSTOMARY]
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    raise UserError(f"{where}: no file for {name} in {folder}{os.sep}; one of {', '.join(names)}")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors, npz or pth file, executing nothing that stands in it.

    Raises:
        ValueError: the file is none of these, or holds no tensors by name.
    """
    try:
        return unwrap(read_file(path))
    except UNREADABLE as error:
        with path.open("rb") as file:
            page = file.read(256).lstrip().startswith(b"<")
        # torch's own text advises to load the file unsafely.
        pickled = "it is something else, or holds more than tensors"
        kind = "it is a web page" if page else pickled if isinstance(error, UnpicklingError) else shorten(error)
        raise ValueError(f"no tensors by name in a safetensors, npz or pth file: {kind}") from error


def unwrap(held: object) -> dict[str, Tensor]:
    """Return the tensors by name in what a file holds: a training's state, perhaps, or those of a wrapped network.

    Raises:
        ValueError: there are none.
    """
    while isinstance(held, dict) and (key := next((key for key in WRAPPERS if isinstance(held.get(key), dict)), None)):
        held = held[key]
    if not isinstance(held, dict) or not held:
        raise ValueError(f"it holds a {type(held).__name__}" if held else "it is empty")
    if wrong := next((key for key, value in held.items() if not isinstance(value, Tensor)), None):
        raise ValueError(f"'{wrong}' in it is no tensor")
    state: dict[str, Tensor] = held
    if all(key.startswith(PREFIX) for key in state):  # of DataParallel
        return {key.removeprefix(PREFIX): value for key, value in state.items()}
    return state


def require_modest(path: Path) -> None:
    """Refuse an archive that unpacks to many times its size, before anything is: weights are all but incompressible.

    Raises:
        ValueError: it does.
    """
    if not is_zipfile(path):
        return
    with ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MOST_TIMES * path.stat().st_size + SMALL:
        raise ValueError(f"it unpacks to {unpacked / 2**20:,.0f} MiB, more than {MOST_TIMES} times its size")


def require_whole(path: Path) -> None:
    """Refuse an npz file with an array that says it is larger than what is there: NumPy would make room for it.

    Raises:
        ValueError: there is one.
    """
    with ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, kind = read(file)
            if math.prod(shape) * kind.itemsize > member.file_size:
                raise ValueError(f"{member.filename} says it is {shape} of {kind}, more than is there")


def read_file(path: Path) -> object:
    """Return what stands in a file of weights."""
    if path.suffix == ".safetensors":
        return load_file(path)  # which compares the sizes in its header with the file's
    require_modest(path)
    if path.suffix == ".npz":
        require_whole(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    # weights_only: pickle would run code.
    return torch.load(path, map_location="cpu", weights_only=True)
