"""What engines are given: one stage's command; and what they tell: that it ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOST = 75
"""Exit code of a job that its engine lost, so that what it came to is not known: EX_TEMPFAIL of sysexits.h."""


class Job(NamedTuple):
    """A stage that is to be run."""

    stage: str
    command: Sequence[str]
    """A shell and what it is told, as DVC would."""
    folder: Path
    environment: Mapping[str, str]
    """As DVC would have it on this machine; engines that run elsewhere say what they take of it."""
    log: Path
    """Where all that it prints goes."""
    gpu: bool = False
    """Whether it computes on one where there is one."""
    devices: int = 1
    """GPUs, or where there are none cores, that it computes on at once."""
    reads: Sequence[Path] = ()
    """Its dependencies, code and settings among them, from the folder on."""
    writes: Sequence[Path] = ()
    """Its outputs, likewise."""


class Ended(NamedTuple):
    """A stage that has ended."""

    stage: str
    code: int
    """Exit code; negative: the number of the signal that killed it; 0: its outputs are whole."""


class Engine(Protocol):
    """Runs jobs side by side, as many as it is given."""

    workers: int
    """Jobs at a time, unless the user says otherwise."""
    gpus: Sequence[str]
    """Of this machine, by name, of which a job that computes on some is given its own; none if the engine does so."""
    per_gpu: int
    """Jobs that share one: small networks leave it idle most of the time."""

    def start(self, job: Job) -> None:
        """Begin a job."""

    def wait(self, seconds: float) -> list[Ended]:
        """Return the jobs that have ended, as soon as there is one, none if there is none for so long."""

    def stop(self) -> None:
        """End all jobs that are running, and wait until they have."""
