"""What a scenario does to a training part: which images stay, how many are wanted, and who is the minority."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.results.imbalance import ClassCounts, Counts
from counterweight.settings.scenarios import Drop, Longtail, Natural, Scenario

Sizes = npt.NDArray[np.int64]


class Imbalance(NamedTuple):
    """What stays of a training part, real images that no generator will see, and the counts of each class by name."""

    train: ImageSet
    reference: ImageSet
    counts: Counts


def make_imbalance(
    train: ImageSet, test: ImageSet, scenario: Scenario, minority: list[int], item: str, rng: np.random.Generator
) -> Imbalance:
    """Remove images at random as the scenario says; the reference set are these and the test part's of such classes.

    Args:
        minority: labels of the classes that the dataset names; may be empty.
        item: dataset and scenario, as in `digits/drop75`; names the sets that are made.

    Raises:
        UserError: nothing would be left of a class, or nothing is to be balanced.
    """
    dataset, name = item.split("/")
    before = train.counts()
    kept = count_kept(scenario, before, minority)
    if empty := [own for own, count in zip(train.class_names, kept, strict=True) if not count]:
        raise UserError(f"params.yaml: scenarios.{name}: nothing would be left of class '{empty[0]}'")
    wanted = count_wanted(scenario, before, kept)
    if not wanted.any():
        where = f"params.yaml: scenarios.{name}: nothing to balance in {dataset}"
        raise UserError(f"{where}: {explain_balance(scenario, before)}")
    minority = minority or find_smallest_classes(scenario, kept, wanted)
    stays = np.zeros(len(train), dtype=bool)
    for label, count in enumerate(kept):
        stays[rng.permutation(np.flatnonzero(train.labels == label))[:count]] = True
    removed = train.take(np.flatnonzero(~stays))
    facts = {**train.provenance, "item": item}
    reference = replace(removed.concatenate(test.take(np.flatnonzero(wanted[test.labels] > 0))), provenance=facts)
    thinned = train.take(np.flatnonzero(stays))
    thinned = replace(thinned, provenance={**facts, "wanted": wanted.tolist(), "minority": minority})
    sizes = {"before": before, "train": kept, "wanted": wanted, "reference": reference.counts(), "test": test.counts()}
    table = {
        own: ClassCounts(**{part: int(count[label]) for part, count in sizes.items()}, minority=label in minority)
        for label, own in enumerate(train.class_names)
    }
    return Imbalance(thinned, reference, Counts(table))


def count_kept(scenario: Scenario, counts: Sizes, minority: list[int]) -> Sizes:
    """Return how many images of each class (K,) stay in the training part.

    `longtail` orders the classes as the dataset does, but with the minority classes at the tail (Cui et
    al., Class-Balanced Loss Based on Effective Number of Samples, https://arxiv.org/abs/1901.05555).
    """
    kept = counts.copy()
    if isinstance(scenario, Drop):
        kept[minority] = np.rint(counts[minority] * (1 - scenario.fraction)).astype(np.int64)
    if isinstance(scenario, Longtail):
        order = [label for label in range(len(counts)) if label not in minority] + minority
        # From the largest class's size down to 1 / ratio of it, geometrically; sources give two classes at least.
        sizes = counts.max() * scenario.ratio ** (-np.arange(len(counts)) / (len(counts) - 1))
        kept[order] = np.minimum(counts[order], np.rint(sizes).astype(np.int64))
    return kept


def count_wanted(scenario: Scenario, counts: Sizes, kept: Sizes) -> Sizes:
    """Return how many synthetic images of each class (K,) restore the balance.

    As many as were removed; `natural` fills every class up to the largest, or to its cap if that is lower.
    """
    if not isinstance(scenario, Natural):
        return counts - kept
    level = counts.max() if scenario.cap is None else min(counts.max(), scenario.cap)
    wanted: Sizes = np.maximum(level - counts, 0)
    return wanted


def find_smallest_classes(scenario: Scenario, kept: Sizes, wanted: Sizes) -> list[int]:
    """Return the labels that stand for the minority where the dataset names none.

    `natural`: every class that gets images and has fewer than the classes have on average. Of 800, 798 and
    123 images that is the last alone: the two images that the second gets would say nothing, and halve the
    weight of what the others say. Of unequal classes one is always below the average. Otherwise: the smallest.
    """
    rare = (wanted > 0) & (kept < kept.mean()) if isinstance(scenario, Natural) else kept == kept.min()
    return np.flatnonzero(rare).tolist()


def explain_balance(scenario: Scenario, counts: Sizes) -> str:
    """Say why no class wants an image."""
    if not isinstance(scenario, Natural):
        return "not one image would be dropped"
    if scenario.cap is None or counts.min() == counts.max():
        return f"the classes are equally large, {counts.max()} images each"
    sizes = f"the classes have {counts.min()} to {counts.max()} images"
    return f"cap {scenario.cap} is not above the smallest class; {sizes}"
