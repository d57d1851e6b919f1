"""Where the weights of a backbone come from: a package, random numbers, the publisher's ImageNet files, or a folder."""

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from counterweight.core.errors import UserError, shorten
from counterweight.core.process import is_out_of_memory
from counterweight.core.schema import suggest_name
from counterweight.core.weight_files import (
    UNREADABLE,
    fetch_weight_file,
    find_file_in,
    find_packaged_file,
    hash_file,
    read_weights,
)
from counterweight.networks.backbones.base.backbone import Backbone, Cut
from counterweight.networks.backbones.base.published import find_backbone
from counterweight.networks.backbones.base.untrained import calibrate
from counterweight.settings.extract import Extract


def load_backbone(name: str, settings: Extract, seed: int) -> nn.Module:
    """Return a feature extractor with the weights that the settings name.

    Returns:
        A module in evaluation mode from uint8 images (B, 3, H, W) to features (B, D).

    Raises:
        UserError: a file of weights is missing, cannot be downloaded, is damaged or fits another network.
    """
    path = find_weight_file(name, settings.weights)
    backbone, cut = find_backbone(name), choose_cut(settings)
    size = backbone.own_size or settings.input_size
    if path is None:
        network = backbone.untrained(seed, cut).to(memory_format=torch.channels_last)  # so that calibration is quicker
        check_output(name, network, size)
        calibrate(network, size)
        return network
    try:
        network = backbone.pretrained(read_weights(path), cut)
    except UNREADABLE as error:
        if is_out_of_memory(error):
            raise
        raise UserError(f"{path}: not the published weights of {name}: {shorten(error)}") from error
    check_output(name, network, size)
    return network


@torch.inference_mode()
def check_output(name: str, network: nn.Module, size: int) -> None:
    """Refuse a network that does not turn an image of `size` pixels into a row of features."""
    try:
        shape = tuple(network(torch.zeros(1, 3, size, size, dtype=torch.uint8)).shape)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"params.yaml: extract.input_size: {name} cannot work on {size} pixels: {shorten(error)}"
        ) from error
    if len(shape) != 2:
        raise UserError(f"params.yaml: extract.backbones: {name} returns no row of features, but {shape}")


def choose_cut(settings: Extract) -> Cut:
    """Return where the settings cut networks that can be cut in several places."""
    return Cut(after_relu=settings.dense == "after_relu", whole_maps=settings.maps == "whole")


def check_backbones(names: Iterable[str], weights: str, key: str, block: str = "extract") -> None:
    """Refuse names that no backbone has, and fetch all weights that are not drawn at random.

    Args:
        key: of params.yaml, where the names stand.
        block: of params.yaml, where `weights` is set.

    Raises:
        UserError: there is no such backbone, or its weights are missing, damaged or cannot be downloaded.
    """
    names = list(names)
    for name in names:  # Downloads take long: first everything that is quick.
        find_backbone(name, f"params.yaml: {key}")
    for name in names:
        find_weight_file(name, weights, f"params.yaml: {block}")


def find_weight_file(name: str, weights: str, block: str = "params.yaml: extract") -> Path | None:
    """Return the file with a backbone's weights, downloaded if need be; None where they are drawn at random.

    Args:
        weights: `random`, `imagenet` or a folder; nothing is ever taken in place of what is asked for.
        block: where `weights` is set, for the error's message.

    Raises:
        UserError: there is no such file or folder, or it cannot be downloaded.
    """
    backbone = find_backbone(name, block)
    if backbone.packaged:
        return find_packaged_file(backbone.packaged, f"{block}: {name}")
    if backbone.always_pretrained:
        return fetch_published_file(name, backbone, f"{block}: {name}", f"{block}: backbones without {name}")
    if weights == "random":
        return None
    if weights == "imagenet":
        own = f"{block}.weights"
        return fetch_published_file(name, backbone, f"{own}: imagenet", f"{own}: a folder that has it, or random")
    folder = Path(weights).expanduser()
    if not weights or not folder.is_dir():
        # A path is no misspelt word.
        words = suggest_name(weights, ("random", "imagenet")) if os.sep not in weights else ""
        raise UserError(f"{block}.weights: '{weights}' is neither random, imagenet nor a folder{words}")
    return find_file_in(folder, name, f"{block}.weights", backbone.url and Path(backbone.url).name)


def fetch_published_file(name: str, backbone: Backbone, where: str, instead: str) -> Path:
    """Return the file of a backbone's weights that its publisher has, downloaded if need be.

    Args:
        where: setting that wants the file; begins the error's message.
        instead: settings that do without the file.

    Raises:
        UserError: there is none with a checksum in its name, it cannot be downloaded, or is damaged.
    """
    if backbone.url is None:
        raise UserError(
            f"{where}: no file with a checksum is published for {name} at a plain address (most of "
            f"timm's lie on a hub, as model.safetensors, which you may download); choose {instead}"
        )
    return fetch_weight_file(backbone.url, where, instead)


def describe_weights(name: str, path: Path | None, weights: str) -> dict[str, str]:
    """Return which weights they are, whatever the machine calls the folder they lie in."""
    if path is None:
        return {"weights": "random"}
    packaged = find_backbone(name).packaged
    title = f"imagenet ({packaged.title})" if packaged else "imagenet" if weights == "imagenet" else path.name
    return {"weights": title, "sha256": hash_file(path)}
