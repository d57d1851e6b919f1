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
INDEX = Path(".git/index.lock")
"""What git holds while it changes what is staged, and leaves if it is killed: the next one refuses to start."""
LATE = 2.0  # seconds; a system tells when it started, and so when its processes did, in whole ones
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
        if is_holder(pid, path):
            yield Finding("locks", "warning", f"process {pid} is running: {command}", "wait for it, or end it")
        else:
            advice = "counterweight doctor --mend takes it away; nothing waits for it, and DVC takes some away itself"
            text = f"process {pid} was killed and left a lock: {command}"
            yield Finding("locks", "warning", text, advice, change=partial(release_dead, path))
    if (root / INDEX).exists():
        text = f"git is at work here, or was killed at it: {root / INDEX}"
        yield Finding("locks", "warning", text, f"wait for it; where no git runs, rm {root / INDEX}")
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
        alive = {pid for pid in read_holders(path) if is_holder(pid, path)}
        read = {name: [info for info in infos if info["pid"] in alive] for name, infos in locks.get("read", {}).items()}
        write = {name: info for name, info in locks.get("write", {}).items() if info["pid"] in alive}
        kept = {"read": {name: infos for name, infos in read.items() if infos}, "write": write}
        with atomic_output(path) as whole:
            whole.write_text(json.dumps(kept), encoding="utf-8")


def is_holder(pid: int, path: Path) -> bool:
    """Say whether a process in a list of DVC's may be the one that put itself there.

    After a restart, of a container most of all, its number is soon another's, which began after the list was written.
    """
    began = read_start(pid)
    return is_alive(pid) and (began is None or began <= path.stat().st_mtime + LATE)


def read_start(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970; None where the system does not tell, as Linux does."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
        booted = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return booted + ticks / os.sysconf("SC_CLK_TCK")


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
