"""Compare synthetic images with real ones of the same classes: t-tests and KL per backbone, SSIM of pairs."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.errors import UserError
from stages.features import FeatureSet, read_features
from stages.imageset import ImageSet, read_images
from stages.process import run, stage_parser, writing
from stages.settings import Compare, derived_seed, load_params
from stages.statistics import gaussian_kl, ttest
from stages.statistics.similarity import pairwise_ssim


def main(argv: Sequence[str]) -> None:
    """Read both sets' features and images, write one JSON file."""
    parser = stage_parser(__doc__)
    parser.add_argument("--real", type=Path, required=True, help="image table of real images no generator saw")
    parser.add_argument("--real-features", type=Path, required=True, help="folder with their features")
    parser.add_argument("--synthetic", type=Path, required=True, help="image table of synthetic images")
    parser.add_argument("--synthetic-features", type=Path, required=True, help="folder with their features")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    real, synthetic = read_images(arguments.real), read_images(arguments.synthetic)
    seed = derived_seed(params.seed, synthetic.item, "compare")
    with writing(arguments.out) as partial:
        if synthetic.not_applicable is not None:
            answer = {"not_applicable": synthetic.not_applicable}
            partial.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
            return
        backbones = {}
        for name in tqdm(params.extract.backbones, desc="compare", unit="backbone", disable=None, dynamic_ncols=True):
            pair = [
                read_features(folder / f"{name}.parquet")
                for folder in (arguments.real_features, arguments.synthetic_features)
            ]
            if pair[0].provenance != pair[1].provenance:
                raise UserError(f"{name}: real and synthetic features come from different settings; extract both again")
            backbones[name] = compare_features(pair[0], pair[1], params.compare, np.random.default_rng(seed))
        result = {
            "images": {"real": len(real), "synthetic": len(synthetic)},
            "settings": params.compare.model_dump(),
            "backbones": backbones,
            "ssim": compare_similarity(real, synthetic, params.compare.ssim_pairs, np.random.default_rng(seed)),
        }
        partial.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def compare_features(
    real: FeatureSet, synthetic: FeatureSet, settings: Compare, rng: np.random.Generator
) -> dict[str, object]:
    """Return the t-tests and the KL divergence of one backbone's features."""
    tables = real.features, real.labels, synthetic.features, synthetic.labels
    means = ttest.calibrated(
        *tables,
        rng,
        repeats=settings.repeats,
        test=settings.test,
        alpha=settings.alpha,
        effect_size=settings.effect_size,
    )
    divergence = gaussian_kl.calibrated(*tables, rng, components=settings.components, repeats=settings.repeats)
    return {**real.provenance, "t_test": means, "kl": divergence}


def compare_similarity(real: ImageSet, synthetic: ImageSet, pairs: int, rng: np.random.Generator) -> dict[str, object]:
    """Return how alike two random images of a class are: among the synthetic ones, and among the real ones."""
    return {
        "synthetic": pairwise_ssim(synthetic.images, synthetic.labels, pairs, rng),
        "real": pairwise_ssim(real.images, real.labels, pairs, rng),
    }


if __name__ == "__main__":
    run(main)
