"""What a stage that was killed had already: the outcomes of classifiers that were trained and tested."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.fingerprint import fingerprint
from counterweight.evaluation.retraining.methods import Method, Parts
from counterweight.evaluation.retraining.training import Outcome, Outcomes, name_block
from counterweight.recipes.base.classifier_network import hash_network
from counterweight.settings.classify import ClassifierConfig

Array = npt.NDArray[Any]

TRAINED_BY = ("core", "evaluation.retraining", "features", "networks", "recipes")


@contextmanager
def keep_outcomes(
    checkpoints: Path,
    methods: Mapping[str, Method],
    parts: Parts,
    seeds: Sequence[int],
    config: ClassifierConfig,
    device: torch.device,
) -> Iterator[Outcomes]:
    """Yield where outcomes are kept, and those that are there of the same work; they are removed at the end.

    An error, or the end of the process, leaves them for the next attempt.
    """
    added = [images.images for method in methods.values() for images in method.added or ()]
    own = {name: (method.recipe, method.settings.model_dump()) for name, method in methods.items()}
    files = hash_network(config, name_block(parts))
    facts = (own, list(seeds), config.model_dump(), files, torch.__version__, str(device), parts.draws.item)
    real: list[Array] = [parts.train.images, parts.train.labels, parts.test.images, parts.draws.roles]
    folder = checkpoints / fingerprint([*real, *added], facts, TRAINED_BY)
    folder.mkdir(parents=True, exist_ok=True)
    yield KeptOutcomes(folder)
    shutil.rmtree(folder)


class KeptOutcomes(Outcomes):
    """Outcomes in a folder, a file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, method: str, draw: int) -> Outcome | None:
        """Return an outcome, None if it is not known yet."""
        path = self.folder / f"{method}_{draw}.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as file:
            return Outcome(file["validation"], file["test"], int(file["fitted"]))

    def keep(self, method: str, draw: int, outcome: Outcome) -> None:
        """Write an outcome in one step, so that a reader finds it whole or not at all."""
        partial = self.folder / f".{method}_{draw}.partial"
        with partial.open("wb") as file:
            np.savez(file, validation=outcome.validation, test=outcome.test, fitted=outcome.fitted)
        partial.replace(self.folder / f"{method}_{draw}.npz")
