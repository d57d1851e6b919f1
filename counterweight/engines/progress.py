"""What a user sees of stages that run side by side: a line for each, and the time that is left."""

import sys
from collections.abc import Mapping

from tqdm import tqdm

LINES = 20
"""Of running stages at most."""


class Progress:
    """Lines that are rewritten on a terminal; elsewhere one line for each stage that ends."""

    def __init__(self, total: int, workers: int) -> None:
        """Prepare for so many stages, so many at a time."""
        self.total, self.done = total, 0
        self.terminal = sys.stderr.isatty()
        self.whole = tqdm(
            total=total,
            disable=not self.terminal,
            dynamic_ncols=True,
            leave=False,
            bar_format="{desc} {bar} {n}/{total}",
        )
        self.lines = [
            tqdm(position=1 + place, disable=not self.terminal, dynamic_ncols=True, leave=False, bar_format="{desc}")
            for place in range(min(workers, LINES) if self.terminal else 0)
        ]

    def begin(self, stage: str) -> None:
        """Note that a stage runs."""
        if not self.terminal:
            self.say(f"begins: {stage}")

    def pass_over(self, stage: str, need: str) -> None:
        """Note that there was nothing to do for a stage."""
        self.advance()
        if need == "restored":
            self.say(f"from the cache: {stage}")

    def end(self, stage: str, seconds: float) -> None:
        """Note that a stage's outputs are whole."""
        self.advance()
        self.say(f"done: {stage}, {seconds:.1f} s")

    def fail(self, stage: str, reason: str) -> None:
        """Note that a stage failed."""
        self.advance()
        self.say(f"FAILED: {stage}: {reason}")

    def advance(self) -> None:
        """Count a stage."""
        self.done += 1
        self.whole.update()

    def say(self, text: str) -> None:
        """Print a line above those that are rewritten."""
        tqdm.write(f"[{self.done}/{self.total}] {text}", file=sys.stderr)

    def show(self, elapsed: Mapping[str, float], left: float) -> None:
        """Show what runs for how long, and what time is left."""
        if not self.terminal:
            return
        self.whole.set_description_str(f"about {tqdm.format_interval(left)} left", refresh=True)
        texts = [f"{stage}  {tqdm.format_interval(seconds)}" for stage, seconds in elapsed.items()]
        for place, line in enumerate(self.lines):
            line.set_description_str(texts[place] if place < len(texts) else "", refresh=True)

    def close(self) -> None:
        """Take all lines away."""
        for line in (*reversed(self.lines), self.whole):
            line.close()
