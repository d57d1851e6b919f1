"""Check the whole of params.yaml before any work: every key, value, class of generator and source.

The graph's first stage. Its output never changes, so a correction here makes nothing else run again.
"""

from collections.abc import Sequence
from pathlib import Path

from stages.blocks import parse_block
from stages.errors import UserError
from stages.generators.base import find
from stages.process import run, stage_parser, writing
from stages.settings import (
    Drop,
    Params,
    dataset_plan,
    generator_block,
    load_params,
    modules_in,
    one_of,
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
    """Validate every block of the file, in the table or not, and what the rows of the table need.

    Raises:
        UserError: something in the file cannot be.
    """
    check_blocks(params)
    check_rows(params)


def check_blocks(params: Params) -> None:
    """Validate every block of datasets, scenarios, generators and classifiers, in the table or not."""
    for dataset in params.datasets:
        dataset_plan(params, dataset)
    for scenario in params.scenarios:
        scenario_settings(params, scenario)
    for generator, blocks in params.generators.items():
        where = f"params.yaml: generators.{one_of(generator, modules_in('generators'), 'params.yaml: generators')}"
        for dataset, block in blocks.items():
            parse_block(find(generator).settings, block, f"{where}.{one_of(dataset, params.datasets, where)}")
    for dataset in params.classifiers:
        one_of(dataset, params.datasets, "params.yaml: classifiers")


def check_rows(params: Params) -> None:
    """Check the device, weights and images; weights not there yet are downloaded, as hours later would be too late."""
    choose_device(params.device)
    if params.extract.weights != "random":
        from stages.weights import weight_file  # torchvision takes seconds to import

        for backbone in params.extract.backbones:
            weight_file(backbone, params.extract.weights)
    for dataset in params.table.datasets:
        plan = dataset_plan(params, dataset)
        where = f"params.yaml: datasets.{dataset}"
        if "path" in params.datasets[dataset]:
            raise UserError(f"{where}.path: only images/{dataset} is watched; make that a symbolic link to the folder")
        names = plan.source.precheck(plan.settings, dataset)
        for name in plan.common.minority:
            one_of(name, names, f"{where}.minority")
        for generator in params.table.generators:
            precheck_generator(params, generator, dataset, names)
        for scenario in params.table.scenarios:
            if isinstance(scenario_settings(params, scenario), Drop) and not plan.common.minority:
                raise UserError(f"params.yaml: datasets.{dataset}.minority: empty, but '{scenario}' drops its classes")


def precheck_generator(params: Params, name: str, dataset: str, class_names: Sequence[str]) -> None:
    """Let a generator of the table say what it can already see to be impossible."""
    where = f"params.yaml: generators.{name}.{dataset}"
    generator, settings = find(name)
    try:
        generator.precheck(parse_block(settings, generator_block(params, name, dataset), where), class_names)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


if __name__ == "__main__":
    run(main)
