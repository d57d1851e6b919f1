"""A settings file, of which each stage reads its own sections: a change in another one is no change of its result."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge, Le
from pydantic import Field
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from counterweight.core.errors import WORKSPACE, UserError
from counterweight.core.registry import require_one_of
from counterweight.core.schema import Fraction, Positive, Settings, SettingsType, parse_settings
from counterweight.core.yaml_texts import load_yaml

Blocks = Mapping[str, dict[str, Any]]


class RunSettings(Settings):
    """What stands above all sections."""

    seed: Annotated[int, Ge(0)]
    """From it and an item's names all randomness is derived."""
    device: str = Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """`auto`: the first CUDA device, else the CPU; another one is used or missed."""
    streams: Annotated[int, Ge(1), Le(32)] = 1
    """Draws of a generator, classifiers or style classifiers that one GPU computes at once, each on a stream of its own
    (torch has 32); of speed alone: no result depends on it. A CPU computes as many as it has cores."""


class Drawing(Settings):
    """How everything random is repeated: what stands of it in the section `table`."""

    draws: Positive = 8
    """A draw repeats all that is random: the images that are dropped and set aside, generator, synthetic set and
    classifier. Of one draw a verdict holds for this synthetic set alone."""
    validation_fraction: Fraction = 0.25
    """Fraction of the images that are left of a class that no generator and no classifier is fitted to: they choose a
    classifier's epoch (balancing thesis, 5.3)."""
    compared_draws: Positive = 1
    """Draws whose synthetic images are compared with real ones that no generator saw in any of them."""


class ParamsFile(NamedTuple):
    """What stands in a settings file, not validated before it is asked for."""

    path: Path
    values: dict[str, Any]

    def section(self, name: str, model: type[SettingsType]) -> SettingsType:
        """Return a section, validated."""
        return parse_settings(model, self.value(name), f"{self.path}: {name}")

    def blocks(self, name: str) -> Blocks:
        """Return the blocks of a section by name: each is validated when it is used."""
        blocks = self.value(name)
        if not isinstance(blocks, dict) or not all(isinstance(block, dict) for block in blocks.values()):
            raise UserError(f"{self.path}: {name}: blocks by name are needed (NAME: settings)")
        return blocks

    def part(self, section: str, name: str, key: str, model: type[SettingsType]) -> SettingsType:
        """Return what stands under a key of a block, validated; a stage reads its own key alone."""
        blocks = self.blocks(section)
        block, where = blocks[require_one_of(name, blocks, "--dataset")], f"{self.path}: {section}.{name}.{key}"
        if key not in block:
            raise UserError(f"{where}: missing; it must be set")
        return parse_settings(model, block[key], where)

    def value(self, name: str) -> object:
        """Return what stands under a key of the file."""
        if name not in self.values:
            raise UserError(f"{self.path}: {name}: missing; it must be set")
        return self.values[name]

    def read_names(self, section: str, key: str) -> list[str]:
        """Return a list of names in a section of which nothing else matters here, as another stage validated it."""
        block = self.value(section)
        names = block.get(key) if isinstance(block, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UserError(f"{self.path}: {section}.{key}: a list of names is needed")
        return names

    @property
    def run(self) -> RunSettings:
        """Seed, device and streams."""
        known = {key: self.values[key] for key in RunSettings.model_fields if key in self.values}
        return parse_settings(RunSettings, known, str(self.path))

    @property
    def drawing(self) -> Drawing:
        """How everything random is repeated; the other keys of that section are those of other stages."""
        block = self.value("table")
        if isinstance(block, dict):
            block = {key: value for key, value in block.items() if key in Drawing.model_fields}
        return parse_settings(Drawing, block, f"{self.path}: table")


def read_params_file(path: Path) -> ParamsFile:
    """Read a settings file; its sections are validated when they are asked for.

    Raises:
        UserError: the file is missing or is not YAML.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; {WORKSPACE}, or give --params FILE")
    try:
        values = load_yaml(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:  # its text goes on about switching checks off
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"{path}: not valid YAML: {line}{error.problem or error.context}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: {values!r} is not allowed: a block of settings (key: value) is needed")
    return ParamsFile(path, values)
