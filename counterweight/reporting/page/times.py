"""How long stages took, and on what: a file beside the data, which is in no result."""

import contextlib
import json
import math
import os
import resource
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TIMES = Path("data/times.jsonl")
"""A line for each run of a stage, the last one last."""
STAGE = "DVC_STAGE"
"""What DVC calls the stage that it runs, in a variable of its environment."""
NUMBERS = ("seconds", "cpu_seconds", "peak_bytes")
KIBIBYTE = 1024 if sys.platform.startswith("linux") else 1
"""Unit of the peak memory that the kernel tells: bytes on macOS."""


def write_time(started: float, workspaces: Sequence[Path]) -> None:
    """Add a line on the stage that DVC has just run to the end; nothing outside of DVC.

    Args:
        started: `time.monotonic()` when it began.
        workspaces: to write it down in.
    """
    stage = os.environ.get(STAGE)
    if not stage:
        return
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    record = {
        "stage": stage,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(sum(found.ru_utime + found.ru_stime for found in (own, children)), 2),
        "peak_bytes": max(own.ru_maxrss, children.ru_maxrss) * KIBIBYTE,
        "host": socket.gethostname(),
        "device": name_device(),
    }
    for workspace in workspaces:
        add_times(workspace, json.dumps(record) + "\n", stage)


def name_device() -> str:
    """Return the name of the GPU that this process computed on, if it did on one, else `cpu`."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return "cpu"
    numbers = [number for number in range(torch.cuda.device_count()) if torch.cuda.max_memory_allocated(number)]
    return ", ".join(dict.fromkeys(torch.cuda.get_device_name(number) for number in numbers)) or "cpu"


def add_times(workspace: Path, lines: str, stage: str) -> None:
    """Add lines on a stage to the file of a workspace, if it has any data."""
    path = workspace / TIMES
    if not path.parent.is_dir():
        return
    try:
        with path.open("a", encoding="utf-8") as file:  # One write, so that stages side by side mix no lines.
            file.write(lines)
    except OSError as error:  # The stage's outputs are whole: it has not failed for want of a line about it.
        print(f"{path}: {error.strerror}: how long {stage} took was not written down", file=sys.stderr)


def read_times(path: Path = TIMES) -> dict[str, Mapping[str, Any]]:
    """Return the last line on each stage; what came from a cache has none, and lines that are damaged count as none."""
    last: dict[str, Mapping[str, Any]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # Cut off by a full disk, or flipped bits.
            record = json.loads(line)
            numbers = all(math.isfinite(record[name]) for name in NUMBERS)
            if numbers and isinstance(record["stage"], str) and isinstance(record.get("device", ""), str):
                last[record["stage"]] = record
    return last
