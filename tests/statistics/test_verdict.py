"""Verdicts against closed forms, against their own intervals, and in small simulations."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from counterweight.statistics.bootstrap_scores import ResampledScores, bootstrap_scores
from counterweight.statistics.verdict import (
    Verdict,
    find_failed_draw,
    judge_change,
    judge_methods,
    list_changes,
    plan_draws,
    split_variance,
)

Floats = npt.NDArray[np.float64]
CHANGES = np.array([0.01, 0.03, 0.02, 0.05, 0.04, -0.01])
BOTH = np.array([[-1.0], [1.0]])  # Two resamples that deviate by 1 either way: their variance is 2.


def judge(
    changes: Floats, resampled: Floats | None = None, family: int = 1, margin: float = 0.01, image: float = 0.0
) -> Verdict:
    """Judge changes; without resamples the test images make no difference."""
    copies = np.tile(changes, (2, 1))
    return judge_change(changes, copies if resampled is None else resampled, image, family, margin, 0.05)


def random_case(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return changes and their resamples of any size, sometimes rounded, sometimes without any spread."""
    draws, digits = int(rng.integers(1, 12)), int(rng.integers(2, 6))
    scales = rng.choice([0, 0.002, 0.01, 0.1], 4)
    changes = rng.normal(scales[0], scales[1], draws)
    resampled = changes + rng.normal(0, scales[2], (20, 1)) + rng.normal(0, scales[3], (20, draws))
    return np.round(changes, digits), np.round(resampled, digits)


# The interval.


def test_without_test_images_the_interval_is_students() -> None:
    result = judge(CHANGES)
    low, high = stats.ttest_1samp(CHANGES, 0).confidence_interval()
    assert result.interval == pytest.approx([low, high])
    assert result.plain_interval == result.interval
    assert result.p_value == pytest.approx(stats.ttest_1samp(CHANGES, 0).pvalue)
    assert result.degrees_of_freedom == pytest.approx(5)
    assert (result.se_draws, result.se_test) == (pytest.approx(stats.sem(CHANGES)), 0)
    assert (result.draws, result.family, result.confidence) == (6, 1, 0.95)


def test_the_simultaneous_interval_is_bonferronis() -> None:
    result = judge(CHANGES, family=8)
    low, high = stats.ttest_1samp(CHANGES, 0).confidence_interval(1 - 0.05 / 8)
    assert result.interval == pytest.approx([low, high])
    assert result.plain_interval == judge(CHANGES).interval


def test_both_sources_add_and_the_interaction_counts_once() -> None:
    shared = CHANGES + 0.01 * BOTH
    # All draws move together: B = 2 * 0.01^2 and no interaction.
    result = judge(CHANGES, shared)
    assert result.se_test == pytest.approx(0.01 * 2**0.5)
    assert result.standard_error == pytest.approx((CHANGES.var(ddof=1) / 6 + 2 * 0.01**2) ** 0.5)
    noise = CHANGES.var(ddof=1) / 6
    assert result.degrees_of_freedom == pytest.approx(5 * ((noise + 2 * 0.01**2 * 3 / 5) / noise) ** 2)
    few = judge(CHANGES[:3], shared[:, :3])
    assert (few.degrees_of_freedom, few.se_test) == (pytest.approx(2), pytest.approx(result.se_test))
    # Draws that move against each other: the mean stands still, and s^2 alone counts.
    against = CHANGES + 0.01 * BOTH * np.array([1, -1, 1, -1, 1, -1])
    assert judge(CHANGES, against).standard_error == pytest.approx(noise**0.5)
    assert judge(CHANGES, against).se_test == 0


