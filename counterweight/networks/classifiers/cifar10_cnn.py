"""The thesis's classifier for CIFAR-10.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), table B.10; the softmax there is part of the
loss here. Sizes other than the published ones change the first dense layer only.
"""

from torch import nn

from counterweight.networks.layers import Dropout, halve_size

NEGATIVE_SLOPE = 0.3  # Keras's default, as printed in table B.10


def build(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the network of table B.10: 2,107,082 parameters and running statistics for 3x32x32."""
    inputs, height, width = shape
    layers: list[nn.Module] = []
    for place, outputs in enumerate((128, 256, 256, 512)):
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.BatchNorm2d(outputs),
            Dropout(0.3),
        ]
        if place == 1:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))  # Rounds up as the strides do: one of five halvings.
        inputs = outputs
    flat = inputs * halve_size(height, 5) * halve_size(width, 5)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 64), nn.ReLU(), nn.Linear(64, classes))
