"""Extract features of a set of images with every backbone; the images are resized once for all."""

from collections.abc import Sequence
from pathlib import Path

from stages.extraction import drawn, features_of
from stages.features import write_features
from stages.imageset import read_images
from stages.process import run, stage_parser, writing
from stages.settings import load_params
from stages.training.devices import choose_device


def main(argv: Sequence[str]) -> None:
    """Read images, write a folder with a feature table per backbone."""
    parser = stage_parser(__doc__)
    parser.add_argument("--images", type=Path, required=True, help="image table")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    settings, device = params.extract, choose_device(params.device)
    images = read_images(arguments.images)
    with writing(arguments.out) as partial:
        partial.mkdir()
        if images.not_applicable is not None:
            (partial / "not_applicable.txt").write_text(images.not_applicable + "\n", encoding="utf-8")
            return
        some = drawn(images, settings.images, params.seed)
        for name, features in features_of(some, settings.backbones, settings, params.seed, device).items():
            write_features(features, partial / f"{name}.parquet")


if __name__ == "__main__":
    run(main)
