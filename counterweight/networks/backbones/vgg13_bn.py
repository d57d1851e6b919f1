"""VGG13 with batch normalisation: https://arxiv.org/abs/1409.1556."""

from torchvision import models

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.vgg13_bn,
    url=models.VGG13_BN_Weights.IMAGENET1K_V1.url,
    dense=3,
)
