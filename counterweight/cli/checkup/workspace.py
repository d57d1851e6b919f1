"""Is the workspace fit: disks, DVC, its record, and the settings."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from counterweight.cli.checkup.finding import GIB, Finding, render_size
from counterweight.cli.workspace import RECORD, find_cache, find_dvc, read_yaml, run_dvc
from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.core.outputs import MINIMUM_FREE_BYTES
from counterweight.engines.refusals import check_cache_path
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
        if cache is not None:
            check_cache_path(cache)
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
