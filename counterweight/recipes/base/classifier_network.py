"""The network of a dataset's classifier: one of ours, one of torchvision or timm, or a function of the user's own."""

import importlib
import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from counterweight.core.devices import map_in_parallel
from counterweight.core.errors import UserError, shorten
from counterweight.core.registry import names_in
from counterweight.core.tensors import to_network_input
from counterweight.core.weight_files import UNREADABLE, hash_file, read_weights
from counterweight.networks.classifiers.base import FOLDER, Frozen, Resize, build_network, seed_dropout
from counterweight.networks.layers import use_rng
from counterweight.settings.classify import IMAGENET, ClassifierConfig

BATCH = 16  # 0.4 GiB a core at 224 pixels; more is no faster on CPUs
Shape = tuple[int, int, int]


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
            from counterweight.recipes.base.library_network import build_from_library  # takes seconds

            network = build_from_library(config, classes, seed, where)
        check_logits(network, config.network, shape, classes, where)
    return freeze(network, config.network, shape, where) if config.frozen else network


def check_classifier(config: ClassifierConfig, where: str) -> None:
    """Refuse settings that can be seen to be impossible before any work; download weights that are wanted.

    Raises:
        UserError: there is no such network, or its weights are missing or cannot be downloaded.
    """
    if not is_ours(config.network):
        from counterweight.recipes.base.library_network import check_library_network  # takes seconds

        check_library_network(config, where)
    if ":" in config.network:
        load_function(config.network, where)
    elif config.frozen and config.weights is None:
        raise UserError(f"{where}.frozen: true, but all layers are drawn at random; weights: imagenet or a file")
    find_weights(config, where)


def is_ours(name: str) -> bool:
    """Say whether a network is a file of this package or a function of the user's, and not torchvision's or timm's."""
    return ":" in name or name in names_in(FOLDER)


def find_weights(config: ClassifierConfig, where: str) -> Path | None:
    """Return the file of first weights, downloaded if need be; None where they are drawn at random.

    Raises:
        UserError: there is no such file, or it cannot be downloaded.
    """
    if not is_ours(config.network):
        from counterweight.recipes.base.library_network import find_library_weights  # takes seconds

        return find_library_weights(config, where)
    if config.weights is None:
        return None
    if config.weights == IMAGENET:
        raise UserError(f"{where}.weights: imagenet: none are known of {config.network}; none, or a file")
    path = Path(config.weights).expanduser()
    if not path.is_file():
        raise UserError(f"{where}.weights: '{config.weights}' is neither none nor a file of weights")
    return path


def build_own(config: ClassifierConfig, shape: Shape, classes: int, where: str) -> nn.Module:
    """Return a network of a file of ours, or of the user's function."""
    size = config.input_size
    seen = (shape[0], size, size) if size else shape
    if ":" in config.network:
        network = load_function(config.network, where)(seen, classes)
        if not isinstance(network, nn.Module):
            raise UserError(f"{where}.network: {config.network} returns a {type(network).__name__}, not a torch module")
    else:
        network = build_network(config.network, seen, classes)
    if path := find_weights(config, where):
        try:
            network.load_state_dict(read_weights(path))
        except UNREADABLE as error:
            raise UserError(f"{path}: not weights of {config.network}: {shorten(error)}") from error
    return nn.Sequential(Resize(size), seed_dropout(network)) if size else seed_dropout(network)


def load_function(name: str, where: str) -> Callable[[Shape, int], Any]:
    """Return the function that `module:function` names; a module may lie in the folder where the command runs."""
    module_name, function_name = name.split(":")
    if str(Path.cwd()) not in sys.path:  # an installed command does not look there by itself
        sys.path.append(str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise UserError(f"{where}.network: {name} cannot be loaded: {shorten(error)}") from error
    if not callable(function):
        raise UserError(f"{where}.network: {name} is no function")
    loaded: Callable[[Shape, int], Any] = function
    return loaded


@torch.no_grad()
def check_logits(network: nn.Module, name: str, shape: Shape, classes: int, where: str) -> None:
    """Refuse a network that does not turn images of this shape into logits of so many classes, trained or not."""
    state = {key: value.clone() for key, value in network.state_dict().items()}
    use_rng(network, torch.Generator().manual_seed(0))
    for training in (True, False):
        try:
            logits = network.train(training)(torch.zeros(2, *shape))
        except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
            size = "x".join(map(str, shape))
            hint = f"{where}.input_size: another size may do"
            raise UserError(
                f"{where}.network: {name} cannot work on images of {size}: {shorten(error)}; {hint}"
            ) from error
        if not isinstance(logits, Tensor) or logits.shape != (2, classes):
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise UserError(
                f"{where}.network: {name} makes {got} of 2 images and {classes} classes, not (2, {classes})"
            )
    network.load_state_dict(state)  # batch normalisation counted the images


def freeze(network: nn.Module, name: str, shape: Shape, where: str) -> Frozen:
    """Return a network of which the last dense layer alone learns.

    Raises:
        UserError: there is none, or something follows it.
    """
    images = torch.linspace(-1, 1, 2 * math.prod(shape)).view(2, *shape)
    with torch.no_grad():
        before = network.eval()(images)
        try:
            frozen = Frozen(network).eval()
        except ValueError as error:
            raise UserError(f"{where}.frozen: {name}: {error} that could be trained alone") from error
        after = frozen(images)
    if not torch.equal(before, after):
        raise UserError(f"{where}.frozen: {name} does not end in its last dense layer; that alone can be trained")
    return frozen


def hash_network(config: ClassifierConfig, where: str) -> list[str]:
    """Return hashes of the files that a classifier comes from and settings do not tell: weights, and user's code.

    Raises:
        UserError: one is missing.
    """
    weights = find_weights(config, where)
    code = inspect.getsourcefile(load_function(config.network, where)) if ":" in config.network else None
    return [hash_file(Path(path)) for path in (weights, code) if path]


def represent_frozen(classifier: Frozen, images: Tensor) -> Tensor:
    """Return what the last layer sees, float32 (N, D), of uint8 images (N, C, H, W) on its device."""

    def run_batch(part: Tensor) -> Tensor:
        with torch.no_grad():  # no inference mode: the last layer keeps what it sees for its gradient
            features: Tensor = classifier.trunk(to_network_input(part))
        return features

    return torch.cat(map_in_parallel(run_batch, images.split(BATCH), images.device, "features"))
