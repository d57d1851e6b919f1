"""Wasserstein GAN with a gradient penalty.

Gulrajani et al., Improved Training of Wasserstein GANs, algorithm 1, https://arxiv.org/abs/1704.00028: instead of
clipping weights as `wgan` does, the critic's gradient is drawn to length one between real and fake images; layer
instead of batch normalisation, since the penalty concerns each image by itself. It knows no labels, so one is trained
for each class that needs images.
"""

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from counterweight.generators.base import gan
from counterweight.generators.base.gan import OneClassGenerator
from counterweight.networks.generative.gan_losses import discriminator_loss, gradient_penalty


class Settings(gan.OneClassSettings):
    """Settings of the WGAN-GP; the defaults are those of algorithm 1."""

    learning_rate: Annotated[float, Gt(0)] = 1e-4
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Adam's decay of the first moment: none."""
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Adam's decay of the second moment."""
    n_critic: Annotated[int, Ge(1)] = 5
    """Steps of the critic for each of the generator."""
    penalty: Annotated[float, Gt(0)] = 10.0
    """Factor of the gradient penalty (lambda)."""


class WGANGP(OneClassGenerator):
    """Generator and critic of the images of one class."""

    settings: Settings
    norm = "layer"

    def compilable(self) -> list[nn.Module]:
        """Return all networks but the one whose gradient is penalised."""
        return [self.generator]

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the critic's loss, the distance that it sees and the penalty."""
        # The critic's turn: nothing of the generator is to be kept for a backward pass.
        with torch.no_grad():
            fakes = self.make(labels, rng)
        distance = -discriminator_loss("wasserstein", self.discriminator(images), self.discriminator(fakes))
        penalty = gradient_penalty(self.discriminator, images, fakes, rng)
        return {"loss": self.settings.penalty * penalty - distance, "distance": distance, "penalty": penalty}
