"""A classifier that a file of this package builds, or a function of the user's own, which may do anything."""

import importlib
import importlib.util
import math
import sys
import traceback
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from counterweight.core.errors import UserError, shorten
from counterweight.core.weight_files import UNREADABLE, find_file_in, read_weights
from counterweight.networks.backbones.base.partial_weights import load_below, take_over
from counterweight.networks.classifiers.base import Resize, build_network
from counterweight.networks.classifiers.base_last_layer import NoDenseEnd, find_last_layer
from counterweight.networks.layers import seed_dropout, use_rng
from counterweight.settings.classify import IMAGENET, ClassifierConfig

Shape = tuple[int, int, int]


def build_own(config: ClassifierConfig, shape: Shape, classes: int, where: str) -> nn.Module:
    """Return a network of a file of ours, or of the user's function."""
    size = config.input_size
    seen = (shape[0], size, size) if size else shape
    if ":" in config.network:
        network = call_function(config.network, seen, classes, where)
    else:
        network = build_network(config.network, seen, classes)
    if path := find_own_weights(config, where):
        check_logits(network, config.network, seen, classes, where)
        try:
            load_own_weights(network, read_weights(path), seen, classes)
        except UNREADABLE as error:
            raise UserError(f"{path}: not weights of {config.network}: {shorten(error)}") from error
    return nn.Sequential(Resize(size), seed_dropout(network)) if size else seed_dropout(network)


def find_own_weights(config: ClassifierConfig, where: str) -> Path | None:
    """Return the file of first weights; None where they are drawn at random.

    Raises:
        UserError: there is no such file.
    """
    if config.weights is None:
        return None
    if config.weights == IMAGENET:
        raise UserError(f"{where}.weights: imagenet: none are known of {config.network}; none, a file or a folder")
    path = Path(config.weights).expanduser()
    if path.is_dir():
        return find_file_in(path, config.network.rpartition(":")[2], f"{where}.weights")
    if not path.is_file():
        raise UserError(f"{where}.weights: '{config.weights}' is neither none, a file of weights nor a folder with one")
    return path


def load_own_weights(network: nn.Module, state: dict[str, Tensor], shape: Shape, classes: int) -> None:
    """Read weights into a network, those of its last layer if they are of as many classes.

    Raises:
        RuntimeError: a tensor is missing or unexpected, or has another shape.
    """
    try:
        last = find_last_layer(network, torch.zeros(2, *shape), classes)
    except NoDenseEnd:
        load_below(network, state, ())
        return
    names = [name for name, module in network.named_modules(remove_duplicate=False) if module is last]
    load_below(network, state, names)
    for name in names:
        take_over(last, state, name)


def load_function(name: str, where: str) -> Callable[[Shape, int], Any]:
    """Return the function that `module:function` names, of a module in the folder where the command runs.

    Nothing else is imported: settings that a stranger wrote name no code but what their reader has put there.

    Raises:
        UserError: there is none there, or its module raises something.
    """
    module_name, function_name = name.split(":")
    if str(Path.cwd()) not in sys.path:  # an installed command does not look there by itself
        sys.path.append(str(Path.cwd()))
    require_own_module(module_name, f"{where}.network: {name}")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except MemoryError:
        raise
    except Exception as error:  # it is the user's code, which may raise whatever it likes
        raise UserError(f"{where}.network: {name} cannot be loaded: {explain(error, name)}") from error
    if not callable(function):
        raise UserError(f"{where}.network: {name} is no function")
    loaded: Callable[[Shape, int], Any] = function
    return loaded


