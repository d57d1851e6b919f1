"""Numbers of statistics as cells: what tables show is the one list of columns that the compare stage wrote down."""

from collections.abc import Mapping, Sequence
from statistics import fmean, geometric_mean

from counterweight.reporting.markdown import format_number
from counterweight.results.compare import BackboneResult, ColumnFacts, CompareResult, StatisticResult


def list_counted(found: Mapping[str, BackboneResult]) -> list[BackboneResult]:
    """Return the backbones that count in means: all but those whose space says one thing many times."""
    return [backbone for backbone in found.values() if backbone.left_out is None]


def list_others(found: CompareResult) -> list[BackboneResult]:
    """Return the backbones that count in means beside the one whose numbers are shown."""
    return list_counted({name: each for name, each in found.backbones.items() if name != found.headline})


def average(backbones: Sequence[BackboneResult], statistic: str, row: str, key: str) -> float | None:
    """Return the mean over backbones of a number in a row (`between`, `baseline`, `within`); None if one lacks it."""
    values = [get_mean(backbone.statistics[statistic], row, key) for backbone in backbones]
    known = [value for value in values if value is not None]
    # A mean over fewer backbones would not be comparable.
    return fmean(known) if known and len(known) == len(values) else None


def get_mean(result: StatisticResult, row: str, key: str) -> float | None:
    """Return the mean over the draws of a number, None where the statistic has no value."""
    numbers = getattr(result, row)
    return None if numbers is None else float(numbers[key].mean)


def find_value(column: ColumnFacts, backbones: Sequence[BackboneResult]) -> float | None:
    """Return what a column shows of a synthetic set, over the backbones."""
    if column.shown in ("between", "within"):
        return average(backbones, column.statistic, column.shown, column.key)
    results = [backbone.statistics[column.statistic] for backbone in backbones]
    return average_ratio(results, column.key) if column.shown == "ratio" else average_deviation(results, column.key)


def average_ratio(results: Sequence[StatisticResult], key: str) -> float | None:
    """Return a number in units of its baseline; None where one has none.

    The geometric mean: a space's distances may be hundreds of its baseline where others' are a few.
    """
    pairs = [(get_mean(result, "between", key), get_mean(result, "baseline", key)) for result in results]
    ratios = [between / baseline for between, baseline in pairs if between is not None and baseline and baseline > 0]
    if not ratios or len(ratios) < len(pairs):
        return None
    return geometric_mean(ratios) if all(ratios) else 0.0  # Python 3.11's refuses zeros, whose mean is 0.


def average_deviation(results: Sequence[StatisticResult], key: str) -> float | None:
    """Return how far a number is from its baseline, in standard deviations of that; None where one has none."""
    values = [
        (result.between[key].mean - result.baseline[key].mean) / result.baseline[key].std
        for result in results
        # One draw has a deviation of 0, in units of which nothing can be told.
        if result.between is not None and result.baseline is not None and result.baseline[key].std > 0
    ]
    return fmean(values) if values and len(values) == len(results) else None


def format_value(column: ColumnFacts, value: float | None) -> str:
    """Return a cell."""
    text = format_number(value, column.format)
    return text.replace("%", " %") if column.format.endswith("%") else text


def format_synthetic(column: ColumnFacts, backbones: Sequence[BackboneResult]) -> str:
    """Return a synthetic set's cell."""
    return format_value(column, find_value(column, backbones))


def format_real(column: ColumnFacts, backbones: Sequence[BackboneResult]) -> str:
    """Return the cell of what real images get among themselves."""
    known = find_value(column, backbones) is not None
    if column.chance is not None:
        return format_value(column, column.chance if known else None)
    if column.shown in ("between", "within"):
        return format_value(column, average(backbones, column.statistic, "baseline", column.key))
    return format_value(column, ({"ratio": 1.0, "deviations": 0.0}[column.shown]) if known else None)
