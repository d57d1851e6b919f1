"""Numbers as text, and tables whose columns are aligned, so that they read well in a terminal, too."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

Json = dict[str, Any]


def mean_over_backbones(comparison: Json, *keys: str) -> float | None:
    """Return the mean over the backbones of the number under `keys`, None where a backbone has none."""
    values = []
    for backbone in comparison["backbones"].values():
        value = backbone
        for key in keys:
            value = None if value is None else value[key]
        if value is None:
            return None
        values.append(value["mean"])
    return fmean(values)


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean, None where a value is missing."""
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def format_spread(values: Sequence[float | None]) -> str:
    """Return mean and standard deviation, a dash where a value is missing."""
    known = [value for value in values if value is not None]
    return f"{fmean(known):.4f} ± {stdev(known):.4f}" if len(known) == len(values) else "-"


def round_for_diff(value: float | None) -> float | None:
    """Round to what a reader of differences between runs can use."""
    return None if value is None else round(value, 5)


def format_number(value: float | None, form: str) -> str:
    """Format a number that may be missing."""
    return "-" if value is None else format(value, form)


def format_percent(value: float | None) -> str:
    """Format a fraction that may be missing."""
    return "-" if value is None else f"{100 * value:.1f} %"


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(align_cells(line, widths)) + " |" for line in lines)


def align_cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Pad the cells of a line to the columns' widths."""
    return [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
