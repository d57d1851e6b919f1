"""Numbers as text, tables whose columns are aligned, so that they read well in a terminal, too, and templates."""

from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean, stdev
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

WIDTH = 120
"""Characters that a line of a table has room for; what is wider becomes several tables."""


class Grid(NamedTuple):
    """A table as texts, whatever it is written as; every row has as many cells as the header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    fixed: int = 1
    """Columns that say what a row is of."""

    def __bool__(self) -> bool:
        """Say whether there is a row: a table of none is not shown."""
        return bool(self.rows)


@cache
def load_templates() -> Environment:
    """Return the templates of this folder; a name that is not there is an error."""
    environment = Environment(
        loader=PackageLoader("counterweight.reporting"),
        undefined=StrictUndefined,  # A misspelt name would be an empty text otherwise.
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
    environment.filters |= {"table": render_table, "tables": render_tables}
    return environment


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a template filled in."""
    return load_templates().get_template(template).render(values).rstrip("\n") + "\n"


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean, None where a value is missing."""
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def format_spread(values: Sequence[float | None]) -> str:
    """Return mean and standard deviation, of one value this alone; a dash where a value is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "-"
    return f"{fmean(known):.4f} ± {stdev(known):.4f}" if len(known) > 1 else f"{known[0]:.4f}"


def round_for_diff(value: float | None) -> float | None:
    """Round to what a reader of differences between runs can use."""
    return None if value is None else round(value, 5)


def format_number(value: float | None, form: str) -> str:
    """Format a number that may be missing."""
    return "-" if value is None else format(value, form)


def format_percent(value: float | None) -> str:
    """Format a fraction that may be missing."""
    return "-" if value is None else f"{100 * value:.1f} %"


def render_table(grid: Grid) -> str:
    """Return a Markdown table whose columns are aligned, the first to the left and the others to the right."""
    # A bar would end the cell.
    header, *rows = ([cell.replace("|", r"\|") for cell in line] for line in (grid.header, *grid.rows))
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(align_cells(line, widths)) + " |" for line in lines)


def align_cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Pad the cells of a line to the columns' widths."""
    return [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]


def render_tables(grid: Grid) -> list[str]:
    """Return a table, or several that stand one below the other where it is wider than a line."""
    return [render_table(part) for part in part_grid(grid, WIDTH - len("|"))]  # which ends a line


def part_grid(grid: Grid, width: int) -> list[Grid]:
    """Return a table as those that stand one below the other, each so many characters wide at most."""
    header, rows, fixed = grid
    widths = [max(len(row[column]) for row in (header, *rows)) + len(" | ") for column in range(len(header))]
    parts = []
    for part in split_columns(widths[fixed:], width - sum(widths[:fixed])) or [[]]:
        places = [*range(fixed), *(fixed + place for place in part)]
        first, *others = ([row[place] for place in places] for row in (header, *rows))
        parts.append(Grid(first, others))
    return parts


def split_columns(widths: Sequence[int], room: int) -> list[list[int]]:
    """Part columns, given by their widths, so that each part fits into `room` characters or is a single column."""
    parts: list[list[int]] = []
    used = room  # Full, so that the first column opens a part.
    for place, width in enumerate(widths):
        used += width
        if used > room:
            parts.append([])
            used = width
        parts[-1].append(place)
    return parts
