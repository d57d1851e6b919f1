"""Where the weights of a backbone come from: drawn at random, torchvision's ImageNet files, or a folder."""

import os
from pathlib import Path

from torch import nn

from counterweight.core.errors import UserError
from counterweight.core.schema import suggest_name
from counterweight.core.weight_files import UNREADABLE, fetch_weight_file, hash_file, read_weights
from counterweight.networks.backbones.base import find_backbone


def load_backbone(name: str, weights: str, seed: int) -> nn.Module:
    """Return a feature extractor with the weights that `weights` names.

    Args:
        weights: `random`, `imagenet` or a folder; nothing is ever taken in place of what is asked for.

    Returns:
        A module in evaluation mode from uint8 images (B, 3, H, W) to features (B, D).

    Raises:
        UserError: a file of weights is missing, cannot be downloaded, is damaged or fits another network.
    """
    path = find_weight_file(name, weights)
    if path is None:
        return find_backbone(name).untrained(seed)
    try:
        return find_backbone(name).pretrained(read_weights(path))
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]  # torch lists every key over many lines.
        raise UserError(f"{path}: not the published weights of {name}: {reason}") from error


def find_weight_file(name: str, weights: str, block: str = "params.yaml: extract") -> Path | None:
    """Return the file with a backbone's weights, downloaded if need be; None where they are drawn at random.

    Args:
        block: where `weights` is set, for the error's message.

    Raises:
        UserError: there is no such file or folder, or it cannot be downloaded.
    """
    backbone = find_backbone(name)
    if backbone.always_pretrained:
        return fetch_weight_file(backbone.url, f"{block}: backbones without {name}")
    if weights == "random":
        return None
    if weights == "imagenet":
        return fetch_weight_file(backbone.url, f"{block}.weights: random or a folder")
    folder = Path(weights).expanduser()
    if not weights or not folder.is_dir():
        # A path is no misspelt word.
        words = suggest_name(weights, ("random", "imagenet")) if os.sep not in weights else ""
        raise UserError(f"{block}.weights: '{weights}' is neither random, imagenet nor a folder{words}")
    return find_file_in(folder, name, block)


def describe_weights(path: Path | None, weights: str) -> dict[str, str]:
    """Return which weights they are, whatever the machine calls the folder they lie in."""
    if path is None:
        return {"weights": "random"}
    return {"weights": "imagenet" if weights == "imagenet" else path.name, "sha256": hash_file(path)}


def find_file_in(folder: Path, name: str, block: str) -> Path:
    """Return the file of a backbone's weights in a folder."""
    own = Path(find_backbone(name).url).name
    names = [f"{name}.safetensors", f"{name}.npz", f"{name}.pth", own]
    found = [folder / candidate for candidate in names if (folder / candidate).is_file()]
    if not found:
        raise UserError(f"{block}.weights: no file for {name} in {folder}{os.sep}; one of {', '.join(names)}")
    return found[0]
