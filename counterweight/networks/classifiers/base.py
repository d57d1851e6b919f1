"""What the evaluation classifiers share.

A file of this folder defines one as `build(shape, classes)`: a network from images (B, C, H, W) in [-1, 1] to logits
(B, K).
"""

from torch import nn

from counterweight.core.registry import load_module
from counterweight.networks.layers import halve_size


def build_network(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Return the network that the file `name`.py of this folder builds, its weights drawn by torch."""
    network: nn.Module = load_module("networks/classifiers", name).build(shape, classes)
    return network


def plain_cnn(shape: tuple[int, int, int], classes: int, filters: tuple[int, ...]) -> nn.Sequential:
    """Return convolutions of stride 2 with ReLU, a dense layer of 64 and one of the classes."""
    inputs, height, width = shape
    layers: list[nn.Module] = []
    for outputs in filters:
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
        inputs = outputs
    flat = inputs * halve_size(height, len(filters)) * halve_size(width, len(filters))
    # It ends in logits: the softmax is part of the cross-entropy, which is stable that way.
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 64), nn.ReLU(), nn.Linear(64, classes))
