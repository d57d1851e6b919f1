"""What the page consists of: sections of answers, pictures and folds, these of tables and charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from counterweight.reporting.answers import Answer
from counterweight.reporting.markdown import Grid
from counterweight.reporting.page.charts import Spec
from counterweight.reporting.page.pictures import Picture


class Table(NamedTuple):
    """A table with what its columns mean, and what holds for all of its numbers."""

    grid: Grid
    notes: Mapping[str, str]
    context: str


class Chart(NamedTuple):
    """A chart with the name that a screen reader says."""

    spec: Spec
    label: str


@dataclass(frozen=True)
class Fold:
    """Details that are shown when asked for."""

    title: str
    note: str = ""
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    pictures: Sequence[Picture] = ()
    points: Sequence[str] = ()
    """What else is to be said, a line each."""

    def __bool__(self) -> bool:
        """Say whether there is anything inside."""
        return bool(self.points or self.tables or self.charts or self.pictures)


class Look(NamedTuple):
    """How one synthetic set differs from real images, in a sentence and in pictures."""

    name: str
    sentence: str
    pictures: Sequence[Picture]


@dataclass
class Section:
    """One part of the page."""

    anchor: str
    title: str
    answer: Answer
    changes: Chart | None
    looks: list[Look]
    looks_title: str = "How synthetic images differ"
    reach: str = ""
    warning: str = ""
    """What makes the answer doubtful, before it."""
    folds: list[Fold] = field(default_factory=list)
