"""presets/NAME.yaml: what a document says of a dataset, a pair or a whole table, merged into params.yaml on demand.

They stand in the folder `presets` beside params.yaml: the pipeline runs in a checkout, and no stage depends on them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from counterweight.core.errors import UserError
from counterweight.core.params_file import read_params_file
from counterweight.core.registry import require_one_of
from counterweight.core.schema import Settings, parse_settings, suggest_name
from counterweight.settings.editing import Addition, extract_block

Block = dict[str, Any]


class Cost(Settings):
    """What a draw takes, in words: minutes, hours or days, and whether that was measured or estimated."""

    cpu: str
    """On one or two CPU cores; estimated ones from images, epochs and what the networks train in a second on one."""
    gpu: str
    """On one GPU."""


class PresetTable(Settings):
    """What the command sets of the table; what is not said stays as it is."""

    datasets: list[str] | None = None
    scenarios: list[str] | None = None
    generators: list[str] | None = None
    """None: those of the user's table, as far as there are settings of theirs."""
    pairs: list[str] | None = None
    recognition: list[str] | None = None


class Preset(Settings):
    """A preset: where it is from and what it takes, the command it is for, and blocks for params.yaml."""

    about: str
    """One sentence."""
    source: str
    """Document and section."""
    cost: Cost
    download: str | None
    """Size of what is downloaded; null: nothing is."""
    needs: list[str] = Field(default_factory=list)
    """Other presets that are merged with it."""
    table: PresetTable
    changes: list[str] = Field(default_factory=list)
    """Further settings that the command changes, as KEY=VALUE."""
    datasets: dict[str, Block] = Field(default_factory=dict)
    pairs: dict[str, Block] = Field(default_factory=dict)
    generators: dict[str, dict[str, Block]] = Field(default_factory=dict)
    classifiers: dict[str, Block] = Field(default_factory=dict)
    recognition: dict[str, Block] = Field(default_factory=dict)

    def paths(self) -> Iterator[tuple[tuple[str, ...], Block]]:
        """Yield the keys above each block, and the block."""
        sections = [("datasets", self.datasets), ("pairs", self.pairs)]
        generators = [(("generators", name), blocks) for name, blocks in self.generators.items()]
        last = [(("classifiers",), self.classifiers), (("recognition",), self.recognition)]
        above = [*(((name,), blocks) for name, blocks in sections), *generators, *last]
        for keys, blocks in above:
            for name, block in blocks.items():
                yield (*keys, name), block


def list_presets(params: Path) -> list[str]:
    """Return the names of the presets beside a settings file."""
    return sorted(path.stem for path in locate_presets(params).glob("*.yaml"))


def locate_presets(params: Path) -> Path:
    """Return the folder with the presets for a settings file."""
    return params.parent / "presets"


def read_preset(params: Path, name: str) -> Preset:
    """Read and validate a preset.

    Raises:
        UserError: there is none of that name, or it is no preset.
    """
    names, folder = list_presets(params), locate_presets(params)
    if not names:
        raise UserError(f"{folder}: no presets there; they stand beside params.yaml in a checkout of Counterweight")
    path = folder / f"{require_one_of(name, names, str(folder))}.yaml"
    return parse_settings(Preset, read_params_file(path).values, str(path))


def list_additions(params: Path, name: str) -> list[Addition]:
    """Return the blocks of a preset, written as they are there, with their comments."""
    preset = read_preset(params, name)
    text = (locate_presets(params) / f"{name}.yaml").read_text(encoding="utf-8")
    return [Addition(path[:-1], path[-1], block, lines=extract_block(text, path)) for path, block in preset.paths()]


def suggest_block(params: Path, section: str, name: str, blocks: dict[str, Any]) -> str:
    """Return a clause that says how a block comes into a settings file, or offers the nearest one that is there."""
    if name in list_presets(params):
        preset = read_preset(params, name)
        if name in {"datasets": preset.datasets, "pairs": preset.pairs}.get(section, {}):
            return f"; counterweight preset {name} adds one"
    return suggest_name(name, blocks)
