"""What the harness hands to a statistic, and what it makes of its numbers: seen by statistics that write down both."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.core.results import Spread
from counterweight.evaluation.comparison.harness import LabelledFeatures, list_columns, run_statistic, select_options
from counterweight.results.compare import StatisticResult
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import Column, Numbers, Space, Statistic, UndefinedStatisticError
from counterweight.statistics.base.resampling import Features
from counterweight.statistics.two_sample import c2st, exchange

COLUMN = Column(key="call", header="call", format=".1f", unit="calls", better="lower", meaning="How many calls.")


class Recorder:
    """A statistic's functions, which write down what they are given and return which call it is."""

    def __init__(self) -> None:
        self.calls: list[tuple[Features, Features]] = []
        self.prepared = 0

    def prepare(self, a: Features) -> Features:
        self.prepared += 1
        return a

    def measure(self, a: Features, b: Features, rng: np.random.Generator) -> Numbers:
        self.calls.append((a, b))
        return {"call": float(len(self.calls)), "constant": 0.5}

    def statistic(self, **changes: Any) -> Statistic:  # noqa: ANN401 - fields of all types
        return replace(
            Statistic(measure=self.measure, prepare=self.prepare, rank=1, columns=(COLUMN,)),
            **changes,
        )


def labelled(first: float, count: int, labels: npt.NDArray[np.int64] | None = None) -> LabelledFeatures:
    """Features (N, 1) that are numbers from `first` on: by its number each image is known."""
    table = first + np.arange(float(count))[:, np.newaxis]
    return LabelledFeatures(table, np.zeros(count, dtype=np.int64) if labels is None else labels)


def run(statistic: Statistic, real: LabelledFeatures, synthetic: LabelledFeatures, repeats: int = 3) -> StatisticResult:
    return run_statistic(statistic, real, synthetic, np.random.default_rng(0), repeats, {})


def test_between_and_baseline_are_of_the_promised_halves() -> None:
    """A half of real with the other half of synthetic images, and the same half with the other half of real ones."""
    seen = Recorder()
    result = run(seen.statistic(), labelled(0, 8), labelled(100, 6))
    assert result == StatisticResult(
        n=3,
        draws=3,
        between={"call": Spread(mean=3.0, std=2.0), "constant": Spread(mean=0.5, std=0.0)},
        baseline={"call": Spread(mean=4.0, std=2.0), "constant": Spread(mean=0.5, std=0.0)},
        within=None,
        first=None,
        reason=None,
    )
    assert seen.prepared == 3  # once for both comparisons of a draw
    for (half, synthetic), (same, other) in zip(seen.calls[::2], seen.calls[1::2], strict=True):
        np.testing.assert_array_equal(half, same)
        assert len({*half.flat, *other.flat}) == 6
        assert half.shape == other.shape == synthetic.shape == (3, 1)
        assert max(half.max(), other.max()) < 8
        assert synthetic.min() >= 100


def test_frames_of_other_videos_of_one_kind_are_not_told_apart_where_videos_stay_whole() -> None:
    """Ten videos of 20 frames that differ little from each other, on either side and of one distribution."""
    rng, videos = np.random.default_rng(0), np.repeat(np.arange(10), 20)
    labels = np.zeros(len(videos), dtype=np.int64)
    tables = [rng.normal(size=(10, 30))[videos] + 0.1 * rng.normal(size=(len(videos), 30)) for _ in range(2)]
    alone, whole = (
        run(c2st.STATISTIC, *(LabelledFeatures(table, labels, groups) for table in tables), repeats=20)
        for groups in (None, videos)
    )
    assert alone.between is not None
    assert whole.between is not None
    assert alone.between["auc"].mean > 0.99  # Some frames of each video were learned.
    # Five videos a side to learn from: areas of draws are anywhere, their mean over draws that share videos near 0.5.
    assert abs(whole.between["auc"].mean - 0.5) < 0.2


