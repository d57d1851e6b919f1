"""What the classify stage writes: scores of every training set and seed."""

from pydantic import RootModel

from counterweight.core.results import NotApplicable
from counterweight.core.schema import Result


class ClassificationScores(Result):
    """Scores between 0 and 1; None where the test set has no image of the classes concerned."""

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    minority_precision: float | None
    minority_recall: float | None
    minority_f1: float | None
    precision: list[float | None]
    recall: list[float | None]
    f1: list[float | None]
    confusion: list[list[int]]


class VariantScores(Result):
    """Scores of one training set, of so many images, one for each seed."""

    images: int
    seeds: list[ClassificationScores]


class Scores(RootModel[dict[str, VariantScores | NotApplicable]]):
    """By the variant's name."""
