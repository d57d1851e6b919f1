"""Networks that recognise things, one for each row and draw, tested on the same real triplets."""

import csv
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from counterweight.core.devices import OPTIMISERS, map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.recognition.backbone import build_embedder, build_trunk
from counterweight.evaluation.recognition.learning import (
    FrozenLook,
    LiveLook,
    Look,
    Shown,
    evaluate,
    learn,
)
from counterweight.evaluation.triplets.rendering import render_triplets
from counterweight.evaluation.triplets.sets import Autoencoders, name_autoencoder
from counterweight.evaluation.triplets.table import Triplets
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.embedding import Embedder
from counterweight.results.recognize import UNTRAINED, Accuracies, RecognizeResult, RowDraw, RowResult
from counterweight.settings.recognize import SMALL, Recognize
from counterweight.settings.triplets import Triplets as Sets
from counterweight.statistics.recognition import NAMES, Found, chance_levels


@dataclass(frozen=True)
class Material:
    """What networks learn from and are tested on: sets of triplets by name, for each draw, and test triplets."""

    dataset: str
    images: ImageSet
    sets: Mapping[str, Sequence[Triplets]]
    test: Triplets
    settings: Sets
    autoencoders: Autoencoders

    def render(self, name: str, draw: int) -> Shown:
        """Return the triplets of a set in a draw as images."""
        run = name_autoencoder(self.settings.sets[name])
        model = None if run is None else self.autoencoders[run][draw]
        return self.show(self.sets[name][draw], model)

    def show(self, triplets: Triplets, model: VariationalAutoencoder | None = None) -> Shown:
        """Return triplets as images."""
        made = render_triplets(triplets, self.images.images, self.settings.view, model)
        return Shown(made, torch.from_numpy(triplets.identity.copy()), torch.from_numpy(triplets.other.copy()))


class Outcome(NamedTuple):
    """What one network does: the epoch of its weights, and what it gets right of each part's triplets."""

    epoch: int
    training: Found | None
    validation: Found | None
    test: Found


class Outcomes:
    """Where outcomes are kept while others are awaited: nowhere, unless a subclass says otherwise."""

    def find(self, row: str, draw: int) -> Outcome | None:
        """Return an outcome, None if it is not known yet."""
        return None

    def keep(self, row: str, draw: int, outcome: Outcome) -> None:
        """Keep an outcome."""


class Start(NamedTuple):
    """The networks that all rows of a draw start from, and the test triplets that they look at."""

    trunk: nn.Module
    embedder: Embedder
    test: Look


def start_draws(material: Material, settings: Recognize, draws: int, seed: int, device: torch.device) -> list[Start]:
    """Return what every row of each draw starts from."""
    where, test = f"params.yaml: recognition.{material.dataset}.recognize", material.show(material.test)
    starts: list[Start] = []
    for draw in range(draws):
        own = derive_seed(seed, material.dataset, "recognize", str(draw))
        same = starts and settings.frozen and settings.backbone != SMALL and settings.weights != "random"
        trunk = starts[0].trunk if same else build_trunk(settings, own, where)
        embedder = build_embedder(trunk.cpu(), settings, own)
        look = starts[0].test if same else look_at(test, trunk.to(device), settings, own)
        look.plain()  # Before the threads start, which share it; a frozen backbone keeps what it saw.
        starts.append(Start(trunk.to(device), embedder.to(device), look))
    return starts


def train_row(
    names: Sequence[str], draw: int, start: Start, material: Material, settings: Recognize, seed: int
) -> Outcome:
    """Train the network of a row in a draw and test it; without sets, test the untrained one."""
    embedder = deepcopy(start.embedder)
    trunk = start.trunk if settings.frozen else deepcopy(start.trunk)
    device = next(embedder.parameters()).device
    tested = start.test if settings.frozen else look_at(start.test.shown, trunk, settings, seed)
    if not names:
        return Outcome(0, None, None, evaluate(embedder, tested, settings.margin))
    shown = [material.render(name, draw) for name in names]
    part = np.concatenate([material.sets[name][draw].part for name in names])
    whole = Shown(*(torch.cat(values) for values in zip(*shown, strict=True)))
    training, validation = (
        look_at(Shown(*(value[torch.from_numpy(part == place)] for value in whole)), trunk, settings, seed)
        for place in (0, 1)
    )
    epoch = learn(embedder, training, validation, settings, seed, device)
    return Outcome(epoch, *(evaluate(embedder, look, settings.margin) for look in (training, validation, tested)))


