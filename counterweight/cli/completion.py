"""What shells complete: their scripts, and the names that arguments of commands take.

Whatever a shell asks is answered in a fraction of a second: nothing here imports torch, and a settings file that cannot
be read has no names.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import click
from click.shell_completion import get_completion_class

from counterweight.core.errors import UserError

Shell = Literal["bash", "zsh", "fish"]
Completer = Callable[[click.Context, click.Parameter, str], list[str]]

PROGRAM, VARIABLE = "counterweight", "_COUNTERWEIGHT_COMPLETE"
WHOLE_WORDS = """
# Rows of a matrix have an @ in their names, at which bash would begin a new word.
COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}
"""


def render_script(cli: click.Command, shell: Shell) -> str:
    """Return the script that lets a shell complete the command line."""
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    return kind(cli, {}, PROGRAM, VARIABLE).source() + (WHOLE_WORDS if shell == "bash" else "")


def complete_with(list_names: Callable[[Path], Iterable[str]]) -> Completer:
    """Return a function that click calls for the names that begin as a word does.

    Args:
        list_names: given the settings file, which an option may name; may raise UserError.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        params = Path(ctx.params.get("params") or "params.yaml").expanduser()
        try:
            names = [*list_names(params)]
        except (UserError, OSError):  # There is nobody to be told.
            return []
        given = ctx.params.get(param.name or "")
        used = {*given} if isinstance(given, tuple) else set()
        return [name for name in names if name.startswith(incomplete) and name not in used]

    return complete


def list_generators(params: Path) -> Iterable[str]:
    """Return the names of all generators."""
    from counterweight.core.registry import names_in

    return names_in("generators")


def list_backbones(params: Path) -> Iterable[str]:
    """Return the names of the feature extractors of this package."""
    from counterweight.core.registry import names_in

    return names_in("networks/backbones")


def list_methods(params: Path) -> Iterable[str]:
    """Return the names of rows that have images to be exported."""
    return ["imbalanced", "balanced", *list_blocks(params, "generators")]


def list_datasets(params: Path) -> Iterable[str]:
    """Return the names of the datasets of a settings file."""
    return list_blocks(params, "datasets")


def list_scenarios(params: Path) -> Iterable[str]:
    """Return the names of the scenarios of a settings file."""
    return list_blocks(params, "scenarios")


def list_blocks(params: Path, section: str) -> Iterable[str]:
    """Return the names of the blocks of a section."""
    from counterweight.cli.workspace import read_yaml

    blocks = read_yaml(params).get(section)
    return list(map(str, blocks)) if isinstance(blocks, dict) else []


def list_presets(params: Path) -> Iterable[str]:
    """Return the names of the presets beside a settings file."""
    return sorted(path.stem for path in (params.parent / "presets").glob("*.yaml"))


def list_stages(params: Path) -> Iterable[str]:
    """Return the names of the stages of a graph: of a matrix that of all its rows first."""
    from counterweight.cli.workspace import open_workspace

    names = open_workspace(params.parent).list_stages()
    return dict.fromkeys([*(name.partition("@")[0] for name in names), *names])
