"""Models of scikit-learn's digits that train in seconds, in the folders where the pipeline would leave them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from counterweight.core.draws import FITTED, REFERENCE, VALIDATION, Draws, write_draws
from counterweight.core.images import ImageSet, write_images
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator, save_generators
from counterweight.settings.train import TrainingConfig
from counterweight.training.loop import fit

CLASSES = tuple("0123456789")
TESTED = 300
MINORITY = 4
FEW = 15
QUIET = TrainingConfig(previews=0, checkpoint_seconds=None)
CVAE: dict[str, object] = {
    **{"latent_dim": 2, "filters": 8, "hidden": 32, "kl_weight": 0.01},
    **{"epochs": 15, "batch_size": 16, "learning_rate": 0.01},
}
"""With a whole KL term so small images would leave the latents to the prior."""


def load(part: slice) -> ImageSet:
    """Digits of 8 x 8 pixels."""
    images, labels = load_digits(return_X_y=True)
    pixels = (images[part].reshape(-1, 1, 8, 8) * 255 / 16).round().astype(np.uint8)
    origins = np.array([f"digits/{place}" for place in range(len(images))][part])
    return ImageSet(pixels, labels[part].astype(np.int64), CLASSES, origins, {})


TEST, TRAIN = load(slice(TESTED)), load(slice(TESTED, None))


def make_draws() -> Draws:
    """Two draws, in which all but a few fours are dropped, and a tenth of the others is set aside."""

    def draw(seed: int) -> np.ndarray:
        roles = np.full(len(TRAIN), FITTED, dtype=np.uint8)
        rng = np.random.default_rng(seed)
        roles[rng.permutation(len(TRAIN))[: len(TRAIN) // 10]] = VALIDATION
        fours = rng.permutation(np.flatnonzero(TRAIN.labels == MINORITY))
        roles[fours[:FEW]], roles[fours[FEW:]] = FITTED, REFERENCE
        return roles

    wanted = [0] * len(CLASSES)
    wanted[MINORITY] = 100
    return Draws(np.stack([draw(0), draw(1)]), "digits/drop", wanted, [MINORITY])


def lay_out(root: Path, generators: Mapping[str, Mapping[str, object]]) -> Path:
    """Write images, draws, and a model of each generator for both draws; return the folder."""
    (root / "data/digits/drop").mkdir(parents=True)
    (root / "models/digits/drop").mkdir(parents=True)
    write_images(TRAIN, root / "data/digits/train.parquet")
    write_images(TEST, root / "data/digits/test.parquet")
    draws = make_draws()
    write_draws(draws, root / "data/digits/drop/draws.parquet")
    for name, settings in generators.items():
        built = [build_generator(name, dict(settings), draws.fitted(TRAIN, draw), draw, name) for draw in range(2)]
        if isinstance(built[0], LearnedGenerator):  # the second draw's stays as it starts
            images = draws.fitted(TRAIN, 0)
            real = to_labelled(images.images, images.labels)
            fit(built[0], real, 0, QUIET, root / "unfinished" / name)
        save_generators(name, built, root / "models/digits/drop" / name)
    return root


def rng(seed: int = 0) -> torch.Generator:
    """Return a random generator."""
    return torch.Generator().manual_seed(seed)
