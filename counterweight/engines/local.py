"""Stages as processes of this machine."""

import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from typing import NamedTuple

from counterweight.engines.guard import Guard
from counterweight.engines.jobs import VISIBLE, Ended, Job
from counterweight.engines.warm import Warm, can_be_warm

PATIENCE = 10.0
"""Seconds that a stage has to end in when it is asked to."""
NO_GPU = {"-1", "NoDevFiles", "none", "void"}
"""What users, CUDA and containers write into CUDA_VISIBLE_DEVICES for no GPU."""
MANY = 3
"""Jobs after which it pays to import libraries once for all that follow."""


class Running(NamedTuple):
    """A job, and the process that leads its group; None: that is about to begin."""

    pid: int | None
    ended: threading.Event


class LocalEngine:
    """Runs each job in a process group of its own, so that Ctrl-C reaches it by `stop` alone."""

    def __init__(self, gpus: Sequence[str], per_gpu: int = 1) -> None:
        """Prepare.

        Args:
            gpus: names for CUDA_VISIBLE_DEVICES.
            per_gpu: jobs that share one.
        """
        self.gpus, self.per_gpu, self.workers = gpus, per_gpu, count_cores()
        self.running: dict[str, Running] = {}
        self.ended: queue.Queue[Ended] = queue.Queue()
        self.begun = 0
        self.warm: Warm | None = None
        self.guard: Guard | None = None

    def start(self, job: Job) -> None:
        """Begin a job, and with the first of many what later ones are forked of."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        job.log.write_bytes(b"")
        self.begun += 1
        if self.begun == MANY and can_be_warm():
            self.warm = Warm(job.folder, self.end)
        self.running[job.stage] = Running(None, ended := threading.Event())  # It may end before its number is known.
        if self.warm and (pid := self.warm.start(job)) is not None:
            self.running[job.stage] = Running(pid, ended)
        else:
            self.start_cold(job, ended)

    def start_cold(self, job: Job, ended: threading.Event) -> None:
        """Begin a job as a shell would."""
        self.guard = guard = self.guard or Guard()
        with job.log.open("ab") as log:
            process = subprocess.Popen(
                job.command,
                cwd=job.folder,
                env=dict(job.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[job.stage] = Running(process.pid, ended)  # At once: an interrupt may come any moment.
        guard.begin(process.pid)

        def wait() -> None:
            code = process.wait()
            guard.end(process.pid)
            self.end(Ended(job.stage, code))

        threading.Thread(target=wait, daemon=True).start()

    def end(self, ended: Ended) -> None:
        """Note that a job has ended."""
        if (running := self.running.get(ended.stage)) is not None:
            running.ended.set()
        self.ended.put(ended)

    def wait(self, seconds: float) -> list[Ended]:
        """Return the jobs that have ended, as soon as there is one, none if there is none for so long."""
        found = []
        with suppress(queue.Empty):
            found.append(self.ended.get(timeout=seconds))
            while True:
                found.append(self.ended.get_nowait())
        for ended in found:
            self.running.pop(ended.stage, None)
        return found

    def stop(self) -> None:
        """Interrupt all jobs, as Ctrl-C would, kill those that do not end, and wait until they have."""
        begun = [(each.pid, each.ended) for each in self.running.values() if each.pid is not None]
        for pid, _ in begun:
            signal_group(pid, signal.SIGINT)
        for pid, ended in begun:
            if not ended.wait(PATIENCE):
                signal_group(pid, signal.SIGKILL)
                ended.wait()
        if self.warm:
            self.warm.stop()
            self.warm = None
        if self.guard:
            self.guard.stop()
            self.guard = None
        self.running.clear()


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_gpus() -> list[str]:
    """Return the names of the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES wants them.

    A torch that was built without CUDA uses none, and of that variable CUDA reads what stands before a -1.
    """
    with suppress(PackageNotFoundError):
        if version("torch").endswith("+cpu"):
            return []
    if (named := os.environ.get(VISIBLE)) is not None:
        names = [name.strip() for name in named.split(",") if name.strip()]
        return [*takewhile(lambda name: name not in NO_GPU, names)]
    if (tool := shutil.which("nvidia-smi")) is None:
        return []
    command = [tool, "--query-gpu=index", "--format=csv,noheader"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.split() if found.returncode == 0 else []


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)
