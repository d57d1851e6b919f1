"""ADASYN on flattened pixels.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), section 1.2; He et al., ADASYN: Adaptive
Synthetic Sampling Approach for Imbalanced Learning, https://doi.org/10.1109/IJCNN.2008.4633969. As SMOTE, but an image
gets the more children, the more of its nearest neighbours belong to other classes: the border is filled first.
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
    """Settings of ADASYN."""

    k_neighbors: Annotated[int, Ge(1)] = 5
    """Nearest neighbours looked at, among all images for the fraction of other classes and inside the class for the
    interpolation; a class with fewer images than that uses all it has."""


class ADASYN(Generator):
    """Interpolation between neighbours, most of it where other classes are near, by imbalanced-learn."""

    settings: Settings
    libraries = ("imblearn.over_sampling",)

    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Interpolate images of each label's class, which needs two images and neighbours of other classes."""
        made = torch.empty((len(labels), *self.shape), dtype=torch.uint8)
        for label in labels.unique().tolist():
            wanted = labels == label
            made[wanted] = self.interpolate(real, label, int(wanted.sum()), rng)
        return made

    def interpolate(self, real: Labelled, label: int, count: int, rng: torch.Generator) -> Tensor:
        """Return `count` new images of one class."""
        from imblearn.over_sampling import ADASYN  # takes seconds, which building the generator need not pay

        name, size = self.class_names[label], int((real.labels == label).sum())
        if size < 2:
            raise NotApplicable(f"ADASYN needs two images of class '{name}', there are {size}")
        if size == len(real.labels):
            raise NotApplicable(f"ADASYN needs images of another class than '{name}'")
        adasyn = ADASYN(
            # Children are rounded for each image, by half of one at most: with one more for each there are enough.
            sampling_strategy={label: 2 * size + count},
            n_neighbors=min(self.settings.k_neighbors, size - 1),
            random_state=int(torch.randint(2**31 - 1, (1,), generator=rng)),  # So that all randomness comes from `rng`.
        )
        # What goes in and what comes out, in float32, and a copy of either.
        require_memory(8 * (len(real.labels) + size + count) * real.images[0].numel(), f"adasyn: class '{name}'")
        pixels = real.images.flatten(1).float().numpy()
        try:
            resampled, _ = adasyn.fit_resample(pixels, real.labels.numpy())
        except RuntimeError as error:
            if "neigbours" not in str(error):  # Spelt so in imbalanced-learn's message.
                raise
            raise NotApplicable(f"ADASYN: no image of class '{name}' has a neighbour of another class") from error
        children = torch.from_numpy(resampled[len(pixels) :])
        # At random: children stand in their parents' order, and the first `count` would leave the last parents out.
        chosen = torch.randperm(len(children), generator=rng)[:count]
        return children[chosen].round().to(torch.uint8).reshape(-1, *self.shape)
