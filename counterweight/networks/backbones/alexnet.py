"""AlexNet: https://arxiv.org/abs/1404.5997."""

from torchvision import models

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.alexnet,
    url=models.AlexNet_Weights.IMAGENET1K_V1.url,
    dense=2,
)
