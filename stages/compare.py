"""Compare synthetic images with real ones of the same classes, in the space of every backbone and pixel by pixel."""

import json
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.features import read_features
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.comparison.plots import draw_comparison
from counterweight.evaluation.comparison.sets import compare_sets
from counterweight.settings.compare import Compare
from counterweight.settings.extract import Extract


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
    file = read_params_file(arguments.params)
    settings, names = file.section("compare", Compare), file.section("extract", Extract).backbones
    real, synthetic = read_images(arguments.real), read_images(arguments.synthetic)
    with atomic_output(arguments.out) as partial, atomic_output(arguments.plots) as plots:
        plots.mkdir()
        if synthetic.not_applicable is not None:
            result: dict[str, object] = {"not_applicable": synthetic.not_applicable}
            (plots / "nothing.txt").write_text(f"{synthetic.not_applicable}\n", encoding="utf-8")
        else:
            folders = arguments.real_features, arguments.synthetic_features
            features = [{name: read_features(folder / f"{name}.parquet") for name in names} for folder in folders]
            train = None if arguments.train is None else read_images(arguments.train)
            seed = derive_seed(file.run.seed, synthetic.item, "compare")
            compared = compare_sets(real, synthetic, train, (features[0], features[1]), settings, seed)
            result = compared.result
            draw_comparison(compared.backbones, compared.copied, plots)
        partial.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
