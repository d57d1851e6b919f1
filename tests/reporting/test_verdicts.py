"""The sentence in which a comparison ends: no difference, each kind of difference, and what could not be measured."""

from typing import Any

import pytest
from scipy.stats import binomtest

from counterweight.reporting.results import Comparison
from counterweight.reporting.verdicts import (
    COPY_LEVEL,
    HEADLINE_LEVEL,
    OTHERS_LEVEL,
    STYLE_LEVEL,
    clopper_pearson_high,
    copy_reasons,
    find_different,
    style_reasons,
    verdict,
)
from counterweight.results.compare import BackboneResult, Copies, StatisticResult
from counterweight.results.discriminate import StyleResult
from counterweight.results.files import ClassMix, Equalised, FileFacts, SideFiles
from tests.reporting.made import backbone, compare_result, copies, latent, row, size_result, statistic, style_result

FDR = "fraction_rejected_fdr"


def means(between: float, baseline: float, n: int = 50) -> StatisticResult:
    return statistic(row(FDR, value=between), row(FDR, value=baseline), n=n)


def linear(auc: float, first: float, p_value: float) -> StatisticResult:
    return statistic(row("auc", value=auc), first={"auc": first, "p_value": p_value})


def reach(between: float, baseline: float) -> StatisticResult:
    return statistic(row("coverage", value=between), row("coverage", value=baseline))


def exchange(p_value: float) -> StatisticResult:
    return statistic(row("excess", value=0.1), first={"p_value": p_value})


# What two halves of one set give.
SAME_FEATURES = {
    "ttest": means(0.01, 0.01),
    "c2st": linear(0.52, 0.53, 0.4),
    "prdc": reach(0.9, 0.95),
    "exchange": exchange(0.3),
}
SAME = style_result({"32": size_result(0.55, 0.4)})
OTHER = {"exchange": exchange(0.0005)}
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
            style_result({"32": size_result(0.93)}),
            0.01,
            "a small network tells real from synthetic at 32 px (area 0.93).",
        ),
        (OTHER, SAME, 0.01, "the features that a sees differ (p = 0.0005)."),
        (
            OTHER | {"c2st": linear(0.7, 0.8, 0.001)},
            SAME,
            0.01,
            "; a linear classifier of those features tells real from synthetic (mean",
        ),
        (OTHER | {"ttest": means(0.6, 0.0, n=9)}, SAME, 0.01, "; 60% of those features have other means."),
        (
            OTHER | {"prdc": reach(0.3, 1.0)},
            SAME,
            0.01,
            "; they come near to 30% of the real images that other real images come near to.",
        ),
        ({}, SAME, 0.5, "50% of the images are likely copies of training images."),
    ],
)
def test_each_kind_of_difference_is_a_reason(
    changes: dict[str, StatisticResult], look: StyleResult, fraction: float, words: str
) -> None:
    found = sentence(changes, look, fraction)
    assert found.startswith("`smote` differs from real images: ")
    assert words in found
    assert found.count(";") == words.count(";")


@pytest.mark.parametrize(
    "alone", [{"c2st": linear(0.7, 0.8, 0.001)}, {"ttest": means(0.6, 0.0)}, {"prdc": reach(0.0, 1.0)}]
)
def test_what_is_no_test_of_all_features_raises_no_alarm(alone: dict[str, StatisticResult]) -> None:
    """What two halves of 800 photographs gave: means of 6 % of the features that differ."""
    assert "no difference" in sentence(alone, SAME)


