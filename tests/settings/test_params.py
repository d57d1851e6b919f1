"""params.yaml: the committed file is valid, and every mistake is told in one line that helps."""

import copy
import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from counterweight.core import schema
from counterweight.core.errors import UserError
from counterweight.core.params_file import read_params_file
from counterweight.core.process import fail
from counterweight.core.registry import names_in
from counterweight.core.schema import parse_settings, suggest_name
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.prechecks import check_params, list_finished_stages
from counterweight.generators.base.generator import find_generator
from counterweight.generators.base.saved import find_generator_block
from counterweight.settings.datasets import plan_dataset
from counterweight.settings.params import IN_GRAPH, load_params
from counterweight.settings.presets import read_preset
from counterweight.settings.table import Table
from stages.check import main

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "params.yaml"
GONE = object()
NETWORK = "classifiers.digits.network"
BACKBONES = "a file of networks/backbones, or a name of torchvision.models or timm in lower case, is needed"
FORMS = (
    "a file of networks/classifiers, a name of torchvision.models or timm in lower case, or module:function, is needed"
)


@pytest.fixture(scope="module")
def committed() -> dict[str, Any]:
    values: dict[str, Any] = YAML(typ="safe", pure=True).load(COMMITTED.read_text(encoding="utf-8"))
    return values


