"""Train a generator on the imbalanced training part; one that learns nothing is only written down."""

import csv
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from stages.errors import UserError
from stages.generators.base import Generator, LearnedGenerator, labelled
from stages.imageset import ImageSet, read_images
from stages.models import build, save_generator
from stages.process import run, stage_parser, writing
from stages.settings import derived_seed, generator_block, load_params
from stages.training.devices import choose_device
from stages.training.loop import Options, Row, fit

TRAINED_BY = ("stages.generators.", "stages.networks.", "stages.training.")


def main(argv: Sequence[str]) -> None:
    """Build the generator, train it or go on training it, and write weights and curves."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under generators.NAME")
    parser.add_argument("--generator", required=True, help="name of a block under generators")
    parser.add_argument("--images", type=Path, required=True, help="image table to learn from")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the generator into")
    parser.add_argument("--curves", type=Path, required=True, help="folder to write history and sample grids into")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="folder for unfinished trainings")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    block = generator_block(params, arguments.generator, arguments.dataset)
    device = choose_device(params.device)
    images = read_images(arguments.images)
    seed = derived_seed(params.seed, images.item, arguments.generator, "train")
    with writing(arguments.out) as out, writing(arguments.curves) as curves:
        where = f"params.yaml: generators.{arguments.generator}.{arguments.dataset}"
        generator = build(arguments.generator, block, images, seed, where)
        curves.mkdir()
        history: list[Row] = []
        if isinstance(generator, LearnedGenerator):
            options = Options(**params.train.model_dump() | {"augment": tuple(params.train.augment)})
            unfinished = arguments.checkpoints / fingerprint(generator, images, seed, options, device)
            real = labelled(images.images, images.labels)
            try:
                history = fit(generator.to(device), real, seed, options, unfinished)
            except UserError as error:
                raise UserError(f"{where}: {error}") from error
            for picture in sorted(unfinished.glob("*.png")):
                shutil.copyfile(picture, curves / picture.name)
        write_history(history, curves / "history.csv")
        save_generator(arguments.generator, generator, out)
    if isinstance(generator, LearnedGenerator):  # not before the outputs are in their places
        shutil.rmtree(unfinished)


def fingerprint(generator: Generator, images: ImageSet, seed: int, options: Options, device: torch.device) -> str:
    """Return a name for this training that changes with its code, settings, data, seed, torch and device."""
    digest = hashlib.sha256(np.ascontiguousarray(images.images).data)
    digest.update(np.ascontiguousarray(images.labels).data)
    facts = (generator.settings.model_dump(), generator.shape, seed, str(options), torch.__version__, str(device))
    digest.update(json.dumps(facts).encode())
    # All of the project's code that was imported for it: the generator, its networks, the loop.
    code = {str(module.__file__) for name, module in sys.modules.items() if name.startswith(TRAINED_BY)}
    for path in sorted(code):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:32]


def write_history(history: list[Row], path: Path) -> None:
    """Write the losses as CSV: a row per epoch and phase, a column per named loss; no row where nothing is learned."""
    columns = list(dict.fromkeys(["epoch", "phase", "loss", *(key for row in history for key in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(history)


if __name__ == "__main__":
    run(main)
