"""Networks of the log-ends thesis (Image generation through feature extraction and learning), section 5.2.

Tables 5.2 (encoder) and 5.3 (decoder), for any size of image; the variant's sub-networks are those of 5.2.2. The
thesis ends the decoder in a ReLU, through whose zeros no gradient passes: a pixel that is black too early stays so. Its
pixels are intensities in [0, 1]; here the last layer returns their logits.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.networks.layers import Crop, halve_size, start_at_mean

WIDTHS = (1, 2, 4, 8, 16)  # channels of the five convolutions, in units of the first one's
HIDDEN = (8, 4, 2)  # units of a sub-network's layers; the last are the mean and the log variance of its latent


class Dense(nn.Module):
    """Map vectors (B, D) to mean and log variance, each (B, D), by one dense layer for each: the vanilla VAE."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.mean = nn.Linear(latent_dim, latent_dim)
        self.log_variance = nn.Linear(latent_dim, latent_dim)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""
        return self.mean(values), self.log_variance(values)


class SubNetworks(nn.Module):
    """Map vectors (B, D) to mean and log variance, each (B, D), by a network for every latent: the variant VAE.

    The D first layers of 8 units are one matrix, since they read the same vector; what follows are batched products.
    One after another, as in the thesis, they made its variant 29 times slower than its vanilla VAE (section 6.1). So,
    encoding and decoding images of 3 x 256 x 256 with 1024 latents takes 1.005 times as long as with `Dense`: two CPU
    threads, the median of nine rounds that alternate (benchmarks/variant_vae.py).
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        first, second, last = HIDDEN
        self.first = nn.Linear(latent_dim, latent_dim * first)
        self.weights = nn.ParameterList([torch.empty(latent_dim, first, second), torch.empty(latent_dim, second, last)])
        self.biases = nn.ParameterList([torch.empty(latent_dim, 1, second), torch.empty(latent_dim, 1, last)])
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = weight.shape[1] ** -0.5  # as torch starts a dense layer with so many inputs
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""
        # (B, D) -> (B, D * 8) -> (B, D, 8) -> (D, B, 8): the latent becomes the batch of the products below.
        hidden = functional.relu(self.first(values)).unflatten(1, (-1, HIDDEN[0])).transpose(0, 1)
        hidden = functional.relu(torch.baddbmm(self.biases[0], hidden, self.weights[0]))  # (D, B, 8) -> (D, B, 4)
        # (D, B, 4) -> (D, B, 2) -> two of (D, B)
        mean, log_variance = torch.baddbmm(self.biases[1], hidden, self.weights[1]).unbind(dim=2)
        return mean.T, log_variance.T  # (D, B) -> (B, D)


class Encoder(nn.Module):
    """Map images (B, C, H, W) in [-1, 1] to mean and log variance, each (B, D), of the latent variables."""

    def __init__(
        self, shape: tuple[int, int, int], filters: int, latents: Dense | SubNetworks, latent_dim: int
    ) -> None:
        super().__init__()
        channels, height, width = shape
        layers: list[nn.Module] = []
        for factor in WIDTHS:
            layers += [nn.Conv2d(channels, factor * filters, 3, stride=2, padding=1), nn.ReLU()]
            channels = factor * filters
        flat = channels * halve_size(height, len(WIDTHS)) * halve_size(width, len(WIDTHS))
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, latent_dim))
        self.latents = latents

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""
        mean, log_variance = self.latents(self.layers(images))
        return mean, log_variance


class Decoder(nn.Module):
    """Map latent variables (B, D) to logits of pixel intensities (B, C, H, W).

    The thesis reshapes the dense layer to 16 x 16 positions of 128 channels, a sixteenth of its images' sides; so
    does this network for images of other sizes, whose surplus it cuts off at the end.
    """

    def __init__(self, shape: tuple[int, int, int], filters: int, latent_dim: int) -> None:
        super().__init__()
        channels, height, width = shape
        rows, columns, inputs = halve_size(height, 4), halve_size(width, 4), 4 * filters
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, inputs * rows * columns),
            nn.ReLU(),
            nn.Unflatten(1, (inputs, rows, columns)),
        ]
        for factor in reversed(WIDTHS[1:]):
            outputs = factor * filters
            # Exactly twice the side: 2 (n - 1) + 3 - 2 + 1 = 2 n; without the output padding it would be 2 n - 1.
            layers += [nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1), nn.ReLU()]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.last = nn.ConvTranspose2d(inputs, channels, 3, padding=1)
        self.crop = Crop(height, width)

    def forward(self, latents: Tensor) -> Tensor:
        """Return logits; their sigmoid is the intensity in [0, 1]."""
        logits: Tensor = self.crop(self.last(self.layers(latents)))
        return logits

    def start_from(self, images: Tensor) -> None:
        """Let the decoder start from the mean intensity of each channel of uint8 images (N, C, H, W)."""
        start_at_mean(self.last, images)
