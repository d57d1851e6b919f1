"""What the classify stage writes: scores of every method in every draw."""

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


class ValidationScores(Result):
    """Scores on the images that chose the epoch, each class weighing as much as in the test part; None as above."""

    balanced_accuracy: float
    minority_f1: float | None


class MethodScores(Result):
    """Scores of one method, fitted to so many images, one for each draw."""

    images: int
    recipe: str
    draws: list[ClassificationScores]
    validation: list[ValidationScores]


class Scores(RootModel[dict[str, MethodScores | NotApplicable]]):
    """By the method's name."""
