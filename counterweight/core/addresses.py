"""Whether limits of a process (`ulimit -v`, `ulimit -d`) leave room for torch, whose libraries abort it without."""

import math
import mmap
import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from counterweight.core.memory import ADDRESSES, DATA, GIB, Memory, read_own_limit

TORCH, ARROW = "torch", "pyarrow"
LIMITS = (("addresses are", "-v", *ADDRESSES), ("data is", "-d", *DATA))
"""What is limited, by which option of `ulimit`, and what the kernel calls it."""
LEAST = 2**29
"""Bytes of addresses without which pyarrow and others may end the process as they are loaded."""
WORK = 2**29
"""Bytes that work takes beside libraries, at least: OpenBLAS and others end a process that has less."""
TRIAL = f"""
from pathlib import Path
def read(): return [int(pages) for pages in Path("/proc/self/statm").read_text().split()]
before = read()
import {TORCH}
print(*(later - sooner for sooner, later in zip(before, read())))
"""


class NoRoomError(ImportError):
    """A library does not fit into what a process may use."""


class Room(NamedTuple):
    """What is left of a limit, what it limits, the option of `ulimit` that does, and its place among sizes."""

    memory: Memory
    what: str
    option: str
    place: int


class RoomForTorch(MetaPathFinder):
    """Asked for every module that is imported: finds none, and refuses torch where there is no room for it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None, so that others look for a module.

        Raises:
            NoRoomError: it is torch, and does not fit, or pyarrow, where next to nothing does.
        """
        if fullname == ARROW:
            for room in list_rooms():
                require_least(room)
        if fullname == TORCH and (rooms := list_rooms()):
            taken = try_torch()
            for room in rooms:
                require_room(room, taken)
        return None


def foresee_torch() -> None:
    """Refuse an import of torch from now on that does not fit into what this process may use."""
    if not any(isinstance(finder, RoomForTorch) for finder in sys.meta_path):
        sys.meta_path.insert(0, RoomForTorch())


def list_rooms() -> list[Room]:
    """Return what is left of each limit that this process has."""
    return [
        Room(memory, what, option, place)
        for what, option, name, place in LIMITS
        for memory in read_own_limit(Path("/"), name, place)
    ]


def try_torch() -> list[int] | None:
    """Return the bytes that torch takes of each size of a process, tried in one of the same limits; None: it ends."""
    done = subprocess.run([sys.executable, "-P", "-c", TRIAL], capture_output=True, text=True, check=False)
    return [mmap.PAGESIZE * int(pages) for pages in done.stdout.split()] if done.returncode == 0 else None


def require_least(room: Room) -> None:
    """Refuse addresses that are too few for libraries.

    Raises:
        NoRoomError: they are.
    """
    if room.option == "-v" and room.memory.total < LEAST:
        raise NoRoomError(f"{describe_limit(room)}, {LEAST / GIB:.2f} are the least")


def describe_limit(room: Room) -> str:
    """Say what is limited, to how much, by which option."""
    return f"{room.what} limited to {math.floor(100 * room.memory.total / GIB) / 100:.2f} GiB (ulimit {room.option})"


def require_room(room: Room, taken: Sequence[int] | None) -> None:
    """Refuse torch where there is no room for it and work with it.

    Args:
        taken: as of `try_torch`.

    Raises:
        NoRoomError: there is none.
    """
    (free, total), said = room.memory, describe_limit(room)
    if taken is None:
        raise NoRoomError(f"{said}, torch needs more")
    needed = total - free + taken[room.place] + WORK
    if needed > total:
        raise NoRoomError(f"{said}, {math.ceil(100 * needed / GIB) / 100:.2f} are needed for torch and work with it")
