"""How much memory is left: what cannot fit is refused in one line, before the kernel ends the process without any."""

import math
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError

GIB = 2**30
LITTLE = 2**26
"""Bytes that are not looked at: what is small is asked for often."""
RESERVE = 2**28
"""Bytes that are left to what asks for little, and to what others ask for at the same moment."""
WAYS = "smaller images (size), fewer of them, or a machine with more"
"""What helps where images are too many or too large."""
UNLIMITED = 2**60
"""Limits of the first version of control groups that are as large as a number can be mean none."""
FILES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Limit and use of a control group in the second version, and in the first."""
ADDRESSES, DATA = ("address space", 0), ("data size", 5)
"""What limits of a process are called where the kernel lists them, and the place of their use among its sizes."""


class Memory(NamedTuple):
    """Bytes of memory that may still be taken, and all of it: of the machine, or of what limits this process."""

    free: int
    total: int


def require_memory(wanted: int, where: str, ways: str = WAYS) -> None:
    """Refuse what needs more memory than is left.

    Args:
        wanted: bytes.
        where: what needs them; begins the error's message.
        ways: what helps; ends it.

    Raises:
        UserError: there is less.
    """
    free = find_shortage(wanted)
    if free is not None:
        # Rounded apart: what is needed is never what may be used.
        needed, usable = math.ceil(100 * wanted / GIB) / 100, math.floor(100 * max(0, free - RESERVE) / GIB) / 100
        said = f"{needed:.2f} GiB of memory needed, {usable:.2f} may be used: {free / GIB:.2f} are left"
        raise UserError(f"{where}: {said}, of which {RESERVE / GIB:.2f} stay free; {ways}")


def find_shortage(wanted: int) -> int | None:
    """Return the bytes that this process may still take where that is too little for `wanted`; None where it fits."""
    if wanted < LITTLE:
        return None
    free = measure_free_memory()
    return free if free is not None and wanted + RESERVE > free else None


def measure_free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that this process may still take; None: not known. Argument as of `measure_memory`."""
    found = measure_memory(root)
    return None if found is None else found.free


def measure_memory(root: Path = Path("/")) -> Memory | None:
    """Return the memory of the machine, of a control group or of a limit of this process: where least is left of it.

    Args:
        root: where `proc` and `sys` lie: Linux tells it there, and nobody else does. None is returned without.
    """
    limits = [*read_own_limit(root, *ADDRESSES), *read_own_limit(root, *DATA)]
    return min((*read_machine(root), *read_groups(root), *limits), default=None)


def read_machine(root: Path) -> Iterator[Memory]:
    """Yield what the machine has, memory that its caches would give back and swap included."""
    path = root / "proc/meminfo"
    if not path.is_file():
        return
    lines = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
    kib = {name: int(words.split()[0]) for name, words in lines.items() if words.split()[0].isdecimal()}
    if "MemAvailable" in kib:
        free, total = kib["MemAvailable"] + kib.get("SwapFree", 0), kib.get("MemTotal", 0) + kib.get("SwapTotal", 0)
        yield Memory(1024 * free, 1024 * total)


def read_own_limit(root: Path, name: str, place: int) -> Iterator[Memory]:
    """Yield what is left of a limit of this process, as by `ulimit -v` (addresses) or `ulimit -d` (data), if it has it.

    Args:
        root: as of `measure_memory`.
        name: what the limit is called, and `place`, where its use is: `ADDRESSES` or `DATA`.
    """
    limits, use = root / "proc/self/limits", root / "proc/self/statm"
    if not (limits.is_file() and use.is_file()):
        return
    if found := re.search(rf"^Max {name} +(\d+)", limits.read_text(encoding="ascii"), re.MULTILINE):
        most, used = int(found[1]), int(use.read_text(encoding="ascii").split()[place]) * mmap.PAGESIZE
        yield Memory(max(0, most - used), most)


def read_groups(root: Path) -> Iterator[Memory]:
    """Yield what is left of the limit of each control group that this process is in: of a container, or a job."""
    path = root / "proc/self/cgroup"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        own = top / place.strip("/")
        # In a container the folder of its own group is often the top itself.
        for folder in [folder for folder in (own, *own.parents) if folder.is_relative_to(top)]:
            yield from read_limit(folder)


def read_limit(folder: Path) -> Iterator[Memory]:
    """Yield what is left of one control group's limit, if it has one; what its caches would give back is left, too."""
    for limit, use in FILES:
        if (folder / limit).is_file() and (folder / use).is_file():
            most = (folder / limit).read_text(encoding="utf-8").strip()
            if most != "max" and int(most) < UNLIMITED:
                used = int((folder / use).read_text(encoding="utf-8")) - read_cache(folder)
                yield Memory(max(0, int(most) - used), int(most))


def read_cache(folder: Path) -> int:
    """Return the bytes of files that a control group keeps in memory and would give back."""
    path = folder / "memory.stat"
    if not path.is_file():
        return 0
    facts = dict(line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))
