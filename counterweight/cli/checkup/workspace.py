"""Is the workspace fit: disks, DVC, its record and its locks, and the settings."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterweight.cli.checkup.finding import GIB, Finding, render_size
from counterweight.cli.workspace import RECORD, find_cache, find_dvc, read_yaml, run_dvc
from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.core.outputs import MINIMUM_FREE_BYTES
from counterweight.core.process import USUAL
from counterweight.evaluation.prechecks import (
    check_blocks,
    check_dataset,
    check_graph_keys,
    check_latent,
    check_network,
    check_pair,
    check_recipes,
    check_recognition,
)
from counterweight.recipes.base.classifier_network import check_named
from counterweight.settings.params import Params, load_params

LITTLE_SPACE = 2 * GIB
OLDEST_DVC = (3, 67)  # as in pyproject.toml
WRITTEN = ("data", "models", "metrics", "plots", "checkpoints")
MARKERS = ("<<<<<<< ", ">>>>>>> ")


def check_disk(topic: str, folder: Path) -> Finding:
    """Say how much room there is on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    text = f"{render_size(free)} free at {folder}"
    if free < MINIMUM_FREE_BYTES:
        return Finding(topic, "problem", text, "make room: stages stop before they write")
    if free < LITTLE_SPACE:
        return Finding(topic, "warning", text, "a table of photographs takes gigabytes; dvc gc -w frees old results")
    return Finding(topic, "ok", text)


def check_dvc(root: Path, is_workspace: bool) -> Iterator[Finding]:
    """Yield DVC's version and, in a workspace, the size of its cache and the room there."""
    if find_dvc() is None:
        yield Finding("dvc", "problem", "not installed", "pip install 'counterweight[pipeline]', or make setup")
        return
    try:
        version = run_dvc(root, "--version").strip()
        cache = find_cache(root) if is_workspace else None
    except UserError as error:
        yield Finding("dvc", "problem", str(error))
        return
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    too_old = f"{'.'.join(map(str, OLDEST_DVC))} or newer is needed: make setup"
    yield Finding("dvc", "problem", version, too_old) if parts < OLDEST_DVC else Finding("dvc", "ok", version)
    if cache is None:
        return
    sizes = [path.lstat().st_size for path in cache.rglob("*") if path.is_file()]
    yield Finding("cache", "ok", f"{render_size(sum(sizes))} in {len(sizes):,} files at {cache}")
    there = next(folder for folder in [cache, *cache.parents] if folder.is_dir())
    yield check_disk("disk of the cache", there)


def check_record(root: Path) -> Finding:
    """Say whether dvc.lock is whole."""
    path = root / RECORD
    if not path.is_file():
        return Finding(RECORD, "ok", "not there: nothing has run yet")
    way_out = f"git checkout {RECORD}, then dvc repro: what has been made is found in the cache"
    mend = ("git", "checkout", "--quiet", "--", RECORD)
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.strip():
        return Finding(RECORD, "problem", "empty, as a full disk or a killed run leaves it", way_out, mend)
    if any(line.startswith(MARKERS) for line in text.splitlines()):
        advice = "take either side: git checkout --ours dvc.lock (or --theirs), then dvc repro"
        return Finding(RECORD, "problem", "has conflict markers of a merge", advice)
    try:
        stages = read_yaml(path).get("stages")
    except UserError as error:
        return Finding(RECORD, "problem", str(error), way_out, mend)
    if not isinstance(stages, dict):
        return Finding(RECORD, "problem", "has no stages", way_out, mend)
    if cut := [name for name, stage in stages.items() if not is_recorded(stage)]:
        return Finding(RECORD, "problem", f"is cut off in '{cut[0]}', as a killed dvc repro leaves it", way_out, mend)
    return Finding(RECORD, "ok", f"{len(stages)} stages recorded")


def is_recorded(stage: object) -> bool:
    """Say whether a stage's record has the form of one."""
    if not isinstance(stage, dict) or not isinstance(stage.get("cmd"), str | list):
        return False
    lists = [stage[key] for key in ("deps", "outs") if key in stage]
    return all(
        isinstance(own, list) and all(isinstance(each, dict) and "path" in each for each in own) for own in lists
    )


