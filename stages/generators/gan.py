"""Generative adversarial network by the rules of DCGAN, with a choice of losses.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), section III and III.A; Goodfellow et al.,
Generative Adversarial Networks, https://arxiv.org/abs/1406.2661. Losses: log-ends thesis (Image generation through
feature extraction and learning), A.1. It knows no labels, so one is trained for each class that needs images.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stages.generators import base, base_gan
from stages.generators.base_gan import AdversarialGenerator
from stages.networks.generative.adversarial import Loss, discriminator_loss, generator_loss
from stages.networks.generative.dcgan import dcgan_features, dcgan_generator, head


class Settings(base_gan.Settings):
    """Settings of the GAN."""

    loss: Loss = "non_saturating"
    """What both players minimise: minimax, non_saturating, least_squares, or wasserstein, which without a bound on the
    discriminator's slope is for experiments: see wgan and wgan_gp."""


class GAN(AdversarialGenerator):
    """Generator and discriminator of the images of one class."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        self.generator = dcgan_generator(settings.latent_dim, shape, settings.width, settings.upsampling)
        features, size = dcgan_features(shape, settings.width, "batch")
        self.discriminator = nn.Sequential(features, head(size, 1), nn.Flatten(0))

    @classmethod
    def knows_labels(cls, settings: base.Settings) -> bool:
        """Say that it does not."""
        return False

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the discriminator's loss on a real and a fake batch, each normalised by itself."""
        with torch.no_grad():
            fakes = self.make(labels, rng)
        real, fake = self.discriminator(images), self.discriminator(fakes)
        loss = discriminator_loss(self.settings.loss, real, fake)
        return {"loss": loss, "real_score": real.mean(), "fake_score": fake.mean()}

    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the generator's loss."""
        fakes = self.make(self.any_labels(count, rng), rng)
        return {"loss": generator_loss(self.settings.loss, self.discriminator(fakes))}

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images; there is one class."""
        images: Tensor = self.generator(self.noise(len(labels), rng))
        return images
