"""Calls that write fail once, by a library that is preloaded before the C library: see fail_once.c."""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path
from types import TracebackType

SOURCE = Path(__file__).with_name("fail_once.c")
STATE = struct.Struct("qqq")
"""Calls so far, which one fails (0: none), and with what errno."""


def find_compiler() -> str | None:
    """Return the C compiler, if there is one."""
    return shutil.which("cc")


class FailOnce:
    """Calls that write below a folder, counted over all processes that have `variables`; one may be let fail."""

    def __init__(self, root: Path, scratch: Path) -> None:
        """Compile the library.

        Args:
            root: the folder.
            scratch: a folder elsewhere, for the library and what processes share.
        """
        library, state = scratch / "fail_once.so", scratch / "calls"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
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
