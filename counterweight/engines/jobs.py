"""What engines are given: one stage's command; and what they tell: that it ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class Job(NamedTuple):
    """A stage that is to be run."""

    stage: str
    command: Sequence[str]
    """A shell and what it is told, as DVC would."""
    folder: Path
    environment: Mapping[str, str]
    log: Path
    """Where all that it prints goes."""


class Ended(NamedTuple):
    """A stage that has ended."""

    stage: str
    code: int
    """Exit code; negative: the number of the signal that killed it; 0: its outputs are whole."""


class Engine(Protocol):
    """Runs jobs side by side, as many as it is given."""

    def start(self, job: Job) -> None:
        """Begin a job."""

    def wait(self, seconds: float) -> list[Ended]:
        """Return the jobs that have ended, as soon as there is one, none if there is none for so long."""

    def stop(self) -> None:
        """End all jobs that are running, and wait until they have."""
