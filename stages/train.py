"""Train a generator on each draw's images; one that learns nothing is only written down."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.draws import FittedSets, read_draws
from counterweight.core.errors import errors_of
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.seeds import derive_seed
from counterweight.generators.base.generator import LearnedGenerator, find_generator
from counterweight.generators.base.saved import build_generator, find_generator_block, save_generators
from counterweight.settings.train import TrainingConfig
from counterweight.training.draws import find_folders, train_draws
from counterweight.training.history import write_curves
from counterweight.training.launch import join, launch


def main(argv: Sequence[str]) -> None:
    """Build a generator for each draw, train them or go on training them, and write weights and curves."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under generators.NAME")
    parser.add_argument("--generator", required=True, help="name of a block under generators")
    parser.add_argument("--train", type=Path, required=True, help="image table of the training part")
    parser.add_argument("--draws", type=Path, required=True, help="table of draws, which says who learns from which")
    parser.add_argument("--out", type=Path, required=True, help="folder to write a generator of each draw into")
    parser.add_argument("--curves", type=Path, required=True, help="folder to write history and sample grids into")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="folder for unfinished trainings")
    arguments = parser.parse_args(argv)
    file, name = read_params_file(arguments.params), arguments.generator
    config, streams = file.section("train", TrainingConfig), file.run.streams
    processes = config.processes if issubclass(find_generator(name).generator, LearnedGenerator) else 1
    if launch("train", argv, processes, file.run.device):
        return
    where = f"params.yaml: generators.{name}.{arguments.dataset}"
    block = find_generator_block(file.blocks("generators"), name, arguments.dataset)
    draws = read_draws(arguments.draws, train := read_images(arguments.train))
    sets = FittedSets(draws, train)
    seeds = [derive_seed(file.run.seed, draws.item, name, "train", str(draw)) for draw in range(len(draws))]
    with (
        join(processes, file.run.device) as (team, device),
        atomic_outputs(*((arguments.out, arguments.curves) if team.leads else ())) as places,
    ):
        built = [build_generator(name, block, own, seed, where) for own, seed in zip(sets, seeds, strict=True)]
        learned = [each.to(device) for each in built if isinstance(each, LearnedGenerator)]
        unfinished = find_folders(learned, sets, seeds, config, arguments.checkpoints) if learned else []
        with errors_of(where):
            histories = train_draws(learned, sets, seeds, config, unfinished, None, team, streams) if learned else []
        if places:
            save_generators(name, built, places[0])
            write_curves(histories, unfinished[:1], places[1])
    for folder in unfinished if places else []:  # not before the outputs are in their places
        shutil.rmtree(folder)


if __name__ == "__main__":
    run(main)
