"""Choose for every draw the images that are dropped, those that are fitted, and those set aside for validation."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.draws import write_draws
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.registry import require_one_of
from counterweight.core.results import write_result
from counterweight.core.seeds import derive_seed
from counterweight.data.imbalance import make_imbalance
from counterweight.settings.datasets import parse_dataset_settings
from counterweight.settings.scenarios import parse_scenario


def main(argv: Sequence[str]) -> None:
    """Draw roles for the images of a training part; they and the counts of each class are written."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets")
    parser.add_argument("--scenario", required=True, help="name of a block under scenarios")
    parser.add_argument("--train", type=Path, required=True, help="image table of the training part")
    parser.add_argument("--test", type=Path, required=True, help="image table whose images complete the reference set")
    parser.add_argument("--out", type=Path, required=True, help="table of draws to write")
    parser.add_argument("--counts", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    drawing = file.drawing
    scenario = parse_scenario(file.blocks("scenarios"), arguments.scenario)
    train, test = read_images(arguments.train), read_images(arguments.test)
    dataset = parse_dataset_settings(file.blocks("datasets"), arguments.dataset)
    names, near = dataset.minority, dataset.finds_near_duplicates
    minority = [train.class_names.index(require_one_of(name, train.class_names, "minority")) for name in names]
    item = f"{arguments.dataset}/{arguments.scenario}"
    # Not of the scenario: a draw's orders are those of all scenarios.
    seeds = [derive_seed(file.run.seed, arguments.dataset, "draw", str(draw)) for draw in range(drawing.draws)]
    made = make_imbalance(train, test, scenario, drawing.validation_fraction, minority, item, seeds, near)
    with atomic_output(arguments.out) as out, atomic_output(arguments.counts) as counts:
        write_draws(made.draws, out)
        write_result(made.counts, counts)


if __name__ == "__main__":
    run(main)
