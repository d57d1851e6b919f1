"""MNASNet with half as many channels: https://arxiv.org/abs/1807.11626."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="mnasnet0_5",
    url="https://download.pytorch.org/models/mnasnet0.5_top1_67.823-3ffadce67e.pth",
    maps="layers",
)
