"""params.yaml, classify and classifiers: retraining of classifiers."""

from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator

from counterweight.core.params_file import Blocks
from counterweight.core.registry import make_name_validator, require_one_of
from counterweight.core.schema import Fraction, Positive, Settings, parse_settings


class Classify(Settings):
    """Retraining of classifiers."""

    seeds: Annotated[int, Ge(2)] = 6
    """Trainings per variant, paired over the variants; below six no two-sided sign-flip test reaches 0.05."""
    validation_fraction: Fraction = 0.25
    """Fraction of the training images that selects the epoch (balancing thesis, 5.3)."""


class ClassifierConfig(Settings):
    """The classifier of one dataset and its training."""

    network: Annotated[str, AfterValidator(make_name_validator("networks/classifiers"))]
    epochs: Positive
    batch_size: Annotated[int, Ge(2)] = 64
    """At least two: batch normalisation has nothing to normalise a single image with."""
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3


def parse_classifier_config(classifiers: Blocks, dataset: str) -> ClassifierConfig:
    """Return how classifiers of a dataset are trained, given all blocks of that section."""
    where = "params.yaml: classifiers"
    return parse_settings(
        ClassifierConfig, classifiers[require_one_of(dataset, classifiers, where)], f"{where}.{dataset}"
    )
