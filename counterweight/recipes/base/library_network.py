"""A classifier of torchvision or timm by its name there, with a new last layer."""

from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from counterweight.core.errors import UserError, shorten
from counterweight.core.registry import names_in
from counterweight.core.weight_files import UNREADABLE, find_file_in, find_packaged_file, read_weights
from counterweight.features.weights import fetch_published_file
from counterweight.networks.backbones.base.backbone import Cut
from counterweight.networks.backbones.base.partial_weights import take_over
from counterweight.networks.backbones.base.published import FOLDER as BACKBONES
from counterweight.networks.backbones.base.published import SIDE, PublishedBackbone, find_backbone, find_published
from counterweight.networks.classifiers.base import FOLDER, Resize, ToColourPixels
from counterweight.networks.layers import seed_dropout
from counterweight.settings.classify import IMAGENET, ClassifierConfig


class Trunk(NamedTuple):
    """A network without its last layer, and the tensors that it was read from, under the library's names."""

    network: nn.Module
    state: dict[str, Tensor]


def check_library_network(config: ClassifierConfig, where: str) -> None:
    """Refuse a name that neither library has, and a size that it does not take.

    Raises:
        UserError: it is so.
    """
    library = find_library_network(config.network, where)
    if library.own_size and config.input_size not in (None, library.own_size):
        raise UserError(f"{where}.input_size: {config.input_size}; {config.network} takes {library.own_size} alone")


def find_library_network(name: str, where: str) -> PublishedBackbone:
    """Return what torchvision or timm has of that name, or what has its weights in a package.

    Raises:
        UserError: there is none.
    """
    if name in names_in(BACKBONES):
        own = find_backbone(name)
        if own.packaged and isinstance(own, PublishedBackbone):
            return own
    # Other backbones of ours are cut where the distributions thesis cuts them, not before the last layer.
    return find_published(name, f"{where}.network", FOLDER)


def find_library_weights(config: ClassifierConfig, where: str) -> Path | None:
    """Return the file of first weights, downloaded if need be; None where they are drawn at random.

    Raises:
        UserError: there is no such file, or it cannot be downloaded.
    """
    library = find_library_network(config.network, where)
    if config.weights is None:
        if library.packaged:
            raise UserError(f"{where}.weights: none, but {config.network} is here for what it has learned: imagenet")
        return None
    if config.weights == IMAGENET:
        if library.packaged:
            return find_packaged_file(library.packaged, f"{where}: {config.network}")
        own = f"{where}.weights"
        instead = f"{own}: a file, a folder that has it, or none"
        return fetch_published_file(config.network, library, f"{own}: imagenet", instead)
    path = Path(config.weights).expanduser()
    if path.is_dir():
        return find_file_in(path, config.network, f"{where}.weights", library.url and Path(library.url).name)
    if not path.is_file():
        raise UserError(f"{where}.weights: '{config.weights}' is neither none, imagenet, a file nor a folder")
    return path


def build_from_library(config: ClassifierConfig, classes: int, seed: int, where: str) -> nn.Module:
    """Return a network of torchvision or timm with a new last layer."""
    library, path = find_library_network(config.network, where), find_library_weights(config, where)
    trunk, state = build_trunk(library, path, config.network, seed)
    for module in trunk.eval().modules():
        if hasattr(module, "aux_logits"):  # in training they would be returned, too
            module.aux_logits = False  # type: ignore[assignment]
    side = library.own_size or SIDE
    with torch.no_grad():
        dimension = trunk(torch.zeros(1, 3, side, side)).shape[-1]
    torch.manual_seed(seed)  # the libraries draw as many numbers as they like
    head = nn.Linear(dimension, classes)
    if config.weights != IMAGENET:  # whose thousand classes are others
        for name in library.heads if state else ():
            take_over(head, state, name)
    layers: list[tuple[str, nn.Module]] = [("pixels", ToColourPixels()), ("trunk", trunk), ("head", head)]
    if size := library.own_size or config.input_size:
        layers.insert(0, ("resize", Resize(size)))
    return seed_dropout(nn.Sequential(OrderedDict(layers)))


def build_trunk(library: PublishedBackbone, path: Path | None, name: str, seed: int) -> Trunk:
    """Return a network of torchvision or timm without its last layer, and the weights of the file if there is one.

    Raises:
        UserError: they are those of another network, or none.
    """
    if path is None:
        return Trunk(library.untrained(seed, Cut()), {})
    try:
        state = read_weights(path)
        return Trunk(library.pretrained(state, Cut()), state)
    except UNREADABLE as error:
        raise UserError(f"{path}: not weights of {name}: {shorten(error)}") from error
