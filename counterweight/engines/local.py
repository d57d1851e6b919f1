"""Stages as processes of this machine."""

import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

from counterweight.engines.jobs import VISIBLE, Ended, Job

PATIENCE = 10.0
"""Seconds that a stage has to end in when it is asked to."""


class LocalEngine:
    """Runs each job in a process group of its own, so that Ctrl-C reaches it by `stop` alone."""

    def __init__(self, gpus: Sequence[str]) -> None:
        """Prepare.

        Args:
            gpus: names for CUDA_VISIBLE_DEVICES.
        """
        self.gpus, self.workers = gpus, count_cores()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: queue.Queue[Ended] = queue.Queue()

    def start(self, job: Job) -> None:
        """Begin a job."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("wb") as log:
            process = subprocess.Popen(
                job.command,
                cwd=job.folder,
                env=dict(job.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[job.stage] = process
        threading.Thread(target=self.watch, args=(job.stage, process), daemon=True).start()

    def watch(self, stage: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for a process to end, and say so."""
        self.ended.put(Ended(stage, process.wait()))

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
        for process in self.running.values():
            signal_group(process, signal.SIGINT)
        for process in self.running.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                signal_group(process, signal.SIGKILL)
                process.wait()
        self.running.clear()


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_gpus() -> list[str]:
    """Return the names of the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES wants them."""
    if (named := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    if (tool := shutil.which("nvidia-smi")) is None:
        return []
    command = [tool, "--query-gpu=index", "--format=csv,noheader"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.split() if found.returncode == 0 else []


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
