"""The thesis's classifier for MNIST.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), table B.8; the softmax there is part of the
loss here. Sizes other than the published ones change the first dense layer only.
"""

from torch import nn

from counterweight.networks.classifiers.base import plain_cnn


def build(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the network of table B.8: 121,994 parameters for 1x28x28 and ten classes."""
    return plain_cnn(shape, classes, (32, 64, 64))
