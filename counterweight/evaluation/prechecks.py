"""What can be said about params.yaml before any work: its blocks, a row's source and classes, its generators."""

from collections.abc import Sequence
from pathlib import Path

import torch
from ruamel.yaml.error import YAMLError

from counterweight.core.errors import UserError
from counterweight.core.registry import names_in, require_one_of
from counterweight.core.schema import parse_settings
from counterweight.core.source_plans import SourcePlan
from counterweight.core.yaml_texts import load_yaml
from counterweight.data.identities import plan_identities
from counterweight.data.sources.base.file_settings import find_shape
from counterweight.data.sources.base.group_names import check_enough_groups, find_groups
from counterweight.data.sources.base.lazy_images import require_two_classes
from counterweight.evaluation.recognition.backbone import build_trunk
from counterweight.features.weights import check_backbones
from counterweight.generators.base.generator import LearnedGenerator, find_generator
from counterweight.generators.base.saved import assemble_generator, find_generator_block
from counterweight.recipes.base.classifier_network import check_built, check_classifier
from counterweight.recipes.base.recipe import find_recipe
from counterweight.settings.datasets import Dataset, plan_dataset
from counterweight.settings.latent import Latent
from counterweight.settings.pairs import Pair, plan_pair
from counterweight.settings.params import IN_GRAPH, Params
from counterweight.settings.recognize import SMALL
from counterweight.settings.scenarios import Drop, parse_scenario
from counterweight.training.launch import check_devices

LOCK = Path("dvc.lock")
TRIED = 200
"""Sizes of batches, of which one may have equal shares where the chosen one has none."""


def check_rows(params: Params) -> None:
    """Check the datasets and pairs in the table, then download what they publish, as far as it is not there yet."""
    for dataset in params.table.datasets:
        check_network(params, dataset, len(check_dataset(params, dataset)))
    for pair in params.table.pairs:
        check_pair(params, pair)
    # Only now, when nothing in the table is known to be wrong: downloads take long.
    for dataset in params.table.datasets:
        fetch(plan_dataset(params.datasets, dataset), dataset, "ingest")
    for pair in params.table.pairs:
        fetch(plan_pair(params.pairs, pair), pair, "ingest_pair")


def check_weights(params: Params) -> None:
    """Fetch the weights of all backbones, of the latent stage's too, that have some which are not drawn at random."""
    check_backbones(params.extract.backbones, params.extract.weights, "extract.backbones")
    check_backbones(params.latent.backbones, params.extract.weights, "latent.backbones")


def check_recipes(params: Params) -> None:
    """Let the recipes of the table say what they can already see to be impossible."""
    for name in dict.fromkeys([*params.table.recipes, *params.classify.generator_recipes]):
        recipe, settings = find_recipe(name)
        recipe.precheck(parse_settings(settings, params.recipes.get(name, {}), f"params.yaml: recipes.{name}"))


def check_classifiers(params: Params) -> None:
    """Find the networks of the table's classifiers, and fetch weights that are published."""
    for dataset in params.table.datasets:
        check_classifier(params.classifiers[dataset], f"params.yaml: classifiers.{dataset}")


def check_recognition(params: Params) -> None:
    """Check the settings of every autoencoder, and what can be seen of the datasets in the table before they are read.

    Published images and weights are downloaded now.
    """
    for dataset, block in params.recognition.items():
        where = f"params.yaml: recognition.{dataset}"
        for name, run in block.vae_experiment.runs.items():
            own = f"{where}.vae_experiment.runs.{name}.settings"
            generator, settings = find_generator(run.autoencoder)
            parsed = parse_settings(settings, run.settings, own)
            if issubclass(generator, LearnedGenerator) and not generator.knows_labels(parsed):
                raise UserError(f"{own}.sampling: 'prior' is not allowed: no images of a class are wanted here")
        plan_identities(params.datasets, dataset, block.identities)
    for dataset in params.table.recognition:
        block = params.recognition[dataset]
        plan = plan_identities(params.datasets, dataset, block.identities)
        plan.source.precheck(plan.settings, dataset)
        own = f"recognition.{dataset}.recognize"
        if block.recognize.backbone != SMALL:
            check_backbones([block.recognize.backbone], block.recognize.weights, f"{own}.backbone", own)
        build_trunk(block.recognize, params.seed, f"params.yaml: {own}")
        fetch(plan, dataset, "identify")


