"""Compare real and synthetic features and images of the same classes: everything measured, in one result."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from counterweight.core.features import FeatureFile
from counterweight.core.image_file import ImageFile
from counterweight.core.measurement import Measurement, write_measurement
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.real import add_real_arguments, read_real
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.comparison.plots import draw_comparison
from counterweight.evaluation.comparison.sets import compare_sets
from counterweight.settings.compare import Compare


def main(argv: Sequence[str]) -> None:
    """Read both sets' features and images, write one JSON file and a folder of figures."""
    parser = stage_parser(__doc__)
    add_real_arguments(parser)
    parser.add_argument("--synthetic", type=Path, required=True, help="image table of synthetic images")
    for side in ("real", "synthetic"):
        parser.add_argument(f"--{side}-features", type=Path, required=True, help="folder that the extract stage wrote")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder of figures to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings, names = file.section("compare", Compare), file.read_names("extract", "backbones")
    draws = file.drawing.compared_draws
    real, seen = read_real(arguments, draws)
    synthetic = ImageFile(arguments.synthetic, draws)

    def measure() -> Measurement:
        folders = arguments.real_features, arguments.synthetic_features
        features = [{name: FeatureFile(folder / f"{name}.parquet") for name in names} for folder in folders]
        seed = derive_seed(file.run.seed, synthetic.item, "compare")
        found = compare_sets(real, synthetic, seen, (features[0], features[1]), settings, seed)
        return found.result, partial(draw_comparison, found.backbones, found.nearest)

    write_measurement(synthetic, measure, arguments.out, arguments.plots)


if __name__ == "__main__":
    run(main)
