"""params.schema.json: current, agreeing with what the stages accept and refuse, and named where editors look."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from counterweight.cli.main import cli
from counterweight.core.registry import names_in
from counterweight.settings.editing import insert_additions, merge_values
from counterweight.settings.presets import list_additions, list_presets, read_preset

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
PARAMS, SCHEMA = ROOT / "params.yaml", ROOT / "params.schema.json"


def load(text: str) -> dict[str, Any]:
    values: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return values


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.fixture
def params() -> dict[str, Any]:
    return load(PARAMS.read_text(encoding="utf-8"))


def refusals(schema: dict[str, Any], values: object) -> list[str]:
    """Return what the schema refuses, as `key: why`."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(values)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def test_the_committed_schema_is_current() -> None:
    """If not: counterweight schema > params.schema.json"""
    result = CliRunner().invoke(cli, ["schema"], standalone_mode=False)
    assert result.stdout == SCHEMA.read_text(encoding="utf-8")


def test_the_settings_name_it_where_editors_look() -> None:
    first = PARAMS.read_text(encoding="utf-8").partition("\n")[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA.name}"


def test_blocks_are_added_below_the_line_that_names_it() -> None:
    text = PARAMS.read_text(encoding="utf-8")
    added = insert_additions(text, list_additions(PARAMS, "mnist"), "params.yaml")
    assert added != text
    assert added.partition("\n")[0] == text.partition("\n")[0]


def test_it_accepts_the_settings(schema: dict[str, Any], params: dict[str, Any]) -> None:
    assert refusals(schema, params) == []


@pytest.mark.parametrize("name", list_presets(PARAMS))
def test_it_accepts_the_settings_with_each_preset(schema: dict[str, Any], params: dict[str, Any], name: str) -> None:
    merged: Any = params
    for needed in [*read_preset(PARAMS, name).needs, name]:
        merged = merge_values(merged, list_additions(PARAMS, needed))
    assert refusals(schema, merged) == []


def test_it_knows_every_file_that_is_a_row(schema: dict[str, Any]) -> None:
    sections = schema["properties"]
    assert list(sections["generators"]["properties"]) == names_in("generators")
    assert list(sections["recipes"]["properties"]) == names_in("recipes")
    assert sections["datasets"]["additionalProperties"]["properties"]["source"]["enum"] == names_in("data/sources")
    assert sections["pairs"]["additionalProperties"]["properties"]["source"]["enum"] == names_in("data/pairs")


def test_it_explains_every_section_that_has_fields(schema: dict[str, Any]) -> None:
    """Descriptions are those of the classes' fields, defaults too."""
    margin = schema["$defs"]["table"]["properties"]["margin"]
    assert margin["default"] == 0.01
    assert margin["description"].startswith("A change of a score that is too small to matter")


