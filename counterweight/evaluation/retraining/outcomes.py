"""What became of retrained classifiers, written down: scores, predicted labels, and confusions to be drawn."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.draws import VALIDATION
from counterweight.core.images import ImageSet
from counterweight.core.results import NotApplicable
from counterweight.evaluation.retraining.methods import Method, Parts
from counterweight.evaluation.retraining.training import Outcome
from counterweight.results.classify import MethodScores, Scores
from counterweight.statistics.classification import classification_scores, validation_scores

PREDICTIONS = pa.schema(
    {"method": pa.string(), "draw": pa.int64(), "index": pa.int64(), "actual": pa.int64(), "predicted": pa.int64()}
)


def score_methods(methods: Mapping[str, Method], outcomes: Mapping[str, Sequence[Outcome]], parts: Parts) -> Scores:
    """Return the scores of every method in each draw, or why it has none."""
    found: dict[str, MethodScores | NotApplicable] = {}
    for name, method in methods.items():
        if method.not_applicable is None:
            found[name] = score_method(method, outcomes[name], parts)
        else:
            found[name] = NotApplicable(not_applicable=method.not_applicable)
    return Scores(found)


def score_method(method: Method, outcomes: Sequence[Outcome], parts: Parts) -> MethodScores:
    """Return a method's scores in each draw."""
    test, minority = parts.test.labels, parts.draws.minority
    sizes = parts.test.counts().tolist()
    aside = [parts.train.labels[roles == VALIDATION] for roles in parts.draws.roles]
    return MethodScores(
        images=outcomes[0].fitted,
        recipe=method.recipe,
        draws=[classification_scores(test, found.test, minority, len(sizes)) for found in outcomes],
        validation=[
            validation_scores(true, found.validation, minority, sizes)
            for true, found in zip(aside, outcomes, strict=True)
        ],
    )


def write_predictions(outcomes: Mapping[str, Sequence[Outcome]], test: ImageSet, path: Path) -> None:
    """Write a row for each method, draw and test image: its index, its label, and the predicted one."""
    rows = [(name, draw, found.test) for name, own in outcomes.items() for draw, found in enumerate(own)]
    size = len(test)
    columns = {
        "method": [name for name, _, _ in rows for _ in range(size)],
        "draw": np.repeat(np.array([draw for _, draw, _ in rows], dtype=np.int64), size),
        "index": np.tile(np.arange(size), len(rows)),
        "actual": np.tile(test.labels, len(rows)),
        "predicted": np.concatenate([np.empty(0, dtype=np.int64), *(labels for _, _, labels in rows)]),
    }
    # With the schema: of a generator that is not applicable there are no rows that show a column's type.
    pq.write_table(pa.table(columns, schema=PREDICTIONS), path, compression="zstd")


def write_confusions(outcomes: Mapping[str, Sequence[Outcome]], test: ImageSet, folder: Path) -> None:
    """Write a row per test image in the first draw, which is what `dvc plots` makes a confusion matrix from."""
    folder.mkdir()
    names = test.class_names
    for method, own in outcomes.items():
        with (folder / f"{method}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["actual", "predicted"])
            writer.writerows((names[a], names[b]) for a, b in zip(test.labels, own[0].test, strict=True))
