"""Whether a limit of addresses (`ulimit -v`) leaves room for torch, whose libraries abort the process without it."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from counterweight.core.memory import GIB, Memory, read_addresses

TORCH, GPU = "torch", "nvidia"
"""Packages whose libraries are loaded with the first of them."""
WORK = 2**29
"""Bytes that work takes beside libraries, at least: OpenBLAS and others end a process that has less."""


class NoRoomError(ImportError):
    """A library does not fit into the addresses that a process may use."""


class RoomForTorch(MetaPathFinder):
    """Asked for every module that is imported: finds none, and refuses torch where there is no room for it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None, so that others look for a module.

        Raises:
            NoRoomError: it is torch, and does not fit.
        """
        room = next(read_addresses(Path("/")), None) if fullname == TORCH else None
        if room is not None:
            require_room(room, measure_libraries())
        return None


def foresee_torch() -> None:
    """Refuse an import of torch from now on that does not fit into the addresses that this process may use."""
    if not any(isinstance(finder, RoomForTorch) for finder in sys.meta_path):
        sys.meta_path.insert(0, RoomForTorch())


def require_room(room: Memory, libraries: int) -> None:
    """Refuse libraries of so many bytes where there is no room for them and work with them.

    Raises:
        NoRoomError: there is none.
    """
    needed = room.total - room.free + libraries + WORK
    if needed > room.total:
        said = f"addresses are limited to {math.floor(100 * room.total / GIB) / 100:.2f} GiB (ulimit -v)"
        raise NoRoomError(f"{said}, {math.ceil(100 * needed / GIB) / 100:.2f} are needed for torch and work with it")


def measure_libraries() -> int:
    """Return the bytes of the libraries of torch and, where it has those, for GPUs.

    More than are loaded at once: some are when they are used, if at all.
    """
    return sum(path.stat().st_size for path in {*list_libraries()})


def list_libraries() -> Iterator[Path]:
    """Yield the files of libraries beside torch and, where it has those, for GPUs; torch is not imported."""
    for package in (TORCH, GPU):
        spec = PathFinder.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for root, _, names in os.walk(folder):
                # One library may have several names.
                yield from (Path(root, name).resolve() for name in names if ".so" in name)
