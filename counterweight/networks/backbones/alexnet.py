"""AlexNet: https://arxiv.org/abs/1404.5997."""

from torchvision import models

from counterweight.networks.backbones.base import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    build=models.alexnet,
    url=models.AlexNet_Weights.IMAGENET1K_V1.url,
    cut=2,
    dimension=4096,
    gflops=0.7,
)
