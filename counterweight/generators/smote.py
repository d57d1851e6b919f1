"""SMOTE on flattened pixels.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), section 1.2; Chawla et al.,
SMOTE: Synthetic Minority Over-sampling Technique, https://doi.org/10.1613/jair.953. A new image lies at a
random place between an image and one of its nearest neighbours of the same class.
"""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from counterweight.core import schema
from counterweight.core.memory import require_memory
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import Generator, NotApplicable


class Settings(schema.Settings):
    """Settings of SMOTE."""

    k_neighbors: Annotated[int, Ge(1)] = 5
    """Nearest neighbours among which one is chosen; a class with fewer images than that uses all it has."""


class SMOTE(Generator):
    """Interpolation between neighbours, by imbalanced-learn."""

    settings: Settings
    libraries = ("imblearn.over_sampling",)

    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Interpolate an image of each label's class; a class needs two images at least."""
        settings = self.settings
        made = torch.empty((len(labels), *self.shape), dtype=torch.uint8)
        for label in labels.unique().tolist():
            wanted = labels == label
            made[wanted] = self.interpolate(real, label, int(wanted.sum()), settings.k_neighbors, rng)
        return made

    def interpolate(self, real: Labelled, label: int, count: int, k_neighbors: int, rng: torch.Generator) -> Tensor:
        """Return `count` new images of one class."""
        from imblearn.over_sampling import SMOTE  # takes seconds, which building the generator need not pay

        own = real.labels == label
        size = int(own.sum())
        if size < 2:
            raise NotApplicable(f"SMOTE needs two images of class '{self.class_names[label]}', there are {size}")
        # What goes in and what comes out, in float32, and a copy of either.
        require_memory(8 * (size + count) * real.images[0].numel(), f"smote: class '{self.class_names[label]}'")
        # Neighbours are looked for inside the class alone; one row of another class satisfies imbalanced-learn,
        # which knows no resampling of a single class.
        pixels = torch.cat([real.images[own].flatten(1), torch.zeros(1, real.images[0].numel())]).numpy()
        classes = torch.cat([torch.ones(size, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)]).numpy()
        smote = SMOTE(
            sampling_strategy={1: size + count},
            k_neighbors=min(k_neighbors, size - 1),  # An image is no neighbour of its own.
            random_state=int(torch.randint(2**31 - 1, (1,), generator=rng)),  # So that all randomness comes from `rng`.
        )
        resampled, _ = smote.fit_resample(pixels, classes)
        # First come the originals and the one row.
        return torch.from_numpy(resampled[size + 1 :]).round().to(torch.uint8).reshape(-1, *self.shape)
