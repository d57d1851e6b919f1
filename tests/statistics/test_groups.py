"""Tests and errors where images come in groups: a small version of `benchmarks/groups.py`."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.groups import WAYS, Design, compare, measure
from counterweight.core.images import ImageSet
from counterweight.evaluation.style.discrimination import draw_parts
from counterweight.settings.discriminate import Discriminate
from counterweight.statistics.two_sample import c2st

COMMITTED = Path(__file__).parents[2] / "metrics/benchmarks/groups.json"
TRIALS = 60


@pytest.fixture(scope="module")
def rates() -> dict[str, dict[str, float]]:
    """Of twelve groups of ten images that hardly differ within one."""
    (found,) = measure([Design(12, 10, 0.8)], TRIALS)["designs"]
    return {name: found[name] for name in WAYS}


@pytest.mark.parametrize("name", WAYS)
def test_groups_raise_no_more_false_alarms_than_they_may(name: str, rates: dict[str, dict[str, float]]) -> None:
    """Of 60 trials at a level of 0.05 more than 10 are false alarms once in 1,000 times."""
    assert rates[name]["by group"] <= 10 / TRIALS


@pytest.mark.parametrize("name", [name for name in WAYS if name != "verdict on classifiers"])
def test_images_taken_for_independent_raise_many(name: str, rates: dict[str, dict[str, float]]) -> None:
    assert rates[name]["ignored"] > 0.25


def test_the_committed_rates_are_near_the_level() -> None:
    """Of 400 trials at a level of 0.05 more than 36 are false alarms once in 1,000 times."""
    content = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert {row["groups"] for row in content["designs"]} >= {8, 60, 200}
    large = [row for row in content["designs"] if row["groups"] > 8]
    assert max(row[name]["by group"] for row in large for name in WAYS) <= 36 / 400


def test_a_linear_classifier_is_given_the_groups_of_those_that_it_is_tested_on() -> None:
    rng = np.random.default_rng(0)
    design = Design(10, 6, 0.9)
    found = [compare(c2st.STATISTIC, design, grouped, np.random.default_rng(3)) for grouped in (False, True)]
    assert all(each.reason is None for each in found)
    a, b = design.draw(5, rng), design.draw(5, rng)
    numbers = design.number()
    plain, grouped = c2st.measure(a, b, rng), c2st.measure(a, b, rng, groups=(numbers, numbers))
    assert plain["auc"] == grouped["auc"]
    assert grouped["interval_high"] - grouped["interval_low"] > plain["interval_high"] - plain["interval_low"]


def test_the_style_classifier_knows_the_groups_of_its_test_images() -> None:
    pixels = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 8, 8), np.uint8)
    labels, origins = np.zeros(60, dtype=np.int64), np.arange(60).astype(np.str_)
    names = np.array([f"video {place // 6}" for place in range(60)])
    real = ImageSet(pixels, labels, ("image",), origins, {}, names)
    synthetic = ImageSet(pixels + np.uint8(100), labels, ("image",), origins, {})
    _, test = draw_parts(real, synthetic, Discriminate(), 0)
    of_synthetic, of_real = test.groups
    assert of_synthetic is None
    assert of_real is not None
    shown = test.images[test.synthetic == 0][:, 0, 0, 0]
    assert real.groups is not None
    assert of_real.tolist() == real.groups[shown].tolist()
