"""The sentence in which a comparison ends: no difference, each kind of difference, and what could not be measured."""

from typing import Any

import pytest

from counterweight.reporting.differences import Comparison
from counterweight.reporting.verdicts import copy_reasons, verdict


def backbone(changes: dict[str, Any]) -> dict[str, Any]:
    """What two halves of one set give."""
    facts = {
        "t_test": {
            "n": 50,
            "between": {"fraction_rejected_fdr": {"mean": 0.01}},
            "within_real": {"fraction_rejected_fdr": {"mean": 0.01}},
        },
        "two_sample": {"auc": {"mean": 0.52}, "first": 0.53, "p_value": 0.4},
        "overlap": {"between": {"coverage": {"mean": 0.9}}, "baseline": {"coverage": {"mean": 0.95}}},
    }
    return facts | changes


def style(auc: float, low: float) -> dict[str, Any]:
    return {"sizes": {"32": {"auc": {"mean": auc}, "interval": [low, 1.0]}}}


def sentence(changes: dict[str, Any], look: dict[str, Any], fraction: float | None = 0.01) -> str:
    settings = {"copy_quantile": 0.01}
    features = {
        "backbones": {"a": backbone(changes), "b": backbone({})},
        "copies": {"fraction": fraction, "real_fraction": 0.01, "n": 100, "n_real": 100},
        "copies_of": "training images",
        "settings": settings,
    }
    return verdict("smote", Comparison(features, look, {}))


SAME = style(0.55, 0.4)


def test_without_a_difference_the_size_is_told() -> None:
    assert sentence({}, SAME).startswith("`smote`: no difference was found, of 50 images a half;")


@pytest.mark.parametrize(
    ("changes", "look", "fraction", "words"),
    [
        ({}, style(0.93, 0.7), 0.01, "a small network tells them apart at 32 px (area 0.93)"),
        (
            {"two_sample": {"auc": {"mean": 0.7}, "first": 0.8, "p_value": 0.001}},
            SAME,
            0.01,
            "of 1 of 2 backbones apart (mean area 0.70)",
        ),
        (
            {
                "t_test": {
                    "n": 9,
                    "between": {"fraction_rejected_fdr": {"mean": 0.6}},
                    "within_real": {"fraction_rejected_fdr": {"mean": 0.0}},
                }
            },
            SAME,
            0.01,
            "the means of 30% of their features differ",
        ),
        (
            {"overlap": {"between": {"coverage": {"mean": 0.0}}, "baseline": {"coverage": {"mean": 1.0}}}},
            SAME,
            0.01,
            "they reach 47% of",
        ),
        ({}, SAME, 0.5, "50% of them are likely copies of training images"),
    ],
)
def test_each_kind_of_difference_is_a_reason(
    changes: dict[str, Any], look: dict[str, Any], fraction: float, words: str
) -> None:
    found = sentence(changes, look, fraction)
    assert found.startswith("`smote` differs from real images: ")
    assert words in found
    assert found.count(";") == 0


@pytest.mark.parametrize("p_value", [0.03, None])
def test_of_many_backbones_one_may_be_below_the_level_by_chance(p_value: float | None) -> None:
    assert "no difference" in sentence({"two_sample": {"auc": {"mean": 0.7}, "first": 0.7, "p_value": p_value}}, SAME)


def test_what_could_not_be_measured_is_no_difference() -> None:
    nothing = {"overlap": {"between": None, "baseline": None}}
    assert "no difference was found, of 50 images a half" in sentence(nothing, {"sizes": {}}, None)


def test_of_few_images_no_absence_is_told() -> None:
    few = {"t_test": {**backbone({})["t_test"], "n": 9}}
    assert sentence(few, SAME) == "`smote`: too few images to say whether they differ from real ones."


def test_sets_that_are_taken_for_each_other_are_told() -> None:
    """What a classifier makes of images whose originals it knows from the other set: worse than chance."""
    assert "takes each set for the other" not in sentence({}, SAME)
    assert "takes each set for the other" in sentence(
        {"two_sample": {"auc": {"mean": 0.3}, "first": 0.3, "p_value": 0.001}}, SAME
    )


def test_where_nothing_could_be_tested_nothing_is_said() -> None:
    nothing = {"t_test": {"n": 1, "between": None, "within_real": None}, "overlap": {"between": None, "baseline": None}}
    nothing |= {"two_sample": {"auc": None, "first": None, "p_value": None}}
    features = {"backbones": {"a": backbone(nothing)}, "copies": {"fraction": None}}
    found = verdict("smote", Comparison(features, {"sizes": {}}, {}))
    assert found == "`smote`: too few images to say whether they differ from real ones."


@pytest.mark.parametrize(("fraction", "n"), [(0.08, 40), (0.1, 10), (0.33, 3), (0.07, 30)])
def test_a_few_near_images_of_few_are_no_copies(fraction: float, n: int) -> None:
    """What new photographs gave: of so few real images the nearest is the threshold, and some are nearer by chance."""
    assert copy_reasons(near(fraction, n)) == []


@pytest.mark.parametrize(("n", "most"), [(40, 0.44), (100, 0.18), (1000, 0.018)])
def test_copies_are_five_times_as_frequent_as_real_ones_could_be(n: int, most: float) -> None:
    """Where none of n real images is as near, their fraction is below 1 - 0.025^(1/n), some 3.7 / n."""
    assert copy_reasons(near(most, n)) == []
    assert copy_reasons(near(most + 0.01, n)) == [f"{most + 0.01:.0%} of them are likely copies of real images"]


def near(fraction: float, n: int) -> dict[str, Any]:
    return {"copies": {"fraction": fraction, "real_fraction": 0.0, "n": n, "n_real": n}, "copies_of": "real images"}
