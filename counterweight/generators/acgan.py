"""Auxiliary classifier GAN.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), section III.C, equation 7; Odena et al.,
Conditional Image Synthesis with Auxiliary Classifier GANs, https://arxiv.org/abs/1610.09585. A label becomes a vector
of the latent's size, by which the latent is multiplied; the discriminator has a second task, to name the class.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from counterweight.generators.base import gan
from counterweight.generators.base.gan import AdversarialGenerator
from counterweight.networks.generative.dcgan import dcgan_features, dcgan_generator, head
from counterweight.networks.generative.diffaugment import Augment
from counterweight.networks.generative.gan_losses import Loss, discriminator_loss, generator_loss


class Settings(gan.Settings):
    """Settings of the AC-GAN."""

    loss: Loss = "non_saturating"
    """What both players minimise besides the class's cross-entropy: minimax, non_saturating, least_squares,
    wasserstein."""
    classify_fakes: bool = True
    """Let the discriminator learn the classes from fake images, too (equation 7). Where a class has few real images it
    then takes for that class whatever the generator offers; false: it learns them from real images alone."""
    class_weight: Annotated[float, Ge(0)] = 1.0
    """Factor of the class's cross-entropy, for both players."""


class ACGAN(AdversarialGenerator):
    """Generator of images under their labels, and a discriminator that also names the class."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        self.augment = Augment()
        self.embedding = nn.Embedding(len(class_names), settings.latent_dim)
        self.generator = dcgan_generator(settings.latent_dim, shape, settings.width, settings.upsampling)
        self.features, size = dcgan_features(shape, settings.width, "batch")
        self.real_or_fake = head(size, 1)
        self.classifier = head(size, len(class_names))

    def players(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the modules of each update."""
        return {
            "discriminator": (self.features, self.real_or_fake, self.classifier),
            "generator": (self.embedding, self.generator),
        }

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the discriminator's loss; both real and fake images are to be named."""
        wanted = self.any_labels(len(images), rng)
        # The discriminator's turn: nothing of the generator is to be kept for a backward pass.
        with torch.no_grad():
            fakes = self.make(wanted, rng)
        (real, real_class), (fake, fake_class) = self.judge(images), self.judge(fakes)
        source = discriminator_loss(self.settings.loss, real, fake)
        named = functional.cross_entropy(real_class, labels)
        if self.settings.classify_fakes:
            named = named + functional.cross_entropy(fake_class, wanted)
        return {"loss": source + self.settings.class_weight * named, "source": source, "class": named}

    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the generator's loss: its images are to be taken for real ones of the wanted classes."""
        wanted = self.any_labels(count, rng)
        fake, fake_class = self.judge(self.make(wanted, rng))
        source = generator_loss(self.settings.loss, fake)
        named = functional.cross_entropy(fake_class, wanted)
        return {"loss": source + self.settings.class_weight * named, "source": source, "class": named}

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return a logit for 'real' (B,) and logits of the classes (B, K)."""
        features = self.features(self.augment(images))
        return self.real_or_fake(features).squeeze(1), self.classifier(features)  # (B, 1) -> (B,)

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the classes."""
        images: Tensor = self.generator(self.noise(len(labels), rng) * self.embedding(labels))
        return images
