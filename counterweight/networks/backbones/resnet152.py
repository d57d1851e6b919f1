"""ResNet of 152 layers: https://arxiv.org/abs/1512.03385."""

from torchvision import models

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.resnet152,
    url=models.ResNet152_Weights.IMAGENET1K_V1.url,
)
