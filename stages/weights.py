"""Where the weights of a backbone come from: drawn at random, torchvision's ImageNet files, or a folder."""

import hashlib
import os
import urllib.error
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from stages.blocks import suggestion
from stages.errors import UserError
from stages.networks.backbones import BACKBONES, pretrained_backbone, random_backbone

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


def backbone(name: str, weights: str, seed: int) -> nn.Module:
    """Return a backbone, whole, with the weights that `weights` names.

    Args:
        weights: `random`, `imagenet` or a folder; nothing is ever taken in place of what is asked for.

    Raises:
        UserError: a file of weights is missing, cannot be downloaded, is damaged or fits another network.
    """
    path = weight_file(name, weights)
    if path is None:
        return random_backbone(name, seed)
    try:
        return pretrained_backbone(name, read_weights(path))
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not the weights of torchvision's {name}: {reason}") from error


def weight_file(name: str, weights: str) -> Path | None:
    """Return the file with a backbone's weights, downloaded if need be; None where they are drawn at random.

    Raises:
        UserError: there is no such file or folder, or it cannot be downloaded.
    """
    if weights == "random":
        return None
    if weights == "imagenet":
        return imagenet_file(str(BACKBONES[name].weights.url), "params.yaml: extract.weights: random or a folder")
    folder = Path(weights).expanduser()
    if not weights or not folder.is_dir():
        words = suggestion(weights, ("random", "imagenet")) if os.sep not in weights else ""
        raise UserError(f"params.yaml: extract.weights: '{weights}' is neither random, imagenet nor a folder{words}")
    return file_in(folder, name)


def provenance(path: Path | None, weights: str) -> dict[str, str]:
    """Return which weights they are, whatever the machine calls the folder they lie in."""
    if path is None:
        return {"weights": "random"}
    return {"weights": "imagenet" if weights == "imagenet" else path.name, "sha256": sha256(path)}


def imagenet_file(url: str, instead: str) -> Path:
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
    found = sha256(path)
    if not found.startswith(prefix):
        raise UserError(
            f"{path}: damaged: its SHA-256 begins with {found[: len(prefix)]} instead of {prefix}; delete it"
        )
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_in(folder: Path, name: str) -> Path:
    """Return the file of a backbone's weights in a folder."""
    own = Path(str(BACKBONES[name].weights.url)).name
    names = [f"{name}.safetensors", f"{name}.npz", f"{name}.pth", own]
    found = [folder / candidate for candidate in names if (folder / candidate).is_file()]
    if not found:
        raise UserError(
            f"params.yaml: extract.weights: no file for {name} in {folder}{os.sep}; one of {', '.join(names)}"
        )
    return found[0]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors, npz or pth file, executing nothing that stands in it."""
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix == ".npz":
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
