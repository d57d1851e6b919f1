"""Every two-sample statistic on two labelled sets of features: halves drawn, baseline beside, typed results."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from counterweight.results.compare import ColumnFacts, Row, StatisticResult
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import Numbers, Space, Statistic, UndefinedStatisticError
from counterweight.statistics.base.resampling import (
    Draw,
    Groups,
    Labels,
    Table,
    check_labelled,
    draw_halves,
    draw_one_of_each,
    explain_too_few,
    summarize,
    take_groups,
    take_rows,
)


class LabelledFeatures(NamedTuple):
    """Features (N, D), labels (N,), and groups (N,) that no draw parts, if there are any."""

    features: Table
    labels: Labels
    groups: Groups = None


class Comparisons(NamedTuple):
    """The numbers of each draw."""

    between: list[Numbers]
    baseline: list[Numbers]
    within: list[Numbers]


def run_statistic(
    statistic: Statistic,
    real: LabelledFeatures,
    synthetic: LabelledFeatures,
    rng: np.random.Generator,
    repeats: int,
    options: Mapping[str, Any],
) -> StatisticResult:
    """Compute a statistic between real and synthetic images of the same classes, and between real and real.

    Every comparison is of n images with n others of the same class mix, n being half of what both sets have of them,
    over repeated random draws (see `stratified_split_halves`): so they can be read beside each other.

    Args:
        repeats: number of draws, at least 1; of large sets fewer are made, as `count_draws` says.
        options: the statistic's settings by name.

    Raises:
        ValueError: a shape is another one, a value is not finite, or a number is out of range.
    """
    check_labelled(real.features, real.labels, synthetic.features, synthetic.labels)
    # A class that one side lacks would be a difference of the mix, not of the images.
    real, synthetic = keep_common(real, synthetic.labels), keep_common(synthetic, real.labels)
    if statistic.independent:
        real, synthetic = keep_independent(real, rng), keep_independent(synthetic, rng)
    repeats = 1 if statistic.once else repeats
    draws = draw_halves(real.labels, synthetic.labels, rng, repeats, (real.groups, synthetic.groups))
    size = len(draws[0][0])
    facts: dict[str, Any] = {"n": size, "draws": len(draws)}
    nothing: dict[str, Any] = dict.fromkeys(("between", "baseline", "within", "first"))
    if size < statistic.least:
        return StatisticResult(**facts, **nothing, reason=explain_too_few(size, statistic.least))
    try:
        found = compare_draws(statistic, real, synthetic, draws, rng, options)
    except UndefinedStatisticError as reason:
        return StatisticResult(**facts, **nothing, reason=str(reason))
    rows: dict[str, Any] = {
        name: summarize_numbers(numbers, statistic.of_one_draw) for name, numbers in found._asdict().items()
    }
    first = dict(found.between[0]) if statistic.of_one_draw else None  # A mean of p-values means nothing.
    return StatisticResult(**facts, **rows, first=first, reason=None)


def keep_common(samples: LabelledFeatures, others: Labels) -> LabelledFeatures:
    """Return the rows of classes that the others have, too, without a copy where these are all."""
    kept = np.flatnonzero(np.isin(samples.labels, others))
    if len(kept) == len(samples.labels):
        return samples
    groups = None if samples.groups is None else samples.groups[kept]
    return LabelledFeatures(take_rows(samples.features, kept), samples.labels[kept], groups)


def keep_independent(samples: LabelledFeatures, rng: np.random.Generator) -> LabelledFeatures:
    """Return one row of every group, without a copy where there are no groups."""
    if samples.groups is None:
        return samples
    kept = draw_one_of_each(samples.groups, rng)
    return LabelledFeatures(take_rows(samples.features, kept), samples.labels[kept])


def compare_draws(
    statistic: Statistic,
    real: LabelledFeatures,
    synthetic: LabelledFeatures,
    draws: Sequence[Draw],
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> Comparisons:
    """Return the numbers of every draw."""
    space = find_space(statistic, real.features, synthetic.features, len(draws[0][0]), options)
    found = Comparisons([], [], [])
    for real_1, real_2, synthetic_1, synthetic_2 in draws:
        if statistic.whole:
            # First halves in the first half of the rows: there such a statistic parts them.
            rows = np.append(real_1, real_2), np.append(synthetic_1, synthetic_2)
            of_real, of_synthetic = take_rows(space.real, rows[0]), take_rows(space.synthetic, rows[1])
            groups = take_groups(real.groups, rows[0]), take_groups(synthetic.groups, rows[1])
            clusters = {"groups": groups} if statistic.clusters else {}
            found.between.append(space.measure(space.prepare(of_real), of_synthetic, rng, **clusters))
            continue
        # Halves of different numbers, see `stratified_split_halves`; prepared once for both comparisons.
        reference, other = space.prepare(take_rows(space.real, real_1)), take_rows(space.synthetic, synthetic_2)
        found.between.append(space.measure(reference, other, rng))
        # Real against real: of the same sizes, so of the same bias.
        found.baseline.append(space.measure(reference, take_rows(space.real, real_2), rng))
        if statistic.within:
            found.within.append(space.measure(space.prepare(take_rows(space.synthetic, synthetic_1)), other, rng))
    return found


def find_space(statistic: Statistic, real: Table, synthetic: Table, size: int, options: Mapping[str, Any]) -> Space:
    """Return the sets where they are compared: in the features' own space, or another one."""
    if statistic.enter_space:
        return statistic.enter_space(real, synthetic, size, **options)
    prepare: Callable[[Any], Any] = statistic.prepare or (lambda features: features)
    return Space(real, synthetic, prepare, partial(statistic.measure, **options))


def summarize_numbers(draws: Sequence[Numbers], of_one_draw: Sequence[str]) -> Row | None:
    """Return mean and deviation of every number over the draws, of none if there is none."""
    if not draws:
        return None
    return {key: summarize([numbers[key] for numbers in draws]) for key in draws[0] if key not in of_one_draw}


def select_options(statistic: Statistic, settings: Compare) -> dict[str, Any]:
    """Return the settings of the section `compare` that a statistic asks for."""
    return {name: getattr(settings, name) for name in statistic.settings}


def list_columns(statistics: Mapping[str, Statistic]) -> list[ColumnFacts]:
    """Return what tables show of the statistics, in their order."""
    return [
        ColumnFacts(
            statistic=name,
            key=column.key,
            header=column.header,
            format=column.format,
            unit=column.unit,
            better=column.better,
            meaning=column.meaning,
            shown=column.shown,
            chance=(statistic.chance or {}).get(column.key),
        )
        for name, statistic in statistics.items()
        for column in statistic.columns
    ]
