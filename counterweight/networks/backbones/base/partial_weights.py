"""Weights of a network that are read without those of its last layer, which are others for other classes."""

from collections import OrderedDict
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn


def load_below(network: nn.Module, state: Mapping[str, Tensor], heads: Collection[str]) -> None:
    """Read the weights of all layers but the last into a network.

    Args:
        state: tensors by their names in the network; what it has of the last layer does not matter, nor that it lacks.
        heads: names of the modules that make the last layer.

    Raises:
        RuntimeError: a tensor of another layer is missing or unexpected, or has another shape.
    """
    own = network.state_dict()
    below = {key: value for key, value in state.items() if not is_part(key, heads)}
    # Files from before 2018 lack the last, which plays no part.
    kept = {key: value for key, value in own.items() if is_part(key, heads) or key.endswith(".num_batches_tracked")}
    # MNASNet refuses tensors without torchvision's version mark, which plain files of tensors do not carry.
    marked = OrderedDict(kept | below)
    marked._metadata = getattr(state, "_metadata", own._metadata)  # type: ignore[attr-defined]
    network.load_state_dict(marked)


def is_part(key: str, heads: Collection[str]) -> bool:
    """Say whether a tensor belongs to one of some modules."""
    return any(key.startswith(f"{head}.") for head in heads)


@torch.no_grad()
def take_over(layer: nn.Linear, state: Mapping[str, Tensor], name: str) -> None:
    """Read a dense layer from tensors that have its weights under its name and in its shape; else do nothing."""
    own = layer.state_dict()
    found = {key: state[f"{name}.{key}"] for key in own if f"{name}.{key}" in state}
    if found.keys() == own.keys() and all(value.shape == own[key].shape for key, value in found.items()):
        layer.load_state_dict(found)