def test_the_parts_are_found_again() -> None:
    rng = np.random.default_rng(0)
    resampled = rng.normal(0, 0.3, (200_000, 1)) + rng.normal(0, 0.5, (200_000, 4))
    parts = split_variance(np.array([1.0, 2.0, 3.0, 4.0]), resampled, 0.0)
    # (4 v - w) / 3 with v = 0.1525 and w = 0.34, each known to sqrt(2 / B) = 0.3 % at worst: 0.0006 and 0.0003.
    assert parts.test == pytest.approx(0.09, abs=4 * 0.0009)
    assert parts.between == parts.effective == pytest.approx(5 / 3)


def test_the_mean_varies_no_less_than_the_test_images_make_it() -> None:
    # Three draws that agree by accident, and resamples in which each varies on its own, by 0.01^2 * 2.
    resampled = 0.02 + 0.01 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    result = judge(np.full(3, 0.02), resampled)
    assert result.se_test == 0
    assert result.standard_error == pytest.approx((0.0001 * 4 / 3 / 3) ** 0.5)
    assert result.degrees_of_freedom is None
    half = stats.norm.isf(0.025) * result.standard_error
    assert result.interval == pytest.approx([0.02 - half, 0.02 + half])


def test_one_draw_knows_its_test_images_alone() -> None:
    result = judge(np.array([0.05]), 0.05 + 0.01 * BOTH)
    assert (result.draws, result.covers, result.se_draws, result.draws_needed) == (1, "test images", None, None)
    assert result.standard_error == result.se_test == pytest.approx(0.01 * 2**0.5)
    assert result.interval == pytest.approx([0.05 - 1.959964 * 0.0141421, 0.05 + 1.959964 * 0.0141421], abs=1e-6)
    assert judge(CHANGES).covers == "draws and test images"


@pytest.mark.parametrize("draws", [1, 2, 3, 8])
@pytest.mark.parametrize("change", [0.0, 0.1, -0.1])
@pytest.mark.parametrize("images", [6, 37, 500])
def test_equal_changes_on_every_test_set_are_known_to_one_image(draws: int, change: float, images: int) -> None:
    reference = np.resize([0.9, 0.3, 0.7], draws)  # 0.9 + 0.1 - 0.9 and 0.3 + 0.1 - 0.3 differ in the last digit.
    scores = np.stack([reference, reference + change])
    result = judge_methods(ResampledScores(scores, np.stack([scores, scores]), image=1 / images), reference=0)[0]
    half = stats.norm.isf(0.025) / images  # 0.33, 0.053 and 0.0039
    assert result.interval == pytest.approx([change - half, change + half])
    assert result.mean_change == pytest.approx(change, abs=1e-15)
    seen = {0.0: "no difference above margin" if images == 500 else "undecided", 0.1: "helps", -0.1: "hurts"}[change]
    assert result.verdict == ("undecided" if images == 6 else seen)
    assert result.p_value == pytest.approx(2 * stats.norm.sf(abs(change) * images), rel=1e-6)
    assert result.degrees_of_freedom is None
    assert (result.se_draws, result.se_test) == (None if draws == 1 else 0, pytest.approx(1 / images))
    assert result.detectable_change == pytest.approx((stats.norm.isf(0.025) + stats.norm.isf(0.2)) / images)
    assert result.least_detectable_change == (None if draws == 1 else result.detectable_change)
    assert result.draws_needed == (2 if draws > 1 and images == 500 else None)


def test_what_is_wanting_to_one_image_is_added() -> None:
    shared = CHANGES + 0.01 * BOTH  # w = v = B = 2 * 0.01^2
    for image in (0.0, 0.005, 0.01, 0.0002**0.5):
        assert judge(CHANGES, shared, image=image) == judge(CHANGES, shared)  # to the last bit
    more = judge(CHANGES, shared, image=0.02)
    assert more.se_test == pytest.approx(0.02)
    assert more.standard_error == pytest.approx((CHANGES.var(ddof=1) / 6 + 0.02**2) ** 0.5)
    # Draws that move against each other: B is none, w is 2 * 0.01^2 and the draws' spread stays as it is.
    against = CHANGES + 0.01 * BOTH * np.array([1, -1, 1, -1, 1, -1])
    assert judge(CHANGES, against, image=0.02).se_test == pytest.approx((0.02**2 - 2 * 0.01**2) ** 0.5)
    assert judge(CHANGES, against, image=0.02).se_draws == judge(CHANGES, against).se_draws
    # Of one draw, w is B.
    assert judge(CHANGES[:1], shared[:, :1], image=0.02).se_test == pytest.approx(0.02)
    assert judge(CHANGES[:1], shared[:, :1], image=0.01) == judge(CHANGES[:1], shared[:, :1])


