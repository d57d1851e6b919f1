"""The name of a training, under which its checkpoint is found again."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch

from counterweight.core.images import ImageSet
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.settings.train import TrainingConfig

TRAINED_BY = tuple(f"counterweight.{room}." for room in ("core", "generators", "networks", "training"))


def fingerprint_training(
    generator: LearnedGenerator, images: ImageSet, seed: int, config: TrainingConfig, device: torch.device
) -> str:
    """Return a name for this training that changes with its code, settings, classes, data, seed, torch and device."""
    digest = hashlib.sha256(np.ascontiguousarray(images.images).data)
    digest.update(np.ascontiguousarray(images.labels).data)
    model = (type(generator).__name__, generator.settings.model_dump(), generator.shape)
    # Of two scenarios with the same images, other classes may need some: a model per class is then another model.
    classes = (generator.class_names, generator.trained_labels)
    facts = (*model, *classes, seed, config.model_dump(), torch.__version__, str(device))
    digest.update(json.dumps(facts).encode())
    # All of the project's code that was imported for it: the generator, what it is built upon, its networks, the loop.
    code = {str(module.__file__) for name, module in sys.modules.items() if name.startswith(TRAINED_BY)}
    for path in sorted(code):  # A set's order changes from run to run.
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:32]  # 128 bits: enough for a name.
