"""Trains models in one process, and in all that torchrun started; `test_parallel.py` compares them.

    torchrun --nproc-per-node 2 tests/training/together.py JOBS OUT

JOBS is a list of trainings as JSON; OUT gets a file of each. In double precision, so that what differs by rounding
alone differs by next to nothing.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator
from counterweight.settings.train import TrainingConfig
from counterweight.training.history import Row
from counterweight.training.launch import join
from counterweight.training.loop import Loop, fit
from counterweight.training.parallel import ALONE, Processes

CLASSES = ("dark", "grey", "bright")
AUGMENTED = TrainingConfig(previews=1, checkpoint_seconds=0, augment=["colour", "translation", "cutout"])
SEED = 3

Trained = tuple[list[Row], dict[str, Tensor]]


class InDouble(TorchFunctionMode):
    """Turns into double precision what is turned into single precision."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        return (torch.Tensor.double if func is torch.Tensor.float else func)(*args, **(kwargs or {}))


def make_images(sizes: list[int]) -> ImageSet:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    pixels = 50 + 78 * labels[:, None, None, None] + rng.integers(-40, 41, (len(labels), 1, 12, 14))
    return ImageSet(pixels.astype(np.uint8), labels, CLASSES, np.array([""] * len(labels)), {})


class Interrupted(Exception):
    """Stands in for what ends a process."""


def train(job: dict[str, Any], folder: Path, processes: Processes, until: int | None = None) -> Trained:
    """Train a model, or go on with it; with `until`, stop when so many epochs are done."""
    images = make_images(job["sizes"])
    model = build_generator(job["generator"], job["settings"], images, SEED, "here")
    assert isinstance(model, LearnedGenerator)
    epoch = Loop.run_epoch

    def run_epoch(self: Loop, phase: Any) -> None:  # noqa: ANN401
        if self.total_epochs() == until:
            raise Interrupted
        epoch(self, phase)

    Loop.run_epoch = run_epoch  # type: ignore[method-assign]
    try:
        real = to_labelled(images.images, images.labels)
        return fit(model, real, SEED, AUGMENTED, folder, processes=processes), model.state_dict()
    finally:
        Loop.run_epoch = epoch  # type: ignore[method-assign]


def main(jobs: list[dict[str, Any]], out: Path) -> None:
    with join(2, "cpu") as (processes, _), InDouble():
        for number, job in enumerate(jobs):
            made: dict[str, Trained] = {"together": train(job, out / f"{job['name']}-together", processes)}
            if number % processes.count == processes.rank:  # Each trains every second of them alone.
                with tempfile.TemporaryDirectory() as folder:
                    torch.save({"alone": train(job, Path(folder), ALONE)}, out / f"{job['name']}-alone.pt")
            if job["resumed"]:
                with suppress(Interrupted):
                    train(job, out / f"{job['name']}-resumed", processes, until=1)
                processes.wait()  # The first one's checkpoint is not written yet, perhaps.
                made["resumed"] = train(job, out / f"{job['name']}-resumed", processes)
            torch.save(made, out / f"{job['name']}-{processes.rank}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