def edited(values: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    values = copy.deepcopy(values)
    *blocks, last = key.split(".")
    block = values
    for name in blocks:
        block = block[name]
    if value is GONE:
        del block[last]
    else:
        block[last] = value
    return values


def written(values: dict[str, Any]) -> str:
    """Return YAML: JSON, but for what it calls infinity."""
    return json.dumps(values).replace("Infinity", ".inf")


def problem(path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a person reads who runs a stage on a file with this text."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        check_params(load_params(path))
    assert fail(str(caught.value)) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_the_committed_file_is_valid_as_a_whole() -> None:
    check_params(load_params(COMMITTED))


def test_every_generator_has_settings_for_the_datasets_of_the_table() -> None:
    params = load_params(COMMITTED)
    assert set(params.generators) == set(names_in("generators"))
    for generator in params.generators:
        for dataset in params.table.datasets:
            assert isinstance(find_generator_block(params.generators, generator, dataset), dict)


def test_a_valid_file_leaves_a_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # it makes folders, too
    main(["--params", str(COMMITTED), "--out", str(tmp_path / "stamp")])
    assert (tmp_path / "stamp").read_text(encoding="utf-8") == "the settings are valid\n"


MISTAKES: list[tuple[str, object, str]] = [
    # misspelt keys, the nearest one offered
    ("sed", 1, "sed: unknown key; did you mean 'seed'?"),
    ("tables", {}, "tables: unknown key; did you mean 'table'?"),
    ("table.dataset", [], "table.dataset: unknown key; did you mean 'datasets'?"),
    ("datasets.digits.minorty", ["4"], "datasets.digits.minorty: unknown key; did you mean 'minority'?"),
    ("datasets.digits.sizes", 28, "datasets.digits.sizes: unknown key; did you mean 'size'?"),
    ("datasets.mnist", {"source": "mnist", "miror": None}, "datasets.mnist.miror: unknown key; did you mean 'mirror'?"),
    ("scenarios.drop75.fractio", 0.5, "scenarios.drop75.fractio: unknown key; did you mean 'fraction'?"),
    ("generators.bagan.digits.epoch", 3, "generators.bagan.digits.epoch: unknown key; did you mean 'epochs'?"),
    ("generators.oversample.digits.epochs", 3, "generators.oversample.digits.epochs: unknown key"),
    ("train.preview", 1, "train.preview: unknown key; did you mean 'previews'?"),
    ("synthesize.perclass", 1, "synthesize.perclass: unknown key; did you mean 'per_class'?"),
    ("extract.backbone", [], "extract.backbone: unknown key; did you mean 'backbones'?"),
    ("compare.alfa", 0.05, "compare.alfa: unknown key; did you mean 'alpha'?"),
    ("classify.seeds", 6, "classify.seeds: unknown key"),
    ("classify.generator_recipe", [], "classify.generator_recipe: unknown key; did you mean 'generator_recipes'?"),
    ("table.draw", 8, "table.draw: unknown key; did you mean 'draws'?"),
    ("recipes.plain", {"rate": 1}, "recipes.plain.rate: unknown key"),
    ("classifiers.digits.epoch", 3, "classifiers.digits.epoch: unknown key; did you mean 'epochs'?"),
    ("train.processes", 0, "train.processes: 0 is not allowed"),
    (
        "train",
        {"processes": 2, "compile": True},
        "train: {'processes': 2, 'compile': True} is not allowed: compile: true",
    ),
    # names that no block or file has
    ("table.datasets", ["digit"], "table.datasets: there is no block datasets.digit; did you mean 'digits'?"),
    ("table.scenarios", ["drop57"], "table.scenarios: there is no block scenarios.drop57; did you mean 'drop"),
    ("table.generators", ["bagn"], "table.generators: there is no block generators.bagn; did you mean 'bagan'?"),
    ("datasets.digits.source", "digit", "datasets.digits.source: there is no 'digit'; did you mean 'digits'?"),
    ("datasets.digits.source", GONE, "datasets.digits.source: missing; allowed: celeba, chars74k, "),
    ("scenarios.drop75.kind", "dropp", "scenarios.drop75.kind: there is no 'dropp'; did you mean 'drop'?"),
    ("scenarios.drop75.kind", GONE, "scenarios.drop75.kind: missing; allowed: drop, longtail, natural"),
    ("generators.bagann", {}, "generators: there is no 'bagann'; did you mean 'bagan'?"),
    ("generators.bagan.digitz", {}, "generators.bagan: there is no 'digitz'; did you mean 'digits'?"),
    ("recipes.plane", {}, "recipes: there is no 'plane'; did you mean 'plain'?"),
    ("table.recipes", ["reweigted"], "table.recipes.0: 'reweigted' is not allowed: there is none of that name; did"),
    ("classify.generator_recipes", ["reweight"], "classify.generator_recipes.0: 'reweight' is not allowed"),
    ("classifiers.digitz", {"network": "mnist_cnn", "epochs": 1}, "classifiers: there is no 'digitz'"),
    ("classifiers.digits.network", "resnet", "classifiers.digits.network: there is no 'resnet' in counterweight/"),
    ("classifiers.digits.network", "my net", "classifiers.digits.network: 'my net' is not allowed"),
    (NETWORK, "ResNet18", f"{NETWORK}: 'ResNet18' is not allowed: {FORMS}; did you mean 'resnet18'?"),
    (NETWORK, "mnist-cnn", f"{NETWORK}: 'mnist-cnn' is not allowed: {FORMS}; did you mean 'mnist_cnn'?"),
    (NETWORK, "mynet:", f"{NETWORK}: 'mynet:' is not allowed: {FORMS}"),
    ("classifiers.digits.network", "nowhere:build", "classifiers.digits.network: nowhere:build cannot be loaded"),
    ("classifiers.digits.weights", "imagenet", "classifiers.digits.weights: imagenet: none are known of mnist_cnn"),
    ("classifiers.digits.frozen", True, "classifiers.digits.frozen: true, but all layers are drawn at random"),
    ("classifiers.digits.input_size", 7, "classifiers.digits.input_size: 7 is not allowed"),
    ("extract.backbones", ["hf-hub:x/y"], f"extract.backbones.0: 'hf-hub:x/y' is not allowed: {BACKBONES}"),
    ("latent.backbones", ["AlexNet"], f"latent.backbones.0: 'AlexNet' is not allowed: {BACKBONES}; did you mean 'al"),
    ("extract.backbones", ["efficientnet_lite0", "resnet188"], "extract.backbones: there is no 'resnet188' in "),
    ("latent.backbones", ["alexnett"], "latent.backbones: there is no 'alexnett' in "),
    ("compare.headline", "resnet18", "compare.headline: 'resnet18' does not stand in extract.backbones (efficientnet"),
    # missing blocks and keys
    ("table", GONE, "table: missing; it must be set"),
    ("table.generators", GONE, "table.generators: missing; it must be set"),
    ("table.datasets", [], "table: neither a dataset nor a pair stands there"),
    ("generators.bagan.digits", GONE, "generators.bagan.digits: missing; write 'digits: {}' there for the defaults"),
    ("classifiers.digits", GONE, "classifiers.digits: missing"),
    ("classifiers.digits.epochs", GONE, "classifiers.digits.epochs: missing; it must be set"),
    ("scenarios.drop75.fraction", GONE, "scenarios.drop75.fraction: missing; it must be set"),
    ("datasets.digits.minority", [], "datasets.digits.minority: empty, but 'drop75' drops its classes"),
    (
        "datasets.digits.minority",
        ["4", "5", "4"],
        "datasets.digits.minority: ['4', '5', '4'] is not allowed: '4' stands",
    ),
    ("datasets.digits.minority", ["four"], "datasets.digits.minority: there is no 'four'; allowed: 0, 1"),
    (
        "extract.backbones",
        ["alexnet", "alexnet"],
        "extract.backbones: ['alexnet', 'alexnet'] is not allowed: 'alexnet'",
    ),
    (
        "extract.weights",
        "randm",
        "extract.weights: 'randm' is neither random, imagenet nor a folder; did you mean 'random",
    ),
    ("extract.weights", "", "extract.weights: '' is neither"),
    ("extract.weights", "/nowhere", "extract.weights: '/nowhere' is neither random, imagenet nor a folder"),
    ("device", "cuda:97", "device: 'cuda:97' is not there"),
    # wrong types
    ("train", None, "train: None is not allowed: a block of settings (key: value) is needed"),
    ("seed", "0", "seed: '0' is not allowed: input should be a valid integer"),
    ("seed", True, "seed: True is not allowed"),
    ("table.datasets", "digits", "table.datasets: 'digits' is not allowed: input should be a valid list"),
    ("datasets.digits", None, "datasets.digits: None is not allowed"),
    ("datasets.digits.minority", "4", "datasets.digits.minority: '4' is not allowed: input should be a valid list"),
    ("datasets.digits.keep_split", "yes", "datasets.digits.keep_split: 'yes' is not allowed"),
    ("datasets.digits.size", "28", "datasets.digits.size: '28' is not allowed"),
    ("generators.bagan.digits", None, "generators.bagan.digits: None is not allowed"),
    ("scenarios.natural.cap", 1.5, "scenarios.natural.cap: 1.5 is not allowed: input should be a valid integer"),
    ("scenarios.drop75.cap", 9, "scenarios.drop75.cap: unknown key"),
    ("generators.bagan.digits.epochs", 1.5, "generators.bagan.digits.epochs: 1.5 is not allowed"),
    ("generators.geometric.digits.fill", "black", "generators.geometric.digits.fill: 'black' is not allowed"),
    ("table.draws", "many", "table.draws: 'many' is not allowed"),
    ("table.draws", 1.5, "table.draws: 1.5 is not allowed"),
    ("table.recipes", "reweighted", "table.recipes: 'reweighted' is not allowed: input should be a valid list"),
    ("recipes.plain", None, "recipes.plain: None is not allowed"),
    ("classifiers.digits", [], "classifiers.digits: [] is not allowed"),
    # out of range
    ("seed", -1, "seed: -1 is not allowed: input should be greater than or equal to 0"),
    ("device", "tpu", "device: 'tpu' is not allowed"),
    ("device", "cuda:", "device: 'cuda:' is not allowed"),
    ("streams", 0, "streams: 0 is not allowed: input should be greater than or equal to 1"),
    ("streams", 33, "streams: 33 is not allowed: input should be less than or equal to 32"),
    ("streams", "4", "streams: '4' is not allowed: input should be a valid integer"),
    ("datasets.digits.test_fraction", 1.0, "datasets.digits.test_fraction: 1.0 is not allowed"),
    ("datasets.digits.size", 0, "datasets.digits.size: 0 is not allowed"),
    ("datasets.digits.size", 100_000, "datasets.digits.size: 100000 is not allowed"),
    ("extract.input_size", 50_000, "extract.input_size: 50000 is not allowed"),
    ("scenarios.longtail.ratio", math.inf, "scenarios.longtail.ratio: inf is not allowed"),
    ("generators.bagan.digits.learning_rate", math.inf, "generators.bagan.digits.learning_rate: inf is not allowed"),
    ("scenarios.drop75.fraction", 1.0, "scenarios.drop75.fraction: 1.0 is not allowed"),
    ("scenarios.natural.cap", 0, "scenarios.natural.cap: 0 is not allowed: input should be greater than or equal to 1"),
    ("scenarios.longtail.ratio", 1.0, "scenarios.longtail.ratio: 1.0 is not allowed"),
    ("generators.bagan.digits.dropout", 1.0, "generators.bagan.digits.dropout: 1.0 is not allowed"),
    ("generators.smote.digits.k_neighbors", 0, "generators.smote.digits.k_neighbors: 0 is not allowed"),
    ("extract.input_size", 62, "extract.input_size: 62 is not allowed"),
    ("extract.backbones", [], "extract.backbones: [] is not allowed"),
    ("table.draws", 0, "table.draws: 0 is not allowed: input should be greater than or equal to 1"),
    ("table.compared_draws", 0, "table.compared_draws: 0 is not allowed"),
    ("table.compared_draws", 9, "table.compared_draws: 9 is not allowed: there are 8 draws"),
    ("table.validation_fraction", 0, "table.validation_fraction: 0 is not allowed"),
    ("table.validation_fraction", 1.0, "table.validation_fraction: 1.0 is not allowed"),
    ("table.margin", 0, "table.margin: 0 is not allowed"),
    ("table.margin", 1.0, "table.margin: 1.0 is not allowed"),
    ("classifiers.digits.learning_rate", 0, "classifiers.digits.learning_rate: 0 is not allowed"),
    # what is not in the table is validated, too
    ("generators.gan.digits.epochs", 0, "generators.gan.digits.epochs: 0 is not allowed"),
    ("scenarios.drop50.fraction", 2.0, "scenarios.drop50.fraction: 2.0 is not allowed"),
    # names
    ("table.datasets", ["digits", "digits"], "table.datasets: a name stands there twice"),
    ("table.generators", ["smote", "bagan", "smote"], "table.generators: a name stands there twice"),
    ("scenarios.drop-75", {"kind": "natural"}, "scenarios.drop-75: names consist of a-z, 0-9 and _"),
    ("datasets.Digits", {"source": "digits"}, "datasets.Digits: names consist of"),
    ("datasets.a/b", {"source": "digits"}, "datasets.a/b: names consist of"),
    ("scenarios.train", {"kind": "natural"}, "scenarios.train: names consist of"),
    ("generators.imbalanced", {}, "generators.imbalanced: names consist of"),
    ("datasets.predictions", {"source": "digits"}, "datasets.predictions: names consist of"),
    (
        "table.recipes",
        ["reweighted", "reweighted"],
        "table.recipes: ['reweighted', 'reweighted'] is not allowed: 'reweighted' stands",
    ),
    ("table.recipes", ["plain"], "table.recipes: ['plain'] is not allowed: 'plain' always is a row, called 'imba"),
    ("classify.generator_recipes", ["plain"], "classify.generator_recipes: ['plain'] is not allowed: 'plain' always"),
    ("datasets.", {"source": "digits"}, "datasets.: names consist of"),
]


@pytest.mark.parametrize("key", IN_GRAPH)
def test_what_the_graph_names_has_to_stand_in_the_table(
    key: str, committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = copy.deepcopy(committed)
    values["table"].pop(key)
    found = problem(tmp_path / "params.yaml", written(values), capsys)
    assert f"params.yaml: table.{key}: missing; the graph names it" in found


def test_the_keys_that_the_graph_names_are_known() -> None:
    graph = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    lists = {name for name in re.findall(r"\$\{table\.(\w+)\}", graph) if not Table.model_fields[name].is_required()}
    assert {*re.findall(r"- table\.(\w+)", graph)} | lists == {*IN_GRAPH}


def test_a_file_that_says_nothing_of_streams_means_one(committed: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(written(edited(committed, "streams", 4)), encoding="utf-8")
    assert (load_params(path).streams, read_params_file(path).run.streams) == (4, 4)
    path.write_text(written(edited(committed, "streams", GONE)), encoding="utf-8")
    assert (load_params(path).streams, read_params_file(path).run.streams) == (1, 1)


@pytest.mark.parametrize("key", ["seed", "device"])
def test_what_stands_above_all_sections_has_to_be_there(key: str, committed: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(written(edited(committed, key, GONE)), encoding="utf-8")
    with pytest.raises(UserError, match=f"params.yaml: {key}: missing; it must be set"):
        _ = read_params_file(path).run


def test_only_what_reads_the_whole_file_is_stale_when_streams_change() -> None:
    """Results do not depend on them; `check` looks for mistakes, and `page` shows settings."""
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    of_keys = {name: [key for key in stage.get("params", []) if isinstance(key, str)] for name, stage in stages.items()}
    assert "device" in of_keys["train"]
    assert [name for name, keys in of_keys.items() if "streams" in keys] == []
    whole = [name for name, stage in stages.items() if "params.yaml" in stage.get("deps", [])]
    whole += [name for name, stage in stages.items() if {"params.yaml": None} in stage.get("params", [])]
    assert sorted(whole) == ["check", "page"]


@pytest.mark.parametrize(("key", "value", "message"), MISTAKES)
def test_a_mistake_is_told_in_one_line(
    key: str,
    value: object,
    message: str,
    committed: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = edited(committed, key, value)
    assert f"params.yaml: {message}" in problem(tmp_path / "params.yaml", written(values), capsys)


def test_a_generator_that_is_called_as_a_recipe_cannot_be_a_row(
    committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = edited(committed, "generators.reweighted", {"digits": {}})
    values = edited(values, "table.generators", ["smote", "reweighted"])
    message = problem(tmp_path / "params.yaml", written(values), capsys)
    assert "params.yaml: generators.reweighted: a recipe is called so, too; both would be one row" in message


def test_several_mistakes_are_counted(
    committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = edited(edited(committed, "seed", -1), "extract.input_size", 1)
    assert "(and 1 more such errors)" in problem(tmp_path / "params.yaml", json.dumps(values), capsys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "params.yaml: None is not allowed"),
        ("# nothing\n", "params.yaml: None is not allowed"),
        ("- seed\n", "params.yaml: ['seed'] is not allowed"),
        ("seed: 0\nseed: 1\n", 'params.yaml: not valid YAML: line 2: found duplicate key "seed"'),
        ("seed: [0\n", "params.yaml: not valid YAML: line 2: "),
        ("seed:\t- 0\n\tx", "params.yaml: not valid YAML: "),
        ("\x00", "params.yaml: not valid YAML: "),
        ("seed: *nothing\n", "params.yaml: not valid YAML: "),
        ("seed: !!python/object:os.system 1\n", "params.yaml: not valid YAML: "),
        ("seed: 0\na: " + "[" * 900, "params.yaml: not valid YAML: line 2: nested more deeply than 400 levels"),
        ("a: " + "[" * 100_000, "params.yaml: not valid YAML: line 1: nested more deeply than 400 levels"),
        ("? " + "[" * 350 + "]" * 350 + "\n: 1", "params.yaml: not valid YAML: a key is nested too deeply"),
        ("? [[0]]\n: 1", "params.yaml: not valid YAML: a key is a list of lists"),
    ],
)
def test_a_text_that_is_no_settings_file_is_refused(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in problem(tmp_path / "params.yaml", text, capsys)


def test_a_text_that_nests_deeply_is_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: " + "[" * 300 + "]" * 300)
    assert str(read_params_file(path).values["a"]) == "[" * 300 + "]" * 300


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes("seed: 0 # fünf\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"params\.yaml: not valid YAML: .*utf-8"):
        load_params(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: no such file; call it in a clone of Counterweight"):
        load_params(tmp_path / "params.yaml")


def test_class_names_may_be_written_as_numbers(committed: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps(edited(committed, "datasets.digits.minority", [4, "5"])), encoding="utf-8")
    check_params(load_params(path))


class Inner(schema.Settings):
    """A block in a block."""

    number: int = 1


class Outer(schema.Settings):
    """A block."""

    inner: Inner = Inner()
    named: dict[str, Inner] = {}  # noqa: RUF012 - pydantic copies it


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iner": {}}, "here: iner: unknown key; did you mean 'inner'?"),
        ({"inner": {"numbre": 1}}, "here: inner.numbre: unknown key; did you mean 'number'?"),
        ({"named": {"any": {"numbre": 1}}}, "here: named.any.numbre: unknown key; did you mean 'number'?"),
        ({"inner": {"zzz": 1}}, "here: inner.zzz: unknown key; allowed: number"),
    ],
)
def test_the_nearest_key_is_offered_at_every_depth(values: object, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_settings(Outer, values, "here")
    assert str(caught.value) == message


def test_where_no_name_is_near_all_are_listed() -> None:
    assert suggest_name("zzz", ["b", "a"]) == "; allowed: a, b"
    assert suggest_name("zzz", []) == "; allowed: none"


def test_seeds_depend_on_every_name_its_place_and_the_seed() -> None:
    seeds = [
        derive_seed(0),
        derive_seed(1),
        derive_seed(0, "a"),
        derive_seed(0, "b"),
        derive_seed(0, "a", "b"),
        derive_seed(0, "b", "a"),
        derive_seed(1, "a", "b"),
        derive_seed(0, "a", "b", "c"),
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(0, "a", "b") == derive_seed(0, "a", "b")


def test_seeds_stay_the_same_from_version_to_version() -> None:
    assert derive_seed(0, "digits", "split") == 8_105_681_861_195_006_390


def test_a_table_refuses_images_of_one_class(
    committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images/digits").mkdir(parents=True)
    (tmp_path / "images/digits/log.png").touch()
    values = edited(committed, "datasets.digits", {"source": "folder", "size": 8})
    message = problem(tmp_path / "params.yaml", written(values), capsys)
    assert "params.yaml: datasets.digits: images of one class only, all: a table needs two or more" in message


@pytest.mark.parametrize("generator", ["vae", "gan", "wgan", "wgan_gp"])
def test_a_table_refuses_generators_that_make_no_wanted_class(
    generator: str, committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = edited(committed, "table.generators", ["oversample", generator])
    values = edited(values, f"generators.{generator}.digits.unconditional", True)
    message = problem(tmp_path / "params.yaml", written(values), capsys)
    assert f"params.yaml: generators.{generator}.digits.unconditional: true, but a table needs images of a" in message


def test_a_folder_elsewhere_is_refused_in_the_graph_which_cannot_watch_it(
    committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets = {"source": "folder", "size": 8, "path": str(tmp_path), "minority": ["cat"]}
    values = edited(committed, "datasets.digits", pets)
    message = problem(tmp_path / "params.yaml", json.dumps(values), capsys)
    assert "datasets.digits.path: only images/digits is watched; make that a symbolic link to the folder" in message


# The documents' settings.

DROPPED = {"mnist": ["4"], "cifar10": ["ship"], "vehicles": ["cars"]}
BALANCING = [  # balancing thesis, 4.2 and 4.3
    ("cvae_gan", "mnist", {"latent_dim": 55, "kl_weight": 300 / 300, "epochs": 1500, "batch_size": 300, "rate": 2e-4}),
    (
        "cvae_gan",
        "cifar10",
        {"latent_dim": 128, "kl_weight": 50 / 256, "epochs": 5000, "batch_size": 256, "rate": 3e-4},
    ),
    (
        "cvae_gan",
        "vehicles",
        {"latent_dim": 128, "kl_weight": 100 / 200, "epochs": 3000, "batch_size": 200, "rate": 2e-4},
    ),
    *(("cvae_gan", name, {"discriminator_dropout": 0.3}) for name in ("cifar10", "vehicles")),
    ("cvae_gan", "mnist", {"discriminator_dropout": 0.0}),
    ("cvae_gan", "mnist_cpu", {"kl_weight": 300 / 300}),
    ("bagan", "mnist", {"latent_dim": 10, "autoencoder_epochs": 300, "epochs": 800, "batch_size": 275, "rate": 5e-5}),
    ("bagan", "cifar10", {"latent_dim": 40, "autoencoder_epochs": 800, "epochs": 2000, "batch_size": 275}),
    ("bagan", "cifar10", {"optimizer": "adam", "autoencoder_learning_rate": 5e-5, "rate": 5e-5}),
    ("bagan", "vehicles", {"latent_dim": 20, "autoencoder_epochs": 1200, "epochs": 2500, "batch_size": 220}),
    ("bagan", "vehicles", {"optimizer": "rmsprop", "autoencoder_learning_rate": 2e-4, "rate": 2e-4}),
]
OTHERS = [
    ("vae", "mnist", {"latent_dim": 2}),  # GAN-vs-VAE report, II.D
    ("cvae", "celeba", {"latent_dim": 300}),
    ("vae", "chars74k_fnt", {"latent_dim": 300}),
    *(("wgan", name, {"optimizer": "adam", "rate": 2e-4, "beta1": 0.5}) for name in ("mnist", "cifar10", "celeba")),
    ("acwgan", "chars74k_fnt", {"bound": "clip", "classify_fakes": True, "rate": 2e-4, "beta1": 0.5, "beta2": 0.999}),
    ("cgan", "clothing", {"latent_dim": 100, "batch_size": 64}),  # conditional GAN article, 4 and 6
    # log-ends thesis, 6.1.3, and what its losses in table 6.10 tell
    ("vanilla_vae", "log_ends", {"latent_dim": 1024, "epochs": 400, "batch_size": 32, "kl_weight": 1 / 32}),
    ("variant_vae", "log_ends", {"latent_dim": 1024, "epochs": 400, "batch_size": 32, "kl_weight": 1 / 32}),
]


@pytest.mark.parametrize(("generator", "dataset", "expected"), BALANCING + OTHERS)
def test_generators_have_the_settings_of_the_documents(
    generator: str, dataset: str, expected: dict[str, object]
) -> None:
    settings = parse_settings(
        find_generator(generator).settings,
        find_generator_block(read_preset(COMMITTED, dataset).generators, generator, dataset),
        "",
    )
    found = settings.model_dump()
    assert {key: found["learning_rate" if key == "rate" else key] for key in expected} == expected


@pytest.mark.parametrize(("dataset", "classes"), DROPPED.items())
def test_the_class_that_is_dropped_and_the_split_are_the_thesis_s(dataset: str, classes: list[str]) -> None:
    plan = plan_dataset(read_preset(COMMITTED, dataset).datasets, dataset)
    assert plan.common.minority == classes
    assert plan.common.test_fraction == 0.3
    assert not plan.common.keep_split or dataset == "vehicles"  # which comes without a split


def test_every_dataset_has_what_the_default_table_needs() -> None:
    params = load_params(COMMITTED)
    for dataset in params.datasets:
        assert dataset in params.classifiers
        assert all(dataset in params.generators[generator] for generator in params.table.generators)


def test_the_file_is_short() -> None:
    assert len(COMMITTED.read_text(encoding="utf-8").splitlines()) <= 265


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("seed=7", "seed: 0\n", "seed: 7\n"),
        ("table.datasets=[mnist]", "  datasets:\n  - digits\n", "  datasets:\n  - mnist\n"),
        ("table.pairs=[city]", "  pairs: []\n", "  pairs:\n  - city\n"),
        ("extract.images=200", "  images: 1000  #", "  images: 200   #"),
        ("datasets.digits.minority=['5']", "    - '4'\n    source: digits", "    - '5'\n    source: digits"),
        ("generators.wgan.digits.clip=0.02", "n_critic: 3, clip: 0.03}", "n_critic: 3, clip: 0.02}"),
        ("generators.bagan.digits.epochs=6", "      epochs: 4\n", "      epochs: 6\n"),
    ],
)
def test_an_experiment_changes_no_line_but_its_own(override: str, old: str, new: str, tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    text = COMMITTED.read_text(encoding="utf-8")
    copied = tmp_path / "params.yaml"
    copied.write_text(text, encoding="utf-8")
    apply_overrides(copied, [override])
    assert text.count(old) >= 1
    assert copied.read_text(encoding="utf-8") == text.replace(old, new, 1)


def test_the_other_autoencoder_is_chosen_by_its_name_alone(committed: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(written(edited(committed, "latent.network", "pretrained_vae")), encoding="utf-8")
    check_params(load_params(path))


def test_a_mistake_in_the_settings_of_an_autoencoder_is_named(
    committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "latent.autoencoders.pretrained_vae.block_channels"
    message = problem(tmp_path / "params.yaml", written(edited(committed, key, 3)), capsys)
    assert f"params.yaml: {key}: unknown key" in message


OWN = """
from torch import nn
def build(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes))
def fixed(shape, classes):
    return build((1, 32, 32), classes)
def eleven(shape, classes):
    return build(shape, 11)
def softmax(shape, classes):
    return nn.Sequential(build(shape, classes), nn.Softmax(dim=1))
def alone(shape):
    return build(shape, 10)
class Standardise(nn.Module):
    def forward(self, images):
        return (images - images.mean((1, 2, 3), True)) / images.std((1, 2, 3), keepdim=True)
def standardised(shape, classes):
    return nn.Sequential(Standardise(), build(shape, classes))
class Root(nn.Module):
    def forward(self, images):
        return images.sqrt()
def root(shape, classes):
    return nn.Sequential(Root(), build(shape, classes))
class Steep(nn.Module):
    def forward(self, images):
        return (images * 1000).exp()
def steep(shape, classes):
    return nn.Sequential(build(shape, classes), Steep())
"""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "MODULE:alone"}, "network: MODULE:alone: TypeError: alone() takes 1 positional argument but 2"),
        ({"network": "MODULE:fixed"}, "network: MODULE:fixed cannot work on images of 1x28x28: RuntimeError: "),
        ({"network": "MODULE:eleven"}, "network: MODULE:eleven makes (2, 11) of 2 images and 10 classes"),
        ({"network": "MODULE:root"}, "network: MODULE:root makes logits of two images that are not finite: NaN"),
        ({"network": "MODULE:steep"}, "network: MODULE:steep makes logits of two images that are not finite: infinite"),
        ({"network": "MODULE:softmax"}, "network: MODULE:softmax: what the dense layer '0.1' makes is not what"),
        ({"network": "MODULE:softmax", "frozen": True}, "frozen: true trains a last dense layer of 10 outputs alone"),
        ({"network": "alexnet"}, "network: alexnet cannot work on images of 1x28x28"),
        ({"network": "mnist_cnn", "weights": "w.npz"}, "w.npz: not weights of mnist_cnn"),
    ],
)
def test_a_classifier_that_cannot_be_built_for_its_dataset_is_found_before_any_work(
    changes: dict[str, Any],
    words: str,
    committed: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its dataset tells the images' size and the number of classes, 10 of the digits."""
    module = f"own_{derive_seed(0, str(tmp_path)) % 10**9}"
    (tmp_path / f"{module}.py").write_text(OWN, encoding="utf-8")
    np.savez(tmp_path / "w.npz", weight=np.zeros(3))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    block = {"epochs": 1} | {key: str(value).replace("MODULE", module) for key, value in changes.items()}
    block |= {key: True for key in changes if key == "frozen"}
    message = problem(tmp_path / "params.yaml", written(edited(committed, "classifiers.digits", block)), capsys)
    assert words.replace("MODULE", module) in message
    if "weights" not in changes:
        assert "params.yaml: classifiers.digits.network: " in message


@pytest.mark.parametrize("function", ["build", "standardised"])
def test_a_classifier_of_the_user_s_that_fits_its_dataset_passes(
    function: str, committed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"own_{derive_seed(0, str(tmp_path)) % 10**9}"
    (tmp_path / f"{module}.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    block = {"network": f"{module}:{function}", "frozen": True, "epochs": 1}
    Path("params.yaml").write_text(written(edited(committed, "classifiers.digits", block)), encoding="utf-8")
    check_params(load_params(Path("params.yaml")))


@pytest.mark.parametrize(
    ("generator", "processes", "said"),
    [
        ("cvae", 3, "cvae.digits.batch_size: 32 is not allowed, 33 would do: train.processes is 3, and 32 images of a"),
        (
            "bagan",
            2,
            "bagan.digits.batch_size: 32 is not allowed, 40 would do: train.processes is 2, and 29 and 3 ",
        ),
    ],
)
def test_batches_have_equal_shares_for_the_processes_that_train(
    generator: str,
    processes: int,
    said: str,
    committed: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = edited(edited(committed, "table.generators", [generator]), "train.processes", processes)
    assert said in problem(tmp_path / "params.yaml", written(values), capsys)
    size = int(re.findall(r"(\d+) would do", said)[0])
    allowed = edited(values, f"generators.{generator}.digits.batch_size", size)
    (tmp_path / "allowed.yaml").write_text(written(allowed))
    check_params(load_params(tmp_path / "allowed.yaml"))


def test_processes_have_a_device_each(
    committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for device, processes, said in (
        ("cuda:1", 2, "device: 'cuda:1' is one, train.processes: 2; 'cuda' takes the first"),
        ("cuda", 3, "train.processes: 3 want a CUDA device each; 2 found"),
    ):
        values = edited(edited(committed, "device", device), "train.processes", processes)
        assert said in problem(tmp_path / "params.yaml", written(values), capsys)


def test_what_dvc_has_run_is_read_from_its_record(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    assert list_finished_stages(lock) == set()
    lock.write_text("schema: '2.0'\nstages:\n  ingest@pets:\n    cmd: say '  ingest@cats:'\n", encoding="utf-8")
    assert list_finished_stages(lock) == {"ingest@pets"}
    for broken in ("", "stages:", "{", "3"):
        lock.write_text(broken, encoding="utf-8")
        assert list_finished_stages(lock) == set()


@pytest.mark.parametrize("key", ["table.recipes", "classify.generator_recipes"])
def test_a_recipe_that_is_wanted_says_what_it_cannot_do(
    key: str, committed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"backbone": "mobilenet_v2", "weights": "randm"}
    values = edited(edited(committed, "recipes", {"linear_probe": settings}), key, ["linear_probe"])
    message = "params.yaml: recipes.linear_probe.weights: 'randm' is neither random, imagenet nor a folder"
    assert message in problem(tmp_path / "params.yaml", written(values), capsys)


RECOGNIZE = "recognition.digits.recognize"
RUN = "recognition.digits.vae_experiment.runs.vanilla"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({f"{RECOGNIZE}.backbone": "alexnet"}, f"{RECOGNIZE}.backbone: alexnet is not allowed: "),
        ({f"{RECOGNIZE}.backbone": "vit_b_16"}, f"{RECOGNIZE}.backbone: vit_b_16 is not allowed: it has no last map"),
        ({f"{RECOGNIZE}.backbone": "vgg"}, f"{RECOGNIZE}.backbone: there is no 'vgg'"),
        ({f"{RECOGNIZE}.rows": {"one": ["unknown"]}}, f"{RECOGNIZE}.rows.one: there is no 'unknown'"),
        ({f"{RECOGNIZE}.rows": {"untrained": ["real"]}}, "'untrained' always is a row"),
        ({f"{RECOGNIZE}.rows": {"one": ["real", "real"]}}, "'real' stands there twice"),
        ({"recognition.digits.triplets.sets": {"test": {"kind": "real"}}}, "'test' is not allowed"),
        ({f"{RUN}.settings.sampling": "prior"}, f"{RUN}.settings.sampling: 'prior' is not allowed"),
        ({f"{RUN}.settings.latent_dims": 3}, f"{RUN}.settings.latent_dims: unknown key; did you mean 'latent_dim'?"),
        ({"recognition.digits.identities.by": "column"}, "recognition.digits.identities.by: 'column' is not allowed"),
    ],
)
def test_what_recognition_cannot_do_is_told_before_any_work(
    changes: dict[str, object],
    said: str,
    committed: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = edited(committed, "recognition", read_preset(ROOT / "presets", "digits_triplets").recognition)
    values = edited(values, "table.recognition", ["digits"])
    values["recognition"]["digits"]["recognize"]["weights"] = "random"
    for key, value in changes.items():
        values = edited(values, key, value)
    found = problem(tmp_path / "params.yaml", written(values), capsys)
    assert "params.yaml: recognition.digits." in found
    assert said in found


@pytest.mark.parametrize(
    ("changes", "begin"),
    [
        ({"extract.weights": "imagenet"}, "extract.weights: imagenet"),
        (
            {"classifiers.digits": {"network": "resnet18", "weights": "imagenet", "input_size": 32, "epochs": 1}},
            "classifiers.digits.weights: imagenet",
        ),
        (
            {"latent.network": "pretrained_vae", "latent.autoencoders.pretrained_vae.weights": "imagenet"},
            "latent.autoencoders.pretrained_vae: weights: imagenet",
        ),
        (
            {
                "recipes": {"linear_probe": {"backbone": "alexnet", "weights": "imagenet"}},
                "table.recipes": ["linear_probe"],
            },
            "recipes.linear_probe.weights: imagenet",
        ),
    ],
)
def test_weights_that_cannot_be_had_are_told_with_the_setting_that_wants_them(
    changes: dict[str, object],
    begin: str,
    committed: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(url: str, path: str, hash_prefix: str) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    values = committed
    for key, value in changes.items():
        values = edited(values, key, value)
    message = problem(tmp_path / "params.yaml", written(values), capsys)
    assert f"params.yaml: {begin}: " in message
    assert "is neither in " in message