def check_staged(root: Path) -> Iterator[Finding]:
    """Yield what a killed `dvc exp run` leaves: settings and record as the experiment had them, staged."""
    words = ("git", "diff", "--cached", "--name-only", "--relative", "--", USUAL, RECORD)
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == 0 and USUAL in (staged := done.stdout.split()):
        mend = ("git", "stash", "push", "--quiet", "--", *staged)
        advice = f"if it is not your own doing: {' '.join(mend)}; git stash pop takes it back"
        text = f"{' and '.join(staged)} changed and staged, as a killed dvc exp run leaves it"
        yield Finding("staged", "warning", text, advice, mend)


def check_locks(root: Path) -> Iterator[Finding]:
    """Yield what runs or was killed here."""
    if not (root / ".dvc").is_dir():
        yield Finding("locks", "problem", f"{root / '.dvc'}: no such folder", "dvc init, in a clone of the project")
        return
    if is_held(root / ".dvc/tmp/lock"):
        yield Finding("locks", "warning", "another command of DVC is running here", "wait for it before dvc repro")
    path = root / ".dvc/tmp/rwlock"
    try:
        held = list_holders(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, AttributeError, KeyError, TypeError):
        yield Finding(
            "locks", "problem", f"{path} is damaged, as a killed run leaves it", f"rm {path}", ("rm", str(path))
        )
        return
    for pid, command in held.items():
        if is_alive(pid):
            yield Finding("locks", "warning", f"process {pid} is running: {command}", "wait for it, or end it")
        else:
            advice = "nothing: DVC takes it away in the next run"
            yield Finding("locks", "warning", f"process {pid} was killed and left a lock: {command}", advice)
    left = [path for name in WRITTEN for path in (root / name).rglob(".*.partial")]
    if left and not held:
        text = f"{len(left)} unfinished outputs of a killed run, as {left[0]}"
        yield Finding("locks", "warning", text, "nothing: the stage removes them when it runs again")
    elif not held:
        yield Finding("locks", "ok", "none")


def list_holders(locks: Any) -> dict[int, str]:  # noqa: ANN401
    """Return the processes in DVC's table of locks, and their commands."""
    readers = [info for infos in locks.get("read", {}).values() for info in infos]
    return {int(info["pid"]): str(info["cmd"]) for info in [*locks.get("write", {}).values(), *readers]}


def is_held(path: Path) -> bool:
    """Say whether a process holds a lock file, which itself stays when none does."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_alive(pid: int) -> bool:
    """Say whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def read_settings(params: Path) -> Params | Finding:
    """Return the settings, or what is wrong with their file."""
    try:
        return load_params(params)
    except UserError as error:
        return Finding("settings", "problem", str(error))


def check_settings(params: Params, name: str, unread: set[str], has_images: bool) -> Finding:
    """Return what the graph's first stage would say of the settings, but for what it downloads.

    Args:
        name: of the file.
        unread: datasets of the table whose classifiers cannot be built, as their weights are not here.
        has_images: whether the folders are here in which the graph looks for images.
    """
    try:
        check_blocks_alone(params)
        if has_images:
            check_table_rows(params, unread)
    except UserError as error:
        return Finding("settings", "problem", str(error))
    table = params.table
    rows = len(table.datasets) * len(table.scenarios) * len(table.generators)
    made = f"{rows} rows of generators in {table.draws} draws, {len(table.recipes)} recipes, {len(table.pairs)} pairs"
    looked = "" if has_images else "; its images were not looked at"
    return Finding("settings", "ok", f"{name}: valid; {made}{looked}")


def check_blocks_alone(params: Params) -> None:
    """Check what stands in the file as far as that needs no images; errors as of the checks themselves."""
    check_graph_keys(params)
    check_blocks(params)
    choose_device(params.device)
    check_recipes(params)
    for dataset in params.table.datasets:
        check_named(params.classifiers[dataset], f"params.yaml: classifiers.{dataset}")
    check_latent(params.latent)
    # Without rows it validates the blocks, and downloads nothing.
    check_recognition(params.model_copy(update={"table": params.table.model_copy(update={"recognition": []})}))


def check_table_rows(params: Params, unread: set[str]) -> None:
    """Check the datasets and pairs of the table, as far as that is quick; errors as of the checks themselves."""
    for dataset in params.table.datasets:
        names = check_dataset(params, dataset)
        if dataset not in unread:
            check_network(params, dataset, len(names))
    for pair in params.table.pairs:
        check_pair(params, pair)
