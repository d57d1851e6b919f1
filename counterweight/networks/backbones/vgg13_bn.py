"""VGG13 with batch normalisation: https://arxiv.org/abs/1409.1556."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="vgg13_bn",
    url="https://download.pytorch.org/models/vgg13_bn-abd245e5.pth",
    dense=3,
)
