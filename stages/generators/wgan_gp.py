"""Wasserstein GAN with a gradient penalty.

Gulrajani et al., Improved Training of Wasserstein GANs, algorithm 1, https://arxiv.org/abs/1704.00028: instead of
clipping weights as `wgan` does, the critic's gradient is drawn to length one between real and fake images; layer
instead of batch normalisation, since the penalty concerns each image by itself. It knows no labels, so one is trained
for each class that needs images.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from stages.generators import base, base_gan
from stages.generators.base_gan import AdversarialGenerator
from stages.networks.generative.adversarial import discriminator_loss, generator_loss, gradient_penalty
from stages.networks.generative.dcgan import dcgan_features, dcgan_generator, head


class Settings(base_gan.Settings):
    """Settings of the WGAN-GP; the defaults are those of algorithm 1."""

    learning_rate: Annotated[float, Gt(0)] = 1e-4
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Adam's decay of the first moment: none."""
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Adam's decay of the second moment."""
    critic_steps: Annotated[int, Ge(1)] = 5
    """Steps of the critic for each of the generator."""
    penalty: Annotated[float, Gt(0)] = 10.0
    """Factor of the gradient penalty (lambda)."""


class WGANGP(AdversarialGenerator):
    """Generator and critic of the images of one class."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        self.generator = dcgan_generator(settings.latent_dim, shape, settings.width, settings.upsampling)
        features, size = dcgan_features(shape, settings.width, "layer")
        self.critic = nn.Sequential(features, head(size, 1), nn.Flatten(0))

    @classmethod
    def knows_labels(cls, settings: base.Settings) -> bool:
        """Say that it does not."""
        return False

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the critic's loss, the distance that it sees and the penalty."""
        with torch.no_grad():
            fakes = self.make(labels, rng)
        distance = -discriminator_loss("wasserstein", self.critic(images), self.critic(fakes))
        penalty = gradient_penalty(self.critic, images, fakes, rng)
        return {"loss": self.settings.penalty * penalty - distance, "distance": distance, "penalty": penalty}

    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the generator's loss."""
        return {"loss": generator_loss("wasserstein", self.critic(self.make(self.any_labels(count, rng), rng)))}

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images; there is one class."""
        images: Tensor = self.generator(self.noise(len(labels), rng))
        return images
