"""Published files of weights: downloaded once, verified by their hash, and read without executing what is in them."""

import hashlib
import urllib.error
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from counterweight.core.errors import UserError

# What the readers of three formats, and the networks, raise on a file that holds something else.
UNREADABLE = (
    AttributeError,
    BadZipFile,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    UnpicklingError,
    ValueError,
)


def fetch_weight_file(url: str, instead: str) -> Path:
    """Return torchvision's file of ImageNet weights, downloaded if it is not in torch's cache, its hash checked.

    Args:
        url: the file's name ends in the beginning of its SHA-256.
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
                f"{path.name}: neither in {path.parent} nor to be downloaded from {url} ({error}); "
                f"put the file into that folder, or choose {instead}"
            ) from error
    # Also of a file that was there already: it may have been cut short, or be another one.
    found = hash_file(path)
    if not found.startswith(prefix):
        raise UserError(
            f"{path}: damaged: its SHA-256 begins with {found[: len(prefix)]} instead of {prefix}; delete it"
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


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors, npz or pth file, executing nothing that stands in it."""
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix == ".npz":
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    # weights_only: pickle would run code.
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