def test_each_kind_of_alarm_has_a_level_of_its_own() -> None:
    """The headline's is 0.02, that of the other one 0.01; the small network's is 0.01 for all its sizes."""
    assert pytest.approx(0.05) == HEADLINE_LEVEL + OTHERS_LEVEL + STYLE_LEVEL + COPY_LEVEL
    judged = {name: backbone(0, changes=SAME_FEATURES | {"exchange": exchange(0.015)}) for name in "ab"}
    assert list(find_different(judged, "a")) == ["a"]
    judged |= {"c": backbone(0, changes=SAME_FEATURES | {"exchange": exchange(0.007)})}
    assert list(find_different(judged, "a")) == ["a"]  # 0.01 is two backbones' now
    assert style_reasons(style_result({"32": size_result(0.9, 0.009)})) != []
    assert style_reasons(style_result({"32": size_result(0.9, 0.009), "64": size_result(0.5, 1.0)})) == []
    assert style_reasons(style_result({"32": size_result(0.1, 0.0001)})) == []


@pytest.mark.parametrize("test", [exchange(0.021), NOTHING])
def test_a_space_that_may_differ_by_chance_is_no_reason(test: StatisticResult) -> None:
    assert "no difference" in sentence({"exchange": test}, SAME)


def test_exact_copies_are_said_first_and_the_files_next() -> None:
    found = copies(0.5).model_copy(update={"exact": 40})
    side = SideFiles(formats={"PNG": 9}, quality=None, width=8, height=8)
    files = FileFacts(real=side, synthetic=side, differences=["format (9 PNG against 9 JPEG)", "width (1 against 2)"])
    features = compare_result({"a": backbone(0, changes=SAME_FEATURES)}, found)
    text = verdict("smote", Comparison(features, None, None, files))
    assert text.startswith(
        "40 of 100 images are exact copies of the training images. "
        "The files alone tell the sets apart: format (9 PNG against 9 JPEG), width (1 against 2). "
    )
    assert "`smote` differs from real images: 50%" in text


FORMAT = "format (9 PNG against 9 JPEG)"


def audited(changes: dict[str, StatisticResult], equalised: Equalised | None = None, **facts: Any) -> str:  # noqa: ANN401
    """The verdict of an audit of which the features are those of the sets made the same."""
    side = SideFiles(formats={"PNG": 9}, quality=None, width=8, height=8)
    files = FileFacts(real=side, synthetic=side, differences=[FORMAT])
    features = compare_result({"a": backbone(0, changes=SAME_FEATURES | changes)}, copies(0.01))
    return verdict("synthetic", Comparison(features, None, None, files, equalised=equalised, **facts))


def test_sets_made_the_same_are_judged_before_what_they_are() -> None:
    plain = compare_result({"a": backbone(0, changes=SAME_FEATURES | OTHER)}, copies(0.01))
    mix = ClassMix(real={"cat": 9, "dog": 1, "emu": 3}, synthetic={"cat": 5, "dog": 5}, difference="class mix (9 to 5)")
    how = Equalised(steps=["in grey", "as JPEG"], images={"cat": 5, "dog": 1}, left_out={"real": {"emu": 3}})
    assert audited({}, how, mix=mix, as_they_are=Comparison(plain, None, None)) == (
        f"The files and the mix of classes alone tell the sets apart: {FORMAT}, class mix (9 to 5). "
        "Left out, since the other side has none: emu (3) of the real images. "
        "With both in grey, as JPEG and the same mix of classes: `synthetic`: no difference was found, of 50 images a "
        "half; smaller ones than these can show may be there. "
        "As they are: `synthetic` differs from real images: the features that a sees differ (p = 0.0005)."
    )


def test_copies_that_are_seen_when_sets_are_made_the_same_are_said_first() -> None:
    features = compare_result({"a": backbone(0, changes=SAME_FEATURES)}, copies(0.01).model_copy(update={"near": 7}))
    before = Comparison(compare_result({"a": backbone(0, changes=SAME_FEATURES)}, copies(0.01)), None, None)
    compared = Comparison(features, None, None, equalised=Equalised(steps=["in grey"]), as_they_are=before)
    assert verdict("synthetic", compared).startswith(
        "7 of 100 images are copies of the real images once both are made the same. With both in grey: `synthetic`"
    )


