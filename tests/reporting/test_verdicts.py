"""The sentence in which a comparison ends: no difference, each kind of difference, and what could not be measured."""

import pytest

from counterweight.reporting.results import Comparison
from counterweight.reporting.verdicts import copy_reasons, verdict
from counterweight.results.compare import Copies, StatisticResult
from counterweight.results.discriminate import StyleResult
from tests.reporting.made import backbone, compare_result, copies, latent, row, size_result, statistic, style_result

FDR = "fraction_rejected_fdr"


def means(between: float, baseline: float, n: int = 50) -> StatisticResult:
    return statistic(row(FDR, value=between), row(FDR, value=baseline), n=n)


def linear(auc: float, first: float, p_value: float) -> StatisticResult:
    return statistic(row("auc", value=auc), first={"auc": first, "p_value": p_value})


def reach(between: float, baseline: float) -> StatisticResult:
    return statistic(row("coverage", value=between), row("coverage", value=baseline))


# What two halves of one set give.
SAME_FEATURES = {"ttest": means(0.01, 0.01), "c2st": linear(0.52, 0.53, 0.4), "prdc": reach(0.9, 0.95)}
SAME = style_result({"32": size_result(0.55, 0.4)})
NOTHING = statistic(None)


def sentence(changes: dict[str, StatisticResult], look: StyleResult, fraction: float | None = 0.01) -> str:
    backbones = {"a": backbone(0, changes=SAME_FEATURES | changes), "b": backbone(0, changes=SAME_FEATURES)}
    return verdict("smote", Comparison(compare_result(backbones, copies(fraction)), look, latent()))


def test_without_a_difference_the_size_is_told() -> None:
    assert sentence({}, SAME).startswith("`smote`: no difference was found, of 50 images a half;")


@pytest.mark.parametrize(
    ("changes", "look", "fraction", "words"),
    [
        (
            {},
            style_result({"32": size_result(0.93, 0.7)}),
            0.01,
            "a small network tells them apart at 32 px (area 0.93)",
        ),
        ({"c2st": linear(0.7, 0.8, 0.001)}, SAME, 0.01, "of 1 of 2 backbones apart (mean area 0.70)"),
        ({"ttest": means(0.6, 0.0, n=9)}, SAME, 0.01, "the means of 30% of their features differ"),
        ({"prdc": reach(0.0, 1.0)}, SAME, 0.01, "they reach 47% of"),
        ({}, SAME, 0.5, "50% of them are likely copies of training images"),
    ],
)
def test_each_kind_of_difference_is_a_reason(
    changes: dict[str, StatisticResult], look: StyleResult, fraction: float, words: str
) -> None:
    found = sentence(changes, look, fraction)
    assert found.startswith("`smote` differs from real images: ")
    assert words in found
    assert found.count(";") == 0


@pytest.mark.parametrize("test", [linear(0.7, 0.7, 0.03), NOTHING])
def test_of_many_backbones_one_may_be_below_the_level_by_chance(test: StatisticResult) -> None:
    assert "no difference" in sentence({"c2st": test}, SAME)


def test_what_could_not_be_measured_is_no_difference() -> None:
    assert "no difference was found, of 50 images a half" in sentence({"prdc": NOTHING}, style_result({}), None)


def test_of_few_images_no_absence_is_told() -> None:
    few = {"ttest": means(0.01, 0.01, n=9)}
    assert sentence(few, SAME) == "`smote`: too few images to say whether they differ from real ones."


def test_sets_that_are_taken_for_each_other_are_told() -> None:
    """What a classifier makes of images whose originals it knows from the other set: worse than chance."""
    assert "takes each set for the other" not in sentence({}, SAME)
    assert "takes each set for the other" in sentence({"c2st": linear(0.3, 0.3, 0.001)}, SAME)


def test_where_nothing_could_be_tested_nothing_is_said() -> None:
    nothing = {"ttest": statistic(None, n=1), "prdc": NOTHING, "c2st": NOTHING}
    features = compare_result({"a": backbone(0, changes=nothing)}, copies(None))
    found = verdict("smote", Comparison(features, style_result({}), latent()))
    assert found == "`smote`: too few images to say whether they differ from real ones."


@pytest.mark.parametrize(("fraction", "n"), [(0.08, 40), (0.1, 10), (0.33, 3), (0.07, 30)])
def test_a_few_near_images_of_few_are_no_copies(fraction: float, n: int) -> None:
    """What new photographs gave: of so few real images the nearest is the threshold, and some are nearer by chance."""
    assert copy_reasons(near(fraction, n), "training images") == []


@pytest.mark.parametrize(("n", "most"), [(40, 0.44), (100, 0.18), (1000, 0.018)])
def test_copies_are_five_times_as_frequent_as_real_ones_could_be(n: int, most: float) -> None:
    """Where none of n real images is as near, their fraction is below 1 - 0.025^(1/n), some 3.7 / n."""
    assert copy_reasons(near(most, n), "training images") == []
    words = f"{most + 0.01:.0%} of them are likely copies of training images"
    assert copy_reasons(near(most + 0.01, n), "training images") == [words]


def near(fraction: float, n: int) -> Copies:
    return copies(fraction, real_fraction=0.0, n=n)
