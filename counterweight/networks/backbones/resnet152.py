"""ResNet of 152 layers: https://arxiv.org/abs/1512.03385."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="resnet152",
    url="https://download.pytorch.org/models/resnet152-394f9c45.pth",
)
