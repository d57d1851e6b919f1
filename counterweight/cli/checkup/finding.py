"""What a check found: well, worth knowing, or in the way of a run."""

from collections.abc import Callable
from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "problem"]

GIB = 2**30


class Finding(NamedTuple):
    """A line of the doctor's: about what, how bad, what was found, and what to do about it."""

    topic: str
    level: Level
    text: str
    advice: str = ""
    mend: tuple[str, ...] = ()
    """Command that puts it right and loses nothing, for `doctor --mend`; none where a person has to decide."""
    change: Callable[[], None] | None = None
    """What puts it right where no command does."""

    def to_json(self) -> dict[str, object]:
        """Return it as plain JSON."""
        return {key: value for key, value in self._asdict().items() if key != "change"}


def render_size(size: float) -> str:
    """Return a number of bytes for people."""
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{size / 2**20:,.0f} MiB"
