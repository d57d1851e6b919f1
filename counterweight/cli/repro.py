"""Run what is stale of the graph, many stages at a time, and let DVC look at the end."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
from filelock import FileLock, Timeout

from counterweight.cli.workspace import run_dvc
from counterweight.core.errors import WORKSPACE, UserError
from counterweight.engines.cache_lock import NO_LOCKS
from counterweight.engines.jobs import Engine
from counterweight.engines.local import LocalEngine, find_gpus
from counterweight.engines.progress import Progress
from counterweight.engines.record import LOGS, Record
from counterweight.engines.runner import Outcome, Runner, Terminated
from counterweight.engines.schedule import Schedule
from counterweight.reporting.page.times import TIMES, read_times

SHOWN = 12
"""Lines of a failed stage's log that are printed."""


class Wanted(NamedTuple):
    """How stages are to be run."""

    workers: int | None
    """Stages at a time; None: as many as the engine can run."""
    engine: str
    """`local`, `ray` or `slurm`."""
    address: str | None
    """Of a Ray cluster; None: what RAY_ADDRESS says, else this machine."""
    options: Sequence[str]
    """Of submitit's executor, as KEY=VALUE."""
    per_gpu: int = 1
    """Stages that share a GPU."""


def repro(root: Path, targets: Sequence[str], wanted: Wanted, as_json: bool) -> str:
    """Run all stages that targets need and that are stale; return what was done, as text or as JSON.

    Args:
        targets: stages, with or without their rows; none: all.

    Raises:
        UserError: this is no workspace, another such command is running in it, a stage failed, or DVC finds something
            stale at the end.
    """
    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; {WORKSPACE}")
    (root / LOGS).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / LOGS / "running.lock", timeout=0, fallback_to_soft=False):
            outcome = run_graph(root, targets, wanted)
            if outcome.failed:
                print_failures(outcome)
                names = ", ".join(failure.stage for failure in outcome.failed)
                raise UserError(f"failed: {names}; what does not need them was run")
            check = look_again(root, targets, outcome)
    except Timeout:
        raise UserError(f"{root}: another `counterweight repro` is running here") from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        why = f"the disk of this workspace keeps no locks: {error.strerror}"
        raise UserError(f"{root.resolve()}: {why}; only a cache may lie on such a one (dvc cache dir)") from error
    if "Running stage" in check:
        raise UserError(f"DVC ran stages again that had just been run; its words:\n{check}")
    return json.dumps(to_json(outcome), indent=1) if as_json else describe(outcome)


def look_again(root: Path, targets: Sequence[str], outcome: Outcome) -> str:
    """Let DVC look, in a process of its own, at what was made; return what it says.

    What was up to date needs no second look, which takes seconds where a stage of it reads many files.
    """
    made = [*outcome.ran, *outcome.restored]
    if not made:
        return ""
    return run_dvc(root, "repro", *(["--single-item", *made] if outcome.unchanged else targets))


def make_engine(root: Path, wanted: Wanted) -> Engine:
    """Return what runs the stages.

    Raises:
        UserError: it is not installed, or not there.
    """
    for engine, name, given in (("ray", "--address", wanted.address), ("slurm", "--slurm", wanted.options)):
        if given and wanted.engine != engine:
            raise UserError(f"{name}: says nothing to --engine {wanted.engine}; with it goes --engine {engine}")
    if wanted.engine == "ray":
        from counterweight.engines.ray import RayEngine

        return RayEngine(root, wanted.address, wanted.per_gpu)
    if wanted.engine == "slurm":
        if wanted.per_gpu > 1:
            raise UserError(f"--per-gpu {wanted.per_gpu}: not with --engine slurm: Slurm itself says what shares a GPU")
        from counterweight.engines.slurm import SlurmEngine

        return SlurmEngine((root / LOGS / "slurm").resolve(), "slurm", dict(map(split_option, wanted.options)))
    gpus = find_gpus()
    if wanted.per_gpu > 1 and not gpus:
        raise UserError(f"--per-gpu {wanted.per_gpu}: no GPU is seen here; leave it out to compute without one")
    return LocalEngine(gpus, wanted.per_gpu)


def split_option(text: str) -> tuple[str, str]:
    """Split KEY=VALUE."""
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise UserError(f"--slurm {text}: KEY=VALUE wanted, as in slurm_partition=gpu")
    return key, value


def run_graph(root: Path, targets: Sequence[str], wanted: Wanted) -> Outcome:
    """Run a graph on an engine."""
    record = Record(root)
    earlier = record.read_graph(targets)
    named = {number for stage in earlier if (number := record.find_gpu(stage)) is not None}
    if named and wanted.engine != "local":
        what = f"params.yaml: device: cuda:{min(named)} is not allowed with --engine {wanted.engine}"
        raise UserError(f"{what}, which gives each stage a GPU of its own: auto or cuda")
    engine = make_engine(root, wanted)
    workers = wanted.workers or engine.workers
    seconds = {stage: float(own["seconds"]) for stage, own in read_times(root / TIMES).items()}
    progress = Progress(len(earlier), workers)
    try:
        return Runner(record, engine, Schedule(earlier, seconds), workers, progress).run()
    except KeyboardInterrupt as ended:
        progress.say("stopped; what was made is kept, and the same command goes on from there")
        if isinstance(ended, Terminated):
            sys.exit(128 + signal.SIGTERM)  # as shells report a process that this ended
        raise
    finally:
        progress.close()


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
            (outcome.unchanged, f"{'was' if len(outcome.unchanged) == 1 else 'were'} up to date"),
        )
        if names
    ]
    return "; ".join(parts) + "."


def print_failures(outcome: Outcome) -> None:
    """Say why stages failed, what they printed last, and what was left out for want of them."""
    for stage, reason, log in outcome.failed:
        where = "" if log is None else f"; all that it printed: {os.path.relpath(log)}"
        click.echo(f"\n{stage}: {reason}{where}", err=True)
        text = "" if log is None else log.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines()[-SHOWN:]:
            click.echo(f"  {line}", err=True)
    if outcome.skipped:
        click.echo(f"\nLeft out, as they need what failed: {', '.join(outcome.skipped)}", err=True)
