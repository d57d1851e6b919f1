"""The loop that runs a graph: what is ready begins, what ends is recorded, what fails stops what needs it alone."""

import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.engines.jobs import VISIBLE, Ended, Engine
from counterweight.engines.progress import Progress
from counterweight.engines.record import Record
from counterweight.engines.schedule import Schedule

LOOK = 0.5
"""Seconds between looks at the clock while nothing ends."""
WRITING = 0.05
"""Of the time at most goes into dvc.lock while stages run; what was not in it when the process is killed runs again."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came, by which a system ends what it shuts down or gave too little time."""


class Failure(NamedTuple):
    """A stage that failed, why, and where all stands that it printed; None: it did not begin."""

    stage: str
    reason: str
    log: Path | None


class Outcome(NamedTuple):
    """What became of a graph's stages, in the order in which they ended."""

    ran: list[str]
    restored: list[str]
    unchanged: list[str]
    failed: list[Failure]
    skipped: list[str]


class Runner:
    """Runs the stages of a schedule, so many at a time."""

    def __init__(
        self,
        record: Record,
        engine: Engine,
        schedule: Schedule,
        workers: int,
        progress: Progress,
    ) -> None:
        """Prepare a run.

        Args:
            workers: stages at a time, whatever the engine could run; one of several devices counts as so many.
        """
        self.record, self.engine, self.schedule, self.workers = record, engine, schedule, workers
        self.progress = progress
        self.free_gpus = Counter(dict.fromkeys(engine.gpus, engine.per_gpu))
        self.taken: dict[str, list[str]] = {}
        self.began: dict[str, float] = {}
        self.logs: dict[str, Path] = {}
        self.outcome = Outcome([], [], [], [], [])
        self.written, self.cost = time.monotonic(), 0.0

    def run(self) -> Outcome:
        """Run all; what was made is recorded whatever happens.

        Raises:
            KeyboardInterrupt: the user gave up, or the system (`Terminated`); all stages have ended then.
        """
        with interruptible():
            try:
                while self.schedule.left or self.began:
                    self.begin_ready()
                    if not self.began:
                        break
                    for ended in self.engine.wait(LOOK):
                        self.settle(ended)
                    self.report()
                    self.write(sparingly=True)
            finally:
                self.engine.stop()
                for stage in self.began:
                    self.record.release(stage)
                self.write(sparingly=False)
                self.report()
        self.outcome.skipped.extend(sorted(self.schedule.skipped))
        return self.outcome

    def begin_ready(self) -> None:
        """Begin stages while there is room; those that are up to date end at once, and others may be ready then."""
        while True:
            stage = next((name for name in self.schedule.list_ready() if self.has_room(name)), None)
            if stage is None:
                return
            self.begin(stage)

    def has_room(self, stage: str) -> bool:
        """Say whether what a stage computes on is free; one that wants more than there is has all for itself."""
        wanted = self.record.count_devices(stage)
        taken = sum(self.record.count_devices(each) for each in self.began)
        if self.began and taken + wanted > self.workers:
            return False
        able = self.list_gpus(stage)
        return sum(self.free_gpus[name] > 0 for name in able) >= min(wanted, len(able))

    def list_gpus(self, stage: str) -> Sequence[str]:
        """Return the GPUs of which a stage may have its own: that which it names, or any; none if it needs none."""
        if (number := self.record.find_gpu(stage)) is not None:
            return self.engine.gpus[number : number + 1]
        return self.engine.gpus if self.record.uses_gpu(stage) else []

    def begin(self, stage: str) -> None:
        """Begin a stage, or note that there is nothing to do for it."""
        try:
            need = self.record.prepare(stage)
        except UserError as error:
            self.fail(stage, str(error), None)
            return
        if need != "run":
            self.schedule.end(stage)
            (self.outcome.restored if need == "restored" else self.outcome.unchanged).append(stage)
            self.progress.pass_over(stage, need)
            return
        job = self.record.make_job(stage)
        if able := self.list_gpus(stage):
            # Those with the most room: GPUs are shared when all are in use, not before.
            chosen = sorted(able, key=lambda name: -self.free_gpus[name])[: job.devices]
            self.taken[stage] = chosen
            self.free_gpus.subtract(chosen)
            if self.record.find_gpu(stage) is None:  # Else its number is one among all.
                job = job._replace(environment={**job.environment, VISIBLE: ",".join(chosen)})
        self.began[stage], self.logs[stage] = time.monotonic(), job.log
        self.schedule.begin(stage)
        self.progress.begin(stage)
        try:
            self.engine.start(job)
        except UserError as error:
            self.began.pop(stage)
            self.free_gpus.update(self.taken.pop(stage, []))
            self.record.release(stage)
            self.fail(stage, str(error), None)

    def settle(self, ended: Ended) -> None:
        """Record a stage that has ended."""
        stage, seconds = ended.stage, time.monotonic() - self.began.pop(ended.stage)
        self.free_gpus.update(self.taken.pop(stage, []))
        if ended.code != 0:
            self.record.release(stage)
            self.fail(stage, describe_code(ended.code), self.logs[stage])
            return
        try:
            self.record.finish(stage)
        except UserError as error:
            self.fail(stage, str(error), self.logs[stage])
            return
        self.schedule.end(stage)
        self.outcome.ran.append(stage)
        self.progress.end(stage, seconds)

    def fail(self, stage: str, reason: str, log: Path | None) -> None:
        """Note that a stage failed; what does not need it goes on."""
        self.schedule.fail(stage)
        self.outcome.failed.append(Failure(stage, reason, log))
        self.progress.fail(stage, reason)

    def report(self) -> None:
        """Show what runs, and how long all will take, and name what was damaged."""
        for path in self.record.damaged:
            self.progress.say(f"damaged in the cache, and removed from there: {path}")
        self.record.damaged.clear()
        now = time.monotonic()
        elapsed = {stage: now - began for stage, began in self.began.items()}
        self.progress.show(elapsed, self.schedule.estimate_left(self.workers, elapsed))

    def write(self, sparingly: bool) -> None:
        """Write down what has ended, unless that was done a moment ago."""
        began = time.monotonic()
        if sparingly and self.cost > WRITING * (began - self.written):
            return
        self.record.write()
        self.written = time.monotonic()
        self.cost = self.written - began


def describe_code(code: int) -> str:
    """Say how a command ended."""
    if code >= 0:
        return f"exit code {code}"
    known = {each.value: each.name for each in signal.Signals}
    return f"killed by {known.get(-code, f'signal {-code}')}"


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C is taken: stages are ended, and what was made is recorded.

    Raises:
        Terminated: it came.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
