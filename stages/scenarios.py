"""What a scenario does to the class sizes: how many images stay, how many are wanted, and who is the minority."""

import numpy as np
import numpy.typing as npt

from stages.settings import Drop, Longtail, Natural, Scenario

Counts = npt.NDArray[np.int64]


def kept_counts(scenario: Scenario, counts: Counts, minority: list[int]) -> Counts:
    """Return how many images of each class (K,) stay in the training part.

    `longtail` orders the classes as the dataset does, but with the minority classes at the tail (Cui et
    al., Class-Balanced Loss Based on Effective Number of Samples, https://arxiv.org/abs/1901.05555).
    """
    kept = counts.copy()
    if isinstance(scenario, Drop):
        kept[minority] = np.rint(counts[minority] * (1 - scenario.share)).astype(np.int64)
    if isinstance(scenario, Longtail):
        order = [label for label in range(len(counts)) if label not in minority] + minority
        sizes = counts.max() * scenario.ratio ** (-np.arange(len(counts)) / (len(counts) - 1))
        kept[order] = np.minimum(counts[order], np.rint(sizes).astype(np.int64))
    return kept


def wanted_counts(scenario: Scenario, counts: Counts, kept: Counts) -> Counts:
    """Return how many synthetic images of each class (K,) restore the balance.

    As many as were removed; `natural` fills every class up to the largest, or to its cap if that is lower.
    """
    if not isinstance(scenario, Natural):
        return counts - kept
    level = counts.max() if scenario.cap is None else min(counts.max(), scenario.cap)
    wanted: Counts = np.maximum(level - counts, 0)
    return wanted


def smallest_classes(scenario: Scenario, kept: Counts, wanted: Counts) -> list[int]:
    """Return the labels that stand for the minority where the dataset names none.

    `natural`: every class that gets images and has fewer than the classes have on average. Of 800, 798 and
    123 images that is the last alone: the two images that the second gets would say nothing, and halve the
    weight of what the others say. Of unequal classes one is always below the average. Otherwise: the smallest.
    """
    rare = (wanted > 0) & (kept < kept.mean()) if isinstance(scenario, Natural) else kept == kept.min()
    return np.flatnonzero(rare).tolist()


def nothing_to_balance(scenario: Scenario, counts: Counts) -> str:
    """Say why no class wants an image."""
    if not isinstance(scenario, Natural):
        return "not one image would be dropped"
    if scenario.cap is None or counts.min() == counts.max():
        return f"the classes are equally large, {counts.max()} images each"
    sizes = f"the classes have {counts.min()} to {counts.max()} images"
    return f"cap {scenario.cap} is not above the smallest class; {sizes}"
