"""Images with values below 0, of which none is known to be black: refused with the range that takes all of them."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.greys import list_tops
from counterweight.data.findings import Findings

DIGITS = 6  # of a number as `g` prints it


def check_negative(found: Findings, path: Path) -> None:
    """Refuse images with values below 0 of which none is known to be black.

    Raises:
        UserError: there are such.
    """
    spans = [file.span for file in found.bad if file.span is not None]
    if not spans:
        return
    low, high = min(low for low, _ in spans), max([*(high for _, high in spans), *list_tops(found.facts)])
    said = f"{len(spans):,} of {found.total + len(found.bad):,} images have values below 0"
    ends = round_to(low, ROUND_FLOOR), round_to(high if high > low else max(high, 0), ROUND_CEILING)
    ways = f"--set black={ends[0]:g} --set white={ends[1]:g} takes them all, from black to white"
    raise UserError(f"{path}: {said}, and values of all go from {low:g} to {high:g}; {ways}")


def round_to(value: float, how: str) -> float:
    """Return a number of as many digits as are printed, the next lower or higher one, as decimal's `how` says."""
    return float(Context(DIGITS, how).create_decimal(value))
