"""Run what is stale of the graph, many stages at a time, and let DVC look at the end."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
from filelock import FileLock, Timeout

from counterweight.cli.workspace import run_dvc
from counterweight.core.errors import UserError
from counterweight.engines.local import LocalEngine
from counterweight.engines.progress import Progress
from counterweight.engines.record import LOGS, Record
from counterweight.engines.runner import VISIBLE, Outcome, Runner
from counterweight.engines.schedule import Schedule
from counterweight.reporting.page.times import TIMES, read_times

SHOWN = 12
"""Lines of a failed stage's log that are printed."""


def repro(root: Path, targets: Sequence[str], workers: int | None, as_json: bool) -> str:
    """Run all stages that targets need and that are stale; return what was done, as text or as JSON.

    Args:
        targets: stages, with or without their rows; none: all.
        workers: stages at a time; None: as many as there are cores.

    Raises:
        UserError: this is no workspace, another such command is running in it, a stage failed, or DVC finds something
            stale at the end.
    """
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; call it in the folder of the project")
    (root / LOGS).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / LOGS / "running.lock", timeout=0):
            outcome = run_graph(root, targets, workers or count_cores())
            if outcome.failed:
                print_failures(outcome)
                names = ", ".join(failure.stage for failure in outcome.failed)
                raise UserError(f"failed: {names}; what does not need them was run")
            # What was up to date needs no second look.
            check = run_dvc(root, "repro", *targets) if outcome.ran or outcome.restored else ""
    except Timeout:
        raise UserError(f"{root}: another `counterweight repro` is running here") from None
    if "Running stage" in check:
        raise UserError(f"DVC ran stages again that had just been run; its words:\n{check}")
    return json.dumps(to_json(outcome), indent=1) if as_json else describe(outcome)


def run_graph(root: Path, targets: Sequence[str], workers: int) -> Outcome:
    """Run a graph on this machine."""
    record = Record(root)
    earlier = record.read_graph(targets)
    seconds = {stage: float(own["seconds"]) for stage, own in read_times(root / TIMES).items()}
    progress = Progress(len(earlier), workers)
    try:
        return Runner(record, LocalEngine(), Schedule(earlier, seconds), workers, find_gpus(), progress).run()
    except KeyboardInterrupt:
        progress.say("stopped; what was made is kept, and the same command goes on from there")
        raise
    finally:
        progress.close()


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_gpus() -> list[str]:
    """Return the names of the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES wants them."""
    if (named := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    if (tool := shutil.which("nvidia-smi")) is None:
        return []
    found = subprocess.run(
        [tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    return found.stdout.split() if found.returncode == 0 else []


def to_json(outcome: Outcome) -> dict[str, list[str]]:
    """Return the names of the stages by what became of them."""
    return {"ran": outcome.ran, "restored": outcome.restored, "unchanged": outcome.unchanged}


def describe(outcome: Outcome) -> str:
    """Say what was done."""
    parts = [
        f"{len(names)} stage{'' if len(names) == 1 else 's'} {what}"
        for names, what in (
            (outcome.ran, "ran"),
            (outcome.restored, "came from the cache"),
            (outcome.unchanged, "were up to date"),
        )
        if names
    ]
    return "; ".join(parts) + "."


def print_failures(outcome: Outcome) -> None:
    """Say why stages failed, what they printed last, and what was left out for want of them."""
    for stage, reason, log in outcome.failed:
        click.echo(f"\n{stage}: {reason}" + ("" if log is None else f"; all that it printed: {log}"), err=True)
        text = "" if log is None else log.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines()[-SHOWN:]:
            click.echo(f"  {line}", err=True)
    if outcome.skipped:
        click.echo(f"\nLeft out, as they need what failed: {', '.join(outcome.skipped)}", err=True)
