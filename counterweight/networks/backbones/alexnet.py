"""AlexNet: https://arxiv.org/abs/1404.5997."""

from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone

BACKBONE = TorchvisionBackbone(
    name="alexnet",
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    dense=2,
)
