"""Which weights of the table's networks are here, and which a run would download."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from counterweight.cli.checkup.finding import Finding
from counterweight.core.errors import UserError
from counterweight.features.weights import find_weight_file
from counterweight.networks.backbones.base.published import find_backbone
from counterweight.recipes.base.classifier_network import check_named, find_weights, is_ours
from counterweight.recipes.base.library_network import find_library_network
from counterweight.settings.classify import IMAGENET, ClassifierConfig
from counterweight.settings.params import Params
from counterweight.settings.recognize import SMALL


class Wanted(NamedTuple):
    """A network of the table: what it is for, its name, and how its file is found."""

    where: str
    name: str
    address: str | None
    """Where its file is published, if that is the one wanted."""
    find: Callable[[], Path | None]


def check_weights(params: Params) -> Iterator[Finding]:
    """Yield a line for each network that has weights to be read, and one for all others; nothing is downloaded."""
    drawn: list[str] = []
    for wanted in list_wanted(params):
        if isinstance(wanted, Finding):
            yield wanted
        elif missing := find_missing(wanted):
            yield missing
        else:
            found = check_file(wanted)
            drawn += [] if found else [wanted.name]
            yield from [found] if found else []
    if drawn:
        names = ", ".join(dict.fromkeys(drawn))
        yield Finding("weights", "ok", f"drawn at random, nothing to be read: {names}")


def list_wanted(params: Params) -> Iterator[Wanted | Finding]:
    """Yield the networks of the table, or what is wrong with their names: of classifiers, `check_settings` says it."""
    seen: set[str] = set()
    for section, names in (("extract", params.extract.backbones), ("latent", params.latent.backbones)):
        yield from describe_backbones(section, [name for name in names if name not in seen], params.extract.weights)
        seen |= {*names}
    for dataset in params.table.recognition:
        own = params.recognition[dataset].recognize
        if own.backbone != SMALL:
            yield from describe_backbones(f"recognition.{dataset}.recognize", [own.backbone], own.weights)
    for dataset in params.table.datasets:
        yield from describe_classifier(params.classifiers[dataset], f"classifiers.{dataset}")


def describe_backbones(where: str, names: Iterable[str], weights: str) -> Iterator[Wanted | Finding]:
    """Yield the backbones of a section."""
    for name in names:
        try:
            backbone = find_backbone(name, f"params.yaml: {where}")
        except UserError as error:
            yield Finding("weights", "problem", str(error))
            continue
        published = not backbone.packaged and (backbone.always_pretrained or weights == IMAGENET)
        find = partial(find_weight_file, name, weights, f"params.yaml: {where}")
        yield Wanted(where, name, backbone.url if published else None, find)


def describe_classifier(config: ClassifierConfig, where: str) -> Iterator[Wanted]:
    """Yield the network of a classifier, if there is such a one."""
    address, place = None, f"params.yaml: {where}"
    with suppress(UserError):
        check_named(config, place)
        if config.weights == IMAGENET and not is_ours(config.network):
            library = find_library_network(config.network, place)
            address = None if library.packaged else library.url
        yield Wanted(where, config.network, address, partial(find_weights, config, place))


def find_missing(wanted: Wanted) -> Finding | None:
    """Return that a published file is not here yet."""
    if wanted.address is None:
        return None
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(wanted.address).name
    if path.is_file():
        return None
    text = f"{wanted.where}: {wanted.name}: {path.name} will be downloaded by the next run"
    return Finding("weights", "warning", text, f"without a network: put {wanted.address} into {path.parent}")


def check_file(wanted: Wanted) -> Finding | None:
    """Return whether a file of weights is here and whole; None where there is to be none."""
    try:
        path = wanted.find()
    except UserError as error:
        return Finding("weights", "problem", str(error))
    return None if path is None else Finding("weights", "ok", f"{wanted.where}: {wanted.name}: {path}")
