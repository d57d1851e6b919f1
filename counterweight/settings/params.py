"""The whole of params.yaml, its sections checked against each other; nothing here imports torch."""

import re
from pathlib import Path
from typing import Any

from counterweight.core.errors import UserError
from counterweight.core.params_file import RunSettings, read_params_file
from counterweight.core.registry import names_in, require_one_of
from counterweight.core.schema import parse_settings
from counterweight.settings.classify import ClassifierConfig, Classify
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.latent import Latent
from counterweight.settings.presets import suggest_block
from counterweight.settings.recognition import Recognition
from counterweight.settings.synthesize import Synthesize
from counterweight.settings.table import Table
from counterweight.settings.train import TrainingConfig
from counterweight.settings.triplets import Real

NAME = re.compile(r"[a-z0-9_]+")
RESERVED = {
    "balanced",
    "baselines",
    "features",
    "imbalanced",
    "pairs",
    "predictions",
    "real",
    "synthetic",
    "test",
    "train",
}
SECTIONS = ("datasets", "scenarios", "generators", "pairs")
IN_GRAPH = ("draws", "validation_fraction", "margin", "compared_draws", "recipes", "recognition")
"""Keys of the table that dvc.yaml names beside its lists, where DVC takes no default."""


class Params(RunSettings):
    """The whole file. Blocks of datasets, pairs, scenarios and generators are validated when they are used.

    Every section must be there, since the graph in dvc.yaml names it; its keys may take their defaults.
    """

    table: Table
    datasets: dict[str, dict[str, Any]]
    pairs: dict[str, dict[str, Any]]
    scenarios: dict[str, dict[str, Any]]
    generators: dict[str, dict[str, dict[str, Any]]]
    train: TrainingConfig
    synthesize: Synthesize
    extract: Extract
    compare: Compare
    discriminate: Discriminate
    latent: Latent
    classify: Classify
    recipes: dict[str, dict[str, Any]]
    classifiers: dict[str, ClassifierConfig]
    recognition: dict[str, Recognition]


def load_params(path: Path) -> Params:
    """Read and validate params.yaml.

    Raises:
        UserError: the file is missing, is not YAML, or asks for something that cannot be.
    """
    params = parse_settings(Params, read_params_file(path).values, str(path))
    check_names(params, path)
    check_table(params, path)
    params.compare.choose_headline(params.extract.backbones)
    return params


def check_names(params: Params, path: Path) -> None:
    """Refuse names that would make two stages of the graph one, or hide a folder of the layout."""
    for section in SECTIONS:
        for name in getattr(params, section):
            if not NAME.fullmatch(name) or name in RESERVED:
                taken = f", and not {', '.join(sorted(RESERVED))}"
                raise UserError(f"{path}: {section}.{name}: names consist of a-z, 0-9 and _{taken}")


def check_table(params: Params, path: Path) -> None:
    """Refuse a table that names what no block describes."""
    if both := sorted({*params.datasets} & {*params.pairs}):
        raise UserError(f"{path}: pairs.{both[0]}: a dataset is called so, too; both would use images/{both[0]}")
    for section in SECTIONS:
        names, blocks = getattr(params.table, section), getattr(params, section)
        for name in names:
            if name not in blocks:
                way_out = suggest_block(path, section, name, blocks)
                raise UserError(f"{path}: table.{section}: there is no block {section}.{name}{way_out}")
        if len(set(names)) < len(names):
            raise UserError(f"{path}: table.{section}: a name stands there twice")
    if clash := sorted({*params.table.generators} & {*names_in("recipes")}):
        raise UserError(f"{path}: generators.{clash[0]}: a recipe is called so, too; both would be one row")
    if params.table.compared_draws > params.table.draws:
        more = f"{params.table.compared_draws} is not allowed: there are {params.table.draws} draws (table.draws)"
        raise UserError(f"{path}: table.compared_draws: {more}")
    if not params.table.datasets and not params.table.pairs and not params.table.recognition:
        raise UserError(f"{path}: table: neither a dataset nor a pair stands there")
    check_recognition(params, path)
    for dataset in params.table.datasets:
        if dataset not in params.classifiers:
            raise UserError(f"{path}: classifiers.{dataset}: missing; it says how classifiers of {dataset} are trained")
        for generator in params.table.generators:
            if dataset not in params.generators[generator]:
                raise UserError(
                    f"{path}: generators.{generator}.{dataset}: missing; write '{dataset}: {{}}' there for the defaults"
                )


def check_recognition(params: Params, path: Path) -> None:
    """Refuse blocks of datasets that there are not, and names of autoencoders or sets that no block describes."""
    for name in params.table.recognition:
        if name not in params.recognition:
            raise UserError(f"{path}: recognition.{name}: missing; it stands in table.recognition")
    for name, block in params.recognition.items():
        where = f"{path}: recognition.{name}"
        if name not in params.datasets:
            raise UserError(
                f"{where}: there is no block datasets.{name}{suggest_block(path, 'datasets', name, params.datasets)}"
            )
        for place, own in block.triplets.sets.items():
            if isinstance(own, Real):
                continue
            require_one_of(own.autoencoder, block.vae_experiment.runs, f"{where}.triplets.sets.{place}.autoencoder")
        for row, sets in (block.recognize.rows or {}).items():
            for own_set in sets:
                require_one_of(own_set, block.triplets.sets, f"{where}.recognize.rows.{row}")
