"""Whether limits of a process (`ulimit -v`, `ulimit -d`) leave room for torch, whose libraries abort it without."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from counterweight.core.memory import ADDRESSES, DATA, GIB, Memory, read_own_limit

TORCH, GPU = "torch", "nvidia"
"""Packages whose libraries are loaded with the first of them."""
WORK = 2**29
"""Bytes that work takes beside libraries, at least: OpenBLAS and others end a process that has less."""
WRITTEN = 7 * 2**27
"""Bytes of data that libraries take when they are loaded, at most: of torch 2.13 for GPUs 0.8 GiB were measured."""


class NoRoomError(ImportError):
    """A library does not fit into what a process may use."""


class RoomForTorch(MetaPathFinder):
    """Asked for every module that is imported: finds none, and refuses torch where there is no room for it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None, so that others look for a module.

        Raises:
            NoRoomError: it is torch, and does not fit.
        """
        if fullname == TORCH:
            for room in read_own_limit(Path("/"), *ADDRESSES):
                require_room(room, measure_libraries(), "addresses are", "-v")
            for room in read_own_limit(Path("/"), *DATA):
                require_room(room, min(WRITTEN, measure_libraries()), "data is", "-d")
        return None


def foresee_torch() -> None:
    """Refuse an import of torch from now on that does not fit into what this process may use."""
    if not any(isinstance(finder, RoomForTorch) for finder in sys.meta_path):
        sys.meta_path.insert(0, RoomForTorch())


def require_room(room: Memory, libraries: int, what: str, option: str) -> None:
    """Refuse libraries that take so many bytes where there is no room for them and work with them.

    Args:
        room: what is left of a limit.
        libraries: bytes.
        what: is limited, with its verb, and by which `option` of `ulimit`.

    Raises:
        NoRoomError: there is none.
    """
    needed = room.total - room.free + libraries + WORK
    if needed > room.total:
        said = f"{what} limited to {math.floor(100 * room.total / GIB) / 100:.2f} GiB (ulimit {option})"
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
