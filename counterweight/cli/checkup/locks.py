"""What runs or was killed in a workspace: DVC's list of files in use, and unfinished outputs."""

import fcntl
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from counterweight.cli.checkup.finding import Finding
from counterweight.core.outputs import atomic_output

BUSY = Path(".dvc/tmp/lock")
IN_USE = Path(".dvc/tmp/rwlock")
"""DVC's list of files in use: which process reads and writes what."""
WRITTEN = ("data", "models", "metrics", "plots", "checkpoints")


def check_locks(root: Path) -> Iterator[Finding]:
    """Yield what runs or was killed here."""
    if not (root / ".dvc").is_dir():
        yield Finding("locks", "problem", f"{root / '.dvc'}: no such folder", "dvc init, in a clone of the project")
        return
    if is_held(root / BUSY):
        yield Finding("locks", "warning", "another command of DVC is running here", "wait for it before dvc repro")
    path = root / IN_USE
    try:
        held = read_holders(path)
    except (ValueError, AttributeError, KeyError, TypeError):
        yield Finding(
            "locks", "problem", f"{path} is damaged, as a killed run leaves it", f"rm {path}", ("rm", str(path))
        )
        return
    for pid, command in held.items():
        if is_alive(pid):
            yield Finding("locks", "warning", f"process {pid} is running: {command}", "wait for it, or end it")
        else:
            advice = "counterweight doctor --mend takes it away; nothing waits for it, and DVC takes some away itself"
            text = f"process {pid} was killed and left a lock: {command}"
            yield Finding("locks", "warning", text, advice, change=partial(release_dead, path))
    left = [path for name in WRITTEN for path in (root / name).rglob(".*.partial")]
    if left and not held:
        text = f"{len(left)} unfinished outputs of a killed run, as {left[0]}"
        yield Finding("locks", "warning", text, "nothing: the stage removes them when it runs again")
    elif not held:
        yield Finding("locks", "ok", "none")


def read_holders(path: Path) -> dict[int, str]:
    """Return the processes in DVC's list of files in use, and their commands; none where there is no list.

    Raises:
        ValueError, AttributeError, KeyError, TypeError: it is damaged.
    """
    locks: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    readers = [info for infos in locks.get("read", {}).values() for info in infos]
    return {int(info["pid"]): str(info["cmd"]) for info in [*locks.get("write", {}).values(), *readers]}


def release_dead(path: Path) -> None:
    """Take processes that are no more out of DVC's list of files in use.

    DVC does so only where one of them is in its way: what a killed process read and nobody writes, as code and
    settings, stays in the list for ever, and is held by whatever process gets that number.
    """
    with path.with_name("rwlock.lock").open("a", encoding="utf-8") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # DVC's own: it reads and writes the list in the same way.
        locks: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        alive = {pid for pid in read_holders(path) if is_alive(pid)}
        read = {name: [info for info in infos if info["pid"] in alive] for name, infos in locks.get("read", {}).items()}
        write = {name: info for name, info in locks.get("write", {}).items() if info["pid"] in alive}
        kept = {"read": {name: infos for name, infos in read.items() if infos}, "write": write}
        with atomic_output(path) as whole:
            whole.write_text(json.dumps(kept), encoding="utf-8")


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
