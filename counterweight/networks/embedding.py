"""The network that recognises things (log-ends thesis, 5.4.1, table 5.5): a backbone, a dense layer, length 1.

On EfficientNetB0 the backbone has 4,007,548 parameters and 42,016 running statistics, where the thesis prints Keras's
4,049,571, whose normalisation has seven more; the dense layer has 1,311,744.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.tensors import to_network_input
from counterweight.networks.layers import seed_dropout

WIDTHS = (32, 64, 128, 256)


class Resized(nn.Module):
    """A backbone that takes images of any size, and of one channel, too."""

    def __init__(self, network: nn.Module, size: int | None) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, images: Tensor) -> Tensor:
        """Return the features (B, F) of uint8 images (B, 1 or 3, H, W)."""
        if self.size is not None and images.shape[2:] != (self.size, self.size):
            made = functional.interpolate(images.float(), (self.size, self.size), mode="bilinear", antialias=True)
            images = made.round_().clamp_(0, 255).to(torch.uint8)
        features: Tensor = self.network(images.expand(-1, 3, -1, -1))
        return features


class Embedder(nn.Module):
    """Turns features (B, F) of a backbone into embeddings (B, D) of length 1, by a dense layer without activation.

    Squared distances between embeddings lie in [0, 4]; what differs at random is about 2 apart.
    """

    def __init__(self, features: int, embedding_dim: int) -> None:
        super().__init__()
        self.dense = nn.Linear(features, embedding_dim)

    def forward(self, features: Tensor) -> Tensor:
        """Return embeddings."""
        return functional.normalize(self.dense(features), dim=1)


class SmallCNN(nn.Module):
    """Four convolutions of stride 2 with batch normalisation, for small images; the maxima over all positions."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for outputs in WIDTHS:
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, 256) of uint8 images (B, 3, H, W)."""
        features: Tensor = self.layers(to_network_input(images)).amax(dim=(2, 3))
        return features


def pool_by_maximum(network: nn.Module) -> nn.Module:
    """Let a convolutional network of torchvision or timm return the maxima of its last map, not its means.

    Args:
        network: without its classification layer.

    Raises:
        ValueError: it has no map whose means it returns.
    """
    for name, flat in (("global_pool", True), ("avgpool", False)):  # timm's flattens, torchvision's does not
        if isinstance(getattr(network, name, None), nn.Module):
            pool: nn.Module = nn.AdaptiveMaxPool2d(1)
            setattr(network, name, nn.Sequential(pool, nn.Flatten()) if flat else pool)
            return seed_dropout(network)
    raise ValueError("it has no last map that is averaged over its positions")
