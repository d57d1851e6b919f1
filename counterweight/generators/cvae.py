"""Conditional variational autoencoder.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), sections II.C and II.D: the networks of `vae`, with
one-hot labels concatenated to the latent variables, of which MNIST gets 2 and other images 300.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import Ge
from torch import Tensor

from counterweight.core.tensors import Labelled
from counterweight.generators.base import vae
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.generative.conv_vae import Decoder, Encoder
from counterweight.networks.layers import bernoulli


class Settings(vae.Settings):
    """Settings of the CVAE."""

    filters: Annotated[int, Ge(1)] = 64
    """Channels of the inner convolutions; the outermost have half as many."""
    hidden: Annotated[int, Ge(1)] = 256
    """Units of the dense layers between convolutions and latent variables."""
    sampling: Literal["prior", "class_gaussian", "linear", "spherical", "jitter"] = "prior"
    """Where latents come from, as for every autoencoder; the decoder knows the label, so the prior will do."""


class CVAE(VariationalAutoencoder):
    """Variational autoencoder of images under their labels."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        sizes = len(class_names), settings.filters, settings.hidden, settings.latent_dim
        self.encoder = Encoder(shape, *sizes)
        self.decoder = Decoder(shape, *sizes)

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Let the decoder start from the mean image."""
        self.decoder.start_from(real.images)

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents of images under their labels."""
        mean, log_variance = self.encoder(images, labels)
        return mean, log_variance

    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images of the labels' classes."""
        logits: Tensor = self.decoder(latents, labels)
        return 2 * logits.sigmoid() - 1  # Intensities in [0, 1] to [-1, 1].

    def reconstruction(self, images: Tensor, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy between intensities and their decoded probabilities, in nats per image."""
        return bernoulli(self.decoder(latents, labels), images)
