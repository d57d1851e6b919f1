"""Files of DVC's cache that are no longer what was put there: named and removed, so that they are made anew.

DVC takes a file of its cache that is read-only for whole, and so restores one whose bytes a disk or a program changed,
as if it were the result; nor does it write a whole one over it. Here a file is read before it is relied on.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc.stage import Stage
    from dvc.stage.cache import StageCache
    from dvc_data.hashfile.db import HashFileDB

MD5, FOLDER, PARTIAL = "md5", ".dir", ".tmp"


def remove_damaged(outputs: "Iterable[Output]", earlier: Iterable[str]) -> list[Path]:
    """Remove what is damaged of a cache and return it.

    Args:
        outputs: of a stage; their own hashes, if they have any, and the cache that they lie in.
        earlier: further hashes of such outputs.
    """
    removed = []
    caches = {id(out.cache): out.cache for out in outputs if out.hash_name == MD5}
    for cache in caches.values():
        own = {str(out.hash_info.value) for out in outputs if out.cache is cache and out.hash_info}
        for path in {path for value in sorted(own | {*earlier}) for path in list_damaged(cache, value)}:
            path.unlink(missing_ok=True)
            removed.append(path)
    return sorted(removed)


def list_damaged(cache: "HashFileDB", value: str) -> Iterator[Path]:
    """Yield the damaged files of an output: its own or, of a folder, its list's and those of the files in it."""
    path = Path(cache.oid_to_path(value))
    try:
        content = hash_file(path)
        entries = json.loads(path.read_bytes()) if value.endswith(FOLDER) and content == value[: -len(FOLDER)] else []
    except FileNotFoundError:  # never there, or taken away by another workspace with the same cache
        return
    if content != value.removesuffix(FOLDER):
        yield path
    for entry in entries:
        yield from list_damaged(cache, entry[MD5])


def hash_file(path: Path) -> str:
    """Return the MD5 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def overlook_unwritten(runs: "StageCache") -> None:
    """Let DVC take a run whose record another machine is just writing for none, where locks do not reach there.

    Of itself it fails at a folder that is still empty, and removes a file that is not whole yet.
    """
    from dvc.stage.cache import _get_stage_hash

    def load_newest(stage: "Stage") -> Any:  # noqa: ANN401 - what DVC has read
        if not (key := _get_stage_hash(stage)):
            return None
        with suppress(FileNotFoundError):
            records = [path for path in Path(runs._get_cache_dir(key)).iterdir() if path.suffix != PARTIAL]
            newest = max(records, key=lambda path: path.stat().st_mtime_ns, default=None)
            return newest and runs._load_cache(key, newest.name)
        return None

    runs._load = load_newest


def list_earlier(stage: "Stage") -> list[str]:
    """Return the hashes of what a stage made of its present dependencies before, if it did; the stage stays as it is.

    As it is recorded, with other dependencies, DVC takes it for changed, which it would not any more.
    """
    from dvc.stage.cache import _can_hash

    recorded = stage.deps
    if not _can_hash(stage) or not all(dependency.exists for dependency in recorded):
        return []  # What is missing is told by whoever asks for it.
    stage.deps = [copy(dependency) for dependency in recorded]
    try:
        stage.save_deps()
        found = stage.repo.stage_cache._load(stage) or {}
    finally:
        stage.deps = recorded
    return [str(out[MD5]) for out in found.get("outs", []) if MD5 in out]
