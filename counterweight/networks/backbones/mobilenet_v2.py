"""MobileNetV2: https://arxiv.org/abs/1801.04381."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="mobilenet_v2",
    url="https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
    maps="features",
)
