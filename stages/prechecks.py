"""What can be said about a row of the table before any work: its source, its classes, what its generators need."""

from collections.abc import Sequence

from stages.blocks import parse_block
from stages.errors import UserError
from stages.generators.base import find
from stages.settings import (
    DatasetPlan,
    Drop,
    PairPlan,
    Params,
    dataset_plan,
    generator_block,
    one_of,
    pair_plan,
    scenario_settings,
)


def check_dataset(params: Params, name: str) -> None:
    """Check that the source of a dataset in the table can be read, as far as that is quick, and fits the table."""
    plan = dataset_plan(params, name)
    where = f"params.yaml: datasets.{name}"
    if "path" in params.datasets[name]:
        raise UserError(f"{where}.path: only images/{name} is watched; make that a symbolic link to the folder")
    class_names = plan.source.precheck(plan.settings, name)
    for minority in plan.common.minority:
        one_of(minority, class_names, f"{where}.minority")
    for generator in params.table.generators:
        precheck_generator(params, generator, name, class_names)
    for scenario in params.table.scenarios:
        if isinstance(scenario_settings(params, scenario), Drop) and not plan.common.minority:
            raise UserError(f"{where}.minority: empty, but '{scenario}' drops its classes")


def precheck_generator(params: Params, name: str, dataset: str, class_names: Sequence[str]) -> None:
    """Let a generator of the table say what it can already see to be impossible."""
    where = f"params.yaml: generators.{name}.{dataset}"
    generator, settings = find(name)
    try:
        generator.precheck(parse_block(settings, generator_block(params, name, dataset), where), class_names)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def check_pair(params: Params, name: str) -> None:
    """Check that both sides of a pair in the table can be read, as far as that is quick."""
    plan = pair_plan(params, name)
    for side in {"real", "synthetic"} & {*params.pairs[name]}:
        where = f"params.yaml: pairs.{name}.{side}"
        raise UserError(f"{where}: only images/{name}/{side} is watched; make that a symbolic link to the folder")
    plan.source.precheck(plan.settings, name)


def fetch(plan: DatasetPlan | PairPlan, name: str) -> None:
    """Download, verify and unpack what a dataset or pair publishes, as far as it is not there yet."""
    if "mirror" in type(plan.settings).model_fields:  # that is what sources have that download
        plan.source.find(plan.settings, name)
