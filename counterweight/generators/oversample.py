"""Random oversampling: copies of the images a class has.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), section 1.2: it brings no new
information, which makes it the baseline that everything else must beat.
"""

import torch
from torch import Tensor

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import Generator, pick_sources


class Settings(schema.Settings):
    """Oversampling has no settings."""


class Oversample(Generator):
    """Copies, each image of a class as often as any other."""

    settings: Settings

    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Copy an image of the class of each label."""
        return real.images[pick_sources(labels, real, rng)]  # Indexing copies: the training set stays as it is.
