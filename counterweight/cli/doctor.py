"""Is everything fit for a run: machine, DVC, settings, weights; a line for each, and what to do about it."""

import json
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from counterweight.cli.checkup.finding import Finding
from counterweight.cli.checkup.machine import check_load, check_python, check_torch
from counterweight.cli.workspace import GRAPH
from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError

OUTSIDE = "call it in a clone of Counterweight, beside dvc.yaml, or give --params FOLDER/params.yaml"


class Report(NamedTuple):
    """All findings as text or JSON, and whether one of them is in the way of a run."""

    text: str
    has_problem: bool


def examine(params: Path, as_json: bool) -> Report:
    """Return what was found of the machine and, where there is one, of the workspace of a settings file.

    Raises:
        UserError: there is no such folder.
    """
    is_workspace = (params.parent / GRAPH).is_file()
    if not is_workspace and not params.parent.is_dir():
        raise UserError(f"{params.parent}: no such folder")
    parts: list[Callable[[], Iterator[Finding]]] = [check_python, check_torch, check_load]
    with chdir(params.parent):  # Settings name folders from where the graph runs.
        parts.append(lambda: examine_workspace(Path(params.name)) if is_workspace else examine_outside())
        findings = [found for part in tqdm(parts, "doctor", leave=False, disable=None) for found in part()]
    has_problem = any(found.level == "problem" for found in findings)
    facts = {"workspace": is_workspace, "findings": [found._asdict() for found in findings]}
    return Report(json.dumps(facts, indent=1) if as_json else render(findings), has_problem)


def examine_workspace(params: Path) -> Iterator[Finding]:
    """Yield disks, DVC, record and locks, and what the settings ask for."""
    from counterweight.cli.checkup.weights import check_weights
    from counterweight.cli.checkup.workspace import (
        check_disk,
        check_dvc,
        check_locks,
        check_record,
        check_settings,
        read_settings,
    )

    root = Path()
    yield Finding("workspace", "ok", str(root.absolute()))
    yield check_disk("disk", root.absolute())
    yield from check_dvc(root, True)
    yield check_record(root)
    yield from check_locks(root)
    settings = read_settings(params)
    if isinstance(settings, Finding):
        yield settings
        return
    try:
        choose_device(settings.device)
    except UserError as error:
        yield Finding("settings", "problem", str(error))
    weights = [*check_weights(settings)]
    unread = [found.text for found in weights if found.level != "ok"]
    absent = {own for own in settings.table.datasets if any(f"classifiers.{own}" in text for text in unread)}
    yield from check_settings(settings, str(params), absent)
    yield from weights


def examine_outside() -> Iterator[Finding]:
    """Yield what can be said where there is no workspace."""
    from counterweight.cli.checkup.workspace import check_disk, check_dvc

    here = Path().absolute()
    text = f"{here}: no {GRAPH} here; settings, weights and DVC's state were not looked at"
    yield Finding("workspace", "warning", text, OUTSIDE)
    yield check_disk("disk", here)
    yield from check_dvc(here, False)


def render(findings: list[Finding]) -> str:
    """Return a line for each finding, below it what to do."""
    width = max(len(found.topic) for found in findings)
    lines = []
    for found in findings:
        lines.append(f"{found.level:8} {found.topic:{width}}  {found.text}")
        lines += [f"{'':8} {'':{width}}  -> {found.advice}"] if found.advice else []
    counts = {level: sum(found.level == level for found in findings) for level in ("problem", "warning")}
    words = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count]
    return "\n".join([*lines, "", ", ".join(words) or "all is well"])
