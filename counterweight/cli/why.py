"""Why a stage would run: what changed since it ran last, in words."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tqdm import tqdm

from counterweight.cli.folder_changes import FileChange, Recorded, list_file_changes, locate_cached
from counterweight.cli.workspace import (
    Graph,
    Workspace,
    look_up,
    open_workspace,
    read_graph,
    read_status,
    read_yaml,
    run_dvc,
)
from counterweight.core.registry import require_one_of

Json = dict[str, Any]
Kind = Literal["never run", "command", "file", "parameter", "output", "always", "waits", "other"]

SHOWN = 8  # files of a folder that are named
HOW = {"modified": "changed", "deleted": "missing", "new": "new"}


class Reason(NamedTuple):
    """One reason in words, and what it says as JSON."""

    kind: Kind
    text: str
    facts: Json


class Stale(NamedTuple):
    """A stage that would run, and why; one that only waits runs if what it waits for does change."""

    stage: str
    reasons: list[Reason]

    @property
    def is_certain(self) -> bool:
        """Whether it runs whatever the stages before it write."""
        return any(reason.kind != "waits" for reason in self.reasons)


def why(root: Path, stage: str | None, as_json: bool) -> str:
    """Return why a stage, or every stage that is not up to date, would run, as text or as JSON.

    Args:
        stage: its name, `train@digits-drop75-cvae`, or that of a matrix, `train`, for all its rows.

    Raises:
        UserError: this is no workspace of DVC's, DVC refuses, or there is no such stage.
    """
    workspace = open_workspace(root)
    with tqdm(total=3, desc="why", leave=False, disable=None, dynamic_ncols=True) as bar:
        graph = read_graph(root)
        bar.update()
        wanted = choose_stages(graph, stage)
        status = read_status(root)
        bar.update()
        found = Finder(workspace, graph).find(status)
    stale = [own for own in found if own.stage in wanted]
    return json.dumps(to_json(stale), indent=1) if as_json else render(stale, stage)


def choose_stages(graph: Graph, stage: str | None) -> set[str]:
    """Return the stages that are asked about.

    Raises:
        UserError: there is none of that name.
    """
    if stage is None:
        return {*graph}
    stages = {name.partition("@")[0] for name in graph}
    if stage in stages:
        return {name for name in graph if name.partition("@")[0] == stage}
    return {require_one_of(stage, graph if "@" in stage else stages, "STAGE")}


class Finder:
    """Finds reasons; what was found of a folder is kept, as many stages depend on the same."""

    def __init__(self, workspace: Workspace, graph: Graph) -> None:
        self.workspace, self.graph = workspace, graph
        self.cache: Path | None = None
        self.folders: dict[tuple[str, str], list[FileChange] | None] = {}

    def find(self, status: Mapping[str, list[Any]]) -> list[Stale]:
        """Return the stages that would run, in the order in which they would."""
        found: dict[str, Stale] = {}
        for stage, earlier in self.graph.items():
            reasons = list(self.list_reasons(stage, status.get(stage, [])))
            waits = [name for name in earlier if name in found]
            if waits:
                reasons.append(Reason("waits", f"waits for {name_stages(waits)}", {"stages": waits}))
            if reasons:
                found[stage] = Stale(stage, reasons)
        return list(found.values())

    def list_reasons(self, stage: str, changes: list[Any]) -> Iterator[Reason]:
        """Yield what DVC says of a stage, in words."""
        if changes and stage not in self.workspace.record:
            yield Reason("never run", "has never run here, or its record is lost", {})
            return
        for change in changes:
            if change == "changed command":
                yield self.explain_command(stage)
            elif change == "always changed":
                yield Reason("always", "runs always: the graph says so (always_changed, or no dependency)", {})
            elif not isinstance(change, dict):
                yield Reason("other", str(change), {})
            else:
                for path, how in change.get("changed deps", {}).items():
                    yield from self.explain_dependency(stage, path, how)
                for path, how in change.get("changed outs", {}).items():
                    yield self.explain_output(stage, path, how)

    def explain_command(self, stage: str) -> Reason:
        """Say how the command of a stage changed."""
        old, new = self.workspace.record[stage].get("cmd"), self.workspace.find_command(stage)
        text = "changed command" + (f": {new}\n    was: {old}" if new else f"; it was: {old}")
        return Reason("command", text, {"old": old, "new": new})

    def explain_dependency(self, stage: str, path: str, how: object) -> Iterator[Reason]:
        """Say which file or parameter changed."""
        if isinstance(how, dict):
            for key in how:
                yield from self.explain_parameter(stage, path, key)
            return
        recorded = self.find_recorded(stage, "deps", path)
        facts, named = self.describe_files(path, how, recorded)
        kind = "folder" if recorded else "file"
        yield Reason("file", f"{HOW.get(str(how), str(how))} {kind} {path}{named}", facts)

    def explain_output(self, stage: str, path: str, how: str) -> Reason:
        """Say what became of an output; DVC takes it from its cache if nothing else changed than that it is missing."""
        facts, named = self.describe_files(path, how, self.find_recorded(stage, "outs", path))
        if how in ("deleted", "not in cache"):
            here = (self.workspace.root / path).exists()
            facts |= {"change": "uncached" if here else "missing", "cached": self.has_cached(stage, path)}
            named = f", which DVC's cache {'has' if facts['cached'] else 'does not have'}"
            return Reason("output", f"{'' if here else 'missing '}output {path}{named}", facts)
        return Reason("output", f"{HOW.get(how, how)} output {path}{named}", facts)

    def has_cached(self, stage: str, path: str) -> bool:
        """Say whether DVC's cache has an output as it was recorded."""
        found = [str(own.get("md5", "")) for own in self.workspace.record[stage]["outs"] if own.get("path") == path]
        return any(locate_cached(self.find_cache(), md5).is_file() for md5 in found if md5)

    def find_cache(self) -> Path:
        """Return where DVC's cache lies."""
        if self.cache is None:
            self.cache = Path(run_dvc(self.workspace.root, "cache", "dir").strip())
        return self.cache

    def describe_files(self, path: str, how: object, recorded: Recorded | None) -> tuple[Json, str]:
        """Return what is said of a path as JSON, and the clause that names files of a folder that changed."""
        facts: Json = {"path": path, "change": HOW.get(str(how), str(how))}
        if recorded is None or how != "modified":
            return facts, ""
        changes = self.list_changes(path, recorded)
        if not changes:
            return facts, " (which file is not known: its earlier state is neither in DVC's cache nor in git's history)"
        facts["files"] = [change._asdict() for change in changes]
        return facts, f": {name_files(changes)}"

    def explain_parameter(self, stage: str, path: str, key: str) -> Iterator[Reason]:
        """Yield each value that changed below a key."""
        recorded = self.workspace.record[stage].get("params", {}).get(path) or {}
        now = self.workspace.params if path == "params.yaml" else read_yaml(self.workspace.root / path)
        new = Value(True, found) if (found := look_up(now, key)) is not None or key in now else Value(False)
        old = Value(key in recorded, recorded.get(key))
        for own, before, after in list_value_changes(key, old, new):
            facts: Json = {"key": own, "file": path}
            facts |= {"old": before.value} if before.is_set else {}
            facts |= {"new": after.value} if after.is_set else {}
            yield Reason("parameter", f"changed parameter {own}: {before.render()} -> {after.render()}", facts)

    def find_recorded(self, stage: str, section: Literal["deps", "outs"], path: str) -> Recorded | None:
        """Return what was recorded of a folder that a stage reads or writes; None of a file."""
        for entry in self.workspace.record[stage].get(section, []):
            md5 = str(entry.get("md5", ""))
            if entry.get("path") == path and md5.endswith(".dir"):
                return Recorded(md5, entry.get("nfiles", 0), entry.get("size", 0))
        return None

    def list_changes(self, path: str, recorded: Recorded) -> list[FileChange] | None:
        """Return how the files of a folder changed; None where that is not known."""
        root = self.workspace.root
        if (path, recorded.md5) not in self.folders:
            self.folders[path, recorded.md5] = list_file_changes(root, self.find_cache(), path, recorded)
        return self.folders[path, recorded.md5]


