"""A generator on disk: `generator.json` says what it is, `weights.safetensors` what it learned; nothing is pickled."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from stages.blocks import parse_block
from stages.errors import UserError
from stages.generators.base import Generator, LearnedGenerator, find
from stages.imageset import ImageSet


def build(name: str, settings: dict[str, object], images: ImageSet, seed: int, where: str) -> Generator:
    """Return an untrained generator for images like these, its networks initialised from `seed`.

    Raises:
        UserError: the settings are not those of this generator; `where` says whose they are.
    """
    entry = find(name)
    parsed = parse_block(entry.settings, settings, where)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return entry.generator(images.shape, images.class_names, parsed)


def save_generator(name: str, generator: Generator, folder: Path) -> None:
    """Write a generator into a new folder."""
    facts = {
        "generator": name,
        "settings": generator.settings.model_dump(),
        "shape": generator.shape,
        "class_names": generator.class_names,
    }
    folder.mkdir()
    (folder / "generator.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if isinstance(generator, LearnedGenerator):
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
        entry = find(facts["generator"])
        settings = parse_block(entry.settings, facts["settings"], str(folder / "generator.json"))
        generator = entry.generator(tuple(facts["shape"]), facts["class_names"], settings)
        if isinstance(generator, LearnedGenerator):
            generator.load_state_dict(load_file(folder / "weights.safetensors"))
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{folder}: no generator that the train stage wrote: {error}") from error
    return generator
