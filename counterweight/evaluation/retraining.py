"""Retraining of classifiers: of every method in every draw, all on the same real images."""

import csv
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from counterweight.core.devices import map_in_parallel
from counterweight.core.images import ImageSet
from counterweight.core.tensors import Labelled, to_labelled
from counterweight.data.draws import FITTED, VALIDATION, Draws
from counterweight.evaluation.methods import Method
from counterweight.recipes.base.network_recipe import build_classifier
from counterweight.recipes.base.recipe import Context, find_recipe
from counterweight.results.classify import MethodScores
from counterweight.settings.classify import ClassifierConfig
from counterweight.statistics.classification import classification_scores, validation_scores

Labels = npt.NDArray[np.int64]


class Parts(NamedTuple):
    """The real images of a dataset, and which of them are fitted and set aside in each draw."""

    train: ImageSet
    test: ImageSet
    draws: Draws


class Outcome(NamedTuple):
    """Labels that a classifier gave to a draw's validation and test images, and how many images it learned from."""

    validation: Labels
    test: Labels
    fitted: int


def retrain_classifiers(
    methods: Mapping[str, Method], parts: Parts, seeds: Sequence[int], config: ClassifierConfig, context: Context
) -> dict[str, list[Outcome]]:
    """Return what classifiers of each method say in each draw.

    A draw's seed sets first weights, batches and dropout, whatever the method, and all methods share its images: their
    differences are paired.
    """
    device, classes = context.device, len(parts.train.class_names)
    # Before the threads start, which share the generator that torch draws first weights from.
    untrained = [build_classifier(config.network, parts.test.shape, classes, seed).to(device) for seed in seeds]
    pool = Pool(context)
    shown = {name: Shown(method, parts, pool) for name, method in methods.items()}

    def train_and_predict(job: tuple[str, int]) -> Outcome:
        name, draw = job
        own = shown[name]
        fitted, validation = own.fitted(draw), own.validation(draw)
        recipe = find_recipe(methods[name].recipe).recipe(
            methods[name].settings, torch.bincount(fitted.labels, minlength=classes).float()
        )
        network = deepcopy(untrained[draw])  # Every method starts from the same weights.
        classifier = recipe.fit(fitted, validation, network, config, seeds[draw])
        found = [choose_classes(classifier(images)) for images in (validation.images, own.test)]
        return Outcome(found[0], found[1], len(fitted.labels))

    jobs = [(name, draw) for name in methods for draw in range(len(seeds))]
    outcomes = map_in_parallel(train_and_predict, jobs, device, "classify")
    return {name: outcomes[at * len(seeds) : (at + 1) * len(seeds)] for at, name in enumerate(methods)}


class Pool:
    """Sets of images on a device, each of them once, however many methods learn from it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.sets: dict[int, Labelled] = {}

    def show(self, images: ImageSet, method: Method) -> Labelled:
        """Return what a method's recipe makes of images, and their labels."""
        # By identity: the caller holds all of them as long as this lives.
        if id(images) not in self.sets:
            self.sets[id(images)] = to_labelled(images.images, images.labels).to(self.context.device)
        own = self.sets[id(images)]
        made = find_recipe(method.recipe).recipe.represent(method.settings, images, self.context)
        return own if made is None else Labelled(made, own.labels)


class Shown:
    """What a method's recipe makes of all images, once for all draws, and which of it each draw uses."""

    def __init__(self, method: Method, parts: Parts, pool: Pool) -> None:
        self.roles = parts.draws.roles
        self.train, self.test = pool.show(parts.train, method), pool.show(parts.test, method).images
        self.added = None if method.added is None else [pool.show(images, method) for images in method.added]

    def fitted(self, draw: int) -> Labelled:
        """Return what a classifier is fitted to: real images, and then what is added to them."""
        real = self.take(draw, FITTED)
        if self.added is None:
            return real
        added = self.added[draw]
        return Labelled(torch.cat([real.images, added.images]), torch.cat([real.labels, added.labels]))

    def validation(self, draw: int) -> Labelled:
        """Return the real images that choose the epoch."""
        return self.take(draw, VALIDATION)

    def take(self, draw: int, role: int) -> Labelled:
        """Return the training images that have a role."""
        place = torch.from_numpy(np.flatnonzero(self.roles[draw] == role)).to(self.train.labels.device)
        return Labelled(self.train.images[place], self.train.labels[place])


def choose_classes(logits: Tensor) -> Labels:
    """Return the most likely classes, int64 (N,)."""
    labels: Labels = logits.argmax(dim=1).cpu().numpy()
    return labels


def score_method(method: Method, outcomes: Sequence[Outcome], parts: Parts) -> MethodScores:
    """Return a method's scores in each draw."""
    test, minority = parts.test.labels, parts.draws.minority
    sizes = parts.test.counts().tolist()
    aside = [parts.train.labels[roles == VALIDATION] for roles in parts.draws.roles]
    return MethodScores(
        images=outcomes[0].fitted,
        recipe=method.recipe,
        draws=[classification_scores(test, found.test, minority, len(sizes)) for found in outcomes],
        validation=[
            validation_scores(true, found.validation, minority, sizes)
            for true, found in zip(aside, outcomes, strict=True)
        ],
    )


def write_predictions(outcomes: Mapping[str, Sequence[Outcome]], test: ImageSet, path: Path) -> None:
    """Write a row for each method, draw and test image: its index, its label, and the predicted one."""
    rows = [(name, draw, found.test) for name, own in outcomes.items() for draw, found in enumerate(own)]
    size = len(test)
    columns = {
        "method": np.repeat([name for name, _, _ in rows], size),
        "draw": np.repeat(np.array([draw for _, draw, _ in rows], dtype=np.int64), size),
        "index": np.tile(np.arange(size), len(rows)),
        "actual": np.tile(test.labels, len(rows)),
        "predicted": np.concatenate([np.empty(0, dtype=np.int64), *(labels for _, _, labels in rows)]),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def write_confusions(outcomes: Mapping[str, Sequence[Outcome]], test: ImageSet, folder: Path) -> None:
    """Write a row per test image in the first draw, which is what `dvc plots` makes a confusion matrix from."""
    folder.mkdir()
    names = test.class_names
    for method, own in outcomes.items():
        with (folder / f"{method}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["actual", "predicted"])
            writer.writerows((names[a], names[b]) for a, b in zip(test.labels, own[0].test, strict=True))
