"""What a stage that was killed had already: what networks do that were trained and tested."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.fingerprint import fingerprint
from counterweight.evaluation.recognition.recognition import Material, Outcome, Outcomes
from counterweight.evaluation.triplets.table import Triplets
from counterweight.settings.recognize import Recognize
from counterweight.statistics.recognition import NAMES, Found

Array = npt.NDArray[Any]

TRAINED_BY = ("core", "evaluation", "features", "generators", "networks", "statistics")
PARTS = ("training", "validation", "test")


@contextmanager
def keep_outcomes(
    checkpoints: Path, material: Material, settings: Recognize, draws: int, seed: int, device: torch.device
) -> Iterator[Outcomes]:
    """Yield where outcomes are kept, and those that are there of the same work; they are removed at the end.

    An error, or the end of the process, leaves them for the next attempt.
    """
    tables = [material.test, *(triplets for own in material.sets.values() for triplets in own)]
    arrays = [material.images.images, *(array for triplets in tables for array in list_arrays(triplets))]
    weights = [value.detach().cpu().numpy() for value in list_weights(material)]
    named = (list(material.sets), material.settings.model_dump(), settings.model_dump())
    facts = (*named, draws, seed, torch.__version__, str(device), material.dataset)
    folder = checkpoints / fingerprint([*arrays, *weights], facts, TRAINED_BY)
    folder.mkdir(parents=True, exist_ok=True)
    yield KeptOutcomes(folder)
    shutil.rmtree(folder)


def list_arrays(triplets: Triplets) -> list[Array]:
    """Return what triplets are made of."""
    made: list[Array] = [triplets.part, triplets.identity, triplets.other]
    for member in triplets.members:
        made += [member.index, *(() if member.latents is None else (member.latents,))]
    return made


def list_weights(material: Material) -> list[torch.Tensor]:
    """Return the weights of all autoencoders."""
    return [value for models in material.autoencoders.values() for model in models for value in model.parameters()]


class KeptOutcomes(Outcomes):
    """Outcomes in a folder, a file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, row: str, draw: int) -> Outcome | None:
        """Return an outcome, None if it is not known yet."""
        path = self.folder / f"{row}_{draw}.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as file:
            training, validation, test = (
                Found(*(file[f"{part}_{name}"] for name in NAMES)) if f"{part}_{NAMES[0]}" in file else None
                for part in PARTS
            )
            assert test is not None, "every network is tested"
            return Outcome(int(file["epoch"]), training, validation, test)

    def keep(self, row: str, draw: int, outcome: Outcome) -> None:
        """Write an outcome in one step, so that a reader finds it whole or not at all."""
        found = {part: getattr(outcome, part) for part in PARTS}
        arrays = {
            f"{part}_{name}": getattr(own, name) for part, own in found.items() if own is not None for name in NAMES
        }
        partial = self.folder / f".{row}_{draw}.partial"
        with partial.open("wb") as file:
            np.savez(file, epoch=outcome.epoch, **arrays)
        partial.replace(self.folder / f"{row}_{draw}.npz")
