"""MNASNet with half as many channels: https://arxiv.org/abs/1807.11626."""

from torchvision import models

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.mnasnet0_5,
    url=models.MNASNet0_5_Weights.IMAGENET1K_V1.url,
    maps="layers",
)
