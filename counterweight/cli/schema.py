"""params.yaml as a JSON Schema, for editors: every key with what it means, its default and what is allowed.

Generated from the classes that the stages read it with. What several sections have to agree on, as the names in the
table and the blocks further down, is beyond a schema: the graph's first stage checks it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from counterweight.core.registry import load_module, names_in
from counterweight.generators.base.generator import find_generator
from counterweight.recipes.base.recipe import find_recipe
from counterweight.settings.classify import Classify
from counterweight.settings.datasets import Dataset
from counterweight.settings.latent import Latent, Network
from counterweight.settings.pairs import Pair
from counterweight.settings.params import IN_GRAPH, NAME, Params
from counterweight.settings.scenarios import SCENARIOS
from counterweight.settings.table import Table
from counterweight.settings.vae_experiment import Autoencoder, AutoencoderRun

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SETTINGS = "#/$defs/"
SOURCES = {"datasets": "data/sources", "pairs": "data/pairs"}


class WithoutTitles(GenerateJsonSchema):
    """pydantic's generator, without a title for each key that only repeats it."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Return that it should not."""
        return False


def render_schema() -> str:
    """Return the schema as it stands in params.schema.json."""
    return json.dumps(build_schema(), indent=1, ensure_ascii=False)


def build_schema() -> Json:
    """Return the schema of the whole of params.yaml."""
    models = list_models()
    wanted = [(model, "validation") for model in models.values()]
    refs, joint = models_json_schema(wanted, schema_generator=WithoutTitles)  # type: ignore[arg-type]
    names = {refs[model, "validation"]["$ref"].removeprefix(SETTINGS): key for key, model in models.items()}
    definitions = {names.get(name, name): clean(own, names) for name, own in joint["$defs"].items()}
    root = definitions.pop("params")
    fill_sections(root["properties"], definitions)
    fill_lists(definitions)
    used = find_used(root, definitions)
    head = {"$schema": DIALECT, "title": "params.yaml of Counterweight"}
    return {**head, **root, "$defs": {name: used[name] for name in sorted(used)}}


def list_models() -> dict[str, type[BaseModel]]:
    """Return the classes of all blocks, by what they are for."""
    found: dict[str, type[BaseModel]] = {"params": Params, "dataset": Dataset, "pair": Pair, "table": Table}
    found |= {"classify": Classify, "latent": Latent, "autoencoder_run": AutoencoderRun}
    found |= {f"scenario.{name}": model for name, model in SCENARIOS.items()}
    found |= {f"generator.{name}": find_generator(name).settings for name in names_in("generators")}
    found |= {f"recipe.{name}": find_recipe(name).settings for name in names_in("recipes")}
    for section, folder in SOURCES.items():
        found |= {f"{section}.{name}": load_module(folder, name).Settings for name in names_in(folder)}
    return found


def clean(schema: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401
    """Return a schema without titles, its descriptions in one line each, its definitions called by our names."""
    if isinstance(schema, list):
        return [clean(own, names) for own in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: own for key, own in schema.items() if key != "title" or not isinstance(own, str)}
    if isinstance(text := kept.get("description"), str):
        kept["description"] = " ".join(text.split())
    if isinstance(reference := kept.get("$ref"), str):
        name = reference.removeprefix(SETTINGS)
        kept["$ref"] = SETTINGS + names.get(name, name)
    return {key: own if key == "default" else clean(own, names) for key, own in kept.items()}


def fill_sections(sections: Json, definitions: Json) -> None:
    """Say what stands in the blocks whose class depends on their name, or on one of their keys."""
    minority = definitions["dataset"]["properties"]["minority"]
    minority["items"] = {"type": ["string", "integer"]}  # as YAML reads an unquoted digit
    for section, folder in SOURCES.items():
        common = definitions[section.removesuffix("s")]
        blocks = {name: merge(common, definitions[f"{section}.{name}"]) for name in names_in(folder)}
        sections[section] = map_blocks({"type": "object", **choose_by("source", blocks)})
    scenarios = {name: refer(f"scenario.{name}") for name in SCENARIOS}
    sections["scenarios"] = map_blocks({"type": "object", **choose_by("kind", scenarios)})
    sections["generators"] = name_blocks(
        {name: map_blocks(refer(f"generator.{name}")) for name in names_in("generators")}
    )
    sections["recipes"] = name_blocks({name: refer(f"recipe.{name}") for name in names_in("recipes")})
    networks = name_blocks({name: refer(f"generator.{name}") for name in get_args(Network)})
    text = definitions["latent"]["properties"]["autoencoders"]["description"]
    definitions["latent"]["properties"]["autoencoders"] = {"description": text, **networks}
    runs = {name: {"properties": {"settings": refer(f"generator.{name}")}} for name in get_args(Autoencoder)}
    definitions["autoencoder_run"]["allOf"] = choose_by("autoencoder", runs)["allOf"]


def fill_lists(definitions: Json) -> None:
    """Say which names of files lists may have, and which keys of the table the graph needs."""
    recipes = {"items": {"enum": [name for name in names_in("recipes") if name != "plain"]}, "uniqueItems": True}
    definitions["classify"]["properties"]["generator_recipes"] |= recipes
    table = definitions["table"]
    table["properties"]["recipes"] |= recipes
    table["properties"]["generators"]["items"] = {"enum": names_in("generators")}
    for section in ("datasets", "scenarios", "generators", "pairs", "recognition"):
        table["properties"][section]["uniqueItems"] = True
    table["required"] = list(dict.fromkeys([*table["required"], *IN_GRAPH]))


def refer(name: str) -> Json:
    """Return a reference to a definition."""
    return {"$ref": f"{SETTINGS}{name}"}


def name_blocks(blocks: Mapping[str, Json]) -> Json:
    """Return the schema of a section that has these blocks and no others."""
    return {"type": "object", "properties": {**blocks}, "additionalProperties": False}


def map_blocks(block: Json) -> Json:
    """Return the schema of blocks by a name of the user's."""
    return {"type": "object", "propertyNames": {"pattern": f"^{NAME.pattern}$"}, "additionalProperties": block}


def choose_by(key: str, blocks: Mapping[str, Json]) -> Json:
    """Return what one key of a block says of the others."""
    rules = [{"if": {"properties": {key: {"const": name}}}, "then": block} for name, block in blocks.items()]
    return {"required": [key], "properties": {key: {"enum": list(blocks)}}, "allOf": rules}


def merge(common: Json, own: Json) -> Json:
    """Return the schema of a block that has the keys of two."""
    properties = {**common["properties"], **own["properties"]}
    required = [*common.get("required", []), *own.get("required", [])]
    text = own.get("description", "")
    head = {"description": text} if text else {}
    return {**head, "type": "object", "properties": properties, "required": required, "additionalProperties": False}


def find_used(root: Json, definitions: Json) -> Json:
    """Return the definitions that a schema refers to, directly or through others."""
    found: dict[str, Json] = {}
    waiting = [*list_references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting += list_references(definitions[name])
    return found


def list_references(schema: Any) -> Iterable[str]:  # noqa: ANN401
    """Yield the names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(SETTINGS)
        schema = list(schema.values())
    if isinstance(schema, list):
        for own in schema:
            yield from list_references(own)
