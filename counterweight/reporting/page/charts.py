"""Vega-Lite specifications of the page's charts, their data inside: drawn by the reader's browser without a network.

Colours of text, axes and grids are the page's, for light and dark mode: its script puts them in.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from counterweight.reporting.columns import get_mean
from counterweight.reporting.page.notes import BETTER
from counterweight.reporting.results import Comparisons
from counterweight.results.imbalance import ClassCounts
from counterweight.statistics.verdict import Verdict

Spec = dict[str, Any]
Records = Sequence[Mapping[str, object]]

STEP = 13
"""Pixels of half a row."""
ROOM = 0.04
"""Of an axis, on either side of what is drawn."""
BLUE, PALE, ORANGE, GREY = "#3b7ddd", "#9dc1f0", "#d9772b", "#8a94a6"
"""Told apart on white and on black, by colour-blind eyes, too."""
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
"""The name of the language; nothing is fetched from there."""
LEGEND = {"orient": "top", "columns": 1, "labelLimit": 400}
"""A line for each entry, above: beside a chart it would take a phone's whole width."""
MOST_CLASSES = 30
"""Of a confusion matrix: more make cells that nobody can read or tap."""


def draw_changes(verdicts: Mapping[str, Mapping[str, Verdict]], score: str, kinds: Mapping[str, str]) -> Spec:
    """Draw the change of a score by every method, with its interval.

    Args:
        verdicts: by what methods are compared with, then by method; there is at least one.
        kinds: what kind of method each is, which its mark shows; empty: they are all of one kind.
    """
    records = [record for reference, own in verdicts.items() for record in list_changes(reference, own, kinds)]
    margin = next(found.margin for own in verdicts.values() for found in own.values())
    row = {"field": "method", "type": "nominal", "sort": None, "title": None}
    series = {"field": "reference", "type": "nominal", "title": None}
    place = {"y": row, "yOffset": {**series, "sort": None}, "tooltip": list_tips(records)}
    colour = {**series, "scale": {"range": [BLUE, ORANGE]}, "legend": LEGEND}
    change = {
        "type": "quantitative",
        "title": [f"change of {score}", "(right: better)"],
        "scale": {"domain": find_range(verdicts, margin), "nice": False},
    }
    shape = {"field": "kind", "type": "nominal", "sort": None, "title": None, "legend": LEGEND} if kinds else {}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": {"step": STEP},
        "data": {"values": records},
        "layer": [
            {
                "data": {"values": [{"from": -margin, "to": margin}]},
                "mark": {"type": "rect", "color": GREY, "opacity": 0.2},
                "encoding": {"x": {"field": "from", **change}, "x2": {"field": "to"}},
            },
            {
                "data": {"values": [{"none": 0}]},
                "mark": {"type": "rule", "color": GREY},
                "encoding": {"x": {"field": "none", **change}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {**place, "color": colour, "x": {"field": "low", **change}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {**place, "color": colour, "x": {"field": "change", **change}, "shape": shape},
            },
        ],
    }


def find_range(verdicts: Mapping[str, Mapping[str, Verdict]], margin: float) -> list[float]:
    """Return the ends of an axis that holds all intervals and the margin with some room on either side."""
    ends = [end for own in verdicts.values() for found in own.values() for end in found.interval]
    low, high = min(-margin, *ends), max(margin, *ends)
    room = ROOM * (high - low)
    return [low - room, high + room]


def list_changes(reference: str, verdicts: Mapping[str, Verdict], kinds: Mapping[str, str]) -> list[dict[str, object]]:
    """Return a record per method."""
    return [
        {
            "method": name,
            **({"kind": kinds[name]} if kinds else {}),
            "reference": reference,
            "change": found.mean_change,
            "low": found.interval[0],
            "high": found.interval[1],
            "verdict": found.verdict.replace("margin", f"{found.margin:g}"),
            "would have been seen": found.detectable_change,
            "draws": found.draws,
        }
        for name, found in verdicts.items()
    ]


def list_tips(records: Records) -> list[dict[str, str]]:
    """Return what a mark says when it is pointed at or tapped: everything that is known of it."""
    return [
        {"field": key, "type": "quantitative", "format": "+.4f" if key in ("change", "low", "high") else ".4~f"}
        if isinstance(value, int | float)
        else {"field": key, "type": "nominal"}
        for key, value in records[0].items()
    ]


def draw_backbones(comparisons: Comparisons) -> Spec | None:
    """Draw a statistic's value in every backbone, by method, beside what real images get among themselves."""
    records = list_backbones(comparisons)
    if not records:
        return None
    names = list(dict.fromkeys(str(record["statistic"]) for record in records))
    value = {"field": "value", "type": "quantitative", "title": "value of the statistic that is chosen above"}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": {"step": STEP},
        "data": {"values": records},
        "params": [{"name": "statistic", "value": names[0], "bind": {"input": "select", "options": names}}],
        "transform": [{"filter": "datum.statistic == statistic"}],
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.9},
        "encoding": {
            "y": {"field": "backbone", "type": "nominal", "sort": None, "title": None},
            "x": value,
            "color": {"field": "images", "type": "nominal", "sort": None, "title": None, "legend": {"orient": "top"}},
            "shape": {"field": "images", "type": "nominal", "sort": None, "title": None},
            "tooltip": list_tips(records),
        },
    }


