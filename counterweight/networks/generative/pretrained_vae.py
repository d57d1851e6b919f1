"""Networks of the distributions thesis (Efficient generation of complex data distributions), section 4.2.1.

    encoder: VGG11 with batch normalisation, or ResNet152 - [fc 4096] - [fc 2048] - [2 x fc 512]
    decoder: [fc 2048] - [fc 4096] - three convolutions with batch normalisation - bilinear resizing to the image

Not said there, and chosen here: ReLUs; the 4096 values become 64 maps of 8 x 8 positions, whose sides are doubled
bilinearly before the second and the third convolution; the third makes the image, and a normalisation would fix its
mean and its contrast, so it goes without.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.tensors import IMAGENET_DEVIATION, IMAGENET_MEAN
from counterweight.networks.layers import start_at_mean

Backbone = Literal["vgg11_bn", "resnet152"]
URLS: dict[Backbone, str] = {  # of ImageNet weights
    "vgg11_bn": "https://download.pytorch.org/models/vgg11_bn-6002323d.pth",
    "resnet152": "https://download.pytorch.org/models/resnet152-394f9c45.pth",
}
FEATURES: dict[Backbone, int] = {"vgg11_bn": 512 * 7 * 7, "resnet152": 2048}
MAP_SIZE = 8  # rows and columns of the map that the decoder's convolutions start from


def build_convolutions(backbone: Backbone) -> nn.Module:
    """Return torchvision's network without its dense layers and with first weights as torch gives them to any layer."""
    # Cut while it is empty, so that the dense layers never take memory.
    network = without_dense_layers(build_whole(backbone)).to_empty(device="cpu")
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            layer.reset_parameters()
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
    return network


def build_whole(backbone: Backbone) -> nn.Module:
    """Return torchvision's network, which holds no numbers yet: VGG's dense layers have a hundred million."""
    from torchvision import models  # takes seconds, which whoever reads settings need not wait

    with torch.device("meta"):
        network: nn.Module = models.get_model(backbone, weights=None)
    return network


def without_dense_layers(network: nn.Module) -> nn.Sequential:
    """Return the layers of torchvision's VGG or ResNet up to its last pooling."""
    return nn.Sequential(*list(network.children())[:-1])


class Encoder(nn.Module):
    """Map images (B, C, H, W) in [-1, 1], resized to `input_size`, to mean and log variance, each (B, D)."""

    centre: Tensor
    scale: Tensor

    def __init__(
        self, backbone: Backbone, input_size: int, hidden: tuple[int, int], latent_dim: int, normalised: bool
    ) -> None:
        super().__init__()
        self.name, self.input_size = backbone, input_size
        # As torchvision's weights expect it; random ones know no ImageNet.
        mean, deviation = (IMAGENET_MEAN, IMAGENET_DEVIATION) if normalised else ((0.5,) * 3, (0.5,) * 3)
        # On the device once; torchvision's `Normalize` would send them there in every step.
        self.register_buffer("centre", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(deviation).view(3, 1, 1), persistent=False)
        self.backbone = build_convolutions(backbone)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(FEATURES[backbone], hidden[0]),
            nn.ReLU(),
            nn.Linear(hidden[0], hidden[1]),
            nn.ReLU(),
        )
        self.mean = nn.Linear(hidden[1], latent_dim)
        self.log_variance = nn.Linear(hidden[1], latent_dim)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance; grey images are shown to all three channels."""
        sides = self.input_size, self.input_size
        # [-1, 1] -> [0, 1] -> standardised.
        stretched = ((resize(images.expand(-1, 3, -1, -1), sides) + 1) / 2 - self.centre) / self.scale
        values = self.dense(self.backbone(stretched))
        return self.mean(values), self.log_variance(values)

    def take_over(self, state: dict[str, Tensor]) -> None:
        """Let the convolutions start from the weights of torchvision's whole network."""
        network = build_whole(self.name)
        network.load_state_dict(state, assign=True)  # Assigned: meta tensors have nothing to copy into.
        self.backbone.load_state_dict(without_dense_layers(network).state_dict())


class Decoder(nn.Module):
    """Map latents (B, D) to logits of pixel intensities (B, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], hidden: tuple[int, int], latent_dim: int) -> None:
        super().__init__()
        self.sides = shape[1:]
        filters = hidden[0] // MAP_SIZE**2
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, hidden[1]),
            nn.ReLU(),
            nn.Linear(hidden[1], filters * MAP_SIZE**2),
            nn.ReLU(),
            nn.Unflatten(1, (filters, MAP_SIZE, MAP_SIZE)),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
        )
        self.last = nn.Conv2d(filters, shape[0], 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Return logits; their sigmoid is the intensity in [0, 1]."""
        return resize(self.last(self.layers(latents)), self.sides)

    def start_from(self, images: Tensor) -> None:
        """Let the decoder start from the mean intensity of each channel of uint8 images (N, C, H, W)."""
        start_at_mean(self.last, images)


def resize(images: Tensor, sides: tuple[int, int]) -> Tensor:
    """Resize images (B, C, H, W) to height and width, always as float32: there is no antialiasing in bfloat16."""
    return functional.interpolate(images.float(), sides, mode="bilinear", antialias=True)
