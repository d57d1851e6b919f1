"""A day's training in seconds, by very small steps: memory stays flat, and what lies on the disk does not pile up."""

from functools import partial
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor, nn

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.settings.train import TrainingConfig
from counterweight.training.checkpoint import FILE
from counterweight.training.loop import fit

pytestmark = pytest.mark.slow

EPOCHS, BATCHES, BATCH, SHAPE = 250, 80, 2, (1, 4, 4)
WARM = 100
"""Epochs after which all is there that a training needs."""
LITTLE = 6 * 2**20
"""Bytes by which memory may grow then: a leak of 500 bytes a step, of a tensor or its graph, would be 8 MB."""
ROW = 200
"""Bytes of an epoch's losses in a checkpoint at most."""


class NoSettings(schema.Settings):
    """It has none."""


class Small(LearnedGenerator):
    """One layer."""

    def __init__(self) -> None:
        super().__init__(SHAPE, ("a", "b"), NoSettings())
        self.layer = nn.Linear(16, 1)

    def phases(self) -> list[Phase]:
        update = Update("all", (self.layer,), partial(torch.optim.Adam, lr=0.01, fused=True))
        return [Phase("long", EPOCHS, BATCH, (update,))]

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        return {"loss": self.layer(images.flatten(1)).square().mean()}

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        return torch.rand((len(labels), *SHAPE), generator=rng)


def test_a_long_training_takes_no_more_memory_or_disk_as_it_goes_on(tmp_path: Path) -> None:
    real = Labelled(
        torch.randint(0, 256, (BATCHES * BATCH, *SHAPE), dtype=torch.uint8), torch.arange(BATCHES * BATCH) % 2
    )
    process, resident, sizes = psutil.Process(), list[int](), list[int]()

    def look() -> dict[str, float]:
        resident.append(process.memory_info().rss)
        files = sorted(path.name for path in tmp_path.iterdir())
        assert files == ([FILE] if sizes or resident[1:] else [])  # Earlier ones are gone, and none is half-written.
        sizes.append((tmp_path / FILE).stat().st_size if files else 0)
        return {"seen": 1.0}

    history = fit(Small(), real, 0, TrainingConfig(previews=0, checkpoint_seconds=0), tmp_path, watch=look)
    assert [row["epoch"] for row in history[::2]] == [*range(1, EPOCHS + 1)]
    assert len(history) == 2 * EPOCHS
    assert max(resident[WARM:]) - resident[WARM] < LITTLE
    grown = [later - sooner for sooner, later in pairwise(sizes[1:])]
    assert 0 < max(grown) < ROW  # But for the losses, each is as large as the last.
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
