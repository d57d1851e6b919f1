"""What is looked at after each kill: how a process ended, what it said, and whether one is left."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
OURS, FIRST = ("/counterweight/", "/stages/"), ("/__init__.py", "/__main__.py")
PATIENCE = 5.0
"""Seconds in which what a killed process had begun has to end."""


class Kill(NamedTuple):
    """What was killed, how, and when, in seconds after its start; and what was wrong then, empty if nothing was."""

    what: str
    signal: str
    moment: float
    wrong: str


def judge_ending(ending: signal.Signals, code: int, log: Path) -> list[str]:
    """Return what is wrong with the exit code of a killed process, and with what it said."""
    # As shells see it, or as the kernel says it; 0 where it was done before.
    allowed = {0, -ending, 128 + ending}
    said = log.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in said.splitlines() if line.lstrip().startswith('File "') and "site-packages" not in line]
    ours = any(name in line for line in lines for name in OURS if not line.split('"')[1].endswith(FIRST))
    if "Traceback" in said and not ours:
        return []  # Before the first lines of ours, which are in those two files, Python ends as it likes.
    wrong = [] if code in allowed else [f"exit code {code}: {said[-300:]}"]
    return wrong + (["a traceback: " + said[-300:]] if ours else [])


def find_orphans(root: Path, known: set[int]) -> list[str]:
    """Return a line for each process that works in a folder when all should have ended."""
    end = time.monotonic() + PATIENCE
    while (found := list_processes(root, known)) and time.monotonic() < end:
        time.sleep(0.02)
    return [f"left running: {' '.join(process)}" for process in found.values()]


def list_processes(root: Path, known: set[int]) -> dict[int, list[str]]:
    """Return the command lines of processes whose working folder is a folder or below it, by their numbers."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            works = process.pid not in known | {os.getpid()} and Path(process.cwd()).is_relative_to(root)
            if works and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = process.cmdline()
    return found