WRONG: list[tuple[str, object, str]] = [
    # A key, a value for it, and what is said.
    ("sede", 1, ": Additional properties are not allowed ('sede' was unexpected)"),
    ("seed", -1, "seed: -1 is less than the minimum of 0"),
    ("device", "gpu", "device: 'gpu' does not match"),
    ("table.draw", 3, "table: Additional properties are not allowed ('draw' was unexpected)"),
    ("table.draws", 0, "table.draws: 0 is less than the minimum of 1"),
    ("table.validation_fraction", 1.0, "table.validation_fraction: 1.0 is greater than or equal to the maximum of 1"),
    ("table.generators", ["bagann"], "table.generators.0: 'bagann' is not one of"),
    ("table.recipes", ["plain"], "table.recipes.0: 'plain' is not one of"),
    ("datasets.digits.source", "digit", "datasets.digits.source: 'digit' is not one of"),
    ("datasets.digits.sizes", 28, "datasets.digits: Additional properties are not allowed ('sizes' was unexpected)"),
    ("datasets.digits.test_fraction", 0, "datasets.digits.test_fraction: 0 is less than or equal to the minimum of 0"),
    ("datasets.Pets", {"source": "folder", "size": 64}, "datasets: 'Pets' does not match"),
    ("pairs.two", {"source": "folders", "size": 64, "image": 3}, "pairs.two: Additional properties are not allowed"),
    ("scenarios.drop50.fraction", 1.5, "scenarios.drop50.fraction: 1.5 is greater than or equal to the maximum of 1"),
    ("scenarios.drop50.ratio", 2.0, "scenarios.drop50: Additional properties are not allowed"),
    ("generators.bagann", {}, "generators: Additional properties are not allowed ('bagann' was unexpected)"),
    ("generators.bagan.digits.epoch", 3, "generators.bagan.digits: Additional properties are not allowed"),
    ("generators.bagan.digits.epochs", 0, "generators.bagan.digits.epochs: 0 is less than the minimum of 1"),
    ("generators.cvae.digits.epochs", "ten", "generators.cvae.digits.epochs: 'ten' is not of type 'integer'"),
    ("recipes.focal", {"gama": 2.0}, "recipes.focal: Additional properties are not allowed ('gama' was unexpected)"),
    ("latent.autoencoders.residual_vae.epochs", 0, "latent.autoencoders.residual_vae.epochs: 0 is less than"),
    ("latent.autoencoders.cvae", {}, "latent.autoencoders: Additional properties are not allowed"),
    ("classifiers.digits.optimizer", "adm", "classifiers.digits.optimizer: 'adm' is not one of"),
    ("classify.generator_recipes", ["focl"], "classify.generator_recipes.0: 'focl' is not one of"),
    ("recognition.digits", {}, "recognition.digits: 'identities' is a required property"),
]


@pytest.mark.parametrize(("key", "value", "said"), WRONG, ids=[key for key, _, _ in WRONG])
def test_it_refuses_misspelt_keys_and_values_out_of_range(
    schema: dict[str, Any], params: dict[str, Any], key: str, value: object, said: str
) -> None:
    *above, last = key.split(".")
    block = params
    for name in above:
        block = block[name]
    block[last] = value
    assert [found for found in refusals(schema, params) if found.startswith(said)] != []


def test_it_refuses_settings_of_an_autoencoder_that_it_does_not_have(schema: dict[str, Any], params: Any) -> None:  # noqa: ANN401
    merged: Any = merge_values(params, list_additions(PARAMS, "digits_triplets"))
    assert refusals(schema, merged) == []
    runs = merged["recognition"]["digits"]["vae_experiment"]["runs"]
    name = next(iter(runs))
    runs[name] = copy.deepcopy(runs[name])
    runs[name]["settings"]["latent"] = 3
    said = f"recognition.digits.vae_experiment.runs.{name}.settings: Additional properties are not allowed"
    assert refusals(schema, merged)[0].startswith(said)


@pytest.mark.parametrize("key", ["draws", "margin", "recipes"])
def test_it_asks_for_what_the_graph_names(schema: dict[str, Any], params: dict[str, Any], key: str) -> None:
    del params["table"][key]
    assert refusals(schema, params) == [f"table: '{key}' is a required property"]


UNSEEN = {"size", "nfiles"}
"""What DVC's run-cache leaves out of all that it compares, settings among it: https://github.com/treeverse/dvc/issues/10296"""


def sections_with(names: set[str], value: object, where: tuple[str, ...] = ()) -> set[str]:
    """Return the sections in which a setting has one of the names."""
    if isinstance(value, list):
        return set().union(*(sections_with(names, own, where) for own in value))
    if not isinstance(value, dict):
        return set()
    known = value.get("properties")
    found = {where[1] if len(where) > 1 else ""} if isinstance(known, dict) and names & {*known} else set()
    return found.union(*(sections_with(names, own, (*where, key)) for key, own in value.items()))


def test_stages_with_settings_that_a_run_cache_does_not_see_stay_out_of_it(schema: dict[str, Any]) -> None:
    """Else a dataset whose `size` is changed comes back in its old size."""
    sections = sections_with(UNSEEN, schema)
    assert sections == {"datasets", "pairs"}
    stages = load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    reading = [own for own in stages.values() if any(dep.startswith("images/") for dep in own["deps"])]
    assert len(reading) == 3
    outs = [out for own in reading for out in own["outs"]]
    assert [out for out in outs if not all(facts.get("persist") for facts in out.values())] == []
