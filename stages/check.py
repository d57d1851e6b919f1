"""Check the whole of params.yaml before any work: every key, value, class of generator and source.

The graph's first stage. Its output never changes, so a correction here makes nothing else run again.
"""

from collections.abc import Sequence
from pathlib import Path

from stages.blocks import parse_block
from stages.generators.base import find
from stages.prechecks import check_latent, check_rows, check_weights
from stages.process import run, stage_parser, writing
from stages.settings import (
    Params,
    dataset_plan,
    load_params,
    modules_in,
    one_of,
    pair_plan,
    scenario_settings,
)
from stages.training.devices import choose_device


def main(argv: Sequence[str]) -> None:
    """Validate the settings file and write the stamp on which the graph's other stages wait."""
    parser = stage_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="stamp to write")
    arguments = parser.parse_args(argv)
    check(load_params(arguments.params))
    with writing(arguments.out) as partial:
        partial.write_text("the settings are valid\n", encoding="utf-8")


def check(params: Params) -> None:
    """Validate every block of the file, in the table or not; device, weights and the sources of what is in the table.

    ImageNet weights and published datasets that are not there yet are downloaded now: hours later, when other rows of
    the table have trained, their absence would be bad news.

    Raises:
        UserError: something in the file cannot be.
    """
    check_blocks(params)
    choose_device(params.device)
    check_weights(params)
    check_latent(params)
    check_rows(params)


def check_blocks(params: Params) -> None:
    """Validate every block of a dataset, pair, scenario, generator or classifier."""
    for dataset in params.datasets:
        dataset_plan(params, dataset)
    for pair in params.pairs:
        pair_plan(params, pair)
    for scenario in params.scenarios:
        scenario_settings(params, scenario)
    for generator, blocks in params.generators.items():
        one_of(generator, modules_in("generators"), "params.yaml: generators")
        for dataset, block in blocks.items():
            where = f"params.yaml: generators.{generator}.{dataset}"
            one_of(dataset, params.datasets, f"params.yaml: generators.{generator}")
            parse_block(find(generator).settings, block, where)
    for dataset in params.classifiers:
        one_of(dataset, params.datasets, "params.yaml: classifiers")


if __name__ == "__main__":
    run(main)