def test_what_endless_draws_would_see_is_unknown_where_no_part_of_the_test_images_is_found() -> None:
    assert judge(CHANGES).least_detectable_change is None
    assert judge(CHANGES, CHANGES + 0.01 * BOTH * np.array([1, -1, 1, -1, 1, -1])).least_detectable_change is None
    found = judge(CHANGES, CHANGES + 0.001 * BOTH).least_detectable_change
    assert found == pytest.approx((stats.norm.isf(0.025) + stats.norm.isf(0.2)) * 0.001 * 2**0.5)


def test_a_method_that_is_the_reference_makes_no_difference() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=200)
    predicted = np.where(rng.random((2, 5, 200)) < 0.8, true, rng.integers(3, size=200))
    found = bootstrap_scores(true, predicted[[0, 1, 0]], [1, 2], 3, 50, rng)
    assert found.minority_f1 is not None
    other, same = judge_methods(found.minority_f1, reference=2)[::-1]
    image = (2 - found.minority_f1.actual[0].mean()) / 2 / (2 * np.bincount(true)[1:].min())
    assert (same.mean_change, same.standard_error) == (0, pytest.approx(image))
    half = image * stats.norm.isf(0.025 / 2)
    assert same.interval == pytest.approx([-half, half])
    assert (same.verdict == "undecided") == (half > 0.01)
    assert other.standard_error > 0


# The verdict.


def test_a_verdict_never_contradicts_its_intervals() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(3000):
        changes, resampled = random_case(rng)
        margin, family = float(rng.choice([0.001, 0.01, 0.05])), int(rng.integers(1, 9))
        result = judge(changes, resampled, family, margin)
        low, high = result.interval
        expected = "undecided"
        if -margin <= low <= high <= margin:
            expected = "no difference above margin"
        if low > 0 or high < 0:
            expected = "helps" if low > 0 else "hurts"
        assert result.verdict == expected
        assert low <= result.plain_interval[0] <= result.mean_change <= result.plain_interval[1] <= high
        assert (result.p_value < 0.05) == (result.plain_interval[0] > 0 or result.plain_interval[1] < 0)
        assert result.standard_error == pytest.approx(np.hypot(result.se_draws or 0, result.se_test))
        assert result.degrees_of_freedom is None or result.degrees_of_freedom >= result.draws - 1 - 1e-9
        assert Verdict.model_validate_json(result.model_dump_json()) == result
        seen.add(expected)
    assert len(seen) == 4


def test_a_small_gain_helps_although_it_is_below_the_margin() -> None:
    result = judge(np.array([0.004, 0.005, 0.006]), margin=0.01)
    assert 0 < result.interval[0] < result.interval[1] < 0.01
    assert result.verdict == "helps"


def test_swapping_method_and_reference_mirrors_the_verdict() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        draws = int(rng.integers(1, 9))
        scores = ResampledScores(rng.random((2, draws)), rng.random((10, 2, draws)), rng.random())
        one, other = judge_methods(scores, reference=0)[0], judge_methods(scores, reference=1)[0]
        assert other.mean_change == -one.mean_change
        assert other.interval == [-one.interval[1], -one.interval[0]]
        assert other.p_value == one.p_value
        assert other.verdict == {"helps": "hurts", "hurts": "helps"}.get(one.verdict, one.verdict)


