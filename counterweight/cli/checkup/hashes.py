"""Do files have the bytes that they are recorded with: those of DVC's cache, and what stages made."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from counterweight.cli.checkup.finding import Finding
from counterweight.cli.workspace import RECORD, read_yaml
from counterweight.engines.objects import FOLDER, MD5, hash_file

HASHES = "files/md5"  # below a cache of DVC 3
CACHE, OUTPUTS = "bytes of the cache", "bytes of outputs"
NAME = re.compile(r"[0-9a-f]{30}(\.dir)?")


def check_hashes(root: Path, cache: Path, recorded: bool) -> Iterator[Finding]:
    """Yield what all files of a cache, and the outputs that dvc.lock records, say of their bytes.

    Args:
        recorded: whether that record is whole; else no outputs are looked at.
    """
    store = cache / HASHES
    yield check_cache(store)
    if recorded:
        yield check_outputs(root, store)


def check_cache(store: Path) -> Finding:
    """Say which files of a cache are not what they are named after.

    DVC restores them as if they were, unless they can be written to.
    """
    files = [path for path in sorted(store.glob("??/*")) if NAME.fullmatch(path.name)]
    bar = tqdm(files, "cache", unit="file", leave=False, disable=None)
    damaged = [path for path in bar if not is_whole(path)]
    if not damaged:
        return Finding(CACHE, "ok", f"{len(files):,} files are what they are named after")
    advice = "remove them: what they were is made anew; counterweight repro does so before it relies on one"
    return Finding(CACHE, "problem", name_some(damaged, "damaged"), advice, ("rm", "-f", *map(str, damaged)))


def is_whole(path: Path) -> bool:
    """Say whether a file of the cache is what it is named after."""
    return hash_file(path) == path.parent.name + path.name.removesuffix(FOLDER)


def check_outputs(root: Path, store: Path) -> Finding:
    """Say which files that stages made are not what dvc.lock records, and how many are missing."""
    recorded = list_recorded(root, store)
    bar = tqdm(recorded, "outputs", unit="file", leave=False, disable=None)
    changed = [path for path, value in bar if path.is_file() and hash_file(path) != value]
    if not changed:
        there = sum(path.is_file() for path, _ in recorded)
        words = "file is as {} records it" if there == 1 else "files are as {} records them"
        said = f"{there:,} {words.format(RECORD)}"
        lacking = f", {len(recorded) - there:,} not there: counterweight repro brings or makes them"
        return Finding(OUTPUTS, "ok", said + (lacking if there < len(recorded) else ""))
    advice = "rm them, then counterweight repro: one whose time and size are as they were, DVC takes for unchanged"
    return Finding(OUTPUTS, "warning", name_some(changed, f"unlike what {RECORD} records"), advice)


def list_recorded(root: Path, store: Path) -> list[tuple[Path, str]]:
    """Return the files that dvc.lock says stages made, and their hashes; of a folder by its list in the cache."""
    if not (root / RECORD).is_file():
        return []
    stages = read_yaml(root / RECORD).get("stages") or {}
    outputs = [out for stage in stages.values() for out in stage.get("outs", []) if MD5 in out]
    found = []
    for out in outputs:
        path, value = root / out["path"], str(out[MD5])
        if not value.endswith(FOLDER):
            found.append((path, value))
        elif (listed := store / value[:2] / value[2:]).is_file() and is_whole(listed):
            entries = json.loads(listed.read_bytes())
            found += [(path / entry["relpath"], str(entry[MD5])) for entry in entries]
    return found


def name_some(paths: Sequence[Path], what: str) -> str:
    """Return how many files are so, and the first."""
    return f"{len(paths):,} {'file is' if len(paths) == 1 else 'files are'} {what}, as {paths[0]}"
