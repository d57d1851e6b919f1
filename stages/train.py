"""Train a generator on the imbalanced training part; one that learns nothing is only written down."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator, find_generator_block, save_generator
from counterweight.settings.train import TrainingConfig
from counterweight.training.fingerprint import fingerprint_training
from counterweight.training.history import Row, write_history
from counterweight.training.loop import fit


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
    file, name = read_params_file(arguments.params), arguments.generator
    config, device = file.section("train", TrainingConfig), choose_device(file.run.device)
    block = find_generator_block(file.blocks("generators"), name, arguments.dataset)
    where = f"params.yaml: generators.{name}.{arguments.dataset}"
    images = read_images(arguments.images)
    seed = derive_seed(file.run.seed, images.item, name, "train")
    with atomic_output(arguments.out) as out, atomic_output(arguments.curves) as curves:
        generator = build_generator(name, block, images, seed, where)
        curves.mkdir()
        history: list[Row] = []
        if isinstance(generator, LearnedGenerator):
            unfinished = arguments.checkpoints / fingerprint_training(generator, images, seed, config, device)
            try:
                real = to_labelled(images.images, images.labels)
                history = fit(generator.to(device), real, seed, config, unfinished)
            except UserError as error:
                raise UserError(f"{where}: {error}") from error
            for picture in sorted(unfinished.glob("*.png")):
                shutil.copyfile(picture, curves / picture.name)
        write_history(history, curves / "history.csv")
        save_generator(name, generator, out)
    if isinstance(generator, LearnedGenerator):  # not before the outputs are in their places
        shutil.rmtree(unfinished)


if __name__ == "__main__":
    run(main)
