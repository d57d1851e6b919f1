"""ResNeXt of 101 layers, 32 groups of 8 channels: https://arxiv.org/abs/1611.05431."""

from torchvision import models

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.resnext101_32x8d,
    url=models.ResNeXt101_32X8D_Weights.IMAGENET1K_V1.url,
)
