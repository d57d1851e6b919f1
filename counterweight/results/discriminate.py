"""What the discriminate stage writes: whether a small network tells synthetic images from real ones by their style."""

from typing import Any

from counterweight.core.results import SetSizes, Spread
from counterweight.core.schema import Result


class Curve(Result):
    """Points of a ROC curve, from (0, 0) to (1, 1): rates of false and of true positives."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]


class SizeResult(Result):
    """What the networks of one size in pixels found, over the seeds."""

    auc: Spread
    interval: tuple[float, float]
    p_value: float
    """Two-sided, of one distribution of scores: twice the mean over the seeds, which holds however they depend."""
    average_precision: Spread
    curve: Curve


class StyleResult(Result):
    """The results by size in pixels, of so many images to train on and to test; none, with a reason, of too few."""

    images: SetSizes
    train: int
    test: int
    seeds: int
    settings: dict[str, Any]
    sizes: dict[str, SizeResult]
    reason: str | None
    explained_variance: list[float] | None = None
