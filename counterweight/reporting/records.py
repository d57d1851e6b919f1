"""Every number of a report as a row of a CSV table, unrounded, for whatever reads such tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from counterweight.reporting.results import Comparisons, Results

Value = str | int | float | None
Record = Mapping[str, Value]

SCORES = ("minority_f1", "balanced_accuracy", "accuracy", "macro_f1", "minority_precision", "minority_recall")
ROWS = ("between", "baseline", "within")


def write_csv(records: Sequence[Record], path: Path) -> None:
    """Write records, which share their keys, as a table with a header; of none nothing but an empty file."""
    if not records:
        path.write_text("", encoding="utf-8")
        return
    pa_csv.write_csv(pa.Table.from_pylist([dict(record) for record in records]), path)


def list_verdicts(results: Results) -> list[Record]:
    """Return a record for each reference, score and method."""
    own: Record = {"dataset": results.dataset, "scenario": results.scenario}
    return [
        {
            **own,
            "reference": verdicts.reference,
            "score": score,
            "method": method,
            "verdict": found.verdict,
            "change": found.mean_change,
            "low": found.interval[0],
            "high": found.interval[1],
            "confidence": found.confidence,
            "family": found.family,
            "plain_low": found.plain_interval[0],
            "plain_high": found.plain_interval[1],
            "p_value": found.p_value,
            "standard_error": found.standard_error,
            "detectable_change": found.detectable_change,
            "margin": found.margin,
            "draws": found.draws,
        }
        for verdicts in (results.judged.against_imbalanced, results.judged.against_simple)
        if verdicts is not None
        for score in ("minority_f1", "balanced_accuracy")
        for method, found in getattr(verdicts, score).items()
    ]


def list_scores(results: Results) -> list[Record]:
    """Return a record for each method and draw."""
    own: Record = {"dataset": results.dataset, "scenario": results.scenario}
    return [
        {**own, "method": method, "recipe": found.recipe, "images": found.images, "draw": draw}
        | {score: getattr(scores, score) for score in SCORES}
        for method, found in results.scores.items()
        for draw, scores in enumerate(found.draws)
    ]


def list_statistics(comparisons: Comparisons) -> list[Record]:
    """Return a record for each synthetic set, backbone, statistic, number, and what it is of."""
    return [
        {
            "images": name,
            "backbone": backbone.backbone,
            "weights": backbone.weights,
            "input_size": backbone.input_size,
            "statistic": statistic,
            "number": key,
            "of": row,
            "mean": spread.mean,
            "std": spread.std,
            "n": result.n,
            "draws": result.draws,
        }
        for name, comparison in comparisons.items()
        for backbone in comparison.features.backbones.values()
        for statistic, result in backbone.statistics.items()
        for row in ROWS
        for key, spread in (getattr(result, row) or {}).items()
    ]
