"""The name of a training, under which its checkpoint is found again."""

import torch

from counterweight.core.fingerprint import fingerprint
from counterweight.core.images import ImageSet
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.settings.train import TrainingConfig

TRAINED_BY = ("core", "generators", "networks", "training")
"""The generator, what it is built upon, its networks, the loop."""


def fingerprint_training(
    generator: LearnedGenerator, images: ImageSet, seed: int, config: TrainingConfig, device: torch.device
) -> str:
    """Return a name for this training that changes with its code, settings, classes, data, seed, torch and device."""
    model = (type(generator).__name__, generator.settings.model_dump(), generator.shape)
    # Of two scenarios with the same images, other classes may need some: a model per class is then another model.
    classes = (generator.class_names, generator.trained_labels)
    where = str(device) if config.processes == 1 else device.type  # Each of several has a device of its own.
    facts = (*model, *classes, seed, config.model_dump(), torch.__version__, where)
    return fingerprint([images.images, images.labels], facts, TRAINED_BY)
