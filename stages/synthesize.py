"""Make as many synthetic images of each class as restore the balance of a training set."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from counterweight.core.devices import choose_device
from counterweight.core.images import read_images, write_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.seeds import derive_seed
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import load_generator
from counterweight.generators.base.synthesis import synthesize
from counterweight.plots.grid import save_grid
from counterweight.settings.synthesize import Synthesize

COLUMNS, ROWS = 16, 6  # images in the picture, at most


def main(argv: Sequence[str]) -> None:
    """Read a generator and let it make the images that are wanted."""
    parser = stage_parser(__doc__)
    parser.add_argument("--generator", type=Path, required=True, help="folder that the train stage wrote")
    parser.add_argument("--images", type=Path, required=True, help="image table whose balance is to be restored")
    parser.add_argument("--out", type=Path, required=True, help="image table to write")
    parser.add_argument("--picture", type=Path, required=True, help="PNG of some of the images to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings, device = file.section("synthesize", Synthesize), choose_device(file.run.device)
    images = read_images(arguments.images)
    generator = load_generator(arguments.generator)
    item = f"{images.item}/{arguments.generator.name}"
    rng = torch.Generator().manual_seed(derive_seed(file.run.seed, item, "synthesize"))
    if isinstance(generator, LearnedGenerator):
        generator.to(device)
    with atomic_output(arguments.out) as out, atomic_output(arguments.picture) as picture:
        made = synthesize(generator, images, settings.per_class, item, rng)
        write_images(made, out)
        # The images come class by class: an even walk through them shows every class.
        shown = np.linspace(0, len(made) - 1, min(len(made), COLUMNS * ROWS)).astype(np.int64)
        save_grid(made.images[shown], COLUMNS, picture)


if __name__ == "__main__":
    run(main)
