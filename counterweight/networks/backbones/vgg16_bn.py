"""VGG16 with batch normalisation: https://arxiv.org/abs/1409.1556."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="vgg16_bn",
    url="https://download.pytorch.org/models/vgg16_bn-6c64b313.pth",
    dense=3,
)
