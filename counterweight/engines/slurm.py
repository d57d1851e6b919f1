"""Stages as jobs of Slurm, by submitit, https://github.com/facebookincubator/submitit.

All nodes see the workspace, as they do a home or scratch folder of a cluster. A job that ends by itself is noticed by
the file that it writes; that one was killed or ran out of its time is known by Slurm's accounting (`sacct`) alone.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from counterweight.core.errors import UserError
from counterweight.engines.jobs import LOST, Ended, Job

LOOK = 0.2
"""Seconds between questions after jobs; submitit itself asks Slurm at most every few seconds."""
PATIENCE = 30.0
"""Seconds that cancelled jobs have to end in."""


class SlurmEngine:
    """Runs each job as one of Slurm's, of one task, with a GPU if it computes on one."""

    gpus: Sequence[str] = ()  # Slurm says which.
    per_gpu = 1
    workers = 100  # in its queue

    def __init__(self, folder: Path, cluster: str, options: Mapping[str, str]) -> None:
        """Prepare.

        Args:
            folder: where submitit keeps what it sends.
            cluster: `slurm`, or `local` for processes of this machine.
            options: of submitit's executor, as `slurm_partition` or `timeout_min`.

        Raises:
            UserError: submitit is not installed, there is no Slurm here, or it has no such option.
        """
        try:
            import submitit
        except ImportError as error:
            raise UserError(f"submitit is not installed ({error}): pip install 'counterweight[slurm]'") from error
        self.options = {name: read_value(text) for name, text in options.items()}
        self.has_gpus, self.executors = has_gpus(), dict[tuple[bool, int], Any]()
        self.new_executor = partial(submitit.AutoExecutor, folder, cluster=cluster)
        try:
            for gpu in (False, True):
                self.find_executor(gpu, 1)
        except (RuntimeError, ValueError, NameError, AssertionError) as error:
            raise UserError(f"--engine slurm: {str(error).splitlines()[0]}") from error
        self.refusal: type[Exception] = submitit.core.utils.FailedJobError
        self.running: dict[str, Any] = {}
        self.jobs: dict[str, Job] = {}

    def find_executor(self, gpu: bool, devices: int) -> Any:  # noqa: ANN401 -- submitit's
        """Return what sends jobs of one task on so many GPUs or, without them, cores; the user's options come first."""
        on_gpus = gpu and self.has_gpus
        if (on_gpus, devices) not in self.executors:
            wanted = {"gpus_per_node": devices} if on_gpus else {"cpus_per_task": devices} if devices > 1 else {}
            found = self.new_executor()
            found.update_parameters(**wanted | self.options)
            self.executors[on_gpus, devices] = found
        return self.executors[on_gpus, devices]

    def start(self, job: Job) -> None:
        """Send a job to the queue.

        Raises:
            UserError: Slurm does not take it.
        """
        job.log.parent.mkdir(parents=True, exist_ok=True)
        own = {name: text for name, text in job.environment.items() if os.environ.get(name) != text}
        words = [*job.command], str(job.folder), str(job.log), own, sys.executable
        try:
            self.running[job.stage] = self.find_executor(job.gpu, job.devices).submit(run_logged, *words)
        except self.refusal as error:
            raise UserError(f"--engine slurm: {job.stage}: {' '.join(str(error).split())}") from error
        self.jobs[job.stage] = job

    def wait(self, seconds: float) -> list[Ended]:
        """Return the jobs that have ended, as soon as there is one, none if there is none for so long."""
        end = time.monotonic() + seconds
        while True:
            found = [stage for stage, job in self.running.items() if job.done()]
            if found or time.monotonic() >= end:
                return [self.settle(stage) for stage in found]
            time.sleep(LOOK)

    def settle(self, stage: str) -> Ended:
        """Return how a job ended."""
        sent, job = self.running.pop(stage), self.jobs.pop(stage)
        error = sent.exception()
        if error is None:
            return Ended(stage, sent.result())
        with job.log.open("a", encoding="utf-8") as log:
            log.write(f"{error}\n")
        return Ended(stage, LOST)

    def stop(self) -> None:
        """Cancel all jobs, and wait until they have ended, but not for ever: without accounting nobody tells that."""
        for job in self.running.values():
            job.cancel(check=False)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not all(job.done() for job in self.running.values()):
            time.sleep(LOOK)
        self.running.clear()


def has_gpus() -> bool:
    """Say whether Slurm has nodes with GPUs: it refuses jobs that ask for what there is not, be it for none of it."""
    if (tool := shutil.which("sinfo")) is None:
        return False
    found = subprocess.run([tool, "--noheader", "--format=%G"], capture_output=True, text=True, check=False)
    return "gpu" in found.stdout


def run_logged(command: Sequence[str], folder: str, log: str, environment: Mapping[str, str], python: str) -> int:
    """Run a job where Slurm wants it, by the Python that sent it; return its exit code."""
    path = f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    own = {**os.environ, **environment, "PATH": path}
    with open(log, "wb") as file:
        return subprocess.run(
            command, cwd=folder, env=own, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode


def read_value(text: str) -> int | float | str:
    """Return an option's value as the number that it is, else as it stands."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
