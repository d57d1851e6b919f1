"""What the autoencoders of the distributions thesis share: a learning rate that goes up and down in cycles."""

from dataclasses import replace
from typing import Annotated

from annotated_types import Ge, Gt

from counterweight.generators.base import vae
from counterweight.generators.base.generator import Phase
from counterweight.generators.base.plain_vae import PlainVariationalAutoencoder


class Settings(vae.CommonSettings):
    """Settings of an autoencoder with a cyclic learning rate; `learning_rate` is that in the middle of a cycle."""

    lowest_rate: Annotated[float, Gt(0)] = 1e-7
    """Learning rate at both ends of a cycle; with the value of `learning_rate` it stays the same throughout."""
    cycle: Annotated[int, Ge(1)] = 2000
    """Steps from one end of a cycle to the other: half of them up, half of them down."""


class CyclicVariationalAutoencoder(PlainVariationalAutoencoder):
    """An autoencoder of images alone whose learning rate is a triangle wave.

    Smith, Cyclical Learning Rates for Training Neural Networks, section 3.1, https://arxiv.org/abs/1506.01186.
    """

    settings: Settings

    def phases(self) -> list[Phase]:
        """Train all networks together with Adam, at a rate that depends on the step."""
        return [
            replace(phase, updates=[replace(update, schedule=self.factor) for update in phase.updates])
            for phase in super().phases()
        ]

    def factor(self, step: int) -> float:
        """Return the fraction of the highest learning rate that is due after so many steps."""
        # The loop multiplies the highest rate by a factor, so the lowest is one, too.
        lowest = self.settings.lowest_rate / self.settings.learning_rate
        position = step % self.settings.cycle / self.settings.cycle
        return lowest + (1 - lowest) * (1 - abs(2 * position - 1))  # A triangle: 0 at both ends, 1 in the middle.
