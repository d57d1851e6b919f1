"""Networks of the distributions thesis (Efficient generation of complex data distributions), section 4.2.2.

    encoder: [32 conv 7x7] - [64 conv 4x4] - [128 conv 4x4] - 4 x [residual block]
    decoder: 4 x [residual block] - [up] - [128 conv 5x5] - [up] - [64 conv 5x5] - [up] - [3 conv 7x7]

Three times `up` needs three convolutions of stride 2. Blocks of 16, 32 and 64 channels then leave the 4096, 8192 and
16384 latents of the thesis's tables from images of 128 x 128: 16 x 16 positions. Not said there, and chosen here:
ReLUs, no normalisation, nearest-neighbour upsampling, and blocks that add to what has not passed a ReLU, so that
latents may be negative (He et al., Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027).
"""

import torch
from torch import Tensor, nn

from counterweight.networks.layers import Crop, halve_size, start_at_mean

BLOCKS = 4


class ResidualBlock(nn.Module):
    """Add to a map (B, C, H, W) what two convolutions make of it; a 1x1 convolution first brings it to `outputs`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.direct = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
        )

    def forward(self, values: Tensor) -> Tensor:
        """Return a map (B, outputs, H, W)."""
        total: Tensor = self.direct(values) + self.layers(values)
        return total


def make_halving(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Return a convolution of stride 2 that rounds odd sides up, for kernels of odd and even size alike."""
    # Even kernels need one pixel more behind than before, which Conv2d's own padding cannot give.
    before = (kernel - 1) // 2
    return [nn.ZeroPad2d((before, kernel // 2, before, kernel // 2)), nn.Conv2d(inputs, outputs, kernel, stride=2)]


class Encoder(nn.Module):
    """Map images (B, C, H, W) in [-1, 1] to mean and log variance, each (B, D), of the latents.

    The latents are the map that the last block makes, flattened. With `unit_variance` the log variance is zero
    throughout; else one more convolution, 1x1, makes it of the same map.
    """

    def __init__(self, shape: tuple[int, int, int], filters: int, block: int, unit_variance: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *make_halving(shape[0], filters, 7),
            nn.ReLU(),
            *make_halving(filters, 2 * filters, 4),
            nn.ReLU(),
            *make_halving(2 * filters, 4 * filters, 4),  # No ReLU here: the blocks begin with one.
            ResidualBlock(4 * filters, block),
            *(ResidualBlock(block, block) for _ in range(BLOCKS - 1)),
        )
        self.log_variance = None if unit_variance else nn.Conv2d(block, block, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""
        mean = self.layers(images)
        log_variance = torch.zeros_like(mean) if self.log_variance is None else self.log_variance(mean)
        return mean.flatten(1), log_variance.flatten(1)  # (B, block, H/8, W/8) -> (B, D)


class Decoder(nn.Module):
    """Map latents (B, D) to logits of pixel intensities (B, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], filters: int, block: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.layers = nn.Sequential(
            nn.Unflatten(1, latent_shape(shape, block)),
            *(ResidualBlock(block, block) for _ in range(BLOCKS)),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(block, 4 * filters, 5, padding=2),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4 * filters, 2 * filters, 5, padding=2),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
        )
        self.last = nn.Conv2d(2 * filters, channels, 7, padding=3)
        self.crop = Crop(height, width)

    def forward(self, latents: Tensor) -> Tensor:
        """Return logits; their sigmoid is the intensity in [0, 1]."""
        logits: Tensor = self.crop(self.last(self.layers(latents)))
        return logits

    def start_from(self, images: Tensor) -> None:
        """Let the decoder start from the mean intensity of each channel of uint8 images (N, C, H, W)."""
        start_at_mean(self.last, images)


def latent_shape(shape: tuple[int, int, int], block: int) -> tuple[int, int, int]:
    """Return channels, rows and columns of the latents of images (C, H, W)."""
    return block, halve_size(shape[1], 3), halve_size(shape[2], 3)
