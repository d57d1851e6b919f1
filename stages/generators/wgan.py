"""Wasserstein GAN with clipped weights.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), section III.B, equation 6; Arjovsky et al.,
Wasserstein GAN, algorithm 1, https://arxiv.org/abs/1701.07875: a critic without a final activation, trained more often
than the generator, RMSprop, weights clipped to +-0.01. The report's equation prints P(S = real | .) for fake images,
too; implemented is the difference of the mean scores. It knows no labels, so one is trained for each class that needs
images.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from stages.generators import base, base_gan
from stages.generators.base import Act
from stages.generators.base_gan import AdversarialGenerator
from stages.networks.generative.adversarial import discriminator_loss, generator_loss
from stages.networks.generative.dcgan import dcgan_features, dcgan_generator, head


class Settings(base_gan.Settings):
    """Settings of the WGAN; the defaults are those of algorithm 1."""

    learning_rate: Annotated[float, Gt(0)] = 5e-5
    """Of RMSprop; Adam's settings are not used."""
    critic_steps: Annotated[int, Ge(1)] = 5
    """Steps of the critic for each of the generator."""
    clip: Annotated[float, Gt(0)] = 0.01
    """Largest absolute value of a weight of the critic."""


class WGAN(AdversarialGenerator):
    """Generator and critic of the images of one class."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        self.generator = dcgan_generator(settings.latent_dim, shape, settings.width, settings.upsampling)
        features, size = dcgan_features(shape, settings.width, "batch")
        self.critic = nn.Sequential(features, head(size, 1), nn.Flatten(0))

    @classmethod
    def knows_labels(cls, settings: base.Settings) -> bool:
        """Say that it does not."""
        return False

    def acts(self) -> list[Act]:
        """Let both players take their steps by RMSprop, which does not build up momentum as the loss moves."""
        rmsprop = partial(torch.optim.RMSprop, lr=self.settings.learning_rate)
        (act,) = super().acts()
        return [replace(act, phases=[replace(phase, optimizer=rmsprop) for phase in act.phases])]

    @torch.no_grad()
    def stepped(self, phase: str) -> None:
        """Clip the critic's weights after each of its steps, which bounds its slope."""
        if phase == "discriminator":
            for parameter in self.critic.parameters():
                parameter.clamp_(-self.settings.clip, self.settings.clip)

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the critic's loss and the distance between real and fake images that it sees."""
        with torch.no_grad():
            fakes = self.make(labels, rng)
        loss = discriminator_loss("wasserstein", self.critic(images), self.critic(fakes))
        return {"loss": loss, "distance": -loss}

    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the generator's loss."""
        return {"loss": generator_loss("wasserstein", self.critic(self.make(self.any_labels(count, rng), rng)))}

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images; there is one class."""
        images: Tensor = self.generator(self.noise(len(labels), rng))
        return images