def check_latent(latent: Latent) -> None:
    """Check the settings of every autoencoder, and what can be seen of the one whose latent space is looked at."""
    for network, block in latent.autoencoders.items():
        parse_settings(find_generator(network).settings, block, f"params.yaml: latent.autoencoders.{network}")
    generator, settings = find_generator(latent.network)
    chosen = parse_settings(settings, latent.autoencoder, latent.where)
    try:
        generator.precheck(chosen, ())
    except UserError as error:
        raise UserError(f"{latent.where}: {error}") from error


def check_network(params: Params, dataset: str, classes: int) -> None:
    """Build the classifier of a dataset in the table, and let it see two images of the size that its source makes."""
    shape = find_shape(plan_dataset(params.datasets, dataset).settings)
    recipes = [*params.table.recipes, *params.classify.generator_recipes]
    check_built(params.classifiers[dataset], shape, classes, recipes, f"params.yaml: classifiers.{dataset}")


def check_dataset(params: Params, name: str) -> Sequence[str]:
    """Check that the source of a dataset in the table can be read, as far as that is quick, and fits the table.

    Returns:
        The names of its classes.
    """
    plan = plan_dataset(params.datasets, name)
    where = f"params.yaml: datasets.{name}"
    if "path" in params.datasets[name]:
        raise UserError(f"{where}.path: only images/{name} is watched; make that a symbolic link to the folder")
    class_names = plan.source.precheck(plan.settings, name)
    require_two_classes(class_names, where)
    check_dataset_groups(plan, name)
    for minority in plan.common.minority:
        require_one_of(minority, class_names, f"{where}.minority")
    for generator in params.table.generators:
        precheck_generator(params, generator, name, class_names)
        refuse_unconditional(params, generator, name)
        check_shares(params, generator, name, class_names)
    for scenario in params.table.scenarios:
        if isinstance(parse_scenario(params.scenarios, scenario), Drop) and not plan.common.minority:
            raise UserError(f"{where}.minority: empty, but '{scenario}' drops its classes")
    names: Sequence[str] = class_names
    return names


def check_dataset_groups(plan: SourcePlan[Dataset], name: str) -> None:
    """Check that the images of a dataset have groups, if any are asked for, and every class enough of them.

    What is published is not downloaded for that: there it is told when it is read.
    """
    keys = ("group_column", "folder_table")
    asked = plan.common.group_pattern is not None or any(getattr(plan.settings, key, None) is not None for key in keys)
    if not asked or downloads(plan):
        return
    where = f"params.yaml: datasets.{name}"
    found = find_groups(plan.source.find(plan.settings, name), plan.common.grouping, where)
    own_split = found.test is not None and plan.common.keep_split
    check_enough_groups(found, own_split, where)


def downloads(plan: SourcePlan[Dataset] | SourcePlan[Pair]) -> bool:
    """Say whether a source may have to download its images first."""
    return "mirror" in type(plan.settings).model_fields  # that is what sources have that download


def precheck_generator(params: Params, name: str, dataset: str, class_names: Sequence[str]) -> None:
    """Let a generator of the table say what it can already see to be impossible."""
    where = f"params.yaml: generators.{name}.{dataset}"
    generator, settings = find_generator(name)
    try:
        generator.precheck(
            parse_settings(settings, find_generator_block(params.generators, name, dataset), where), class_names
        )
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def refuse_unconditional(params: Params, name: str, dataset: str) -> None:
    """Refuse a generator of the table that makes images of no wanted class."""
    where = f"params.yaml: generators.{name}.{dataset}"
    generator, settings = find_generator(name)
    own = parse_settings(settings, find_generator_block(params.generators, name, dataset), where)
    if issubclass(generator, LearnedGenerator) and generator.is_unconditional(own):
        raise UserError(f"{where}.unconditional: true, but a table needs images of a wanted class; try the gallery")


