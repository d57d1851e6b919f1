"""Two sets of images compared by their features, their pixels, and what of one is copied from training images."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from counterweight.core.features import FeatureSet
from counterweight.core.images import ImageSet
from counterweight.evaluation.comparison.features import compare_features, compare_similarity, drop_histograms
from counterweight.evaluation.comparison.memorization import NearestPairs, find_copies
from counterweight.settings.compare import Compare

Features = Mapping[str, FeatureSet]


class Compared(NamedTuple):
    """The result as plain JSON, and what figures are made of: results per backbone with histograms, nearest pairs."""

    result: dict[str, Any]
    backbones: dict[str, dict[str, Any]]
    copied: NearestPairs


def compare_sets(
    real: ImageSet,
    synthetic: ImageSet,
    train: ImageSet | None,
    features: tuple[Features, Features],
    settings: Compare,
    seed: int,
) -> Compared:
    """Measure everything that is measured of two sets beside the style classifier and the latent space.

    Args:
        real: images that no generator saw.
        train: images that the generator saw; None: not known, and `real` takes their place.
        features: of real and of synthetic images, by backbone.
        seed: of every random draw; each measure begins with it anew, so that none depends on the others.
    """
    backbones = {}
    for name in tqdm(features[0], "compare", unit="backbone", disable=None, dynamic_ncols=True):
        pair = features[0][name], features[1][name]
        backbones[name] = compare_features(*pair, settings, np.random.default_rng(seed))
    copied = find_copies(synthetic, real, train, settings.copy_quantile, np.random.default_rng(seed))
    result = {
        "images": {"real": len(real), "synthetic": len(synthetic)},
        "settings": settings.model_dump(),
        "backbones": drop_histograms(backbones),
        "ssim": compare_similarity(real, synthetic, settings.ssim_pairs, np.random.default_rng(seed)),
        "copies": copied.result,
        "copies_of": "real images" if train is None else "training images",
    }
    return Compared(result, backbones, copied)
