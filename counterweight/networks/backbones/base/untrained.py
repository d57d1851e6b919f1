"""First weights of networks that nobody has trained, and statistics for their batch normalisations."""

import torch
from torch import nn

from counterweight.networks.backbones.base.natural_images import draw_natural_images

PIXELS, FEWEST = 2**17, 16
"""Pixels and, at least, images of the one batch: of 32 images of 64 pixels the last maps of a ResNet, with four
positions each, have 128 values of a channel, and of 16 images of 224 pixels 784."""


def initialise(layer: nn.Conv2d | nn.Linear | nn.BatchNorm2d, seed: int) -> None:
    """Draw weights with variance 2 / fan-in; biases are zero, and batch normalisation begins as an identity.

    He et al., https://arxiv.org/abs/1502.01852.
    """
    if isinstance(layer, nn.BatchNorm2d):
        layer.reset_parameters()  # Also the running statistics: mean 0, variance 1.
        return
    deviation = (2 / layer.weight[0].numel()) ** 0.5  # Inputs of one output: the fan-in, of grouped convolutions, too.
    nn.init.normal_(layer.weight, std=deviation, generator=torch.Generator().manual_seed(seed))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


@torch.no_grad()
def calibrate(network: nn.Module, size: int) -> None:
    """Give all batch normalisations of an extractor in evaluation mode the statistics of what they see.

    With mean 0 and variance 1 in their place nothing is normalised: the scale grows from block to block, and one number
    rules all features. One pass over a batch of images of `size` pixels, the same for everybody, sets mean and variance
    of each layer, the layers before it being normalised by theirs already. No image of the user's is looked at, so the
    network is the same for any two sets.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for layer in layers:
        layer.train()
        layer.momentum = 1.0  # The batch's statistics, and nothing of those before.
    if layers:
        network(draw_natural_images(max(FEWEST, PIXELS // size**2), size))
    for layer in layers:
        layer.eval()
