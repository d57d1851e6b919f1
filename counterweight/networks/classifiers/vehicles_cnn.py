"""The thesis's classifier for Vehicles.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), table B.9; the softmax there is part of the
loss here. Sizes other than the published ones change the first dense layer only.
"""

from torch import nn

from counterweight.networks.classifiers.base import plain_cnn


def build(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the network of table B.9: 131,818 parameters for 3x64x64 and ten outputs, as printed."""
    return plain_cnn(shape, classes, (32, 32, 64, 64))