def look_at(shown: Shown, trunk: nn.Module, settings: Recognize, seed: int) -> Look:
    """Return triplets as the dense layer sees them."""
    return FrozenLook(shown, trunk, settings, seed) if settings.frozen else LiveLook(shown, trunk, settings)


def choose_rows(settings: Recognize, sets: Sequence[str]) -> dict[str, list[str]]:
    """Return what each row learns from, the untrained network first."""
    rows = {name: [name] for name in sets} if settings.rows is None else settings.rows
    return {UNTRAINED: [], **rows}


def recognize(
    material: Material,
    settings: Recognize,
    draws: int,
    seed: int,
    device: torch.device,
    outcomes: Outcomes,
    streams: int = 1,
) -> dict[str, list[Outcome]]:
    """Train and test the networks of all rows in all draws.

    As many at once as a CPU has cores, or so many `streams` on a GPU.
    """
    rows = choose_rows(settings, list(material.sets))
    starts = start_draws(material, settings, draws, seed, device)
    jobs = [(name, draw) for name in rows for draw in range(draws)]
    found = {job: known for job in jobs if (known := outcomes.find(*job)) is not None}
    missing = [job for job in jobs if job not in found]

    def train(job: tuple[str, int]) -> Outcome:
        name, draw = job
        own = derive_seed(seed, material.dataset, "recognize", str(draw))
        try:
            outcome = train_row(rows[name], draw, starts[draw], material, settings, own)
        except UserError as error:
            raise UserError(f"params.yaml: recognition.{material.dataset}.recognize: {name}: {error}") from error
        outcomes.keep(name, draw, outcome)
        return outcome

    trained = map_in_parallel(train, missing, device, "recognize", imports=[OPTIMISERS], streams=streams)
    found |= zip(missing, trained, strict=True)
    return {name: [found[name, draw] for draw in range(draws)] for name in rows}


def describe_outcomes(
    outcomes: Mapping[str, Sequence[Outcome]], material: Material, settings: Recognize
) -> RecognizeResult:
    """Return what networks do as a result."""
    rows, test = choose_rows(settings, list(material.sets)), len(material.test)
    return RecognizeResult(
        backbone=settings.backbone,
        frozen=settings.frozen,
        mining=settings.mining,
        test=test,
        chance=Accuracies(**chance_levels(test, settings.embedding_dim, settings.margin)),
        rows={name: describe_row(rows[name], outcomes[name], material) for name in outcomes},
    )


def describe_row(names: Sequence[str], draws: Sequence[Outcome], material: Material) -> RowResult:
    """Return what the networks of a row do."""
    parts = [material.sets[name][0].part for name in names]
    counts = [sum(int((part == place).sum()) for part in parts) for place in (0, 1)]
    described = [
        RowDraw(
            epoch=own.epoch,
            training=None if own.training is None else describe_found(own.training),
            validation=None if own.validation is None else describe_found(own.validation),
            test=describe_found(own.test),
        )
        for own in draws
    ]
    return RowResult(sets=list(names), train=counts[0], validation=counts[1], draws=described)


def describe_found(found: Found) -> Accuracies:
    """Return the fractions of triplets that are right."""
    return Accuracies(**{name: float(getattr(found, name).mean()) for name in NAMES})


def write_hits(outcomes: Mapping[str, Sequence[Outcome]], path: Path) -> None:
    """Write a row for each network and test triplet, in the triplets' order: what is right of it."""
    found = [(name, draw, own.test) for name, draws in outcomes.items() for draw, own in enumerate(draws)]
    size = len(found[0][2].rank1)
    columns = {
        "row": [name for name, _, _ in found for _ in range(size)],
        "draw": np.repeat(np.array([draw for _, draw, _ in found], dtype=np.int64), size),
        **{name: np.concatenate([getattr(own, name) for _, _, own in found]) for name in NAMES},
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def write_accuracies(outcomes: Mapping[str, Sequence[Outcome]], folder: Path) -> None:
    """Write recall among the nearest 1, 5 and 10 as CSV, for a plot: a row for each network and number."""
    folder.mkdir()
    with (folder / "recall.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "draw", "nearest", "recall"])
        for name, draws in outcomes.items():
            for draw, own in enumerate(draws):
                for nearest, hits in ((1, own.test.rank1), (5, own.test.recall5), (10, own.test.recall10)):
                    writer.writerow([name, draw, nearest, float(hits.mean())])
