"""A variant: a training set that classifiers are retrained on."""

import csv
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.devices import map_in_parallel
from counterweight.core.images import ImageSet, choose_stratified
from counterweight.core.tensors import to_labelled
from counterweight.recipes.fit import build_classifier, fit_classifier, predict
from counterweight.settings.classify import ClassifierConfig

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Variant:
    """Real images, synthetic ones added to them, and whether classes are weighted by the inverse of their size."""

    train: ImageSet
    added: ImageSet | None = None
    reweighted: bool = False

    def __len__(self) -> int:
        return len(self.train) + (len(self.added) if self.added else 0)

    @property
    def not_applicable(self) -> str | None:
        """Why there are no synthetic images, as their generator said; None where there are, or none are wanted."""
        return self.added.not_applicable if self.added is not None else None

    def split(self, fraction: float, rng: np.random.Generator) -> tuple[ImageSet, ImageSet]:
        """Return what a classifier is fitted to and the real images that choose its epoch.

        The balancing thesis (5.3) splits real and synthetic images together 75:25. Here the validation part
        is real only, since a copy or a near copy in it would praise what was learned by heart; as many of the
        synthetic images are left out, so that the fitted part is as balanced as the whole.
        """
        validation = choose_stratified(self.train.labels, fraction, rng)
        fitted = self.train.take(np.flatnonzero(~validation))
        if self.added:
            fitted = fitted.concatenate(
                self.added.take(np.flatnonzero(~choose_stratified(self.added.labels, fraction, rng)))
            )
        return fitted, self.train.take(np.flatnonzero(validation))


def retrain_classifiers(
    variants: Sequence[Variant],
    test: ImageSet,
    seeds: Sequence[int],
    config: ClassifierConfig,
    validation_fraction: float,
    device: torch.device,
) -> list[list[Labels]]:
    """Return the labels (N,) that classifiers give the test images, for each variant and each seed.

    A seed sets first weights, split, batches and dropout, whatever the variant: their differences are paired.
    """
    classes = len(test.class_names)
    # Before the threads start, which share the generator that torch draws first weights from.
    untrained = {seed: build_classifier(config.network, test.shape, classes, seed).to(device) for seed in seeds}
    tested = torch.from_numpy(test.images.copy()).to(device)

    def train_and_predict(job: tuple[Variant, int]) -> Labels:
        variant, seed = job
        network = deepcopy(untrained[seed])  # Every variant starts from the same weights.
        # Anew from the seed: variants of one training set hold out the same real images.
        parts = variant.split(validation_fraction, np.random.default_rng(seed))
        fitted, validation = (to_labelled(part.images, part.labels).to(device) for part in parts)
        fit_classifier(network, classes, fitted, validation, config, seed, variant.reweighted)
        predicted: Labels = predict(network, tested).argmax(dim=1).cpu().numpy()
        return predicted

    jobs = [(variant, seed) for variant in variants for seed in seeds]
    predictions = map_in_parallel(train_and_predict, jobs, device, "classify")
    return [predictions[start : start + len(seeds)] for start in range(0, len(jobs), len(seeds))]


def write_confusion(test: ImageSet, predicted: Labels, path: Path) -> None:
    """Write a row per test image, which is what `dvc plots` makes a confusion matrix from."""
    names = test.class_names
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["actual", "predicted"])
        writer.writerows((names[a], names[b]) for a, b in zip(test.labels, predicted, strict=True))
