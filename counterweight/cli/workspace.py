"""A DVC workspace seen from outside: its graph, its record, and what DVC's own command says of it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.error import YAMLError

from counterweight.core.errors import WORKSPACE, UserError
from counterweight.core.yaml_texts import TOO_DEEP, load_yaml

Json = dict[str, Any]
Graph = Mapping[str, Sequence[str]]

QUOTED_EDGE = re.compile(r'"([^"]+)" -> "([^"]+)";')
QUOTED_NODE = re.compile(r'"([^"]+)";')
VARIABLE = re.compile(r"\$\{([^{}]+)\}")
GRAPH, RECORD = "dvc.yaml", "dvc.lock"
LONGEST = 300  # characters of what DVC says of an error


class Workspace(NamedTuple):
    """The folder with dvc.yaml, what stands in it, and what dvc.lock recorded of the last run of each stage."""

    root: Path
    graph: Json
    params: Json
    record: Mapping[str, Json]

    def find_command(self, stage: str) -> str | None:
        """Return the command of a stage of a matrix, its variables filled in; None where one is not known."""
        name = stage.partition("@")[0]
        entry = self.graph.get(name)
        if not isinstance(entry, dict) or not isinstance(entry.get("cmd"), str):
            return None
        item = self.find_item(stage, entry.get("matrix", {}))
        values = {**self.params, "item": item}
        found = [(match, look_up(values, match.strip())) for match in VARIABLE.findall(entry["cmd"])]
        command = str(entry["cmd"])
        for match, value in found:
            if value is None or isinstance(value, dict | list):
                return None
            command = command.replace(f"${{{match}}}", str(value))
        return command

    def list_stages(self) -> list[str]:
        """Return the names of all stages, each row of a matrix with its own."""
        found: list[str] = []
        for name, entry in self.graph.items():
            axes = self.list_axes(entry.get("matrix", {})) if isinstance(entry, dict) else {}
            rows = ["-".join(map(str, row)) for row in product(*axes.values())]
            found += [f"{name}@{row}" for row in rows] if axes else [name]
        return found

    def list_axes(self, matrix: Mapping[str, object]) -> dict[str, list[object]]:
        """Return the values of each axis of a matrix."""
        return {axis: self.list_values(values) for axis, values in matrix.items()}

    def find_item(self, stage: str, matrix: Mapping[str, object]) -> dict[str, object]:
        """Return the value of each axis of a matrix for one of its stages; none where it is not of them."""
        axes = self.list_axes(matrix)
        for row in product(*axes.values()):
            if stage.partition("@")[2] == "-".join(map(str, row)):
                return dict(zip(axes, row, strict=True))
        return {}

    def list_values(self, values: object) -> list[object]:
        """Return the values of an axis, which are written out or named."""
        named = VARIABLE.fullmatch(values) if isinstance(values, str) else None
        found = look_up(self.params, named[1].strip()) if named else values
        return found if isinstance(found, list) else []


def look_up(values: object, key: str) -> object:
    """Return what stands under a key with points in it; None if there is none."""
    for part in key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values


def open_workspace(root: Path) -> Workspace:
    """Read the graph, the settings and the record of a workspace.

    Raises:
        UserError: it is none, or one of its files is not valid YAML.
    """
    if not (root / GRAPH).is_file():
        raise UserError(f"{root / GRAPH}: no such file; {WORKSPACE}")
    record = read_yaml(root / RECORD).get("stages", {})
    return Workspace(root, read_yaml(root / GRAPH).get("stages", {}), read_yaml(root / "params.yaml"), record)


def read_yaml(path: Path) -> Json:
    """Return what stands in a file, nothing where there is no such file.

    Raises:
        UserError: it is no mapping in YAML, as after a full disk or a merge.
    """
    try:
        values = load_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where else ""
        what = TOO_DEEP if TOO_DEEP in str(error) else "not valid YAML"
        raise UserError(f"{path}: {line}{what}; `git checkout {path}` takes the committed file") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: empty, or no mapping; `git checkout {path}` takes the committed file")
    return values


def find_dvc() -> str | None:
    """Return the path of DVC's command: that beside this Python, or that of the shell's path."""
    beside = Path(sys.executable).parent / "dvc"
    return str(beside) if beside.is_file() else shutil.which("dvc")


def run_dvc(root: Path, *words: str) -> str:
    """Return what a command of DVC prints.

    Raises:
        UserError: DVC is not installed, or refuses.
    """
    command = find_dvc()
    if command is None:
        raise UserError("dvc: not installed here; pip install 'counterweight[pipeline]', or activate its environment")
    done = subprocess.run([command, *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.splitlines()
        told = [line for line in lines if line.startswith("ERROR")] or lines or [f"exit code {done.returncode}"]
        raise UserError(f"dvc {words[0]}: {' '.join(' '.join(told).split()).removeprefix('ERROR: ')[:LONGEST]}")
    return done.stdout


def find_cache(root: Path) -> Path:
    """Return the folder of DVC's cache; errors as of `run_dvc`."""
    return Path(run_dvc(root, "cache", "dir").strip())


def read_status(root: Path) -> Mapping[str, list[Any]]:
    """Return by stage what DVC finds changed since the last run; those without a change are left out."""
    status: dict[str, list[Any]] = json.loads(run_dvc(root, "status", "--json"))
    return status


def read_graph(root: Path) -> Graph:
    """Return all stages, each after those it waits for, and which these are."""
    text = run_dvc(root, "dag", "--dot")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if edge := QUOTED_EDGE.fullmatch(line.strip()):
            found.setdefault(edge[1], [])
            found.setdefault(edge[2], []).append(edge[1])
        elif node := QUOTED_NODE.fullmatch(line.strip()):
            found.setdefault(node[1], [])
    return {stage: found[stage] for stage in sort_stages(found)}


def sort_stages(graph: Graph) -> list[str]:
    """Return the stages of a graph, each after those it waits for, else in the order of the graph."""
    done: dict[str, None] = {}
    waiting = list(graph)
    while waiting:
        ready = [stage for stage in waiting if all(earlier in done for earlier in graph[stage])]
        done |= dict.fromkeys(ready or waiting)  # DVC itself refuses circles.
        waiting = [stage for stage in waiting if stage not in done]
    return list(done)
