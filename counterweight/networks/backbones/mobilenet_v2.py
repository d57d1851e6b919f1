"""MobileNetV2: https://arxiv.org/abs/1801.04381."""

from torchvision import models

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.mobilenet_v2,
    url=models.MobileNet_V2_Weights.IMAGENET1K_V1.url,
    maps="features",
)