def test_files_that_need_no_change_are_said_to_need_none() -> None:
    text = audited(OTHER, Equalised(steps=[]))
    assert text.startswith(f"The files alone tell the sets apart: {FORMAT}. None of that reaches the pixels that are ")
    assert "With" not in text
    assert "As they are" not in text


def test_what_the_files_of_a_pair_differ_in_is_said_first() -> None:
    features = compare_result({"a": backbone(0, changes=SAME_FEATURES)}, copies(0.01))
    text = verdict("synthetic", Comparison(features.model_copy(update={"file_differences": [FORMAT]}), SAME, latent()))
    assert text.startswith(
        f"The files alone tell the sets apart: {FORMAT}. `counterweight audit` of the folders judges after making both "
        "the same. `synthetic`: no difference"
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"near": 1}, "1 of 100 images is a near copy of one of the real images. `synthetic`: no difference"),
        ({"near": 20, "exact": 3}, "3 of 100 images are exact copies of the real images. 20 of 100 images are near "),
        (
            {"near": 20, "fraction": 0.9, "real_fraction": 0.0, "n_real": 50, "twins": 50},
            "90 of 100 images are near copies of the real images. 50 of the real images are copies or near copies of "
            "another one. `synthetic`: no difference",
        ),
        (
            {"near": 0, "fraction": 0.9, "real_fraction": 0.0},
            "90 of 100 images are near copies of the real images. `synthetic` differs from real images: 90%",
        ),
    ],
)
def test_near_copies_of_real_images_are_said_first(facts: dict[str, Any], words: str) -> None:
    """As many as real images have among themselves are no difference, and are said all the same."""
    found = compare_result({"a": backbone(0, changes=SAME_FEATURES)}, copies(0.0).model_copy(update=facts))
    features = found.model_copy(update={"copies_of": "real images"})
    assert verdict("synthetic", Comparison(features, None, None)).startswith(words)
    assert verdict("smote", Comparison(found, None, None)).startswith(("`smote`", "3 of 100"))


def test_a_headline_of_too_few_dimensions_is_told_and_another_space_is_not() -> None:
    narrow = backbone(
        0, changes=SAME_FEATURES, left_out="effective dimension 1.1 of 8; 5 would show 4.5 with 50 images"
    )
    wide = backbone(0, changes=SAME_FEATURES)

    def say(first: BackboneResult, second: BackboneResult) -> str:
        return verdict("smote", Comparison(compare_result({"a": first, "b": second}, copies(0.01)), SAME, latent()))

    told = "Little can be seen in a: effective dimension 1.1 of 8; 5 would show 4.5 with 50 images."
    assert say(narrow, wide).endswith(told)
    assert "Little" not in say(wide, narrow) + say(wide, wide)


def test_a_single_exact_copy_is_one() -> None:
    features = compare_result({"a": backbone(0, changes=SAME_FEATURES)}, copies(0.0).model_copy(update={"exact": 1}))
    text = verdict("smote", Comparison(features, None, None))
    assert text.startswith("1 of 100 images is an exact copy of one of the training images. `smote`: no difference")


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
    nothing = {"ttest": statistic(None, n=1), "prdc": NOTHING, "c2st": NOTHING, "exchange": NOTHING}
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
    words = f"{most + 0.01:.0%} of the images are likely copies of training images"
    assert copy_reasons(near(most + 0.01, n), "training images") == [words]


def near(fraction: float, n: int) -> Copies:
    return copies(fraction, real_fraction=0.0, n=n)


@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (1, 1), (0, 54), (3, 54), (54, 54), (700, 2000)])
def test_the_upper_end_is_that_of_scipy(hits: int, trials: int) -> None:
    expected = binomtest(hits, trials).proportion_ci().high
    assert clopper_pearson_high(hits, trials) == pytest.approx(expected, abs=1e-10)  # theirs is found by bisection
