"""A generator on disk: `generator.json` says what it is, `weights.safetensors` what it learned; nothing is pickled."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.params_file import Blocks
from counterweight.core.registry import names_in, require_one_of
from counterweight.core.schema import Settings, parse_settings
from counterweight.generators.base.generator import Generator, LearnedGenerator, find_generator
from counterweight.generators.base.per_class import PerClass


def find_generator_block(generators: Blocks, generator: str, dataset: str) -> dict[str, Any]:
    """Return the block of a generator for a dataset, as it stands in the file, given all blocks of that section."""
    of_datasets = generators[require_one_of(generator, generators, "--generator")]
    block: dict[str, Any] = of_datasets[require_one_of(dataset, of_datasets, f"params.yaml: generators.{generator}")]
    return block


def build_generator(name: str, settings: dict[str, object], images: ImageSet, seed: int, where: str) -> Generator:
    """Return an untrained generator for images like these, its networks initialised from `seed`.

    Raises:
        UserError: the settings are not those of this generator; `where` says whose they are.
    """
    parsed = parse_settings(find_generator(name).settings, settings, where)
    wanted = images.provenance.get("wanted")
    # Where no imbalance stage has seen the set, as in the gallery, all classes count.
    labels = range(len(images.class_names)) if wanted is None else [at for at, count in enumerate(wanted) if count]
    with torch.random.fork_rng([]):  # Layers draw from torch's global generator; on the CPU, so no device's.
        torch.manual_seed(seed)
        return assemble_generator(name, images.shape, images.class_names, parsed, labels)


def assemble_generator(
    name: str, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings, labels: Sequence[int]
) -> Generator:
    """Return a generator, or one for each of the labels if a single one cannot tell them apart."""
    kind = find_generator(name).generator
    if issubclass(kind, LearnedGenerator) and not (kind.knows_labels(settings) or kind.is_unconditional(settings)):
        return PerClass(kind, shape, class_names, settings, labels)  # A class that needs no image gets no model.
    return kind(shape, class_names, settings)


def save_generators(name: str, generators: Sequence[Generator], folder: Path) -> None:
    """Write the generator of each draw into a new folder, in one of its own: 0, 1, ..."""
    folder.mkdir()
    for draw, generator in enumerate(generators):
        save_generator(name, generator, folder / str(draw))


def load_generators(folder: Path, draws: int, device: torch.device) -> list[Generator]:
    """Read the generators of so many draws that `save_generators` wrote; networks come to a device.

    Raises:
        UserError: a folder holds no generator.
    """
    generators = [load_generator(folder / str(draw)) for draw in range(draws)]
    return [each.to(device) if isinstance(each, LearnedGenerator) else each for each in generators]


def save_generator(name: str, generator: Generator, folder: Path) -> None:
    """Write a generator into a new folder."""
    facts = {
        "generator": name,
        "settings": generator.settings.model_dump(),
        "shape": generator.shape,
        "class_names": generator.class_names,
        "labels": generator.trained_labels if isinstance(generator, LearnedGenerator) else None,
    }
    folder.mkdir()  # Fails where one is: files of two models are never mixed.
    (folder / "generator.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if isinstance(generator, LearnedGenerator):
        # safetensors takes no other order in memory.
        weights = {key: value.contiguous().cpu() for key, value in generator.state_dict().items()}
        # Not save_file, which reports a full disk as an error of its own kind.
        (folder / "weights.safetensors").write_bytes(save(weights))


def load_generator(folder: Path) -> Generator:
    """Read what `save_generator` wrote.

    Raises:
        UserError: the folder holds no generator.
    """
    try:
        facts = json.loads((folder / "generator.json").read_text(encoding="utf-8"))
        where = str(folder / "generator.json")
        name = require_one_of(str(facts["generator"]), names_in("generators"), where)
        settings = parse_settings(find_generator(name).settings, facts["settings"], where)
        kind = name, tuple(facts["shape"]), facts["class_names"]
        with torch.device("meta"):  # which allocates nothing
            planned = assemble_generator(*kind, settings, facts["labels"])
        if isinstance(planned, LearnedGenerator):
            require_weights_of(planned, folder / "weights.safetensors")
        generator = assemble_generator(*kind, settings, facts["labels"])
        if isinstance(generator, LearnedGenerator):
            generator.load_state_dict(load_file(folder / "weights.safetensors"))
            generator.to(memory_format=torch.channels_last)  # as it was trained: another order of sums rounds otherwise
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: no generator that the train stage wrote: {error}") from error
    return generator


def require_weights_of(planned: LearnedGenerator, path: Path) -> None:
    """Refuse a file that holds other tensors than a generator has, before any is allocated.

    Raises:
        ValueError: it does.
        SafetensorError: it is no file of tensors.
    """
    wanted = {name: [*tensor.shape] for name, tensor in planned.state_dict().items()}
    with safe_open(path, framework="pt") as file:
        found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
    if wanted != found:
        name = next(name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name))
        raise ValueError(f"{path.name}: {name} is {found.get(name)}, {wanted.get(name)} is wanted")
