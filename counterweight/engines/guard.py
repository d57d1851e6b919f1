"""Kills what is left running when the process that started it is gone, which had no time to: killed itself by SIGKILL.

    python guard.py   # standard input: `+ GROUP` of a process group that begins, `- GROUP` where its leader has ended

The kernel would kill a child with its parent, but a command of the user's own is a shell, whose children would go on.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress


class Guard:
    """A process beside this one that knows the process groups which this one has started."""

    def __init__(self) -> None:
        # Neither this project nor its libraries: it is there in a moment.
        command = [sys.executable, "-S", "-E", __file__]
        self.process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is not for it.
        )

    def begin(self, group: int) -> None:
        """Note that a group has begun."""
        self.tell(f"+ {group}\n")

    def end(self, group: int) -> None:
        """Note that a group's leader has ended; what it left behind on purpose stays."""
        self.tell(f"- {group}\n")

    def tell(self, line: str) -> None:
        """Write a line, in one piece: threads do so side by side."""
        assert self.process.stdin is not None
        with suppress(OSError):  # The guard itself was killed.
            os.write(self.process.stdin.fileno(), line.encode())

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def watch() -> None:
    """Hear of groups until nobody can tell of any more, and kill those that have not ended."""
    left: set[int] = set()
    for line in sys.stdin:
        sign, group = line.split()
        (left.add if sign == "+" else left.discard)(int(group))
    for group in left:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    watch()
