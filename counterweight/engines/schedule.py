"""In which order stages run: those that others wait for the longest first."""

from collections.abc import Collection, Mapping, Sequence
from statistics import median

UNKNOWN = 10.0
"""Seconds of a stage that never ran here, nor any like it."""


class Schedule:
    """The stages that are left, of which some are ready, some run, and some failed or wait for one that did."""

    def __init__(self, earlier: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> None:
        """Plan all stages.

        Args:
            earlier: for each stage those that it waits for.
            seconds: what stages took when they ran last.
        """
        self.waits_for = {stage: {*names} for stage, names in earlier.items()}
        self.seconds = estimate_seconds(earlier, seconds)
        self.later: dict[str, list[str]] = {stage: [] for stage in earlier}
        for stage, names in earlier.items():
            for name in names:
                self.later[name].append(stage)
        self.ranks = rank(self.later, self.seconds)
        self.running: set[str] = set()
        self.ended: set[str] = set()
        self.failed: set[str] = set()
        self.skipped: set[str] = set()

    @property
    def left(self) -> list[str]:
        """The stages that have not begun."""
        gone = self.running | self.ended | self.failed | self.skipped
        return [stage for stage in self.waits_for if stage not in gone]

    def list_ready(self) -> list[str]:
        """Return the stages that can begin, the most urgent one first."""
        ready = [stage for stage in self.left if self.waits_for[stage] <= self.ended]
        return sorted(ready, key=lambda stage: -self.ranks[stage])

    def begin(self, stage: str) -> None:
        """Note that a stage runs."""
        self.running.add(stage)

    def end(self, stage: str) -> None:
        """Note that a stage's outputs are whole."""
        self.running.discard(stage)
        self.ended.add(stage)

    def fail(self, stage: str) -> None:
        """Note that a stage failed: whatever waits for it is left out."""
        self.running.discard(stage)
        self.failed.add(stage)
        waiting = [stage]
        while waiting:
            found = [name for name in self.later[waiting.pop()] if name not in self.skipped]
            self.skipped.update(found)
            waiting += found

    def estimate_left(self, workers: int, elapsed: Mapping[str, float]) -> float:
        """Return about how many seconds are left: of the longest chain, or of all work on so many workers.

        Args:
            elapsed: seconds that running stages have run.
        """
        running = {stage: max(0.0, self.seconds[stage] - elapsed.get(stage, 0.0)) for stage in self.running}
        work = sum(running.values()) + sum(self.seconds[stage] for stage in self.left)
        chains = [running[stage] + self.ranks[stage] - self.seconds[stage] for stage in running]
        chains += [self.ranks[stage] for stage in self.left]
        return max([work / workers, *chains])


def estimate_seconds(stages: Collection[str], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return what each stage takes: as last time, or as the middle one of the same matrix, or as any."""
    kinds: dict[str, list[float]] = {}
    for stage, own in seconds.items():
        kinds.setdefault(stage.partition("@")[0], []).append(own)
    usual = {kind: median(found) for kind, found in kinds.items()}
    return {stage: seconds.get(stage, usual.get(stage.partition("@")[0], UNKNOWN)) for stage in stages}


def rank(later: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return for each stage the seconds from its beginning to the end of the longest chain that waits for it.

    Those that it is the largest of begin first: upward ranks of Topcuoglu et al. 2002, Performance-Effective and
    Low-Complexity Task Scheduling, equation 2, https://doi.org/10.1109/71.993206, of machines that are all alike.
    """
    found: dict[str, float] = {}
    waiting = list(later)
    while waiting:  # No recursion: graphs of thousands of stages may be deep.
        stage = waiting[-1]
        missing = [name for name in later[stage] if name not in found]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        found[stage] = seconds[stage] + max((found[name] for name in later[stage]), default=0.0)
    return found
