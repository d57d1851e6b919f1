"""How much memory retraining takes beside the images that were read: how many classifiers fit at a time, if any do."""

import math
import sys
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from counterweight.core.draws import FITTED, VALIDATION
from counterweight.core.memory import find_shortage, require_memory
from counterweight.evaluation.retraining.methods import Method, Parts
from counterweight.networks.classifiers.base import Frozen
from counterweight.recipes.base.network_recipe import CHUNK

FLOAT = 4  # bytes
ROOM = 1.25  # of what workers have: blocks of several sizes leave gaps between them, measured of mnist_cnn


class Layers(NamedTuple):
    """Bytes that an image takes in a network: at most at a time where nothing is learned, and in all layers at once."""

    most: int
    total: int


class Needed(NamedTuple):
    """Bytes that retraining takes: all sets as tensors, and what each worker has of its own."""

    shared: int
    each: int

    def total(self, workers: int) -> int:
        """Return the bytes that so many workers take."""
        return self.shared + workers * self.each


def choose_workers(needed: Needed, item: str, count: int) -> int:
    """Return how many of so many classifiers fit into memory at a time, and say so where those are not all.

    Args:
        item: dataset and scenario; begins the message, and that of an error.

    Raises:
        UserError: not even one fits.
    """
    for workers in range(count, 1, -1):
        if find_shortage(needed.total(workers)) is None:
            break
    else:
        workers = 1
        require_memory(needed.total(1), f"{item}: classifiers, 1 at a time")
    if workers < count:
        said = f"{workers} at a time, not {count}: there is memory for no more"
        print(f"{item}: classifiers, {said}; results stay the same", file=sys.stderr)
    return workers


def foresee_memory(
    methods: Mapping[str, Method], parts: Parts, network: nn.Module, batch_size: int, device: torch.device
) -> Needed:
    """Return what retraining takes on a CPU; on a GPU it is that one's memory.

    Args:
        network: an untrained one; of a frozen one, which sees images once, layers are not counted.
        batch_size: images in a batch of training.
    """
    if device.type != "cpu":
        return Needed(0, 0)
    sets = {id(images): len(images) for method in methods.values() for images in method.added or ()}
    fitted, validation = (int((parts.draws.roles == role).sum(axis=1).max(initial=0)) for role in (FITTED, VALIDATION))
    own = 2 * fitted + max(sets.values(), default=0) + validation  # twice, while others are joined to them
    images = len(parts.train) + len(parts.test) + sum(sets.values())
    layers = Layers(0, 0) if isinstance(network, Frozen) else measure_layers(network, parts.test.shape)
    # Twice: values and their gradients.
    blocks = ROOM * (CHUNK * layers.most + 2 * batch_size * layers.total)
    pixels = math.prod(parts.test.shape)
    return Needed(images * pixels, own * pixels + int(blocks))


@torch.inference_mode()
def measure_layers(network: nn.Module, shape: tuple[int, int, int]) -> Layers:
    """Return what an image of a shape (C, H, W) takes in a network, whose mode and weights stay as they are."""
    first = FLOAT * math.prod(shape)
    largest, total = [first], [first]  # as bytes become what the first layer sees

    def note(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        before, after = (
            FLOAT * sum(own.numel() for own in every if isinstance(own, Tensor)) // 2  # of two images
            for every in (inputs, [output])
        )
        largest.append(before + after)
        total.append(after)

    hooks = [module.register_forward_hook(note) for module in network.modules() if not [*module.children()]]
    mode = network.training
    try:
        network.eval()(torch.zeros(2, *shape))
    finally:
        network.train(mode)
        for hook in hooks:
            hook.remove()
    return Layers(first + max(largest), sum(total))
