"""What every feature extractor is to the rest of the project, and how those of torchvision become one.

Distributions thesis (Efficient generation of complex data distributions), section 4.1.4: "all networks
have cut off the last two classification layers". What that leaves here, for any input of 63 pixels or more:

| backbone | features | dimension |
|---|---|---|
| alexnet | second dense layer, before its ReLU | 4096 |
| vgg13_bn, vgg16_bn | second dense layer, before its ReLU | 4096 |
| mobilenet_v2 | last convolution (ReLU6), averaged over positions | 1280 |
| mnasnet1_0, mnasnet0_5 | last convolution (ReLU), averaged over positions | 1280 |
| resnet152, resnext101_32x8d | last residual block (ReLU), averaged over positions | 2048 |

Dense layers are taken before their ReLU because the thesis finds the features of all networks but the
ResNets to be normally distributed (figure 4.7). The percentages of its tables 4.2 and 4.3 are multiples of
1/4096 and 1/2048 for AlexNet, VGG and ResNets; for MobileNetV2 and the MNASNets they are no multiples of
1/1280, so the thesis probably left those maps unaveraged.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from counterweight.core.registry import load_module
from counterweight.core.tensors import IMAGENET_DEVIATION, IMAGENET_MEAN


@dataclass(frozen=True, kw_only=True)
class Backbone(ABC):
    """A network that turns images into features; a file of this folder defines one under `BACKBONE`.

    Both methods return a module in evaluation mode from uint8 images (B, 3, H, W) to features (B, dimension).
    """

    url: str
    """Where its weights are published; the file's name ends in the beginning of its SHA-256."""
    dimension: int
    gflops: float
    """Billions of multiply-adds for one image of 224 pixels: what it costs."""
    own_size: int | None = None
    """Pixels to which it resizes images itself; None: they come in the size that the settings say."""
    always_pretrained: bool = False
    """It makes no sense without its published weights, whatever weights the others have."""

    @abstractmethod
    def pretrained(self, state: dict[str, Tensor]) -> nn.Module:
        """Return the extractor with given weights under the publisher's keys.

        Raises:
            RuntimeError: a key is missing or unexpected, or a shape differs.
        """

    @abstractmethod
    def untrained(self, seed: int) -> nn.Module:
        """Return the extractor with random weights that depend on the seed alone."""


def find_backbone(name: str) -> Backbone:
    """Return the backbone that the file `name`.py of this folder defines."""
    backbone: Backbone = load_module("networks/backbones", name).BACKBONE
    return backbone


@dataclass(frozen=True, kw_only=True)
class TorchvisionBackbone(Backbone):
    """A classifier of torchvision, cut before its classification layers."""

    build: Callable[..., nn.Module]
    cut: int
    """Layers removed from the end of `classifier`; 0: a ResNet, whose `fc` becomes the identity."""

    def pretrained(self, state: dict[str, Tensor]) -> nn.Module:
        """Return the extractor with given weights under torchvision's keys."""
        return Normalised(self.without_classifier(self.with_weights(state))).eval()

    def untrained(self, seed: int) -> nn.Module:
        """Return the extractor with random weights that depend on the seed alone."""
        return Normalised(self.without_classifier(self.with_random_weights(seed))).eval()

    def with_weights(self, state: dict[str, Tensor]) -> nn.Module:
        """Return the whole classifier with given weights."""
        network = self.empty()
        # MNASNet refuses tensors without torchvision's version mark, which plain files of tensors do not carry.
        marked = OrderedDict(state)
        marked._metadata = getattr(state, "_metadata", network.state_dict()._metadata)  # type: ignore[attr-defined]
        network.load_state_dict(marked)
        return network.eval()

    def with_random_weights(self, seed: int) -> nn.Module:
        """Return the whole classifier with random weights.

        Weights are drawn with variance 2 / fan-in (He et al., https://arxiv.org/abs/1502.01852), biases are
        zero, and batch normalisation keeps its initial statistics. Untrained embeddings are the published
        choice for images far from ImageNet: Naeem et al., Reliable Fidelity and Diversity Metrics for
        Generative Models, section 4, https://arxiv.org/abs/2002.09797.
        """
        network = self.empty()
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]
        with ThreadPoolExecutor() as pool:  # a generator per layer: the threads' order does not matter
            list(pool.map(initialise, layers, range(seed, seed + len(layers))))
        return network.eval()

    def empty(self) -> nn.Module:
        """Return the whole classifier, its weights not yet set."""
        with torch.device("meta"):  # torchvision's own initialisation would take seconds and torch's global generator
            network = self.build(weights=None)
        return network.to_empty(device="cpu")  # Memory as it was found: both callers fill all of it.

    def without_classifier(self, network: nn.Module) -> nn.Module:
        """Cut the classification layers off, so that the network returns features (B, D)."""
        if self.cut:
            classifier = network.get_submodule("classifier")
            assert isinstance(classifier, nn.Sequential)
            network.classifier = classifier[: -self.cut]
        else:
            network.fc = nn.Identity()  # A ResNet pools and flattens before it.
        return network


class Normalised(nn.Module):
    """A network of ImageNet's that takes bytes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of uint8 images (B, 3, H, W)."""
        features: Tensor = self.network(normalize_imagenet(images))
        return features


def initialise(layer: nn.Conv2d | nn.Linear | nn.BatchNorm2d, seed: int) -> None:
    """Fill one layer as `with_random_weights` says."""
    if isinstance(layer, nn.BatchNorm2d):
        layer.reset_parameters()  # Also the running statistics: mean 0, variance 1.
        return
    deviation = (2 / layer.weight[0].numel()) ** 0.5  # Inputs of one output: the fan-in, of grouped convolutions, too.
    nn.init.normal_(layer.weight, std=deviation, generator=torch.Generator().manual_seed(seed))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def normalize_imagenet(images: Tensor) -> Tensor:
    """Turn uint8 images (B, 3, H, W) into what the ImageNet networks were trained on, float32 with channels last."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(3, 1, 1)
    deviation = torch.tensor(IMAGENET_DEVIATION, device=images.device).view(3, 1, 1)
    # (x / 255 - mean) / deviation in two passes over one copy; bytes become a new tensor, so in place is safe.
    scaled = images.float().mul_(1 / (255 * deviation)).sub_(mean / deviation)
    return scaled.contiguous(memory_format=torch.channels_last)  # last: a factor per channel is slow in that order
