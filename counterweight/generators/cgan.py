"""Conditional GAN.

Conditional GAN article (Synthetic image data generation), steps 3 to 6: 100 latent variables, the label goes into both
networks, batches of 64 of which the discriminator gets one half real and one half fake, steps in turn; Mirza and
Osindero, Conditional Generative Adversarial Nets, https://arxiv.org/abs/1411.1784. A label is one-hot: beside the
latent for the generator, and as constant maps beside the image for the discriminator, since a map of its own learned
values (the tutorial behind the article) leaves its pattern in the images.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from counterweight.generators.base import gan
from counterweight.generators.base.gan import AdversarialGenerator
from counterweight.networks.generative.dcgan import dcgan_features, dcgan_generator, head
from counterweight.networks.generative.diffaugment import Augment
from counterweight.networks.generative.gan_losses import Loss, discriminator_loss, generator_loss
from counterweight.networks.layers import one_hot


class Settings(gan.Settings):
    """Settings of the conditional GAN."""

    loss: Loss = "non_saturating"
    """What both players minimise: minimax, non_saturating, least_squares, wasserstein."""


class CGAN(AdversarialGenerator):
    """Generator and discriminator that both are told the label."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        channels, height, width = shape
        self.augment = Augment()
        latents = settings.latent_dim + len(class_names)
        self.generator = dcgan_generator(latents, shape, settings.width, settings.upsampling)
        features, outputs = dcgan_features((channels + len(class_names), height, width), settings.width, "batch")
        self.discriminator = nn.Sequential(features, head(outputs, 1), nn.Flatten(0))

    def shares(self, phase: str, images: int) -> tuple[int, ...]:
        """Return the size of a batch and that of the half which the discriminator sees."""
        return images, images // 2

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
        wanted = self.any_labels(max(1, count // 2), rng)  # `count` is twice the batch, see the base.
        return {"loss": generator_loss(self.settings.loss, self.judge(self.make(wanted, rng), wanted))}

    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return a logit (B,) for 'real and of this class'."""
        # (B, K) -> (B, K, 1, 1) -> (B, K, H, W), expanded without a copy.
        maps = one_hot(labels, len(self.class_names))[:, :, None, None].expand(-1, -1, *images.shape[2:])
        # Only the image is augmented: a hole in the label's maps would hide the label.
        logits: Tensor = self.discriminator(torch.cat([self.augment(images), maps], dim=1))
        return logits

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the classes."""
        told = one_hot(labels, len(self.class_names))
        images: Tensor = self.generator(torch.cat([self.noise(len(labels), rng), told], dim=1))
        return images
