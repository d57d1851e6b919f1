"""Settings files that DVC need not parse again, as long as they look the same.

DVC reads the whole of a stage's params.yaml some ten times while it runs one, at 20 to 30 ms each.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.dependency import Dependency

Values = dict[str, Any]
Look = tuple[int, int, int] | None
"""Inode, size and time of change of a file; None: there is none."""


def watch_settings(dependency: "Dependency") -> None:
    """Let a dependency of a stage, if it is one on settings, read them again only when their file has changed."""
    from dvc.dependency import ParamsDependency

    if not isinstance(dependency, ParamsDependency):
        return
    ask: Callable[[bool], Values] = dependency.read_params
    known: dict[bool, tuple[Look, Values]] = {}

    def read(flatten: bool = True) -> Values:
        look = describe(Path(dependency.fs_path))
        if flatten not in known or known[flatten][0] != look:
            known[flatten] = look, ask(flatten)
        return {**known[flatten][1]}

    dependency.read_params = read


def describe(path: Path) -> Look:
    """Return what a file looks like from outside."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