def test_rows_come_in_order_without_the_reference() -> None:
    scores = np.random.default_rng(0).random((4, 5))
    table = ResampledScores(scores, scores + np.zeros((2, 1, 1)), image=0.01)
    found = judge_methods(table, reference=1, margin=0.02, alpha=0.1)
    assert [result.mean_change for result in found] == pytest.approx((scores - scores[1]).mean(axis=1)[[0, 2, 3]])
    assert {(result.family, result.margin, result.confidence) for result in found} == {(3, 0.02, 0.9)}


# What could have been seen.


@pytest.mark.parametrize(("draws", "family"), [(2, 1), (4, 8), (8, 1), (16, 20)])
def test_a_detectable_change_is_seen_in_four_of_five_cases(draws: int, family: int) -> None:
    rng = np.random.default_rng(draws)
    changes = rng.normal(size=(20_000, draws))
    changes += judge(unit_changes(draws), family=family).detectable_change
    half = stats.sem(changes, axis=1) * stats.t.isf(0.025 / family, draws - 1)
    # Binomial deviation sqrt(0.8 * 0.2 / 20,000) = 0.0028; four of them.
    assert np.mean(changes.mean(axis=1) > half) == pytest.approx(0.8, abs=0.0113)


def unit_changes(draws: int) -> Floats:
    """Return changes whose standard deviation is 1."""
    values = np.arange(draws, dtype=float)
    return values / values.std(ddof=1)


@pytest.mark.parametrize("scale", [0.001, 0.01, 0.05])
def test_draws_needed_are_the_fewest_that_suffice(scale: float) -> None:
    needed = judge(scale * unit_changes(8)).draws_needed
    assert needed is not None
    assert judge(scale * unit_changes(needed)).detectable_change <= 0.01
    assert needed == 2 or judge(scale * unit_changes(needed - 1)).detectable_change > 0.01


def test_as_many_draws_are_needed_as_there_are_where_the_margin_is_just_detectable() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        draws = int(rng.integers(3, 20))
        changes = rng.normal(0, 0.02, draws)
        resampled = changes + rng.normal(0, 0.003, (30, 1)) + rng.normal(0, 0.03, (30, draws))
        found = judge(changes, resampled).detectable_change
        assert judge(changes, resampled, margin=found * (1 + 1e-9)).draws_needed == draws
        assert judge(changes, resampled, margin=found * (1 - 1e-6)).draws_needed in (None, draws + 1)


def test_more_draws_detect_smaller_changes_down_to_what_test_images_allow() -> None:
    found = [judge(unit_changes(n) * 0.02, unit_changes(n) * 0.02 + 0.002 * BOTH) for n in (2, 4, 16, 4096)]
    assert all(one.detectable_change > other.detectable_change for one, other in pairwise(found))
    least = found[0].least_detectable_change
    assert least == pytest.approx((stats.norm.isf(0.025) + stats.norm.isf(0.2)) * 0.002 * 2**0.5)
    assert found[-1].detectable_change == pytest.approx(least, rel=0.02)


def test_test_images_can_make_any_number_of_draws_too_few() -> None:
    result = judge(CHANGES, CHANGES + 0.01 * BOTH)
    assert result.least_detectable_change > result.margin
    assert result.draws_needed is None


