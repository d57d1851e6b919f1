"""Make as many synthetic images of each class as restore the balance of a training set."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from stages.errors import UserError
from stages.generators.base import LearnedGenerator, NotApplicable, labelled
from stages.imageset import ImageSet, read_images, write_images
from stages.models import load_generator
from stages.pictures import save_grid
from stages.process import run, stage_parser, writing
from stages.settings import derived_seed, load_params
from stages.training.devices import choose_device

PICTURE_COLUMNS = 16
PICTURE_ROWS = 6


def main(argv: Sequence[str]) -> None:
    """Read a generator and let it make the images that are wanted."""
    parser = stage_parser(__doc__)
    parser.add_argument("--generator", type=Path, required=True, help="folder that the train stage wrote")
    parser.add_argument("--images", type=Path, required=True, help="image table whose balance is to be restored")
    parser.add_argument("--out", type=Path, required=True, help="image table to write")
    parser.add_argument("--picture", type=Path, required=True, help="PNG of some of the images to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    device = choose_device(params.device)
    images = read_images(arguments.images)
    generator = load_generator(arguments.generator)
    item = f"{images.item}/{arguments.generator.name}"
    wanted = wanted_labels(images, params.synthesize.per_class)
    real = labelled(images.images, images.labels)
    rng = torch.Generator().manual_seed(derived_seed(params.seed, item, "synthesize"))
    if isinstance(generator, LearnedGenerator):
        generator.to(device)
    with writing(arguments.out) as out, writing(arguments.picture) as picture:
        facts = {"item": item}
        try:
            made = generator.sample(torch.from_numpy(wanted), real, rng).numpy()
        except NotApplicable as error:  # an answer, too: the table shows it, and the other rows are made
            print(f"{item}: not applicable: {error}", file=sys.stderr)
            facts["not_applicable"] = str(error)
            made, wanted = np.empty((0, *images.shape), dtype=np.uint8), wanted[:0]
        origins = np.asarray([f"{item}/{index}" for index in range(len(wanted))], dtype=np.str_)
        write_images(ImageSet(made, wanted, images.class_names, origins, facts), out)
        # The images come class by class: an even walk through them shows every class.
        shown = np.linspace(0, len(made) - 1, min(len(made), PICTURE_COLUMNS * PICTURE_ROWS)).astype(np.int64)
        save_grid(made[shown], PICTURE_COLUMNS, picture)


def wanted_labels(images: ImageSet, per_class: int | None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the labels (N,) of the images to be made, class by class.

    Raises:
        UserError: no class needs an image.
    """
    wanted = np.asarray(images.noted("wanted"), dtype=np.int64)
    if per_class is not None:
        wanted = np.where(wanted > 0, per_class, 0)
    if not wanted.any():
        raise UserError(f"{images.item}: no class needs an image: there is nothing to balance")
    return np.repeat(np.arange(len(wanted)), wanted)


if __name__ == "__main__":
    run(main)