def check_shares(params: Params, name: str, dataset: str, class_names: Sequence[str]) -> None:
    """Refuse batches of which the processes that train together have no equal shares, and name a size that has some."""
    processes, where = params.train.processes, f"params.yaml: generators.{name}.{dataset}"
    kind, settings = find_generator(name)
    if processes == 1 or not issubclass(kind, LearnedGenerator):
        return
    own = parse_settings(settings, find_generator_block(params.generators, name, dataset), where).model_dump()
    shape = find_shape(plan_dataset(params.datasets, dataset).settings)

    def find_unequal(size: int) -> tuple[int, ...]:
        with torch.device("meta"):  # nothing is computed
            changed = settings.model_validate(own | {"batch_size": size})
            model = assemble_generator(name, shape, class_names, changed, range(len(class_names)))
        assert isinstance(model, LearnedGenerator)
        found = [model.shares(phase.name, phase.batch_size) for phase in model.phases()]
        return next((sizes for sizes in found if any(each % processes for each in sizes)), ())

    size = own["batch_size"]
    if sizes := find_unequal(size):
        better = next((f", {near} would do" for near in range(size + 1, size + TRIED) if not find_unequal(near)), "")
        images = " and ".join(map(str, sizes))
        raise UserError(
            f"{where}.batch_size: {size} is not allowed{better}: train.processes is {processes}, and "
            f"{images} images of a batch have no so many equal shares"
        )


def check_pair(params: Params, name: str) -> None:
    """Check that both sides of a pair in the table can be read, as far as that is quick."""
    plan = plan_pair(params.pairs, name)
    for side in {"real", "synthetic"} & {*params.pairs[name]}:
        where = f"params.yaml: pairs.{name}.{side}"
        raise UserError(f"{where}: only images/{name}/{side} is watched; make that a symbolic link to the folder")
    plan.source.precheck(plan.settings, name)


def fetch(plan: SourcePlan[Dataset] | SourcePlan[Pair], name: str, stage: str) -> None:
    """Download, verify and unpack what a dataset or pair publishes, unless its stage has been run before.

    What has been read once is in DVC's cache: an experiment in a folder of its own needs no second download.
    """
    if downloads(plan) and f"{stage}@{name}" not in list_finished_stages(LOCK):
        plan.source.find(plan.settings, name)


def list_finished_stages(lock: Path) -> set[str]:
    """Return the names of the stages that DVC has a record of; none without a record that can be read."""
    try:
        record = load_yaml(lock.read_text(encoding="utf-8"))
        return {*record["stages"]}
    except (FileNotFoundError, KeyError, TypeError, YAMLError):
        return set()


def check_params(params: Params) -> None:
    """Validate every block of the file, in the table or not; device, weights and the sources of what is in the table.

    ImageNet weights and published datasets that are not there yet are downloaded now: hours later, when other rows of
    the table have trained, their absence would be bad news.

    Raises:
        UserError: something in the file cannot be.
    """
    check_graph_keys(params)
    check_blocks(params)
    check_devices(params.train.processes, params.device)
    check_weights(params)
    check_recipes(params)
    check_classifiers(params)
    check_latent(params.latent)
    check_rows(params)
    check_recognition(params)


def check_graph_keys(params: Params) -> None:
    """Refuse a table without a key that the graph names: DVC takes no default, and says so when stages have run."""
    for key in IN_GRAPH:
        if key not in params.table.model_fields_set:
            default = getattr(params.table, key)
            raise UserError(
                f"params.yaml: table.{key}: missing; the graph names it, so it has to stand there: {default}"
            )


def check_blocks(params: Params) -> None:
    """Validate every block of a dataset, pair, scenario, generator, recipe or classifier."""
    for dataset in params.datasets:
        plan_dataset(params.datasets, dataset)
    for pair in params.pairs:
        plan_pair(params.pairs, pair)
    for scenario in params.scenarios:
        parse_scenario(params.scenarios, scenario)
    for generator, blocks in params.generators.items():
        require_one_of(generator, names_in("generators"), "params.yaml: generators")
        for dataset, block in blocks.items():
            where = f"params.yaml: generators.{generator}.{dataset}"
            require_one_of(dataset, params.datasets, f"params.yaml: generators.{generator}")
            parse_settings(find_generator(generator).settings, block, where)
    for recipe, block in params.recipes.items():
        require_one_of(recipe, names_in("recipes"), "params.yaml: recipes")
        parse_settings(find_recipe(recipe).settings, block, f"params.yaml: recipes.{recipe}")
    for dataset in params.classifiers:
        require_one_of(dataset, params.datasets, "params.yaml: classifiers")
