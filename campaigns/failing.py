"""Disks that do what they should not, by libraries preloaded before the C library: fail_once.c and shared_disk.c."""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path
from types import TracebackType

SOURCE, SHARED = (Path(__file__).with_name(name) for name in ("fail_once.c", "shared_disk.c"))
EACH_ITS_OWN = -1
"""In place of an errno: locks that all have who ask, as where each machine has its own."""
STATE = struct.Struct("qqq")
"""Calls so far, which one fails (0: none), and with what errno."""


def find_compiler() -> str | None:
    """Return the C compiler, if there is one."""
    return shutil.which("cc")


def compile_library(source: Path, library: Path) -> None:
    """Compile a library that can be preloaded."""
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)


def share(root: Path, scratch: Path, error: int, microseconds: int) -> dict[str, str]:
    """Return variables that make a folder look like one on a slow disk of a network, whose locks do not work.

    Args:
        scratch: a folder elsewhere, for the library.
        error: errno of locks, or `EACH_ITS_OWN`.
        microseconds: that calls on the folder take more.
    """
    compile_library(SHARED, library := scratch / "shared_disk.so")
    facts = {"ROOT": root.resolve(), "ERROR": error, "MICROSECONDS": microseconds}
    return {"LD_PRELOAD": str(library), **{f"SHARED_{name}": str(value) for name, value in facts.items()}}


class FailOnce:
    """Calls that write below a folder, counted over all processes that have `variables`; one may be let fail."""

    def __init__(self, root: Path, scratch: Path) -> None:
        """Compile the library.

        Args:
            root: the folder.
            scratch: a folder elsewhere, for the library and what processes share.
        """
        library, state = scratch / "fail_once.so", scratch / "calls"
        compile_library(SOURCE, library)
        state.write_bytes(bytes(STATE.size))
        self.variables = {
            "LD_PRELOAD": str(library),
            "FAIL_ROOT": str(root.resolve()),
            "FAIL_STATE": str(state),
            "PYTHONDONTWRITEBYTECODE": "1",  # nobody minds when these cannot be written
        }
        with state.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), STATE.size)

    def __enter__(self) -> "FailOnce":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.memory.close()

    def arm(self, call: int, error: int) -> None:
        """Count from 0 again, and let a call fail, the first being 1, with an errno; 0: none."""
        self.memory[:] = STATE.pack(0, call, error)

    def count(self) -> int:
        """Return how many calls there were."""
        calls: int = STATE.unpack(self.memory[:])[0]
        return calls
