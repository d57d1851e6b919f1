"""ResNeXt of 101 layers, 32 groups of 8 channels: https://arxiv.org/abs/1611.05431."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="resnext101_32x8d",
    url="https://download.pytorch.org/models/resnext101_32x8d-8ba56ff5.pth",
)
