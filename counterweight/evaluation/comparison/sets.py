"""Two sets of images compared by their features, their pixels, and what of one is copied from training images."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from counterweight.core.features import FeatureFile, FeatureSet
from counterweight.core.image_file import Images, take_at_most
from counterweight.core.images import FILE_DIFFERENCES, ImageSet
from counterweight.core.results import SetSizes
from counterweight.evaluation.comparison.features import BackboneComparison, compare_features
from counterweight.evaluation.comparison.harness import list_columns
from counterweight.evaluation.comparison.memorization import NearestPairs, find_copies
from counterweight.results.compare import CompareResult
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import find_statistics
from counterweight.statistics.base.resampling import draw_matched, take_groups
from counterweight.statistics.images.sharpness import measure_sharpness
from counterweight.statistics.images.ssim import pairwise_ssim

Features = Mapping[str, FeatureSet | FeatureFile]


class SetComparison(NamedTuple):
    """The result, and what figures are made of: comparisons per backbone, and the nearest pairs."""

    result: CompareResult
    backbones: dict[str, BackboneComparison]
    nearest: NearestPairs


def compare_sets(
    real: Images,
    synthetic: Images,
    train: ImageSet | None,
    features: tuple[Features, Features],
    settings: Compare,
    seed: int,
) -> SetComparison:
    """Measure everything that is measured of two sets beside the style classifier and the latent space.

    Of sets of more than `compare.images` so many images, drawn at random, are looked at by their pixels.

    Args:
        real: images that no generator saw.
        train: images that the generator saw; None: not known, and `real` takes their place.
        features: of real and of synthetic images, by backbone.
        seed: of every random draw; each measure begins with it anew, so that none depends on the others.
    """
    headline, backbones = settings.choose_headline([*features[0]]), compare_backbones(features, settings, seed)
    sizes, rng = SetSizes(real=len(real), synthetic=len(synthetic)), np.random.default_rng(seed)
    real, synthetic = (take_at_most(each, settings.images, rng) for each in (real, synthetic))
    nearest = find_copies(synthetic, real, train, settings.copy_quantile, np.random.default_rng(seed))
    rng, pairs = np.random.default_rng(seed), settings.ssim_pairs or max(1, len(synthetic))
    groups = real.groups, synthetic.groups
    made = pairwise_ssim(synthetic.images, synthetic.labels, pairs, rng, groups[1])
    # As many of every class: some classes are sharper than others.
    of_real, of_synthetic = draw_matched(real.labels, synthetic.labels, np.random.default_rng(seed))
    result = CompareResult(
        headline=headline,
        images=sizes,
        seen=SetSizes(real=len(real), synthetic=len(synthetic)),
        settings=settings.model_dump(),
        columns=list_columns(find_statistics()),
        backbones={name: found.result for name, found in backbones.items()},
        ssim={"synthetic": made, "real": pairwise_ssim(real.images, real.labels, pairs, rng, groups[0])},
        sharpness={
            "synthetic": measure_sharpness(synthetic.images[of_synthetic], take_groups(groups[1], of_synthetic)),
            "real": measure_sharpness(real.images[of_real], take_groups(groups[0], of_real)),
        },
        copies=nearest.result,
        copies_of="real images" if train is None else "training images",
        file_differences=synthetic.provenance.get(FILE_DIFFERENCES, []),
    )
    return SetComparison(result, backbones, nearest)


def compare_backbones(
    features: tuple[Features, Features], settings: Compare, seed: int
) -> dict[str, BackboneComparison]:
    """Compare real and synthetic features, each backbone's beginning with the seed anew."""
    return {
        name: compare_features(features[0][name], features[1][name], settings, np.random.default_rng(seed))
        for name in tqdm(features[0], "compare", unit="backbone", disable=None, dynamic_ncols=True)
    }


def add_backbones(
    found: SetComparison, features: tuple[Features, Features], settings: Compare, seed: int
) -> SetComparison:
    """Return a comparison with further backbones: what `compare_sets` makes of all of them with the same seed."""
    backbones = {**found.backbones, **compare_backbones(features, settings, seed)}
    results = {name: each.result for name, each in backbones.items()}
    return found._replace(result=found.result.model_copy(update={"backbones": results}), backbones=backbones)
