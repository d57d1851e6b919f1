"""Describe real and synthetic images in an autoencoder's latent space, move the latter to the former, audit again."""

import json
from collections.abc import Sequence
from pathlib import Path

from stages.imageset import read_images
from stages.latent_pictures import draw_latents
from stages.latent_space import Explored, explored
from stages.process import run, stage_parser, writing
from stages.settings import derived_seed, load_params
from stages.training.devices import choose_device
from stages.verification import verified


def main(argv: Sequence[str]) -> None:
    """Read both sets of images, write one JSON file and a folder of pictures."""
    parser = stage_parser(__doc__)
    parser.add_argument("--real", type=Path, required=True, help="image table of real images no generator saw")
    parser.add_argument("--synthetic", type=Path, required=True, help="image table of synthetic images")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder of pictures to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    real, synthetic = read_images(arguments.real), read_images(arguments.synthetic)
    with writing(arguments.out) as partial, writing(arguments.plots) as plots:
        plots.mkdir()
        if synthetic.not_applicable is not None:
            found = Explored({"not_applicable": synthetic.not_applicable}, None)
        else:
            seed, device = derived_seed(params.seed, synthetic.item, "latent"), choose_device(params.device)
            found = explored(real, synthetic, params.latent, params.compare, seed, device)
            if found.shown is not None:
                found.result["verification"] = verified(found.shown.real, found.shown.decoded, params, seed, device)
        partial.write_text(json.dumps(found.result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draw_latents(found, plots)


if __name__ == "__main__":
    run(main)
