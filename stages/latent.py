"""Describe real and synthetic images in an autoencoder's latent space, move the latter to the former, audit again."""

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
from counterweight.evaluation.latent_space.moved_images import MeasureSettings, measure_latent_space
from counterweight.evaluation.latent_space.plots import draw_latents
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.latent import Latent


def main(argv: Sequence[str]) -> None:
    """Read both sets of images, write one JSON file and a folder of pictures."""
    parser = stage_parser(__doc__)
    add_real_arguments(parser)
    parser.add_argument("--synthetic", type=Path, required=True, help="image table of synthetic images")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder of pictures to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings = MeasureSettings(
        file.section("extract", Extract),
        file.section("compare", Compare),
        file.section("discriminate", Discriminate),
        file.section("latent", Latent),
        file.run.seed,
    )
    draws = file.drawing.compared_draws
    real, _ = read_real(arguments, draws)
    synthetic = ImageFile(arguments.synthetic, draws)

    def measure() -> Measurement:
        seed, device = derive_seed(file.run.seed, synthetic.item, "latent"), choose_device(file.run.device)
        found = measure_latent_space(real, synthetic, settings, seed, device, file.run.streams)
        return found.result, partial(draw_latents, found)

    write_measurement(synthetic, measure, arguments.out, arguments.plots)


if __name__ == "__main__":
    run(main)
