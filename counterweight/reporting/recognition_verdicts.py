"""What networks that learned from different triplets amount to, on the same test triplets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.schema import Result
from counterweight.core.seeds import derive_seed
from counterweight.results.recognize import UNTRAINED
from counterweight.statistics.bootstrap_scores import ResampledScores, draw_counts
from counterweight.statistics.verdict import (
    Verdict,
    combine_errors,
    judge_methods,
    split_variance,
    student_quantile,
)

Floats = npt.NDArray[np.float64]
Hits = Mapping[str, npt.NDArray[np.bool_]]
"""By row, what is right of each test triplet in each draw: (n, T)."""

RESAMPLES = 1000
FARTHEST = 20.0
"""Beyond it a share's interval has no end."""


class Share(Result):
    """How far a row comes from the untrained network to the one trained on real triplets: 0 to 1, or beyond."""

    mean: float
    interval: list[float] | None
    """Of 95 % over draws and test triplets, for this row alone (Fieller's); None where it has no end."""


class Judged(Result):
    """All rows, by one accuracy of the test triplets."""

    against_untrained: dict[str, Verdict]
    share_of_gap: dict[str, Share]
    """Empty where no row learned from real triplets alone, or is not surely better than the untrained network."""


class RecognitionVerdicts(Result):
    """All rows, by every accuracy."""

    rank1: Judged
    recall5: Judged
    recall10: Judged
    triplet: Judged
    margin: Judged


def judge_recognition(
    path: Path, rows: Sequence[str], real: str | None, margin: float, seed: int, dataset: str
) -> RecognitionVerdicts:
    """Judge rows by what the recognize stage wrote of each test triplet.

    Args:
        real: the name of the row that learned from real triplets alone; None: there is none.

    Raises:
        UserError: the file is missing, or is of other rows.
    """
    own = derive_seed(seed, dataset, "recognize", "verdict")
    judged = {}
    for name in RecognitionVerdicts.model_fields:
        hits = read_hits(path, name, rows)
        judged[name] = judge_rows(resample_hits(hits, np.random.default_rng(own)), list(rows), real, margin)
    return RecognitionVerdicts.model_validate(judged)


def read_hits(path: Path, accuracy: str, rows: Sequence[str]) -> Hits:
    """Read what is right of each test triplet, by an accuracy."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; it is a table of triplets that the recognize stage writes")
    try:
        table = pq.read_table(path, partitioning=None)
        draws = int(pc.max(table["draw"]).as_py()) + 1
        found = {row: table.filter(pc.equal(table["row"], row))[accuracy].to_numpy().reshape(draws, -1) for row in rows}
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not what the recognize stage writes: {error}") from error
    if len({own.shape for own in found.values()}) != 1:
        raise UserError(f"{path}: not of the rows {', '.join(rows)}; run `dvc repro`")
    return found


def resample_hits(hits: Hits, rng: np.random.Generator) -> ResampledScores:
    """Return the accuracies of rows in draws, and on resamples of the test triplets that all share.

    A triplet is an identity, so identities are resampled. Of T, T - 1 are drawn: see `bootstrap_scores`.

    Args:
        hits: of rows that share draws and test triplets.
    """
    table = np.array(list(hits.values()), dtype=np.float64)  # (M, n, T)
    size = table.shape[2]
    weights = draw_counts(size, RESAMPLES, rng).astype(np.float64)
    resampled = np.einsum("bt,mnt->bmn", weights, table) / max(1, size - 1)
    return ResampledScores(table.mean(axis=2), resampled, image=1 / size)


def judge_rows(scores: ResampledScores, names: Sequence[str], real: str | None, margin: float) -> Judged:
    """Compare every row with the untrained network, and with the way from it to the one trained on real triplets.

    Args:
        real: the name of that row; None: there is none.
        margin: a change of an accuracy that is too small to matter.
    """
    reference = names.index(UNTRAINED)
    others = [name for name in names if name != UNTRAINED]
    verdicts = dict(zip(others, judge_methods(scores, reference, margin), strict=True))
    shares: dict[str, Share] = {}
    if real is not None and verdicts[real].plain_interval[0] > 0:  # as a share's, which holds for its row alone
        changes = {name: change_of(scores, names.index(name), reference) for name in others}
        shares = {name: measure_share(changes[name], changes[real], scores.image) for name in others}
        shares[real] = Share(mean=1.0, interval=[1.0, 1.0])  # of itself, whatever the test triplets
    return Judged(against_untrained=verdicts, share_of_gap=shares)


Change = tuple[Floats, Floats]
"""A row's score minus the reference's: in draws (n,), and on resamples (B, n)."""


def change_of(scores: ResampledScores, row: int, reference: int) -> Change:
    """Return how a row's score differs from the reference's."""
    return scores.actual[row] - scores.actual[reference], scores.resampled[:, row] - scores.resampled[:, reference]


def measure_share(change: Change, whole: Change, image: float) -> Share:
    """Return which part of another change a change is, with Fieller's interval.

    It holds all shares s for which change - s * whole is not different from 0, by Student's test with the errors of
    draws and of test triplets (Fieller 1954, https://doi.org/10.1111/j.2517-6161.1954.tb00159.x).

    Args:
        image: what one test triplet decides of a score. Of change - s * whole it decides as much for s from 0 to 1,
            and |s| or |1 - s| times as much where that is more.
    """
    mean = float(change[0].mean() / whole[0].mean())

    def excess(share: float) -> float:
        own, resampled = (one - share * all_ for one, all_ in zip(change, whole, strict=True))
        parts = split_variance(own, resampled, image * max(1.0, abs(share), abs(1 - share)))
        error, df = combine_errors(parts, parts.draws)
        return abs(float(own.mean())) - error * student_quantile(df, 0.05)

    from scipy.optimize import brentq  # takes half a second, and only tables of recognition get here

    ends = []
    for end in (mean - FARTHEST, mean + FARTHEST):
        if excess(end) <= 0:
            return Share(mean=mean, interval=None)
        ends.append(float(brentq(excess, mean, end)))
    return Share(mean=mean, interval=ends)
