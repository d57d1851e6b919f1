"""In which order stages run, and what is left when one fails."""

import pytest

from counterweight.engines.schedule import UNKNOWN, Schedule, estimate_seconds, rank

DIAMOND = {"a": [], "short": ["a"], "long": ["a"], "end": ["short", "long"], "alone": []}
SECONDS = {"a": 1.0, "short": 2.0, "long": 8.0, "end": 4.0, "alone": 3.0}


def test_ranks_are_the_longest_ways_to_the_end() -> None:
    later = {"a": ["short", "long"], "short": ["end"], "long": ["end"], "end": [], "alone": []}
    assert rank(later, SECONDS) == {"a": 13.0, "short": 6.0, "long": 12.0, "end": 4.0, "alone": 3.0}


def test_a_chain_of_thousands_of_stages_has_ranks() -> None:
    chain = {str(place): [str(place + 1)] for place in range(5000)} | {"5000": []}
    assert rank(chain, dict.fromkeys(chain, 1.0))["0"] == 5001.0


def test_what_others_wait_for_the_longest_begins_first() -> None:
    schedule = Schedule(DIAMOND, SECONDS)
    assert schedule.list_ready() == ["a", "alone"]
    schedule.begin("a")
    assert schedule.list_ready() == ["alone"]
    schedule.end("a")
    assert schedule.list_ready() == ["long", "short", "alone"]
    for stage in ("long", "short", "alone"):
        schedule.begin(stage)
    schedule.end("long")
    assert schedule.list_ready() == []
    schedule.end("short")
    assert schedule.list_ready() == ["end"]


def test_what_needs_a_failed_stage_is_left_out_and_nothing_else() -> None:
    schedule = Schedule(DIAMOND, SECONDS)
    schedule.end("a")
    schedule.fail("short")
    assert schedule.skipped == {"end"}
    assert schedule.list_ready() == ["long", "alone"]


def test_seconds_that_are_unknown_are_those_of_the_same_matrix() -> None:
    known = {"train@a": 10.0, "train@b": 30.0, "train@c": 20.0}
    assert estimate_seconds(["train@a", "train@d", "new"], known) == {
        "train@a": 10.0,
        "train@d": 20.0,
        "new": UNKNOWN,
    }


@pytest.mark.parametrize(
    ("workers", "left"),
    [
        (1, 18.0),  # all work one after the other
        (2, 13.0),  # the longest chain, a, long, end
        (9, 13.0),
    ],
)
def test_the_time_that_is_left(workers: int, left: float) -> None:
    assert Schedule(DIAMOND, SECONDS).estimate_left(workers, {}) == left


def test_what_ran_already_is_not_left() -> None:
    schedule = Schedule(DIAMOND, SECONDS)
    schedule.begin("a")
    assert schedule.estimate_left(2, {"a": 0.75}) == 12.25
    assert schedule.estimate_left(2, {"a": 5.0}) == 12.0  # longer than it should: about to end
