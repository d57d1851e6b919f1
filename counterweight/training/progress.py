"""How far trainings have come: one bar for several that run side by side, and the end of all if one fails."""

from collections.abc import Mapping
from threading import Event, Lock
from types import TracebackType

from tqdm import tqdm


class Stopped(Exception):
    """Another training has failed, or the user gave up."""


class Progress:
    """A progress bar over the steps of one or several trainings."""

    def __init__(self, shown: bool = True) -> None:
        # None: not where nobody watches.
        self.bar = tqdm(total=0, unit="step", disable=None if shown else True, dynamic_ncols=True)
        self.stop = Event()
        self.lock = Lock()  # A bar counts wrongly where threads update it at once.

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def begin(self, steps: int, done: int) -> None:
        """Add a training of so many steps, of which some were done before."""
        with self.lock:
            self.bar.total += steps
            self.bar.update(done)

    def begin_phase(self, name: str) -> None:
        """Say what is being trained."""
        with self.lock:
            self.bar.set_description(name)

    def advance(self) -> None:
        """Count a step.

        Raises:
            Stopped: the training is to end.
        """
        if self.stop.is_set():
            raise Stopped
        with self.lock:
            self.bar.update()

    def show(self, losses: Mapping[str, str]) -> None:
        """Show the latest losses."""
        with self.lock:
            self.bar.set_postfix(losses)