class Value(NamedTuple):
    """A setting that is set to something, or not set."""

    is_set: bool
    value: object = None

    def render(self) -> str:
        """Return it for people."""
        return json.dumps(self.value, ensure_ascii=False, default=str) if self.is_set else "not set"


def list_value_changes(key: str, old: Value, new: Value) -> Iterator[tuple[str, Value, Value]]:
    """Yield the settings below a key that differ, each with both values."""
    if isinstance(old.value, dict) and isinstance(new.value, dict):
        for name in [*old.value, *(name for name in new.value if name not in old.value)]:
            before, after = (Value(name in own, own.get(name)) for own in (old.value, new.value))
            yield from list_value_changes(f"{key}.{name}", before, after)
    elif old != new:
        yield key, old, new


def name_files(changes: list[FileChange]) -> str:
    """Return the files of a folder that changed, and how."""
    named = [change.path if change.how == "changed" else f"{change.path} ({change.how})" for change in changes[:SHOWN]]
    more = len(changes) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def name_stages(stages: list[str]) -> str:
    """Return the names of stages, those of a matrix as one where there are several."""
    kinds = [stage.partition("@")[0] for stage in stages]
    found = [
        stage if (count := kinds.count(kind)) == 1 else f"{kind} ({count} rows)"
        for stage, kind in zip(stages, kinds, strict=True)
    ]
    return ", ".join(dict.fromkeys(found))


def to_json(stale: list[Stale]) -> Json:
    """Return everything as plain JSON."""
    return {
        "stages": [
            {
                "stage": own.stage,
                "certain": own.is_certain,
                "reasons": [{"kind": reason.kind, **reason.facts} for reason in own.reasons],
            }
            for own in stale
        ]
    }


def render(stale: list[Stale], stage: str | None) -> str:
    """Return everything as text for people."""
    if not stale:
        return "nothing would run" if stage is None else f"{stage}: up to date, it would not run"
    lines = []
    for own in stale:
        lines.append(own.stage if own.is_certain else f"{own.stage}, if what it waits for changes")
        lines += [f"  {reason.text}" for reason in own.reasons]
    certain = sum(own.is_certain for own in stale)
    waiting = len(stale) - certain
    more = f", {waiting} more only if those write something new" if waiting else ""
    return "\n".join([*lines, "", f"{certain} would run{more}"])