def test_exchanges_of_frames_call_videos_of_one_kind_different_unless_one_frame_of_each_is_looked_at() -> None:
    """Twelve videos of ten frames a side, of one distribution: 5 of 20 below 5 % is once in 400 times."""
    labels, videos = np.zeros(120, dtype=np.int64), np.repeat(np.arange(12), 10)
    below = dict.fromkeys(("alone", "whole"), 0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        tables = [rng.normal(size=(12, 30))[videos] + 0.1 * rng.normal(size=(120, 30)) for _ in range(2)]
        for how, groups in (("alone", None), ("whole", videos)):
            found = run(exchange.STATISTIC, *(LabelledFeatures(table, labels, groups) for table in tables))
            assert found.first is not None
            below[how] += found.first["p_value"] <= 0.05
    assert below["alone"] == 20
    assert below["whole"] <= 4


def test_within_is_of_two_halves_of_the_synthetic_images() -> None:
    seen = Recorder()
    result = run(seen.statistic(within=True), labelled(0, 8), labelled(100, 6), repeats=1)
    assert result.within == {"call": Spread(mean=3.0, std=0.0), "constant": Spread(mean=0.5, std=0.0)}
    (_, synthetic), _, (first, other) = seen.calls
    np.testing.assert_array_equal(synthetic, other)
    assert sorted({*first.flat, *other.flat}) == list(range(100, 106))


def test_images_made_of_one_another_meet_in_no_comparison_but_the_whole() -> None:
    """The synthetic image at a place was made of the real one there: halves of different numbers are compared."""
    seen = Recorder()
    run(seen.statistic(within=True), labelled(0, 40), labelled(100, 40))
    for half, synthetic in seen.calls[::3]:
        assert not {*half.flat} & {*(synthetic - 100).flat}


def test_whole_sets_come_with_their_halves_one_after_the_other() -> None:
    """Three of class 0 and one of class 1, twice; there is no baseline, and what is of one draw is the first one's."""
    labels = np.repeat([0, 1], [6, 2])
    seen = Recorder()
    statistic = seen.statistic(whole=True, of_one_draw=("constant",))
    result = run(statistic, labelled(0, 8, labels), labelled(100, 8, labels))
    assert result.between == {"call": Spread(mean=2.0, std=1.0)}
    assert result.first == {"call": 1.0, "constant": 0.5}
    assert (result.baseline, result.within) == (None, None)
    for real, synthetic in seen.calls:
        for table, first in ((real, 0), (synthetic, 100)):
            assert sorted(table.flat) == list(range(first, first + 8))
            assert [np.count_nonzero(table[part] >= first + 6) for part in (slice(4), slice(4, None))] == [1, 1]


def test_classes_of_one_set_alone_are_left_out_before_anything_else() -> None:
    seen: list[tuple[Features, Features, int]] = []
    recorder = Recorder()

    def enter_space(real: Features, synthetic: Features, size: int) -> Space:
        seen.append((real, synthetic, size))
        return Space(10 * real, 10 * synthetic, recorder.prepare, recorder.measure)

    real, synthetic = labelled(0, 10, np.repeat([0, 1], 5)), labelled(100, 8, np.repeat([1, 2], 4))
    result = run(recorder.statistic(enter_space=enter_space), real, synthetic)
    ((some, others, size),) = seen
    assert (some.ravel().tolist(), others.ravel().tolist()) == ([5, 6, 7, 8, 9], [100, 101, 102, 103])
    assert size == result.n == 2
    for half, _ in recorder.calls:
        assert set(half.flat) <= {50, 60, 70, 80, 90}


def test_few_images_and_undefined_numbers_are_a_reason() -> None:
    seen = Recorder()
    few = run(seen.statistic(least=4), labelled(0, 8), labelled(100, 6))
    assert (few.n, few.between, few.baseline, few.within, few.first) == (3, None, None, None, None)
    assert few.reason == "halves of 3 images of the common classes; at least 4 are needed"
    assert not seen.calls

    def refuse(a: Features, b: Features, rng: np.random.Generator) -> Numbers:
        raise UndefinedStatisticError("nothing varies")

    undefined = run(replace(seen.statistic(), measure=refuse), labelled(0, 8), labelled(100, 6))
    assert (undefined.n, undefined.between, undefined.reason) == (3, None, "nothing varies")


def test_a_number_that_is_none_is_refused() -> None:
    def divide(a: Features, b: Features, rng: np.random.Generator) -> Numbers:
        return {"call": float("nan")}

    with pytest.raises(ValueError, match="finite number"):
        run(replace(Recorder().statistic(), measure=divide), labelled(0, 8), labelled(100, 6))


def test_settings_are_those_of_the_section_that_a_statistic_asks_for() -> None:
    statistic = Recorder().statistic(settings=("alpha", "components"), chance={"call": 0.5})
    assert select_options(statistic, Compare(alpha=0.1, components=3)) == {"alpha": 0.1, "components": 3}
    (column,) = list_columns({"one": statistic})
    assert (column.statistic, column.key, column.chance) == ("one", "call", 0.5)


def test_mistakes_are_refused() -> None:
    statistic, real, synthetic = Recorder().statistic(), labelled(0, 8), labelled(100, 6)
    with pytest.raises(ValueError, match="repeats: at least 1"):
        run(statistic, real, synthetic, repeats=0)
    with pytest.raises(ValueError, match="one label per row"):
        run(statistic, real, synthetic._replace(labels=real.labels))
    with pytest.raises(ValueError, match="not finite"):
        run(statistic, real, synthetic._replace(features=np.full((6, 1), np.nan)))
