"""What a generator is: its paper, its settings, its networks layer by layer."""

import datetime
import json
from collections.abc import Sequence
from typing import Any

import torch
from ruamel.yaml.error import YAMLError
from torch import nn

from counterweight.cli.overview import read_title
from counterweight.core.errors import UserError
from counterweight.core.registry import names_in, read_documentation, require_one_of
from counterweight.core.schema import parse_settings
from counterweight.core.yaml_texts import load_yaml
from counterweight.generators.base.generator import Generator, LearnedGenerator, find_generator
from counterweight.generators.base.per_class import PerClass
from counterweight.generators.base.saved import assemble_generator
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.layers import parameter_count

Json = dict[str, Any]


def describe(name: str, shape: tuple[int, int, int], classes: int, changes: Sequence[str], as_json: bool) -> str:
    """Return everything about one generator, as text or as JSON.

    Args:
        changes: settings as KEY=VALUE, the value written as in params.yaml.

    Raises:
        UserError: there is no such generator or setting, or a value is not allowed.
    """
    require_one_of(name, names_in("generators"), "generator")
    settings = parse_settings(find_generator(name).settings, dict(map(parse_change, changes)), "--set")
    try:
        with torch.device("meta"):  # nothing is computed: the largest networks are described at once
            generator = assemble_generator(
                name, shape, [str(label) for label in range(classes)], settings, range(classes)
            )
    except (RuntimeError, OverflowError, TypeError) as error:  # what torch says of sizes that no computer has
        raise UserError(f"{name}: no network of this size: {str(error).splitlines()[0]}") from error
    facts = {
        "name": name,
        "title": read_title(name),
        "paper": read_paper(name),
        "shape": list(shape),
        "classes": classes,
        "latents": generator.latent_dim if isinstance(generator, VariationalAutoencoder) else None,
        "settings": describe_settings(generator),
        "networks": describe_networks(generator),
    }
    return json.dumps(facts, indent=1) if as_json else render_description(facts)


def parse_change(change: str) -> tuple[str, object]:
    """Split KEY=VALUE; the value is YAML."""
    key, sign, value = change.partition("=")
    if not sign or not key:
        raise UserError(f"--set {change}: KEY=VALUE wanted, as in latent_dim=10")
    try:
        return key.strip(), keep_dates(load_yaml(value))
    except YAMLError as error:
        raise UserError(f"--set {change}: the value is not valid YAML") from error


def keep_dates(value: object) -> object:
    """Return a value of YAML in which dates are texts: no setting is one, and folders are called so."""
    if isinstance(value, list):
        return [keep_dates(own) for own in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def read_paper(name: str) -> str:
    """Return what a generator's file says of itself below its title: its source."""
    return read_documentation("generators", name).partition("\n\n")[2].strip()


def describe_settings(generator: Generator) -> list[Json]:
    """Return name, value, default and description of every setting."""
    kind = type(generator.settings)
    return [
        {
            "name": name,
            "value": getattr(generator.settings, name),
            "default": field.default,
            "description": " ".join((field.description or "").split()),
        }
        for name, field in kind.model_fields.items()
    ]


def describe_networks(generator: Generator) -> Json:
    """Return the networks of a generator by name, with parameters (running statistics included) and layers.

    Where one model is trained per class, the networks are those of one class.
    """
    if isinstance(generator, PerClass):
        generator = generator.model_of(generator.trained_labels[0])
    if not isinstance(generator, LearnedGenerator):
        return {}
    return {
        name: {"parameters": parameter_count(network), "layers": list_layers(network)}
        for name, network in generator.named_children()
        if parameter_count(network)
    }


def list_layers(network: nn.Module) -> list[Json]:
    """Return the modules of a network that hold no others."""
    leaves = [(name, layer) for name, layer in network.named_modules() if not list(layer.children())]
    return [
        {"name": name, "type": type(layer).__name__, "shape": layer.extra_repr(), "parameters": parameter_count(layer)}
        for name, layer in leaves
    ]


def render_description(facts: Json) -> str:
    """Return a description for people."""
    lines = [f"{facts['name']}: {facts['title']}", "", facts["paper"], "", "Settings (value, then what it means)"]
    for setting in facts["settings"]:
        changed = "" if setting["value"] == setting["default"] else f" (default {setting['default']})"
        lines.append(f"  {setting['name']}: {setting['value']}{changed}")
        if setting["description"]:
            lines.append(f"      {setting['description']}")
    if facts["latents"]:
        lines += ["", f"Latents: {facts['latents']:,}"]
    if not facts["networks"]:
        lines += ["", "No networks: it learns nothing."]
    for name, network in facts["networks"].items():
        lines += ["", f"{name}: {network['parameters']:,} parameters"]
        for layer in network["layers"]:
            count = f"{layer['parameters']:,}" if layer["parameters"] else ""
            lines.append(f"  {layer['name']:24} {layer['type']:18} {count:>12}  {layer['shape']}")
    return "\n".join(lines)
