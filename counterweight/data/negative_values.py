"""Images with values below 0, of which none is known to be black: refused with the range that takes all of them."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

from counterweight.core.errors import UserError
from counterweight.data.decode.greys import list_tops
from counterweight.data.findings import Findings

DIGITS = 6  # of a number as `g` prints it


def check_negative(found: Sequence[Findings], where: str) -> None:
    """Refuse images with values below 0 of which none is known to be black.

    Args:
        found: what is known of a dataset, or of both folders of a pair, which have one range.
        where: begins the error's message.

    Raises:
        UserError: there are such.
    """
    spans = [file.span for each in found for file in each.bad if file.span is not None]
    if not spans:
        return
    tops = [top for each in found for top in list_tops(each.facts)]
    low, high = min(low for low, _ in spans), max([*(high for _, high in spans), *tops])
    total = sum(each.total + len(each.bad) for each in found)
    said = f"{len(spans):,} of {total:,} images have values below 0"
    ends = round_to(low, ROUND_FLOOR), round_to(high if high > low else max(high, 0), ROUND_CEILING)
    ways = f"--set black={ends[0]:g} --set white={ends[1]:g} takes them all, from black to white"
    raise UserError(f"{where}: {said}, and values of all go from {low:g} to {high:g}; {ways}")


def round_to(value: float, how: str) -> float:
    """Return a number of as many digits as are printed, the next lower or higher one, as decimal's `how` says."""
    return float(Context(DIGITS, how).create_decimal(value))
