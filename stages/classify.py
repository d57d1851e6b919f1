"""Retrain a classifier on one variant of the training set, over several seeds, and test it."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from stages.generators.base import labelled
from stages.imageset import ImageSet, read_images, stratified
from stages.process import run, stage_parser, writing
from stages.settings import derived_seed, load_params, one_of
from stages.statistics.classification import classification_scores
from stages.training.classifier import Recipe, build_classifier, fit_classifier, predict
from stages.training.devices import choose_device, side_by_side

Labels = npt.NDArray[np.int64]


def main(argv: Sequence[str]) -> None:
    """Train and test as many classifiers as there are seeds, write their scores."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under classifiers")
    parser.add_argument("--reweighted", action="store_true", help="weight classes by the inverse of their frequency")
    parser.add_argument("--added", type=Path, help="image table of synthetic images to train on as well")
    for name, purpose in (
        ("imbalanced", "image table that says which classes are the minority"),
        ("train", "image table to train on"),
        ("test", "image table to test on"),
        ("out", "JSON file of scores to write"),
        ("confusion", "CSV of actual and predicted classes to write"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=purpose)
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    settings = params.classifiers[one_of(arguments.dataset, params.classifiers, "params.yaml: classifiers")]
    device = choose_device(params.device)
    train, test = read_images(arguments.train), read_images(arguments.test)
    added = read_images(arguments.added) if arguments.added else None
    imbalanced = read_images(arguments.imbalanced)
    minority, classes = imbalanced.provenance["minority"], len(test.class_names)
    recipe = Recipe(settings.epochs, settings.batch_size, settings.learning_rate, arguments.reweighted)
    # No variant's name is in the seeds: variants share splits and first weights as far as they can.
    names = [(imbalanced.item, "classify", str(number)) for number in range(params.classify.seeds)]
    seeds = [derived_seed(params.seed, *name) for name in names]
    with writing(arguments.out) as out, writing(arguments.confusion) as confusion:
        networks = [build_classifier(settings.network, test.shape, classes, seed).to(device) for seed in seeds]
        tested = torch.from_numpy(test.images.copy()).to(device)

        def train_and_predict(number: int) -> Labels:
            rng = np.random.default_rng(seeds[number])
            parts = split(train, added, params.classify.validation_share, rng)
            fitted, validation = (labelled(part.images, part.labels).to(device) for part in parts)
            fit_classifier(networks[number], classes, fitted, validation, recipe, seeds[number])
            predicted: Labels = predict(networks[number], tested).argmax(dim=1).cpu().numpy()
            return predicted

        predictions = side_by_side(train_and_predict, range(len(seeds)), device, "classify")
        scores = [classification_scores(test.labels, found, minority, classes) for found in predictions]
        result = {"images": len(train) + (len(added) if added else 0), "seeds": scores}
        out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        write_confusion(test, predictions[0], confusion)


def split(train: ImageSet, added: ImageSet | None, share: float, rng: np.random.Generator) -> tuple[ImageSet, ImageSet]:
    """Return what a classifier is fitted to and the real images that choose its epoch.

    The balancing thesis (5.3) splits real and synthetic images together 75:25. Here the validation part
    is real only, since a copy or a near copy in it would praise what was learned by heart; as many of the
    synthetic images are left out, so that the fitted part is as balanced as the whole.
    """
    validation = stratified(train.labels, share, rng)
    fitted = train.take(np.flatnonzero(~validation))
    if added is not None and len(added):
        fitted = fitted.joined(added.take(np.flatnonzero(~stratified(added.labels, share, rng))))
    return fitted, train.take(np.flatnonzero(validation))


def write_confusion(test: ImageSet, predicted: Labels, path: Path) -> None:
    """Write a row per test image, which is what `dvc plots` makes a confusion matrix from."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["actual", "predicted"])
        writer.writerows(
            (test.class_names[a], test.class_names[b]) for a, b in zip(test.labels, predicted, strict=True)
        )


if __name__ == "__main__":
    run(main)
