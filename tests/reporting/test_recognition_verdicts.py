"""What is said of networks that learned from triplets, of answers that are known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from counterweight.core.errors import UserError
from counterweight.evaluation.recognition.recognition import Outcome, write_hits
from counterweight.reporting.recognition_verdicts import (
    Judged,
    judge_recognition,
    judge_rows,
    measure_share,
    read_hits,
    resample_hits,
)
from counterweight.results.recognize import UNTRAINED
from counterweight.statistics.recognition import Found

Hits = npt.NDArray[np.bool_]
TRIPLETS = 40


def judge(margin: float = 0.01, **rows: Hits) -> Judged:
    """Judge rows that have the same hits in three draws; the untrained network has half of all."""
    hits = {name: np.stack([own] * 3) for name, own in ({UNTRAINED: first(20)} | rows).items()}
    scores = resample_hits(hits, np.random.default_rng(0))
    assert scores.image == 1 / TRIPLETS
    return judge_rows(scores, list(hits), "real" if "real" in rows else None, margin)


def first(count: int) -> Hits:
    """Return hits of the first so many triplets."""
    return np.arange(TRIPLETS) < count


@pytest.mark.parametrize(("margin", "said"), [(0.1, "no difference above margin"), (0.04, "undecided")])
def test_a_network_that_knows_as_much_as_the_untrained_is_told_from_it_to_one_triplet(margin: float, said: str) -> None:
    found = judge(margin, same=first(20)).against_untrained["same"]
    half = stats.norm.isf(0.025) / TRIPLETS  # 0.049
    assert found.interval == pytest.approx([-half, half])
    assert found.verdict == said


def test_of_itself_the_real_row_has_all_and_its_equal_not_surely() -> None:
    shares = judge(real=first(40), equal=first(40), half=first(30)).share_of_gap
    assert list(shares) == ["real", "equal", "half"]
    assert (shares["real"].mean, shares["real"].interval) == (1, [1, 1])
    assert (shares["equal"].mean, shares["half"].mean) == (1, 0.5)
    low, high = shares["equal"].interval or [0, 0]
    # (1 - s) 20 / 40 is 1.96 times what one of 40 decides, and s times that above 1.
    step = 2 * stats.norm.isf(0.025) / TRIPLETS
    assert [low, high] == pytest.approx([1 - step, 1 / (1 - step)])


def test_a_share_is_one_of_itself_and_half_of_half() -> None:
    rng = np.random.default_rng(0)
    hits = {name: rng.random((4, 400)) < level for name, level in (("u", 0.2), ("real", 0.8), ("x", 0.5))}
    scores = resample_hits(hits, rng)
    change = {
        row: (scores.actual[row] - scores.actual[0], scores.resampled[:, row] - scores.resampled[:, 0])
        for row in (1, 2)
    }
    whole = measure_share(change[1], change[1], scores.image)
    assert whole.mean == 1
    # Networks that are right on the same triplets are told apart to 1.96 of the 240 that they gained, give or take 8.
    assert whole.interval == pytest.approx([1 - 1.96 / 240, 1 + 1.96 / 240], rel=0, abs=1.96 / 240 * 8 / 240)
    half = measure_share(change[2], change[1], scores.image)
    assert half.interval is not None
    assert half.interval[0] < 0.5 < half.interval[1]
    assert half.mean == pytest.approx(0.5, abs=0.1)
    nothing = measure_share(change[2], (change[1][0] * 0 + rng.normal(0, 1, 4), change[1][1]), scores.image)
    assert nothing.interval is None


def write_table(path: Path, hits: Mapping[str, npt.NDArray[np.bool_]]) -> Path:
    """Write hits (n, T) by row as the recognize stage does."""
    draws = {name: [Found(*[own] * 5) for own in table] for name, table in hits.items()}
    write_hits({name: [Outcome(1, None, None, own) for own in found] for name, found in draws.items()}, path)
    return path


def test_hits_are_read_as_they_were_written_and_judged(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    hits = {name: rng.random((3, 50)) < level for name, level in ((UNTRAINED, 0.2), ("real", 0.9), ("half", 0.5))}
    path = write_table(tmp_path / "hits.parquet", hits)
    read = read_hits(path, "rank1", [*hits])
    assert all(np.array_equal(read[name], own) for name, own in hits.items())
    found = judge_recognition(path, [*hits], "real", 0.01, 0, "d")
    changes = {name: own.mean() - hits[UNTRAINED].mean() for name, own in hits.items()}
    assert found.rank1.against_untrained["half"].mean_change == pytest.approx(changes["half"])
    assert found.rank1.share_of_gap["half"].mean == pytest.approx(changes["half"] / changes["real"])
    assert found.rank1 == found.triplet  # of the same hits
    assert judge_recognition(path, [*hits], None, 0.01, 0, "d").rank1.share_of_gap == {}


@pytest.mark.parametrize("rows", [[UNTRAINED, "another"], [UNTRAINED, "uneven"]])
def test_a_table_of_other_rows_is_told(tmp_path: Path, rows: list[str]) -> None:
    path = write_table(tmp_path / "hits.parquet", {UNTRAINED: np.ones((2, 5), bool), "uneven": np.ones((1, 5), bool)})
    with pytest.raises(UserError, match=r"hits.parquet: not"):
        read_hits(path, "rank1", rows)
    (tmp_path / "torn.parquet").write_bytes(path.read_bytes()[:50])
    for name, what in (("torn.parquet", "not what the recognize stage writes"), ("none.parquet", "no such file")):
        with pytest.raises(UserError, match=f"{name}: {what}"):
            read_hits(tmp_path / name, "rank1", rows)
