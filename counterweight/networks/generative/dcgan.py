"""Generators and discriminators by the rules of DCGAN, for images of any size.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), section III.A, after Radford et al., Unsupervised
Representation Learning with Deep Convolutional Generative Adversarial Networks, https://arxiv.org/abs/1511.06434: batch
normalisation in both networks, ReLU and a final tanh in the generator, leaky ReLU in the discriminator, strides
instead of pooling.
"""

from typing import Literal

from torch import nn

from counterweight.networks.layers import Crop, halve_size

COARSEST = 8  # side of the smallest map at most, as in the networks for 64 pixels (8 x 8) and 28 pixels (7 x 7)
SLOPE = 0.2  # Of the leaky ReLUs (Radford et al., section 4).
DEVIATION = 0.02  # of the first weights, in both networks

Norm = Literal["batch", "layer"]
Upsampling = Literal["transposed", "nearest"]


def count_halvings(shape: tuple[int, int, int]) -> int:
    """Return how often an image's sides are halved, rounded up, until neither is longer than COARSEST."""
    times = 1
    while max(halve_size(side, times) for side in shape[1:]) > COARSEST:
        times += 1
    return times


def dcgan_generator(latents: int, shape: tuple[int, int, int], width: int, upsampling: Upsampling) -> nn.Sequential:
    """Return a network from latents (B, D) to images (B, C, H, W) in [-1, 1].

    Args:
        width: channels of the finest inner map; each coarser one has twice as many.
        upsampling: `transposed` convolutions, or `nearest`: pixels are repeated and convolved, which the report finds
            as good and quicker on simple images.
    """
    channels, height, width_of_image = shape
    times = count_halvings(shape)
    rows, columns, outputs = halve_size(height, times), halve_size(width_of_image, times), width * 2 ** (times - 1)
    layers: list[nn.Module] = [
        nn.Linear(latents, outputs * rows * columns, bias=False),  # The normalisation would subtract a bias again.
        nn.Unflatten(1, (outputs, rows, columns)),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
    for step in range(times):
        # The first map is the coarsest: width doubles with each halving of the side, as in the discriminator.
        inputs, outputs = outputs, max(width, outputs // 2)
        last = step == times - 1
        layers += double_sides(inputs, channels if last else outputs, upsampling, bias=last)
        # No normalisation where images leave a network: it would fix their mean and contrast.
        layers += [nn.Tanh()] if last else [nn.BatchNorm2d(outputs), nn.ReLU()]
    network = nn.Sequential(*layers, Crop(height, width_of_image))
    network.apply(initialise)
    return network


def double_sides(inputs: int, outputs: int, upsampling: Upsampling, bias: bool) -> list[nn.Module]:
    """Return layers that double the sides of a map."""
    if upsampling == "transposed":
        # A kernel that is a multiple of the stride covers all pixels equally often (Odena et al. 2016, on
        # checkerboards).
        return [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)]
    return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)]


def dcgan_features(shape: tuple[int, int, int], width: int, norm: Norm) -> tuple[nn.Sequential, int]:
    """Return a network from images (B, C, H, W) to features (B, F), and F: a discriminator without its last layer.

    Args:
        width: channels of the first map; each coarser one has twice as many.
        norm: `batch`, or `layer` for a critic whose gradient with respect to every single image matters.
    """
    channels, height, width_of_image = shape
    times, inputs, layers = count_halvings(shape), channels, list[nn.Module]()
    for step in range(times):
        outputs = width * 2**step
        layers.append(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1))
        if step:  # Not in the first layer (Radford et al., section 3).
            # One group is layer normalisation over (C, H, W): no image sees the others of its batch.
            layers.append(nn.BatchNorm2d(outputs) if norm == "batch" else nn.GroupNorm(1, outputs))
        layers.append(nn.LeakyReLU(SLOPE))
        inputs = outputs
    network = nn.Sequential(*layers, nn.Flatten())
    network.apply(initialise)
    return network, inputs * halve_size(height, times) * halve_size(width_of_image, times)


def initialise(layer: nn.Module) -> None:
    """Draw weights as DCGAN does: normal with deviation 0.02; scales around 1."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, std=DEVIATION)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    if isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1, DEVIATION)


def head(features: int, outputs: int) -> nn.Linear:
    """Return the last layer of a discriminator: features (B, F) to logits (B, outputs)."""
    layer = nn.Linear(features, outputs)
    initialise(layer)
    return layer
