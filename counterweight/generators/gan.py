"""Generative adversarial network by the rules of DCGAN, with a choice of losses.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), section III and III.A; Goodfellow et al.,
Generative Adversarial Networks, https://arxiv.org/abs/1406.2661. Losses: log-ends thesis (Image generation through
feature extraction and learning), A.1. It knows no labels, so one is trained for each class that needs images.
"""

import torch
from torch import Tensor

from counterweight.generators.base import gan
from counterweight.generators.base.gan import OneClassGenerator
from counterweight.networks.generative.gan_losses import Loss, discriminator_loss


class Settings(gan.OneClassSettings):
    """Settings of the GAN."""

    loss: Loss = "non_saturating"
    """What both players minimise: minimax, non_saturating, least_squares, or wasserstein, which without a bound on the
    discriminator's slope is for experiments: see wgan and wgan_gp."""


class GAN(OneClassGenerator):
    """Generator and discriminator of the images of one class."""

    settings: Settings

    @property
    def loss(self) -> Loss:
        """What both players minimise."""
        return self.settings.loss

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the discriminator's loss on a real and a fake batch, each normalised by itself."""
        # The discriminator's turn: nothing of the generator is to be kept for a backward pass.
        with torch.no_grad():
            fakes = self.make(labels, rng)
        real, fake = self.discriminator(images), self.discriminator(fakes)
        loss = discriminator_loss(self.loss, real, fake)
        return {"loss": loss, "real_score": real.mean(), "fake_score": fake.mean()}
