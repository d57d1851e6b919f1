"""MNASNet with all its channels: https://arxiv.org/abs/1807.11626."""

from torchvision import models

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.mnasnet1_0,
    url=models.MNASNet1_0_Weights.IMAGENET1K_V1.url,
    maps="layers",
)
