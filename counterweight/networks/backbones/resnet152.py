"""ResNet of 152 layers: https://arxiv.org/abs/1512.03385."""

from torchvision import models

from counterweight.networks.backbones.base import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.resnet152,
    url=models.ResNet152_Weights.IMAGENET1K_V1.url,
    cut=0,
    dimension=2048,
    gflops=11.5,
)
