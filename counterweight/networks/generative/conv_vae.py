"""Encoder and decoder of the GAN-vs-VAE report (Generating Realistic Images using Deep Learning), section II.D.

Four convolutions with ReLU encode, three transposed convolutions and one convolution decode. With labels, they are
concatenated, one-hot, to the latent variables (II.C). Sohn et al., Learning Structured Output Representation using
Deep Conditional Generative Models, https://papers.nips.cc/paper/5775, give them to the encoder too, and so does this
file.
"""

import torch
from torch import Tensor, nn

from counterweight.networks.layers import Crop, halve_size, one_hot, start_at_mean


class Encoder(nn.Module):
    """Map images (B, C, H, W) in [-1, 1], and labels (B,) if `classes` > 0, to mean and log variance, each (B, D)."""

    def __init__(self, shape: tuple[int, int, int], classes: int, filters: int, hidden: int, latent_dim: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.classes = classes
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, max(1, filters // 2), 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(max(1, filters // 2), filters, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        flat = filters * halve_size(height, 2) * halve_size(width, 2)
        self.hidden = nn.Sequential(nn.Linear(flat + classes, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, latent_dim)
        self.log_variance = nn.Linear(hidden, latent_dim)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latent variables."""
        hidden = self.hidden(append_labels(self.convolutions(images), labels, self.classes))
        return self.mean(hidden), self.log_variance(hidden)


class Decoder(nn.Module):
    """Map latent variables (B, D), and labels (B,) if `classes` > 0, to logits of pixel intensities (B, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], classes: int, filters: int, hidden: int, latent_dim: int) -> None:
        super().__init__()
        channels, height, width = shape
        rows, columns = halve_size(height, 2), halve_size(width, 2)
        self.classes = classes
        self.layers = nn.Sequential(
            nn.Linear(latent_dim + classes, hidden),
            nn.ReLU(),
            nn.Linear(hidden, filters * rows * columns),
            nn.ReLU(),
            nn.Unflatten(1, (filters, rows, columns)),
            nn.ConvTranspose2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(filters, filters, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(filters, max(1, filters // 2), 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
        )
        self.last = nn.Conv2d(max(1, filters // 2), channels, 3, padding=1)
        self.crop = Crop(height, width)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return logits; their sigmoid is the intensity in [0, 1]."""
        logits: Tensor = self.crop(self.last(self.layers(append_labels(latents, labels, self.classes))))
        return logits

    def start_from(self, images: Tensor) -> None:
        """Let the decoder start from the mean intensity of each channel of uint8 images (N, C, H, W)."""
        start_at_mean(self.last, images)


def append_labels(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Append one-hot labels to vectors (B, D), if there are classes."""
    return torch.cat([values, one_hot(labels, classes)], dim=1) if classes else values
