"""Compare synthetic images with real ones of the same classes, in the space of every backbone and pixel by pixel."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stages.comparison import compare_features, compare_similarity, without_histograms
from stages.comparison_pictures import draw_comparison
from stages.features import read_features
from stages.imageset import read_images
from stages.memorisation import memorised
from stages.process import run, stage_parser, writing
from stages.settings import derived_seed, load_params


def main(argv: Sequence[str]) -> None:
    """Read both sets' features and images, write one JSON file."""
    parser = stage_parser(__doc__)
    parser.add_argument("--real", type=Path, required=True, help="image table of real images no generator saw")
    parser.add_argument("--real-features", type=Path, required=True, help="folder with their features")
    parser.add_argument("--synthetic", type=Path, required=True, help="image table of synthetic images")
    parser.add_argument("--synthetic-features", type=Path, required=True, help="folder with their features")
    parser.add_argument("--train", type=Path, help="image table that the generator learned from, if it is known")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder of figures to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    real, synthetic = read_images(arguments.real), read_images(arguments.synthetic)
    seed = derived_seed(params.seed, synthetic.item, "compare")
    with writing(arguments.out) as partial, writing(arguments.plots) as plots:
        plots.mkdir()
        if synthetic.not_applicable is not None:
            result: dict[str, object] = {"not_applicable": synthetic.not_applicable}
            (plots / "nothing.txt").write_text(f"{synthetic.not_applicable}\n", encoding="utf-8")
        else:
            backbones = {}
            for name in tqdm(params.extract.backbones, "compare", unit="backbone", disable=None, dynamic_ncols=True):
                folders = arguments.real_features, arguments.synthetic_features
                pair = [read_features(folder / f"{name}.parquet") for folder in folders]
                backbones[name] = compare_features(pair[0], pair[1], params.compare, np.random.default_rng(seed))
            train = None if arguments.train is None else read_images(arguments.train)
            quantile, rng = params.compare.copy_quantile, np.random.default_rng(seed)
            copied = memorised(synthetic, real, train, quantile, rng)
            result = {
                "images": {"real": len(real), "synthetic": len(synthetic)},
                "settings": params.compare.model_dump(),
                "backbones": without_histograms(backbones),
                "ssim": compare_similarity(real, synthetic, params.compare.ssim_pairs, np.random.default_rng(seed)),
                "copies": copied.result,
                "copies_of": "real images" if train is None else "training images",
            }
            draw_comparison(backbones, copied, plots)
        partial.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
