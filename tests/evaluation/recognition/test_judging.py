"""What is said of networks that learned from triplets, of answers that are known."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from counterweight.evaluation.recognition.judging import UNTRAINED, judge_rows, resample_hits
from counterweight.evaluation.recognition.results import Judged

Hits = npt.NDArray[np.bool_]
TRIPLETS = 40


def judge(margin: float = 0.01, **rows: Hits) -> Judged:
    """Judge rows that have the same hits in three draws; the untrained network has half of all."""
    hits = {UNTRAINED: [first(20)] * 3} | {name: [own] * 3 for name, own in rows.items()}
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
