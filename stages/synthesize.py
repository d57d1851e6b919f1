"""Make as many synthetic images of each class as restore the balance of each draw's images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.core.devices import choose_device
from counterweight.core.draws import FittedSets, read_draws
from counterweight.core.image_file import ImageFile
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.seeds import derive_seed
from counterweight.generators.base.saved import load_generators
from counterweight.generators.base.synthesis import write_synthetic
from counterweight.plots.grid import save_grid
from counterweight.settings.synthesize import Synthesize

COLUMNS, ROWS = 16, 6  # images in the picture, at most


def main(argv: Sequence[str]) -> None:
    """Read the generators and let them make the images that are wanted."""
    parser = stage_parser(__doc__)
    parser.add_argument("--generator", type=Path, required=True, help="folder that the train stage wrote")
    parser.add_argument("--train", type=Path, required=True, help="image table of the training part")
    parser.add_argument("--draws", type=Path, required=True, help="table of draws, whose balance is to be restored")
    parser.add_argument("--out", type=Path, required=True, help="image table to write")
    parser.add_argument("--picture", type=Path, required=True, help="PNG of some of the first draw's images to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings, device = file.section("synthesize", Synthesize), choose_device(file.run.device)
    train = read_images(arguments.train)
    draws = read_draws(arguments.draws, train)
    generators = load_generators(arguments.generator, len(draws), device)
    item = f"{draws.item}/{arguments.generator.name}"
    seeds = [derive_seed(file.run.seed, item, "synthesize", str(draw)) for draw in range(len(draws))]
    with atomic_output(arguments.out) as out, atomic_output(arguments.picture) as picture:
        write_synthetic(generators, FittedSets(draws, train), settings.per_class, item, seeds, device, out)
        first = ImageFile(out, 1)
        # The images come class by class: an even walk through them shows every class.
        shown = np.linspace(0, len(first) - 1, min(len(first), COLUMNS * ROWS)).astype(np.int64)
        save_grid(first.take(shown).images, COLUMNS, picture)


if __name__ == "__main__":
    run(main)
