"""Wasserstein GAN with clipped weights.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), section III.B, equation 6; Arjovsky et al.,
Wasserstein GAN, algorithm 1, https://arxiv.org/abs/1701.07875: a critic without a final activation, trained more often
than the generator, RMSprop, weights clipped to +-0.01. The report trains it with Adam (III.A), of which the paper warns
(section 4). Its equation prints P(S = real|X) - P(S = fake|X); implemented is the difference of the mean scores of real
images and of those that are made. It knows no labels, so one is trained for each class that needs images.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from counterweight.generators.base import gan
from counterweight.generators.base.gan import OneClassGenerator
from counterweight.generators.base.generator import Phase
from counterweight.networks.generative.gan_losses import discriminator_loss


class Settings(gan.OneClassSettings):
    """Settings of the WGAN; the defaults are those of algorithm 1."""

    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    """The report takes Adam at DCGAN's learning rate of 0.0002 and decays, which are the defaults of beta1 and beta2
    and matter to Adam alone."""
    learning_rate: Annotated[float, Gt(0)] = 5e-5
    n_critic: Annotated[int, Ge(1)] = 5
    """Steps of the critic for each of the generator."""
    clip: Annotated[float, Gt(0)] = 0.01
    """Largest absolute value of a weight of the critic."""


class WGAN(OneClassGenerator):
    """Generator and critic of the images of one class."""

    settings: Settings

    def phases(self) -> list[Phase]:
        """Let both players take their steps by RMSprop, which does not build up momentum as the loss moves, or Adam."""
        if self.settings.optimizer == "adam":
            return super().phases()
        # torch's decay of 0.99, the library of the paper's authors
        rmsprop = partial(torch.optim.RMSprop, lr=self.settings.learning_rate)
        (phase,) = super().phases()
        return [replace(phase, updates=[replace(update, optimizer=rmsprop) for update in phase.updates])]

    @torch.no_grad()
    def after_step(self, update: str) -> None:
        """Clip the critic's weights after each of its steps, which bounds its slope."""
        if update == "discriminator":
            for parameter in self.discriminator.parameters():
                parameter.clamp_(-self.settings.clip, self.settings.clip)

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the critic's loss and the distance between real and fake images that it sees."""
        # The critic's turn: nothing of the generator is to be kept for a backward pass.
        with torch.no_grad():
            fakes = self.make(labels, rng)
        loss = discriminator_loss("wasserstein", self.discriminator(images), self.discriminator(fakes))
        return {"loss": loss, "distance": -loss}  # It falls as images improve (Arjovsky et al.).
