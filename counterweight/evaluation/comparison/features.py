"""How the features and the pixels of synthetic images differ from those of real ones of the same classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.features import FeatureSet
from counterweight.core.images import ImageSet
from counterweight.settings.compare import Compare
from counterweight.statistics.images.ssim import pairwise_ssim
from counterweight.statistics.two_sample import (
    c2st,
    frechet,
    gaussian_kl,
    histogram_divergence,
    kid,
    normality,
    prdc,
    ttest,
)


def compare_features(
    real: FeatureSet, synthetic: FeatureSet, settings: Compare, rng: np.random.Generator
) -> dict[str, object]:
    """Return everything that is measured in the space of one backbone.

    Raises:
        UserError: the features come from different weights or sizes.
    """
    if real.provenance != synthetic.provenance:
        name = real.provenance.get("backbone")
        raise UserError(f"{name}: real and synthetic features come from different settings; extract both again")
    tables = real.features, real.labels, synthetic.features, synthetic.labels
    means = ttest.calibrated(
        *tables,
        rng,
        repeats=settings.repeats,
        test=settings.test,
        alpha=settings.alpha,
        effect_size=settings.effect_size,
    )
    return {
        **real.provenance,
        "t_test": means,
        "kl": gaussian_kl.calibrated(*tables, rng, components=settings.components, repeats=settings.repeats),
        "marginal": histogram_divergence.calibrated(*tables, rng, repeats=settings.repeats),
        "frechet": frechet.calibrated(*tables, rng, repeats=settings.repeats),
        "kid": kid.calibrated(*tables, rng, repeats=settings.repeats),
        "overlap": prdc.calibrated(*tables, rng, repeats=settings.repeats),
        "two_sample": c2st.calibrated(*tables, rng, repeats=settings.repeats),
        "families": {"real": normality.families(real.features), "synthetic": normality.families(synthetic.features)},
    }


def drop_histograms(backbones: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return results per backbone without what only figures need."""
    return {
        name: {
            **result,
            "families": {
                side: {key: value for key, value in found.items() if key not in ("edges", "densities")}
                for side, found in result["families"].items()
            },
        }
        for name, result in backbones.items()
    }


def compare_similarity(real: ImageSet, synthetic: ImageSet, pairs: int, rng: np.random.Generator) -> dict[str, object]:
    """Return how alike two random images of a class are: among the synthetic ones, and among the real ones."""
    return {
        "synthetic": pairwise_ssim(synthetic.images, synthetic.labels, pairs, rng),
        "real": pairwise_ssim(real.images, real.labels, pairs, rng),
    }
