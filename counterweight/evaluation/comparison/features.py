"""How the features of synthetic images differ from those of real ones of the same classes, in one backbone's space."""

from typing import NamedTuple

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.features import FeatureFile, FeatureSet, Rows
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic, select_options
from counterweight.results.compare import BackboneResult, InceptionScore, Side
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import find_statistics
from counterweight.statistics.base.inception_score import inception_score
from counterweight.statistics.base.moments import effective_dimension
from counterweight.statistics.base.resampling import Table, draw_matched, estimate_design_effect
from counterweight.statistics.two_sample.normality import Histogram, describe_families

LEAST_DIMENSION = 5
"""Effective dimension of a space that counts in means: of fewer, thousands of features say one thing many times."""


class BackboneComparison(NamedTuple):
    """The result, and the histograms of real and of synthetic features that figures are made of, if anything varies."""

    result: BackboneResult
    histograms: tuple[Histogram | None, Histogram | None]


def compare_features(
    real: FeatureSet | FeatureFile,
    synthetic: FeatureSet | FeatureFile,
    settings: Compare,
    rng: np.random.Generator,
) -> BackboneComparison:
    """Return everything that is measured in the space of one backbone.

    Sets of at most `compare.images` are read whole. Of larger ones so many images are drawn, which most statistics see;
    those that stream, and the dimension of the space, go through all of them on disk.

    Raises:
        UserError: the features come from different weights or sizes.
    """
    # Features of other weights or sizes lie in another space, and any distance would be large.
    if real.provenance != synthetic.provenance:
        name = real.provenance.get("backbone")
        raise UserError(f"{name}: real and synthetic features come from different settings; extract both again")
    some = [draw_some(each, settings.images, rng) for each in (real, synthetic)]
    seen = [LabelledFeatures(each.features, each.labels, each.groups) for each in some]
    whole = [
        own if len(own.labels) == len(each.labels) else leave_on_disk(each)
        for own, each in zip(seen, (real, synthetic), strict=True)
    ]
    statistics = {}
    for name, statistic in find_statistics().items():
        sets = whole if statistic.streams else seen
        options = select_options(statistic, settings)
        statistics[name] = run_statistic(statistic, sets[0], sets[1], rng, settings.repeats, options)
    described = [describe_families(each.features) for each in some]
    result = BackboneResult.model_validate(
        {
            **real.provenance,
            "features": some[0].features.shape[1],
            **measure_dimension(whole[0].features),
            "statistics": statistics,
            "inception_score": score_logits(some[0], some[1], settings.inception_splits, rng),
            "design_effects": measure_design_effects(some[0], some[1]),
            "families": {"real": described[0].families, "synthetic": described[1].families},
        }
    )
    return BackboneComparison(result, (described[0].histogram, described[1].histogram))


def draw_some(features: FeatureSet | FeatureFile, most: int, rng: np.random.Generator) -> FeatureSet:
    """Return features of all images, or of so many drawn at random, in memory; the generator is used only then."""
    count = len(features.labels)
    if count > most:
        return features.take(np.sort(rng.permutation(count)[:most]))
    return features if isinstance(features, FeatureSet) else features.take(np.arange(count))


def leave_on_disk(features: FeatureSet | FeatureFile) -> LabelledFeatures:
    """Return all features, those of a file as rows that are read when they are needed."""
    table = features.features if isinstance(features, FeatureSet) else Rows(features, np.arange(len(features)))
    return LabelledFeatures(table, features.labels, features.groups)


def measure_design_effects(real: FeatureSet, synthetic: FeatureSet) -> dict[Side, float]:
    """Return the design effect of each side that has groups (see `BackboneResult`), if its features vary at all."""
    sides: dict[Side, FeatureSet] = {"real": real, "synthetic": synthetic}
    found: dict[Side, float] = {}
    for side, own in sides.items():
        if own.groups is not None and (effect := estimate_design_effect(own.features, own.groups)) is not None:
            found[side] = effect
    return found


def score_logits(
    real: FeatureSet, synthetic: FeatureSet, splits: int, rng: np.random.Generator
) -> dict[Side, InceptionScore] | None:
    """Return both sides' Inception Score, of as many images of every class; None: the network does not classify."""
    if real.logits is None or synthetic.logits is None:
        return None
    of_real, of_synthetic = draw_matched(real.labels, synthetic.labels, rng)
    return {
        "real": inception_score(real.logits[of_real], splits, rng),
        "synthetic": inception_score(synthetic.logits[of_synthetic], splits, rng),
    }


def measure_dimension(real: Table) -> dict[str, float | str | None]:
    """Return the effective dimension of a space on real images, and why it counts in no mean, if it does not.

    Few images have few dimensions. Of N normally distributed ones, the sum of squared variances is, on average, larger
    by the squared sum divided by N - 1 (Wishart's second moment, for large N): d dimensions show 1 / (1/d + 1/(N-1)),
    with which the participation ratio is compared.
    """
    count, features = real.shape
    found = effective_dimension(real) if count else 0.0
    shown = 1 / (1 / LEAST_DIMENSION + 1 / (count - 1)) if count > 1 else 0.0
    few = f"effective dimension {found:.1f} of {features}; {LEAST_DIMENSION} would show {shown:.1f} with {count} images"
    return {"effective_dimension": found, "left_out": few if found < shown else None}
