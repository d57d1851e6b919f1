"""Is everything fit for a run: machine, DVC, settings, weights; a line for each, and what to do about it."""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from counterweight.cli.checkup.finding import Finding
from counterweight.cli.checkup.machine import check_load, check_python, check_torch
from counterweight.cli.workspace import GRAPH, find_cache, find_dvc
from counterweight.core.errors import WORKSPACE, UserError
from counterweight.core.process import USUAL, call_settings

OUTSIDE = f"{WORKSPACE}, or give --params FOLDER/params.yaml"


class Report(NamedTuple):
    """All findings as text or JSON, and whether one of them is in the way of a run."""

    text: str
    has_problem: bool


def examine(given: Path | None, as_json: bool, mend: bool, hashed: bool = False) -> Report:
    """Return what was found of the machine, of a settings file and, where it lies in one, of the workspace.

    Args:
        given: the settings file; None: params.yaml here, if there is one.
        mend: whether to put right what can be, and look again.
        hashed: whether to read all files of the cache and all outputs.

    Raises:
        UserError: there is no such file, or something cannot be put right.
    """
    if given is not None and not given.is_file():
        raise UserError(f"--params: {given}: no such file")
    params = given or Path(USUAL)
    is_workspace = (params.parent / GRAPH).is_file()
    parts: list[Callable[[], Iterator[Finding]]] = [check_python, check_torch, check_load]
    with chdir(params.parent):  # Settings name folders from where the graph runs.
        own = Path(params.name)
        parts.append(lambda: examine_workspace(own, hashed) if is_workspace else examine_outside(own))
        findings = look(parts)
        mended = [put_right(found) for found in findings if found.mend or found.change] if mend else []
        findings = [*mended, *look(parts)] if mended else findings
    findings = [found._replace(text=call_settings(found.text, params.name)) for found in findings]
    has_problem = any(found.level == "problem" for found in findings)
    facts = {"workspace": is_workspace, "findings": [found.to_json() for found in findings]}
    return Report(json.dumps(facts, indent=1) if as_json else render(findings), has_problem)


def look(parts: Sequence[Callable[[], Iterator[Finding]]]) -> list[Finding]:
    """Return what all parts find."""
    return [found for part in tqdm(parts, "doctor", leave=False, disable=None) for found in part()]


def put_right(found: Finding) -> Finding:
    """Put right what was found, and return what was done.

    Raises:
        UserError: the command fails.
    """
    if found.change is not None:
        found.change()
        return Finding("mended", "ok", found.text)
    done = subprocess.run(found.mend, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{' '.join(found.mend)}: {' '.join(done.stderr.split()) or 'failed'}")
    return Finding("mended", "ok", f"{found.text}: {' '.join(found.mend)}")


def examine_workspace(params: Path, hashed: bool) -> Iterator[Finding]:
    """Yield disks, DVC, record and locks, and what the settings ask for; if wanted, whether files have their bytes."""
    from counterweight.cli.checkup.experiment import check_experiment
    from counterweight.cli.checkup.locks import check_locks
    from counterweight.cli.checkup.workspace import check_disk, check_dvc, check_record

    root = Path()
    yield Finding("workspace", "ok", str(root.absolute()))
    yield check_disk("disk", root.absolute())
    yield from check_dvc(root, True)
    yield (record := check_record(root))
    yield from check_experiment(root)
    yield from check_locks(root)
    if hashed and find_dvc() is not None:
        from counterweight.cli.checkup.hashes import check_hashes

        yield from check_hashes(root, find_cache(root), record.level == "ok")
    yield from examine_settings(params, True)


def examine_outside(params: Path) -> Iterator[Finding]:
    """Yield what can be said where there is no workspace; of a settings file, all but what its images are."""
    from counterweight.cli.checkup.workspace import check_disk, check_dvc

    here = Path().absolute()
    has_settings = params.is_file()
    unseen = "images and DVC's state" if has_settings else "settings, weights and DVC's state"
    yield Finding("workspace", "warning", f"{here}: no {GRAPH} here; {unseen} were not looked at", OUTSIDE)
    yield check_disk("disk", here)
    yield from check_dvc(here, False)
    if has_settings:
        yield from examine_settings(params, False)


def examine_settings(params: Path, has_images: bool) -> Iterator[Finding]:
    """Yield what is wrong with a settings file, or that nothing is, and the weights that it asks for."""
    from counterweight.cli.checkup.weights import check_weights
    from counterweight.cli.checkup.workspace import check_settings, read_settings

    settings = read_settings(params)
    if isinstance(settings, Finding):
        yield settings
        return
    weights = [*check_weights(settings)]
    unread = [found.text for found in weights if found.level != "ok"]
    absent = {own for own in settings.table.datasets if any(f"classifiers.{own}" in text for text in unread)}
    yield check_settings(settings, str(params), absent, has_images)
    yield from weights


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
