"""Stages as tasks of a Ray cluster, https://docs.ray.io: on this machine, or on all nodes of a cluster that runs.

A task that is lost with its worker or its node is run again by Ray, elsewhere if need be: a stage's outputs appear
whole or not at all.
"""

import logging
import os
import socket
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from counterweight.core.errors import UserError
from counterweight.engines.jobs import LOST, Ended, Job
from counterweight.engines.shipping import Shipped, pack_inputs, run_here, run_shipped, unpack
from counterweight.reporting.page.times import add_times

RETRIES = 3
"""Times that a task is run again whose worker or node was lost."""
PATIENCE = 5.0
"""Seconds for the head of a cluster to answer."""
CARRIED = ("DVC_STAGE", "OMP_NUM_THREADS", "HF_HOME", "TORCH_HOME")
"""What a stage's environment has of this machine's; the rest is that of the node."""


class RayEngine:
    """Runs each job as a task of one CPU, and of one GPU where the cluster has any and the job computes on one."""

    def __init__(self, root: Path, address: str | None, per_gpu: int = 1) -> None:
        """Connect to a cluster, or start one of this machine's cores.

        Args:
            address: of the cluster's head; None: what RAY_ADDRESS says, else this machine alone.
            per_gpu: jobs that share a GPU; one that computes on several has each to itself, as Ray wants it.

        Raises:
            UserError: Ray is not installed, or there is no such cluster.
        """
        try:
            import ray
        except ImportError as error:
            raise UserError(f"Ray is not installed ({error}): pip install 'counterweight[ray]'") from error
        self.ray: Any = ray
        where = address or os.environ.get("RAY_ADDRESS")
        try:
            look_for(where)
            self.ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError) as error:
            raise UserError(f"--address {where}: no Ray cluster there: {str(error).splitlines()[0]}") from error
        resources = self.ray.cluster_resources()
        self.workers, self.has_gpus = max(1, int(resources.get("CPU", 1))), resources.get("GPU", 0) >= 1
        self.gpus: Sequence[str] = ()  # Ray says which.
        self.per_gpu = per_gpu
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        self.largest = {kind: max(node.get(kind, 0.0) for node in nodes) for kind in ("CPU", "GPU")}
        self.shared = self.is_shared(root)
        self.running: dict[Any, Job] = {}

    def is_shared(self, root: Path) -> bool:
        """Say whether every node sees the workspace under its path here."""
        token = root.resolve() / ".dvc/tmp/counterweight" / f"seen-{uuid.uuid4().hex}"
        token.touch()
        try:
            look = self.ray.remote(num_cpus=0)(sees)
            strategy = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
            nodes = [node["NodeID"] for node in self.ray.nodes() if node["Alive"]]
            asked = [look.options(scheduling_strategy=strategy(node, soft=False)).remote(str(token)) for node in nodes]
            return all(self.ray.get(asked))
        finally:
            token.unlink()

    def start(self, job: Job) -> None:
        """Begin a job: in the workspace where all nodes see it, else with what it reads."""
        gpus = job.devices if job.gpu and self.has_gpus else 0
        if max(job.devices * (gpus == 0), gpus) > (found := self.largest["GPU" if gpus else "CPU"]):
            what = f"{job.devices} {'GPUs' if gpus else 'cores'} wanted"
            raise UserError(f"--engine ray: {job.stage}: {what}, and no node has more than {found:g}")
        part = 1 / self.per_gpu if gpus == 1 else gpus
        remote = self.ray.remote(num_cpus=1 if gpus else job.devices, num_gpus=part, max_retries=RETRIES)
        own = {name: job.environment[name] for name in CARRIED if name in job.environment}
        if self.shared:
            found = remote(run_in_place).remote([*job.command], str(job.folder), own)
        else:
            found = remote(run_elsewhere).remote(pack_inputs(job), [*job.command], own, [*map(str, job.writes)])
        self.running[found] = job

    def wait(self, seconds: float) -> list[Ended]:
        """Return the jobs that have ended, as soon as there is one, none if there is none for so long."""
        ready, _ = self.ray.wait([*self.running], num_returns=1, timeout=seconds)
        return [self.settle(found) for found in ready]

    def settle(self, found: Any) -> Ended:  # noqa: ANN401 -- Ray's reference to a result
        """Bring home what a job printed and wrote."""
        job = self.running.pop(found)
        job.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            shipped: Shipped = self.ray.get(found)
        except self.ray.exceptions.RayError as error:
            job.log.write_text(f"Ray: {error}\n", encoding="utf-8")
            return Ended(job.stage, LOST)
        job.log.write_bytes(shipped.printed)
        if shipped.archive:
            unpack(shipped.archive, job.folder)
            add_times(job.folder, shipped.times, job.stage)
        return Ended(job.stage, shipped.code)

    def stop(self) -> None:
        """Cancel all tasks, and leave the cluster, which ends what they run."""
        for found in self.running:
            with suppress(self.ray.exceptions.RayError):
                self.ray.cancel(found, force=True)
        self.running.clear()
        self.ray.shutdown()


def look_for(address: str | None) -> None:
    """Raise an OSError if nobody listens at an address of the form HOST:PORT, for which Ray itself waits minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), PATIENCE).close()


def sees(path: str) -> bool:
    """Say whether there is such a file where this runs."""
    return Path(path).exists()


def run_in_place(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> Shipped:
    """Run a job in the workspace."""
    return Shipped(*run_here(command, Path(folder), adapt(environment)))


def run_elsewhere(
    archive: bytes, command: Sequence[str], environment: Mapping[str, str], writes: Sequence[str]
) -> Shipped:
    """Run a job with what it reads."""
    return run_shipped(archive, command, adapt(environment), [*map(Path, writes)])


def adapt(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a job on this node, whose `python` is the one that runs this."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **environment, "PATH": path}
