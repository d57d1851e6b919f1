"""What variational autoencoders of images alone share that are trained by the squared error of intensities.

They know no labels: one model learns all classes and a class is made from latents near those of its images; only under
`sampling: prior` is one trained for each class.
"""

from typing import Protocol

from torch import Tensor

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base import vae
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.layers import squared_error


class Encoder(Protocol):
    """A network from images (B, C, H, W) in [-1, 1] to mean and log variance, each (B, D)."""

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""


class Decoder(Protocol):
    """A network from latents (B, D) to logits of intensities (B, C, H, W)."""

    def __call__(self, latents: Tensor) -> Tensor:
        """Return logits."""

    def start_from(self, images: Tensor) -> None:
        """Let the network start from the mean of uint8 images (N, C, H, W)."""


class PlainVariationalAutoencoder(VariationalAutoencoder):
    """An autoencoder whose networks do not look at labels; a subclass builds `encoder` and `decoder`."""

    encoder: Encoder
    decoder: Decoder

    @classmethod
    def knows_labels(cls, settings: schema.Settings) -> bool:
        """Latents from the prior tell nothing of the class."""
        return not (isinstance(settings, vae.CommonSettings) and settings.sampling == "prior")

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Let the decoder start from the mean image."""
        self.decoder.start_from(real.images)

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents; the labels are not looked at."""
        return self.encoder(images)

    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images; the labels are not looked at."""
        return 2 * self.decoder(latents).sigmoid() - 1

    def reconstruction(self, images: Tensor, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the squared error of intensities in [0, 1], summed over pixels and averaged over the batch."""
        return squared_error(self.decoder(latents), images)
