"""How much memory is left: what cannot fit is refused in one line, before the kernel ends the process without any."""

from collections.abc import Iterator
from pathlib import Path

from counterweight.core.errors import UserError

GIB = 2**30
LITTLE = 2**26
"""Bytes that are not looked at: what is small is asked for often."""
RESERVE = 2**28
"""Bytes that are left to what asks for little, and to what others ask for at the same moment."""
UNLIMITED = 2**60
"""Limits of the first version of control groups that are as large as a number can be mean none."""
FILES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Limit and use of a control group in the second version, and in the first."""


def require_memory(wanted: int, where: str) -> None:
    """Refuse what needs more memory than is left.

    Args:
        wanted: bytes.
        where: what needs them; begins the error's message.

    Raises:
        UserError: there is less.
    """
    if wanted < LITTLE:
        return
    free = measure_free_memory()
    if free is not None and wanted + RESERVE > free:
        ways = "smaller images (size), fewer of them, or a machine with more"
        raise UserError(f"{where}: {wanted / GIB:.1f} GiB of memory needed, {free / GIB:.1f} GiB are left; {ways}")


def measure_free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that this process may still take, of the machine's and of its control groups'; None: not known.

    Args:
        root: where `proc` and `sys` lie: Linux tells it there, and nobody else does.
    """
    known = [free for free in (read_machine(root), *read_groups(root)) if free is not None]
    return min(known, default=None)


def read_machine(root: Path) -> int | None:
    """Return the bytes that the machine has left, memory that its caches would give back and swap included."""
    path = root / "proc/meminfo"
    if not path.is_file():
        return None
    lines = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
    kib = [int(lines[name].split()[0]) for name in ("MemAvailable", "SwapFree") if name in lines]
    return sum(kib) * 1024 if kib else None


def read_groups(root: Path) -> Iterator[int]:
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


def read_limit(folder: Path) -> Iterator[int]:
    """Yield what is left of one control group's limit, if it has one; what its caches would give back is left, too."""
    for limit, use in FILES:
        if (folder / limit).is_file() and (folder / use).is_file():
            most = (folder / limit).read_text(encoding="utf-8").strip()
            if most != "max" and int(most) < UNLIMITED:
                used = int((folder / use).read_text(encoding="utf-8")) - read_cache(folder)
                yield max(0, int(most) - used)


def read_cache(folder: Path) -> int:
    """Return the bytes of files that a control group keeps in memory and would give back."""
    path = folder / "memory.stat"
    if not path.is_file():
        return 0
    facts = dict(line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))
