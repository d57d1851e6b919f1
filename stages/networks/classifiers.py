"""The evaluation classifiers of the balancing thesis (Data Augmentation Using Generative Adversarial Networks).

Tables B.8 (MNIST), B.9 (Vehicles) and B.10 (CIFAR-10). Each takes images (B, C, H, W) and returns logits
(B, K); the softmax of the tables is part of the loss. Sizes other than the published ones change the first
dense layer only.
"""

from torch import nn

from stages.networks.blocks import Dropout, halved

NEGATIVE_SLOPE = 0.3  # Keras's default, as printed in table B.10


def mnist_cnn(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the classifier of table B.8: 121,994 parameters for 1x28x28 and ten classes."""
    return plain(shape, classes, (32, 64, 64))


def vehicles_cnn(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the classifier of table B.9: 131,818 parameters for 3x64x64 and ten outputs, as printed."""
    return plain(shape, classes, (32, 32, 64, 64))


def plain(shape: tuple[int, int, int], classes: int, filters: tuple[int, ...]) -> nn.Sequential:
    """Return convolutions of stride 2 with ReLU, a dense layer of 64 and one of the classes."""
    inputs, height, width = shape
    layers: list[nn.Module] = []
    for outputs in filters:
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
        inputs = outputs
    flat = inputs * halved(height, len(filters)) * halved(width, len(filters))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 64), nn.ReLU(), nn.Linear(64, classes))


def cifar10_cnn(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the classifier of table B.10: 2,107,082 parameters and running statistics for 3x32x32."""
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
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        inputs = outputs
    flat = inputs * halved(height, 5) * halved(width, 5)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 64), nn.ReLU(), nn.Linear(64, classes))


CLASSIFIERS = {"mnist_cnn": mnist_cnn, "vehicles_cnn": vehicles_cnn, "cifar10_cnn": cifar10_cnn}
