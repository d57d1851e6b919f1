"""Let a small network tell synthetic images from real ones by their style, and show what it looks at."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.image_file import ImageFile
from counterweight.core.measurement import Measurement, write_measurement
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.real import add_real_arguments, read_real
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.style.discrimination import train_style_classifiers
from counterweight.evaluation.style.plots import write_style_plots
from counterweight.settings.discriminate import Discriminate


def main(argv: Sequence[str]) -> None:
    """Read both sets of images, write one JSON file and a folder of figures and their data."""
    parser = stage_parser(__doc__)
    add_real_arguments(parser)
    parser.add_argument("--synthetic", type=Path, required=True, help="image table of synthetic images")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder of figures to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings = file.section("discriminate", Discriminate)
    draws = file.drawing.compared_draws
    real, _ = read_real(arguments, draws)
    synthetic = ImageFile(arguments.synthetic, draws)

    def measure() -> Measurement:
        seed, device = derive_seed(file.run.seed, synthetic.item, "discriminate"), choose_device(file.run.device)
        found = train_style_classifiers(real, synthetic, settings, seed, device, file.run.streams)
        return found.result, partial(write_style_plots, found)

    write_measurement(synthetic, measure, arguments.out, arguments.plots)


if __name__ == "__main__":
    run(main)
