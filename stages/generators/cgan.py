"""Conditional GAN.

Conditional GAN article (Synthetic image data generation), steps 3 to 6: 100 latent variables, the label goes into both
networks, batches of 64 of which the discriminator gets one half real and one half fake, steps in turn; Mirza and
Osindero, Conditional Generative Adversarial Nets, https://arxiv.org/abs/1411.1784. A label becomes a map beside the
image for the discriminator and a vector beside the latent for the generator.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from stages.generators import base_gan
from stages.generators.base_gan import AdversarialGenerator
from stages.networks.adversarial import Loss, discriminator_loss, generator_loss
from stages.networks.dcgan import dcgan_features, dcgan_generator, head


class Settings(base_gan.Settings):
    """Settings of the conditional GAN."""

    loss: Loss = "non_saturating"
    """What both players minimise: minimax, non_saturating, least_squares, wasserstein."""
    label_dim: Annotated[int, Ge(1)] = 50
    """Size of the vector that a label becomes."""


class CGAN(AdversarialGenerator):
    """Generator and discriminator that both are told the label."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        channels, height, width = shape
        classes, size = len(class_names), settings.label_dim
        self.embedding = nn.Embedding(classes, size)
        self.generator = dcgan_generator(settings.latent_dim + size, shape, settings.width, settings.upsampling)
        self.label_map = nn.Sequential(
            nn.Embedding(classes, size), nn.Linear(size, height * width), nn.Unflatten(1, (1, height, width))
        )
        features, outputs = dcgan_features((channels + 1, height, width), settings.width, "batch")
        self.discriminator = nn.Sequential(features, head(outputs, 1), nn.Flatten(0))

    def players(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the modules of each phase."""
        return {"discriminator": (self.label_map, self.discriminator), "generator": (self.embedding, self.generator)}

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the discriminator's loss on the first half of the batch and as many fake images."""
        half = max(1, len(images) // 2)
        wanted = self.any_labels(half, rng)
        with torch.no_grad():
            fakes = self.make(wanted, rng)
        real, fake = self.judge(images[:half], labels[:half]), self.judge(fakes, wanted)
        loss = discriminator_loss(self.settings.loss, real, fake)
        return {"loss": loss, "real_score": real.mean(), "fake_score": fake.mean()}

    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the generator's loss on images of random classes, as many as a batch has."""
        wanted = self.any_labels(max(1, count // 2), rng)
        return {"loss": generator_loss(self.settings.loss, self.judge(self.make(wanted, rng), wanted))}

    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return a logit (B,) for 'real and of this class'."""
        logits: Tensor = self.discriminator(torch.cat([images, self.label_map(labels)], dim=1))
        return logits

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the classes."""
        images: Tensor = self.generator(torch.cat([self.noise(len(labels), rng), self.embedding(labels)], dim=1))
        return images
