"""The verdicts on every method of one dataset and scenario, from what classifiers said of the test images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.seeds import derive_seed
from counterweight.reporting.results import Judged, Results, Verdicts, read_measured
from counterweight.results.classify import MethodScores
from counterweight.settings.table import Table
from counterweight.statistics.bootstrap_scores import BootstrapScores, ResampledScores, bootstrap_scores
from counterweight.statistics.verdict import Verdict, find_failed_draw, judge_methods, plan_draws

Labels = npt.NDArray[np.int64]

ORDER = [("draw", "ascending"), ("index", "ascending")]

RESAMPLES = 1000
"""Of the test images: their variance is known to within 5 % then."""


def read_results(
    metrics: Path,
    predictions: Path,
    dataset: str,
    scenario: str,
    table: Table,
    seed: int,
    groups: npt.NDArray[np.int64] | None = None,
) -> Results:
    """Read the results of one dataset and scenario, and judge them.

    Args:
        metrics, predictions: folders, of all results, and of what classifiers said of this dataset and scenario.
        groups: of patients, videos and the like, numbers (N,) that test images share; None: each stands alone.

    Raises:
        UserError: a row of the table is missing, or its predictions are.
    """
    found = read_measured(metrics, dataset, scenario, table)
    item, counts = f"{dataset}/{scenario}", found.counts.values()
    paths = [predictions / f"{name}.parquet" for name in ("baselines", *table.generators)]
    said = read_predictions(paths, list(found.scores), [count.test for count in counts])
    minority = [label for label, count in enumerate(counts) if count.minority]
    # The same resamples for all, which do not depend on what other rows there are.
    rng = np.random.default_rng(derive_seed(seed, item, "verdict"))
    resampled = bootstrap_scores(said.actual, said.predicted, minority, len(counts), RESAMPLES, rng, groups)
    return Results(**vars(found), judged=judge_all(found.scores, table, resampled))


class Predictions(NamedTuple):
    """The labels of the test images, int64 (N,), and those that methods gave them in each draw, int64 (M, n, N)."""

    actual: Labels
    predicted: Labels


def read_predictions(paths: Sequence[Path], methods: Sequence[str], sizes: Sequence[int]) -> Predictions:
    """Read what methods say of the test images, from whichever file has them.

    Args:
        sizes: test images of each class, (K,).

    Raises:
        UserError: a file is missing or is something else, or the methods do not share draws and images.
    """
    if absent := [path for path in paths if not path.is_file()]:
        raise UserError(f"{absent[0]}: no such file; it is a table of predictions that the classify stage writes")
    where = f"{paths[0].parent}: not what the classify stage writes for this table"
    try:
        # A folder called `a=b` is no column.
        table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths])
        own = [table.filter(pc.equal(table["method"], name)).sort_by(ORDER) for name in methods]
        draws, images = (int(pc.max(table[key]).as_py()) + 1 for key in ("draw", "index"))
        actual, predicted = (
            np.stack([part[key].to_numpy().reshape(draws, images) for part in own]) for key in ("actual", "predicted")
        )
        found = np.bincount(actual[0, 0], minlength=len(sizes)).tolist()
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from error
    strange = found != list(sizes) or predicted.min() < 0 or predicted.max() >= len(sizes)
    if strange or (actual != actual[0, 0]).any():
        raise UserError(f"{where}: predictions of other test images; run `dvc repro`")
    return Predictions(actual[0, 0], predicted)


def judge_all(scores: Mapping[str, MethodScores], table: Table, resampled: BootstrapScores) -> Judged:
    """Compare all methods with `imbalanced`, and those with synthetic images with the best of the others."""
    rows = list(scores)
    simple = ["imbalanced", *table.recipes]
    best = max(simple, key=lambda name: rank_simple(scores[name]))
    generated = [name for name in rows if name not in (*simple, "balanced")]
    again = best == "imbalanced" or not generated
    headline = resampled.minority_f1 or resampled.balanced_accuracy
    return Judged(
        against_imbalanced=judge_against("imbalanced", rows, rows, resampled, table.margin),
        best_simple=best,
        against_simple=None if again else judge_against(best, generated, rows, resampled, table.margin),
        draws_needed=plan_more_draws(headline, rows.index("imbalanced"), table.margin),
        failed_draws=find_failed_draws(headline, rows),
    )


def plan_more_draws(headline: ResampledScores, reference: int, margin: float) -> int | None:
    """Return how many draws would show a change of the margin, None where that cannot be told, too."""
    methods, draws = headline.actual.shape
    return plan_draws(headline, reference, margin) if methods > 1 and draws > 1 else None


def find_failed_draws(headline: ResampledScores, rows: Sequence[str]) -> dict[str, int]:
    """Return the draw, from 0, of each method that has one far below its others."""
    noise = headline.resampled.var(axis=0, ddof=1).mean(axis=1)
    found = {name: find_failed_draw(headline.actual[row], float(noise[row])) for row, name in enumerate(rows)}
    return {name: draw for name, draw in found.items() if draw is not None}


def rank_simple(scores: MethodScores) -> tuple[float, float]:
    """Return what methods without a generator are chosen by: their mean validation scores, the headline's first."""
    headline = [found.minority_f1 for found in scores.validation if found.minority_f1 is not None]
    return fmean(headline) if headline else 0.0, fmean(found.balanced_accuracy for found in scores.validation)


def judge_against(
    reference: str, methods: Sequence[str], rows: Sequence[str], scores: BootstrapScores, margin: float
) -> Verdicts:
    """Compare methods with a reference by both scores; `rows` names the rows of the scores."""
    others = [name for name in methods if name != reference]
    places = [rows.index(name) for name in (reference, *others)]

    def judge(own: ResampledScores | None) -> dict[str, Verdict]:
        if own is None or not others:
            return {}
        chosen = ResampledScores(own.actual[places], own.resampled[:, places], own.image, own.is_f1)
        return dict(zip(others, judge_methods(chosen, 0, margin), strict=True))

    return Verdicts(
        reference=reference,
        minority_f1=judge(scores.minority_f1),
        balanced_accuracy=judge(scores.balanced_accuracy),
    )
