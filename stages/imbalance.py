"""Make the training part imbalanced, and set aside real images that no generator will see."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.core.images import read_images, write_images
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
    """Remove images as the scenario says; the rest, the reference set and the counts are written."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets")
    parser.add_argument("--scenario", required=True, help="name of a block under scenarios")
    parser.add_argument("--train", type=Path, required=True, help="image table to thin out")
    parser.add_argument("--test", type=Path, required=True, help="image table whose images complete the reference set")
    for name in ("out", "reference", "counts"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="file to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    scenario = parse_scenario(file.blocks("scenarios"), arguments.scenario)
    train, test = read_images(arguments.train), read_images(arguments.test)
    names = parse_dataset_settings(file.blocks("datasets"), arguments.dataset).minority
    minority = [train.class_names.index(require_one_of(name, train.class_names, "minority")) for name in names]
    item = f"{arguments.dataset}/{arguments.scenario}"
    rng = np.random.default_rng(derive_seed(file.run.seed, arguments.dataset, arguments.scenario, "imbalance"))
    made = make_imbalance(train, test, scenario, minority, item, rng)
    with (
        atomic_output(arguments.out) as out,
        atomic_output(arguments.reference) as aside,
        atomic_output(arguments.counts) as counts,
    ):
        write_images(made.train, out)
        write_images(made.reference, aside)
        write_result(made.counts, counts)


if __name__ == "__main__":
    run(main)
