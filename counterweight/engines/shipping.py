"""Stages on machines that do not see the workspace: what they read goes there, what they write comes back.

A stage reads its dependencies and the package's code, and writes its outputs: the graph lists both, and tests hold it
to that. So nothing else has to travel, neither git's history nor DVC's cache.
"""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.engines.jobs import Job
from counterweight.reporting.page.times import TIMES

CODE = ("counterweight", "stages", "params.yaml")
IGNORED = ("__pycache__", ".pyc")


class Shipped(NamedTuple):
    """What came of a job."""

    code: int
    """Exit code."""
    printed: bytes
    archive: bytes = b""
    """What it wrote, if it succeeded elsewhere than in the workspace."""
    times: str = ""
    """Then, how long it took, as lines of TIMES."""


def pack(folder: Path, paths: Sequence[Path]) -> bytes:
    """Return files and folders as an archive; what links lead to goes along, what is not there does not."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for path in dict.fromkeys(paths):
            if (folder / path).exists():
                archive.add(folder / path, path.as_posix(), filter=leave_out_bytecode)
    return buffer.getvalue()


def leave_out_bytecode(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return what is archived."""
    return None if member.name.endswith(IGNORED) else member


def unpack(archive: bytes, folder: Path) -> None:
    """Write the files of an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as found:
        found.extractall(folder, filter="data")


def pack_inputs(job: Job) -> bytes:
    """Return what a job reads, its code and the settings among it."""
    return pack(job.folder, [*map(Path, CODE), *job.reads])


def run_shipped(archive: bytes, command: Sequence[str], environment: dict[str, str], writes: Sequence[Path]) -> Shipped:
    """Run a job in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="counterweight-") as name:
        folder = Path(name)
        unpack(archive, folder)
        for path in (*writes, TIMES):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        code, printed = run_here(command, folder, environment)
        if code != 0:
            return Shipped(code, printed)
        times = folder / TIMES
        told = times.read_text(encoding="utf-8") if times.is_file() else ""
        return Shipped(code, printed, pack(folder, writes), told)


def run_here(command: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[int, bytes]:
    """Run a command in a folder of this machine; return its exit code and what it printed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout
