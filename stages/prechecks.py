"""What can be said about a row of the table before any work: its source, its classes, what its generators need."""

from collections.abc import Sequence
from pathlib import Path

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

LOCK = Path("dvc.lock")
INCEPTION = "inception_v3"


def check_rows(params: Params) -> None:
    """Check the datasets and pairs in the table, then download what they publish, as far as it is not there yet."""
    for dataset in params.table.datasets:
        check_dataset(params, dataset)
    for pair in params.table.pairs:
        check_pair(params, pair)
    for dataset in params.table.datasets:
        fetch(dataset_plan(params, dataset), dataset, "ingest")
    for pair in params.table.pairs:
        fetch(pair_plan(params, pair), pair, "ingest_pair")


def check_weights(params: Params) -> None:
    """Fetch the weights of all backbones, of the latent stage's too, that have some which are not drawn at random."""
    wanted = list(dict.fromkeys([*params.extract.backbones, *params.latent.backbones]))
    if params.extract.weights != "random" or INCEPTION in wanted:
        from stages.extraction import file_of  # torchvision takes seconds to import

        for backbone in wanted:
            file_of(backbone, params.extract.weights)


def check_latent(params: Params) -> None:
    """Check the settings of the autoencoder whose latent space is looked at."""
    generator, settings = find(params.latent.network)
    where = "params.yaml: latent.autoencoder"
    generator.precheck(parse_block(settings, params.latent.autoencoder, where), ())


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


def fetch(plan: DatasetPlan | PairPlan, name: str, stage: str) -> None:
    """Download, verify and unpack what a dataset or pair publishes, unless its stage has been run before.

    What has been read once is in DVC's cache: an experiment in a folder of its own needs no second download.
    """
    downloads = "mirror" in type(plan.settings).model_fields  # that is what sources have that download
    if downloads and not (LOCK.is_file() and f"\n  {stage}@{name}:" in LOCK.read_text(encoding="utf-8")):
        plan.source.find(plan.settings, name)
