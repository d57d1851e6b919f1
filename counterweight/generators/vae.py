"""Variational autoencoder.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), sections II.A, II.B and II.D; Kingma and Welling,
Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114. It knows no labels: one model learns all classes and
a class is made from latents near those of its images; under `sampling: prior` one is trained for each class, unless it
is `unconditional`, as the report's are.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base import vae
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.generative.conv_vae import Decoder, Encoder
from counterweight.networks.layers import bernoulli


class Settings(vae.Settings):
    """Settings of the VAE; the report takes 2 latent variables for MNIST and 300 otherwise."""

    filters: Annotated[int, Ge(1)] = 64
    """Channels of the inner convolutions; the outermost have half as many."""
    hidden: Annotated[int, Ge(1)] = 256
    """Units of the dense layers between convolutions and latent variables."""
    unconditional: bool = False
    """Sample the prior of one model of all classes, whatever `sampling` says, as the GAN-vs-VAE report does (figures 3b
    and 4b). A table, which needs images of a wanted class, refuses it; `counterweight gallery` shows it."""


class VAE(VariationalAutoencoder):
    """Variational autoencoder of images alone."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        sizes = 0, settings.filters, settings.hidden, settings.latent_dim
        self.encoder = Encoder(shape, *sizes)
        self.decoder = Decoder(shape, *sizes)

    @classmethod
    def knows_labels(cls, settings: schema.Settings) -> bool:
        """Latents from the prior tell nothing of the class."""
        return not (isinstance(settings, Settings) and settings.sampling == "prior")

    @classmethod
    def is_unconditional(cls, settings: schema.Settings) -> bool:
        """Say what the settings say."""
        return isinstance(settings, Settings) and settings.unconditional

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Let the decoder start from the mean image."""
        self.decoder.start_from(real.images)

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latents; the labels are not looked at."""
        mean, log_variance = self.encoder(images, labels)
        return mean, log_variance

    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images; the labels are not looked at."""
        logits: Tensor = self.decoder(latents, labels)
        return 2 * logits.sigmoid() - 1  # Intensities in [0, 1] to [-1, 1].

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Decode latents that are drawn as `sampling` says, or from the prior of all classes."""
        if self.settings.unconditional:
            return self.decode(torch.randn((len(labels), self.latent_dim), generator=rng).to(self.device), labels)
        return super().generate(labels, real, rng)

    def reconstruction(self, images: Tensor, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy between intensities and their decoded probabilities, in nats per image."""
        return bernoulli(self.decoder(latents, labels), images)