def list_backbones(comparisons: Comparisons) -> list[dict[str, object]]:
    """Return a record per statistic, backbone and set, `real` among these."""
    first = next(iter(comparisons.values())).features if comparisons else None
    records: list[dict[str, object]] = []
    for column in first.columns if first else ():
        for name, backbone in first.backbones.items() if first else ():
            sets = {label: own.features.backbones[name] for label, own in comparisons.items() if own}
            rows = [("real", backbone.statistics[column.statistic], "baseline")]
            rows += [(label, own.statistics[column.statistic], "between") for label, own in sets.items()]
            for label, result, row in rows:
                value = get_mean(result, row, column.key)
                if value is not None and column.shown != "within":
                    facts = {"statistic": column.header, "images": label, "backbone": name, "value": value}
                    facts |= {"unit": column.unit, "better": BETTER[column.better]}
                    records.append({**facts, "images a half": result.n, "draws": result.draws})
    return records


def draw_counts(counts: Mapping[str, ClassCounts]) -> Spec:
    """Draw how many images each class has and gets; a tick says how many real ones it had before."""
    kinds = ("real, fitted", "real, to choose the epoch", "synthetic, added")
    records = [
        {"class": name, "images": kind, "count": size, "order": place}
        for name, own in counts.items()
        for place, (kind, size) in enumerate(zip(kinds, (own.fitted, own.validation, own.wanted), strict=True))
    ]
    before = [{"class": name, "real, before": own.before} for name, own in counts.items()]
    colour = {"field": "images", "type": "nominal", "title": None, "legend": {"orient": "top", "columns": 2}}
    row = {"field": "class", "type": "nominal", "sort": None, "title": None}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": {"step": 2 * STEP if len(counts) <= MOST_CLASSES else 4},
        "layer": [
            {
                "data": {"values": records},
                "mark": "bar",
                "encoding": {
                    "y": row,
                    "x": {"field": "count", "type": "quantitative", "title": "images; tick: real ones before"},
                    "color": {**colour, "scale": {"domain": list(kinds), "range": [BLUE, PALE, ORANGE]}},
                    "order": {"field": "order"},
                    "tooltip": list_tips([{"class": "", "images": "", "count": 0}]),
                },
            },
            {
                "data": {"values": before},
                "mark": {"type": "tick", "color": GREY, "thickness": 3},
                "encoding": {
                    "y": row,
                    "x": {"field": "real, before", "type": "quantitative"},
                    "tooltip": list_tips(before),
                },
            },
        ],
    }


def draw_roc(curves: Records) -> Spec | None:
    """Draw ROC curves of the style classifier: records of method, size in pixels and both rates."""
    if not curves:
        return None
    rate = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": 300,
        "layer": [
            {
                "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
                "mark": {"type": "line", "color": GREY, "strokeDash": [4, 4]},
                "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
            },
            {
                "data": {"values": list(curves)},
                "mark": {"type": "line", "interpolate": "step-after"},
                "encoding": {
                    "x": {"field": "false positive rate", **rate, "title": "real images called synthetic"},
                    "y": {"field": "true positive rate", **rate, "title": "synthetic images found"},
                    "color": {"field": "images", "type": "nominal", "sort": None, "title": None},
                    "strokeDash": {"field": "size", "type": "nominal", "title": "pixels"},
                    "tooltip": list_tips(curves),
                },
            },
        ],
    }


def draw_losses(history: Records) -> Spec | None:
    """Draw training curves: records of generator, epoch, what was trained, and its loss (mean over the draws)."""
    if not history:
        return None
    return {
        "$schema": SCHEMA,
        "data": {"values": list(history)},
        "facet": {"row": {"field": "generator", "type": "nominal", "sort": None, "title": None}},
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
        "spec": {
            "width": 300,
            "height": 120,
            "mark": {"type": "line"},
            "encoding": {
                "x": {"field": "epoch", "type": "quantitative"},
                "y": {"field": "loss", "type": "quantitative", "scale": {"zero": False}},
                "color": {"field": "update", "type": "nominal", "title": None},
                "tooltip": list_tips(history),
            },
        },
    }


def draw_confusion(matrices: Mapping[str, Sequence[Sequence[int]]], classes: Sequence[str]) -> Spec | None:
    """Draw what classifiers take images for, as fractions of each actual class over all draws; a method at a time.

    None where there are so many classes that cells could not be told apart.
    """
    if len(classes) > MOST_CLASSES or not matrices:
        return None
    records = [
        {"method": method, "actual": actual, "predicted": guess, "images": cell, "fraction": cell / max(1, sum(line))}
        for method, matrix in matrices.items()
        for actual, line in zip(classes, matrix, strict=True)
        for guess, cell in zip(classes, line, strict=True)
    ]
    axis = {"type": "nominal", "sort": None}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": {"step": 2 * STEP},
        "data": {"values": records},
        "params": [{"name": "method", "value": "imbalanced", "bind": {"input": "select", "options": list(matrices)}}],
        "transform": [{"filter": "datum.method == method"}],
        "mark": {"type": "rect", "stroke": GREY, "strokeWidth": 0.3},
        "encoding": {
            "x": {"field": "predicted", **axis, "title": "recognised as"},
            "y": {"field": "actual", **axis, "title": "is"},
            "color": {"field": "fraction", "type": "quantitative", "scale": {"scheme": "blues", "domain": [0, 1]}},
            "tooltip": list_tips(records),
        },
    }
