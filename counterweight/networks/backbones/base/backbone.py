"""What every feature extractor is to the rest of the project."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from counterweight.core.tensors import IMAGENET_DEVIATION, IMAGENET_MEAN
from counterweight.core.weight_files import PackagedFile


class Cut(NamedTuple):
    """Where networks are cut whose features the distributions thesis leaves open; others have one place alone."""

    after_relu: bool = False
    """Of dense layers: the outputs of the ReLU that follows the last one."""
    whole_maps: bool = False
    """Of convolutional layers: the last maps with all their positions, not averaged over them."""


@dataclass(frozen=True, kw_only=True)
class Backbone(ABC):
    """A network that turns images into features; a file of `networks/backbones` defines one under `BACKBONE`.

    `pretrained` and `untrained` return a module in evaluation mode from uint8 images (B, 3, H, W) to features (B, D).
    """

    library: str
    """The module that it is built with, imported only then, since it takes seconds."""
    url: str | None = None
    """Where its weights are published; the file's name ends in the beginning of its SHA-256. None: nowhere that is
    known."""
    packaged: PackagedFile | None = None
    """The file of its weights where an installed package has it."""
    own_size: int | None = None
    """Pixels of the images that it takes; None: those that the settings say."""
    resizes: bool = False
    """It brings images of any size to its own by itself."""
    always_pretrained: bool = False
    """It makes no sense without its published weights, whatever weights the others have."""

    @abstractmethod
    def pretrained(self, state: dict[str, Tensor], cut: Cut) -> nn.Module:
        """Return the extractor with given weights under the publisher's keys.

        Raises:
            RuntimeError: a key is missing or unexpected, or a shape differs.
        """

    @abstractmethod
    def untrained(self, seed: int, cut: Cut) -> nn.Module:
        """Return the extractor with random weights that depend on the seed alone, not calibrated.

        Raises:
            ValueError: it has its published weights, always.
        """

    def describe_layer(self, cut: Cut) -> str:
        """Say what its features are."""
        return "penultimate layer"


class ClassifyingExtractor(nn.Module, ABC):
    """A feature extractor that also knows what its classifier makes of its features."""

    @abstractmethod
    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (B, K) of features (B, D)."""


class Normalised(nn.Module):
    """A network that takes bytes.

    Args:
        mean: of each channel, in [0, 1]: what becomes 0.
        deviation: of each channel: what becomes 1.
    """

    def __init__(
        self,
        network: nn.Module,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        deviation: tuple[float, ...] = IMAGENET_DEVIATION,
    ) -> None:
        super().__init__()
        self.network, self.mean, self.deviation = network, mean, deviation

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of uint8 images (B, 3, H, W)."""
        features: Tensor = self.network(normalize(images, self.mean, self.deviation))
        return features


def normalize(
    images: Tensor, mean: tuple[float, ...] = IMAGENET_MEAN, deviation: tuple[float, ...] = IMAGENET_DEVIATION
) -> Tensor:
    """Turn uint8 images (B, 3, H, W) into what a network was trained on, float32 with channels last."""
    means, deviations = (torch.tensor(values, device=images.device) for values in (mean, deviation))
    # (x / 255 - mean) / deviation in two passes over one copy; bytes become a new tensor, so in place is safe.
    scaled = torch.empty_like(images, dtype=torch.float32, memory_format=torch.channels_last).copy_(images)
    count, _, height, width = images.shape
    rows = scaled.permute(0, 2, 3, 1).view(count, height, 3 * width)  # factors of whole rows: one per channel is slow
    rows.mul_((1 / (255 * deviations)).repeat(width)).sub_((means / deviations).repeat(width))
    return scaled
