"""Extract features of a set of images with every backbone; the images are resized once for all."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.image_file import ImageFile, Images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.real import add_real_arguments, read_real
from counterweight.features.extractor import build_extractors, draw_some_rows, write_set_features
from counterweight.settings.extract import Extract


def main(argv: Sequence[str]) -> None:
    """Read images, write a folder with a feature table per backbone."""
    parser = stage_parser(__doc__)
    parser.add_argument("--images", type=Path, help="image table; without it the real images, named as follows")
    add_real_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings, device, seed = file.section("extract", Extract), choose_device(file.run.device), file.run.seed
    draws = file.drawing.compared_draws
    images: Images = ImageFile(arguments.images, draws) if arguments.images else read_real(arguments, draws)[0]
    with atomic_output(arguments.out) as partial:
        partial.mkdir()
        if images.not_applicable is not None:
            (partial / "not_applicable.txt").write_text(images.not_applicable + "\n", encoding="utf-8")
            return
        extractors = build_extractors(settings.backbones, settings, seed, device)
        rows = draw_some_rows(images, settings.images, seed)
        write_set_features(images, rows, extractors, settings.batch_size, device, partial)


if __name__ == "__main__":
    run(main)
