"""What the evaluation classifiers share.

A file of this folder defines one as `build(shape, classes)`: a network from images (B, C, H, W) in [-1, 1] to logits
(B, K).
"""

from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.registry import load_module
from counterweight.networks.classifiers.base_last_layer import replace_layer
from counterweight.networks.layers import halve_size

FOLDER = "networks/classifiers"


def build_network(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Return the network that the file `name`.py of this folder builds, its weights drawn by torch."""
    network: nn.Module = load_module(FOLDER, name).build(shape, classes)
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


class Resize(nn.Module):
    """Bring images (B, C, H, W) to a size in pixels, bilinear with antialiasing."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """Return images (B, C, size, size)."""
        if images.shape[2:] == (self.size, self.size):
            return images
        return functional.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)


class ToColourPixels(nn.Module):
    """Turn images (B, 1 or 3, H, W) in [-1, 1] into what networks see that take pixels from 0 to 255 in colour."""

    def forward(self, images: Tensor) -> Tensor:
        """Return images (B, 3, H, W) in [0, 255]; grey is shown to all three channels."""
        # Repeated, not expanded: they are normalised in place.
        return ((images + 1) * 127.5).repeat(1, 3 // images.shape[1], 1, 1)


class Frozen(nn.Module):
    """A network of which the last dense layer alone learns; dropout and batch normalisation before it do not train.

    Args:
        network: from images (B, C, H, W) to logits (B, K).
        last: the layer whose outputs are these logits.
    """

    trunk: nn.Module

    def __init__(self, network: nn.Module, last: nn.Linear) -> None:
        super().__init__()
        replace_layer(network, last, nn.Identity())
        self.trunk = network.requires_grad_(False)
        self.head = nn.Sequential(last)

    def train(self, mode: bool = True) -> "Frozen":
        """Let the last layer train, and nothing else."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.head(self.trunk(images))
        return logits