def test_plans_go_by_the_middle_of_the_methods() -> None:
    rng = np.random.default_rng(0)
    # Of the reference and three methods: how much draws and test images, the latter in all draws, move them.
    steps, parts = (np.array(values)[:, None] for values in ([0, 1, 2, 3], [0.0, 0.001, 0.003, 0.01]))
    changes = unit_changes(8) - unit_changes(8).mean()
    scores = 0.01 * steps * changes
    shared = rng.normal(size=(20_000, 4, 1))
    shared /= shared.std(axis=0, ddof=1)
    table = ResampledScores(scores, scores + parts * shared, image=0.001)
    alone = judge(0.02 * changes, 0.02 * changes + 0.003 * shared[:, 0], family=3, margin=0.02)
    assert plan_draws(table, 0, margin=0.02) == alone.draws_needed
    assert plan_draws(table, 0, margin=0.009) is None  # (2.39 + 0.84) 0.003 is what endless draws would see
    assert plan_draws(table, 0, margin=0.01) is not None
    # One image is wanting to two of three methods: 0.003^2 and 0.004^2 - 0.003^2.
    more = ResampledScores(scores, table.resampled, image=0.004)
    alone = judge(0.02 * changes, 0.02 * changes + 0.003 * shared[:, 0], family=3, margin=0.02, image=0.004)
    assert plan_draws(more, 0, margin=0.02) == alone.draws_needed
    assert plan_draws(more, 0, margin=0.0125) is None  # (2.39 + 0.84) 0.004 is 0.0129


@pytest.mark.parametrize("draws", [4, 8])
def test_a_draw_far_below_the_others_has_failed(draws: int) -> None:
    scores = 0.9 + 0.01 * np.resize([1, -1, 0, 2, -2], draws)
    assert find_failed_draw(scores, 0.0) is None
    scores[2] = 0.3
    assert find_failed_draw(scores, 0.0) == 2
    assert find_failed_draw(2 * 0.9 - scores, 0.0) is None  # far above is no failure
    assert find_failed_draw(scores[1:4], 0.0) is None  # two others say nothing of how far is far
    scores[1] = 0.3
    assert find_failed_draw(scores, 0.0) is None  # two hide each other


def test_a_draw_lower_by_one_of_54_images_has_not_failed() -> None:
    scores = np.append(np.ones(7), 1 - 1 / 54)
    assert find_failed_draw(scores, 0.0) == 7
    assert find_failed_draw(scores, 1 / 54**2) is None


def test_of_normal_draws_one_in_a_hundred_has_failed_by_chance() -> None:
    scores = np.random.default_rng(0).normal(0.9, 0.02, (10_000, 8))
    found = np.mean([find_failed_draw(row, 0.0) is not None for row in scores])
    # Binomial deviation sqrt(0.01 / 10,000) = 0.001, three of them; Bonferroni's level is all but exhausted.
    assert 0.007 <= found <= 0.01 + 0.003


# Simulations.


def simulate_coverage(draws: int, own: float, interaction: float, shared: float, trials: int) -> float:
    """Return how often the plain interval covers 0 where the bootstrap knows the variances."""
    rng = np.random.default_rng(draws)
    covered = 0
    for _ in range(trials):
        noise = [rng.normal(0, interaction, (size, draws)) + rng.normal(0, shared, (size, 1)) for size in (1, 200)]
        changes = rng.normal(0, own, draws) + noise[0][0]
        low, high = judge(changes, noise[1]).plain_interval
        covered += low <= 0 <= high
    return covered / trials


@pytest.mark.parametrize(("own", "interaction", "shared"), [(0.01, 0, 0), (0.01, 0.01, 0.005), (0, 0.01, 0.01)])
def test_the_plain_interval_covers_in_95_of_100_cases(own: float, interaction: float, shared: float) -> None:
    found = simulate_coverage(8, own, interaction, shared, trials=1000)
    # Binomial deviation sqrt(0.95 * 0.05 / 1000) = 0.007, three of them; where draws agree more than their test
    # images let them, the interval is wider than it need be, by at most 0.02 in the benchmark.
    assert 0.95 - 0.021 <= found <= 0.95 + 0.02 + 0.021


def test_draws_that_agree_by_accident_make_no_interval_too_short() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(4000):
        changes = rng.normal(0, 1, 4) + 0.25 * rng.normal()
        alarms += judge(changes, changes + 0.25 * BOTH / 2**0.5, family=8).verdict in ("helps", "hurts")
    # 0.05 / 8 were wanted, 0.0079 come, 0.0164 where the test images' part counts in full among the degrees of
    # freedom: binomial deviation sqrt(0.0079 / 4000) = 0.0014, three of them.
    assert alarms / 4000 <= 0.0079 + 0.0042


