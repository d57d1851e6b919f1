"""The networks of torchvision that the distributions thesis takes features from, cut as it cuts them.

Efficient generation of complex data distributions, section 4.1.4: "all networks have cut off the last two
classification layers". What that leaves here, for any input of 63 pixels or more:

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
1/1280, so the thesis probably left those maps unaveraged. Both are left open there, and are settings (`Cut`): with
whole maps there are 1280 features for each position, so 5120 at 64 pixels and 62,720 at 224.
"""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from counterweight.networks.backbones.base.backbone import Backbone, Cut, Normalised
from counterweight.networks.backbones.base.untrained import initialise


@dataclass(frozen=True, kw_only=True)
class TorchvisionBackbone(Backbone):
    """A classifier of torchvision, cut before its classification layers."""

    name: str
    """Of the network in torchvision."""
    library: str = "torchvision.models"
    dense: int | None = None
    """Layers removed from the end of `classifier`, so that the second dense layer is the last one."""
    maps: str | None = None
    """Name of the convolutional part, where a single dense layer follows its averaged maps. Neither: a ResNet."""

    def pretrained(self, state: dict[str, Tensor], cut: Cut) -> nn.Module:
        """Return the extractor with given weights under torchvision's keys."""
        return Normalised(self.without_classifier(self.with_weights(state), cut)).eval()

    def untrained(self, seed: int, cut: Cut) -> nn.Module:
        """Return the extractor with random weights that depend on the seed alone, not calibrated."""
        return Normalised(self.without_classifier(self.with_random_weights(seed), cut)).eval()

    def describe_layer(self, cut: Cut) -> str:
        """Say what its features are."""
        if self.dense:
            return f"second dense layer, {'after' if cut.after_relu else 'before'} its ReLU"
        if self.maps:
            return f"last convolution, {'all positions' if cut.whole_maps else 'averaged over positions'}"
        return "last residual block, averaged over positions"

    def with_weights(self, state: dict[str, Tensor]) -> nn.Module:
        """Return the whole classifier with given weights."""
        network = self.empty()
        # MNASNet refuses tensors without torchvision's version mark, which plain files of tensors do not carry.
        marked = OrderedDict(state)
        marked._metadata = getattr(state, "_metadata", network.state_dict()._metadata)  # type: ignore[attr-defined]
        network.load_state_dict(marked)
        return network.eval()

    def with_random_weights(self, seed: int) -> nn.Module:
        """Return the whole classifier with random weights, as `initialise` draws them.

        Untrained embeddings are the published choice for images far from ImageNet: Naeem et al., Reliable Fidelity and
        Diversity Metrics for Generative Models, section 4, https://arxiv.org/abs/2002.09797.
        """
        network = self.empty()
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]
        with ThreadPoolExecutor() as pool:  # a generator per layer: the threads' order does not matter
            list(pool.map(initialise, layers, range(seed, seed + len(layers))))
        return network.eval()

    def empty(self) -> nn.Module:
        """Return the whole classifier, its weights not yet set."""
        from torchvision import models

        with torch.device("meta"):  # torchvision's own initialisation would take seconds and torch's global generator
            network: nn.Module = models.get_model(self.name, weights=None)
        return network.to_empty(device="cpu")  # Memory as it was found: both callers fill all of it.

    def without_classifier(self, network: nn.Module, cut: Cut) -> nn.Module:
        """Cut the classification layers off, so that the network returns features (B, D)."""
        if self.maps and cut.whole_maps:
            return nn.Sequential(network.get_submodule(self.maps), nn.Flatten())
        if self.dense or self.maps:
            classifier = network.get_submodule("classifier")
            assert isinstance(classifier, nn.Sequential)
            after_relu = self.dense and cut.after_relu
            network.classifier = classifier[: -(1 if after_relu else self.dense or len(classifier))]
        else:
            network.fc = nn.Identity()  # A ResNet pools and flattens before it.
        return network
