"""The eight torchvision networks that serve as feature extractors, cut before their classification layers.

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

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models import WeightsEnum

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class Backbone(NamedTuple):
    """How a backbone is built, how many of its classifier's layers are cut off, and what is left of it."""

    build: Callable[..., nn.Module]
    weights: WeightsEnum
    cut: int
    """Layers removed from the end of `classifier`; 0: a ResNet, whose `fc` becomes the identity."""
    dimension: int
    gflops: float
    """Billions of multiply-adds for one image of 224 pixels, as torchvision gives them: what it costs."""


BACKBONES = {
    "alexnet": Backbone(models.alexnet, models.AlexNet_Weights.IMAGENET1K_V1, 2, 4096, 0.7),
    "mobilenet_v2": Backbone(models.mobilenet_v2, models.MobileNet_V2_Weights.IMAGENET1K_V1, 2, 1280, 0.3),
    "vgg13_bn": Backbone(models.vgg13_bn, models.VGG13_BN_Weights.IMAGENET1K_V1, 3, 4096, 11.3),
    "vgg16_bn": Backbone(models.vgg16_bn, models.VGG16_BN_Weights.IMAGENET1K_V1, 3, 4096, 15.5),
    "mnasnet1_0": Backbone(models.mnasnet1_0, models.MNASNet1_0_Weights.IMAGENET1K_V1, 2, 1280, 0.3),
    "mnasnet0_5": Backbone(models.mnasnet0_5, models.MNASNet0_5_Weights.IMAGENET1K_V1, 2, 1280, 0.1),
    "resnet152": Backbone(models.resnet152, models.ResNet152_Weights.IMAGENET1K_V1, 0, 2048, 11.5),
    "resnext101_32x8d": Backbone(models.resnext101_32x8d, models.ResNeXt101_32X8D_Weights.IMAGENET1K_V1, 0, 2048, 16.4),
}


def random_backbone(name: str, seed: int) -> nn.Module:
    """Return a backbone with random weights, whole, in evaluation mode.

    Weights are drawn with variance 2 / fan-in (He et al., https://arxiv.org/abs/1502.01852), biases are
    zero, and batch normalisation keeps its initial statistics. Untrained embeddings are the published
    choice for images far from ImageNet: Naeem et al., Reliable Fidelity and Diversity Metrics for
    Generative Models, section 4, https://arxiv.org/abs/2002.09797.
    """
    with torch.device("meta"):  # torchvision's own initialisation would take seconds and torch's global generator
        network = BACKBONES[name].build(weights=None)
    network = network.to_empty(device="cpu")
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]
    with ThreadPoolExecutor() as pool:  # a generator per layer: the threads' order does not matter
        list(pool.map(initialise, layers, range(seed, seed + len(layers))))
    return network.eval()


def initialise(layer: nn.Conv2d | nn.Linear | nn.BatchNorm2d, seed: int) -> None:
    """Fill one layer as `random_backbone` says."""
    if isinstance(layer, nn.BatchNorm2d):
        layer.reset_parameters()
        return
    deviation = (2 / layer.weight[0].numel()) ** 0.5
    nn.init.normal_(layer.weight, std=deviation, generator=torch.Generator().manual_seed(seed))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def pretrained_backbone(name: str, state: dict[str, Tensor]) -> nn.Module:
    """Return a backbone with given weights under torchvision's keys, whole, in evaluation mode.

    Raises:
        RuntimeError: a key is missing or unexpected, or a shape differs.
    """
    with torch.device("meta"):
        network = BACKBONES[name].build(weights=None)
    network = network.to_empty(device="cpu")
    # MNASNet refuses tensors without torchvision's version mark, which plain files of tensors do not carry.
    marked = OrderedDict(state)
    marked._metadata = getattr(state, "_metadata", network.state_dict()._metadata)  # type: ignore[attr-defined]
    network.load_state_dict(marked)
    return network.eval()


def without_classifier(name: str, network: nn.Module) -> nn.Module:
    """Cut the classification layers off, so that the network returns features (B, D)."""
    cut = BACKBONES[name].cut
    if cut:
        classifier = network.get_submodule("classifier")
        assert isinstance(classifier, nn.Sequential)
        network.classifier = classifier[:-cut]
    else:
        network.fc = nn.Identity()
    return network


def normalised(images: Tensor) -> Tensor:
    """Turn uint8 images (B, 3, H, W) into what the ImageNet networks were trained on, float32 with channels last."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(3, 1, 1)
    deviation = torch.tensor(IMAGENET_DEVIATION, device=images.device).view(3, 1, 1)
    scaled = images.float().mul_(1 / (255 * deviation)).sub_(mean / deviation)
    return scaled.contiguous(memory_format=torch.channels_last)  # last: a factor per channel is slow in that order
