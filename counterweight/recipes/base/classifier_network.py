"""The network of a dataset's classifier: one of ours, one of torchvision or timm, or a function of the user's own."""

import inspect
import math
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from counterweight.core.devices import map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.registry import names_in
from counterweight.core.tensors import to_network_input
from counterweight.core.weight_files import hash_file
from counterweight.networks.classifiers.base import FOLDER, Frozen
from counterweight.networks.classifiers.base_last_layer import NoDenseEnd, find_last_layer
from counterweight.recipes.base.library_network import (
    build_from_library,
    check_library_network,
    find_library_weights,
)
from counterweight.recipes.base.own_network import (
    Shape,
    build_own,
    check_logits,
    explain,
    find_own_weights,
    load_function,
)
from counterweight.recipes.base.recipe import find_recipe
from counterweight.settings.classify import ClassifierConfig

BATCH = 16  # 0.4 GiB a core at 224 pixels; more is no faster on CPUs


def build_classifier(
    config: ClassifierConfig, shape: Shape, classes: int, seed: int, where: str = "params.yaml: classifiers"
) -> nn.Module:
    """Return a classifier, its weights drawn from `seed` as far as they are not read; not to be called from threads.

    Args:
        shape: of the images, (C, H, W).
        where: the block of the settings, for the error's message.

    Returns:
        A module from images (B, C, H, W) in [-1, 1] to logits (B, K).

    Raises:
        UserError: there is no such network, it cannot work on such images, or its weights are missing or do not fit.
    """
    with torch.random.fork_rng([]):  # torch initialises layers from a generator that all threads share
        torch.manual_seed(seed)
        if is_ours(config.network):
            network = build_own(config, shape, classes, where)
        else:
            network = build_from_library(config, classes, seed, where)
        check_logits(network, config.network, shape, classes, where)
    return freeze(network, config.network, shape, classes, where) if config.frozen else network


def check_classifier(config: ClassifierConfig, where: str) -> None:
    """Refuse settings that can be seen to be impossible before any work; download weights that are wanted.

    Raises:
        UserError: there is no such network, or its weights are missing or cannot be downloaded.
    """
    check_named(config, where)
    find_weights(config, where)


def check_named(config: ClassifierConfig, where: str) -> None:
    """Refuse a network that is not there, as far as that is seen without its weights.

    Raises:
        UserError: it is so.
    """
    if not is_ours(config.network):
        check_library_network(config, where)
    if ":" in config.network:
        load_function(config.network, where)
    elif config.frozen and config.weights is None:
        raise UserError(f"{where}.frozen: true, but all layers are drawn at random; weights: imagenet or a file")


def is_ours(name: str) -> bool:
    """Say whether a network is a file of this package or a function of the user's, and not torchvision's or timm's."""
    return ":" in name or name in names_in(FOLDER)


def find_weights(config: ClassifierConfig, where: str) -> Path | None:
    """Return the file of first weights, downloaded if need be; None where they are drawn at random.

    Raises:
        UserError: there is no such file, or it cannot be downloaded.
    """
    if is_ours(config.network):
        return find_own_weights(config, where)
    return find_library_weights(config, where)


def freeze(network: nn.Module, name: str, shape: Shape, classes: int, where: str) -> Frozen:
    """Return a network of which the last dense layer alone learns.

    Raises:
        UserError: there is none, something follows it, or the network does not work without it.
    """
    images = torch.linspace(-1, 1, 2 * math.prod(shape)).view(2, *shape)
    way_out = f"frozen: true trains a last dense layer of {classes} outputs alone; false, or another network"
    try:
        with torch.no_grad():
            before = network.eval()(images)
            frozen = Frozen(network, find_last_layer(network, images, classes)).eval()
            after = frozen(images)
    except NoDenseEnd as error:
        raise UserError(f"{where}.network: {name}: {error}; {way_out}") from error
    except MemoryError:
        raise
    except Exception as error:  # it is a user's code, perhaps, which may raise whatever it likes
        message = f"cannot do without its last dense layer: {explain(error, name)}"
        raise UserError(f"{where}.network: {name} {message}; {way_out}") from error
    if not torch.equal(before, after):
        raise UserError(f"{where}.network: {name} makes something else without its last dense layer; {way_out}")
    return frozen


def check_dense_end(
    network: nn.Module, config: ClassifierConfig, shape: Shape, classes: int, recipes: Iterable[str], where: str
) -> None:
    """Refuse recipes that put another layer in place of a network's last one, where that is not dense.

    Args:
        shape: of the images, (C, H, W).
        recipes: names of those that the network is trained with.
        where: the block of the settings, for the error's message.

    Raises:
        UserError: the network does not end in a dense layer of so many outputs, and a recipe needs one.
    """
    needing = next((name for name in recipes if find_recipe(name).recipe.needs_dense_end), None)
    if needing is None:
        return
    device = next(network.parameters()).device
    try:
        find_last_layer(network, torch.zeros(2, *shape, device=device), classes)
    except NoDenseEnd as error:
        need = f"the recipe {needing} needs a last dense layer of {classes} outputs"
        way_out = f"another network, or leave {needing} out of table.recipes and classify.generator_recipes"
        raise UserError(f"{where}.network: {config.network}: {error}; {need}: {way_out}") from error


def check_built(config: ClassifierConfig, shape: Shape, classes: int, recipes: Iterable[str], where: str) -> None:
    """Refuse a classifier that cannot be built, or not for such images, classes or recipes; see `check_dense_end`.

    Raises:
        UserError: it is so.
    """
    check_dense_end(build_classifier(config, shape, classes, 0, where), config, shape, classes, recipes, where)


def hash_network(config: ClassifierConfig, where: str) -> list[str]:
    """Return hashes of the files that a classifier comes from and settings do not tell: weights, and user's code.

    Raises:
        UserError: one is missing.
    """
    weights = find_weights(config, where)
    code = find_code(config.network, where) if ":" in config.network else None
    return [hash_file(Path(path)) for path in (weights, code) if path]


def find_code(name: str, where: str) -> str | None:
    """Return the file of the code that `module:function` names."""
    function = load_function(name, where)
    if inspect.isroutine(function) or inspect.isclass(function):
        return inspect.getsourcefile(function)
    return sys.modules[name.split(":")[0]].__file__  # of what is made there, by functools.partial perhaps


def represent_frozen(classifier: Frozen, images: Tensor) -> Tensor:
    """Return what the last layer sees, float32 (N, D), of uint8 images (N, C, H, W) on its device."""

    def run_batch(part: Tensor) -> Tensor:
        with torch.no_grad():  # no inference mode: the last layer keeps what it sees for its gradient
            features: Tensor = classifier.trunk(to_network_input(part))
        return features

    return torch.cat(map_in_parallel(run_batch, images.split(BATCH), images.device, "features"))