@pytest.mark.parametrize(("images", "margins"), [(6, 5), (37, 5), (300, 1.5)])
def test_errors_that_all_draws_share_are_no_proof_of_no_difference(images: int, margins: float) -> None:
    rng, told = np.random.default_rng(images), 0
    true, loss = np.repeat([0, 1], [20, images]), 2 * 0.01 * margins / (1 + 0.01 * margins)  # of recall; of F1 0.01
    for _ in range(150):
        hard = np.append(np.zeros(20, bool), rng.random(images) < loss)
        predicted = np.stack([np.tile(true, (8, 1)), np.tile(np.where(hard, 0, true), (8, 1))])
        scores = bootstrap_scores(true, predicted, [1], 2, 100, rng).minority_f1
        assert scores is not None
        changes, resampled = list_changes(scores, 0)
        result = judge_change(changes[0], resampled[:, 0], scores.weigh(1, 0), 8, 0.01, 0.05)
        told += result.verdict == "no difference above margin"
        assert result.interval[0] < result.mean_change < result.interval[1]
        assert result.detectable_change > 0
    # Of 6 and 37 images none can tell: 2.7 / 2 / 37 is the narrowest half-width. Of 300, of which 8.9 are hard on
    # average, it takes three at most, each 1 / 600 of F1: 2 tables in 100, and 11 in 150 have a probability of 0.1 %.
    assert told == 0 if images < 300 else told < 11


# Mistakes.


@pytest.mark.parametrize(
    ("changes", "resampled", "image", "family", "margin", "alpha"),
    [
        ([], [[], []], 0.1, 1, 0.01, 0.05),
        ([0.0], [[0.0]], 0.1, 1, 0.01, 0.05),
        ([0.0], [[0.0, 0.0]] * 2, 0.1, 1, 0.01, 0.05),
        ([float("nan")], [[0.0]] * 2, 0.1, 1, 0.01, 0.05),
        ([0.0], [[float("inf")]] * 2, 0.1, 1, 0.01, 0.05),
        ([0.0], [[0.0]] * 2, -0.1, 1, 0.01, 0.05),
        ([0.0], [[0.0]] * 2, float("nan"), 1, 0.01, 0.05),
        ([0.0], [[0.0]] * 2, 0.1, 0, 0.01, 0.05),
        ([0.0], [[0.0]] * 2, 0.1, 1, 0.0, 0.05),
        ([0.0], [[0.0]] * 2, 0.1, 1, float("nan"), 0.05),
        ([0.0], [[0.0]] * 2, 0.1, 1, 0.01, 0.0),
        ([0.0], [[0.0]] * 2, 0.1, 1, 0.01, 1.0),
    ],
)
def test_mistakes_are_refused(
    changes: list[float], resampled: list[list[float]], image: float, family: int, margin: float, alpha: float
) -> None:
    with pytest.raises(ValueError, match="wanted"):
        judge_change(np.array(changes), np.array(resampled), image, family, margin, alpha)


@pytest.mark.parametrize(
    ("shape", "resampled", "reference"),
    [
        ((2, 3), (4, 2, 3), 2),
        ((2, 3), (4, 2, 3), -1),
        ((1, 3), (4, 1, 3), 0),
        ((2, 3), (4, 2, 2), 0),
        ((2,), (4, 2), 0),
    ],
)
def test_tables_that_do_not_fit_are_refused(shape: tuple[int, ...], resampled: tuple[int, ...], reference: int) -> None:
    with pytest.raises(ValueError, match="wanted"):
        judge_methods(ResampledScores(np.zeros(shape), np.zeros(resampled), image=0.1), reference)
