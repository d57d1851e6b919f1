"""MNASNet with all its channels: https://arxiv.org/abs/1807.11626."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="mnasnet1_0",
    url="https://download.pytorch.org/models/mnasnet1.0_top1_73.512-f206786ef8.pth",
    maps="layers",
)