def require_own_module(name: str, where: str) -> None:
    """Refuse a module, before it is imported, that does not lie in the folder where the command runs.

    Args:
        where: setting and its value; begins the error's message.

    Raises:
        UserError: it lies elsewhere, or nowhere.
    """
    here, first = Path.cwd(), name.split(".")[0]
    try:
        spec = importlib.util.find_spec(first)  # of the first name alone: others are found by importing that
    except ValueError:  # of a module without one, as `__main__`
        spec = None
    if spec is None:
        raise UserError(f"{where} cannot be loaded: there is no {first}.py or folder {first} in {here}")
    named = [Path(place) for place in (spec.origin, *(spec.submodule_search_locations or ())) if place]
    places = [place for place in named if place.is_absolute()]  # of Python's own it says `built-in` or `frozen`
    if not any(place.resolve().is_relative_to(here.resolve()) for place in places):
        found = places[0] if places else "Python itself"
        raise UserError(f"{where} cannot be loaded: {first} is {found}; only modules in {here} are: import it in one")


def call_function(name: str, shape: Shape, classes: int, where: str) -> nn.Module:
    """Return the network that a function of the user's builds.

    Raises:
        UserError: it raises something, or returns something else.
    """
    function = load_function(name, where)
    try:
        network = function(shape, classes)
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise UserError(f"{where}.network: {name}: {explain(error, name)}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{where}.network: {name} returns a {type(network).__name__}, not a torch module")
    if not [*network.parameters()]:
        raise UserError(f"{where}.network: {name} returns a network without parameters, of which none can be trained")
    return network


def explain(error: Exception, name: str) -> str:
    """Return an exception in one line: its kind, the beginning of its message, and the line of a user's file."""
    file = getattr(sys.modules.get(name.split(":")[0]), "__file__", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{type(error).__name__}: {shorten(error)}{f' ({file}, line {lines[-1]})' if lines else ''}"


@torch.no_grad()
def check_logits(network: nn.Module, name: str, shape: Shape, classes: int, where: str) -> None:
    """Refuse a network that does not turn images of this shape into finite logits of so many classes, trained or not.

    Raises:
        UserError: it does something else, or raises something, or draws random numbers that no seed governs.
    """
    for training in (True, False):
        try:
            logits, drawn = try_out(network, shape, training)
        except MemoryError:
            raise
        except Exception as error:  # as above
            size = "x".join(map(str, shape))
            hint = f"{where}.input_size: another size may do"
            raise UserError(
                f"{where}.network: {name} cannot work on images of {size}: {explain(error, name)}; {hint}"
            ) from error
        if not isinstance(logits, Tensor) or logits.shape != (2, classes):
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise UserError(
                f"{where}.network: {name} makes {got} of 2 images and {classes} classes, not (2, {classes})"
            )
        if logits.dtype != torch.float32:
            raise UserError(f"{where}.network: {name} makes {logits.dtype} of float32 images; float32 is needed")
        if not logits.isfinite().all():
            kinds = "NaN" if logits.isnan().any() else "infinite ones"
            raise UserError(f"{where}.network: {name} makes logits of two images that are not finite: {kinds}")
        if drawn:
            raise UserError(
                f"{where}.network: {name} draws from torch's own generator, which trainings side by side share: no "
                "result could be had again. Of what drops at random, nn.Dropout alone is given a generator of its own"
            )


def try_out(network: nn.Module, shape: Shape, training: bool) -> tuple[object, bool]:
    """Return what a network makes of two images of all greys, and whether torch's own generator went on.

    The network is left as it was, but in another mode.
    """
    # Not of one grey: a network that divides by each image's own deviation makes NaN of that alone.
    images = torch.linspace(-1, 1, 2 * math.prod(shape)).view(2, *shape)
    if any(is_lazy(parameter) for parameter in network.parameters()):
        network.eval()(images)  # from which lazy layers take their shape
    state = deepcopy(network.state_dict())  # with the versions of layers, at which some look
    use_rng(network, torch.Generator().manual_seed(0))
    before = torch.get_rng_state()
    made = network.train(training)(images)
    network.load_state_dict(state)  # batch normalisation counted the images
    return made, not torch.equal(before, torch.get_rng_state())
