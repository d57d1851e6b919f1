"""What verdicts amount to in words."""

from dataclasses import replace

import pytest

from counterweight.reporting.answers import answer, describe_scarcity
from counterweight.reporting.results import Results, Verdicts
from counterweight.statistics.verdict import Answer, Verdict
from tests.reporting.made import change, comparison, counts, judged, results


def found(answered: Answer, low: float, mean: float, high: float, seen: float = 0.02) -> Verdict:
    changes = {"interval": [low, high], "detectable_change": seen, "family": 4, "draws": 8}
    return change(answered, mean).model_copy(update=changes)


HELPS = found("helps", 0.012, 0.021, 0.030)
MORE = found("helps", 0.030, 0.040, 0.050)
HURTS = found("hurts", -0.05, -0.04, -0.03)
OPEN = found("undecided", -0.01, 0.01, 0.03, 0.04)
NONE = found("no difference above margin", -0.008, -0.001, 0.006)


def of(beside: dict[str, Verdict] | None = None, best: str = "mixup", **verdicts: Verdict) -> Results:
    """Results in which smote and cvae make images, and mixup and focal are recipes."""
    simple = Verdicts(reference=best, minority_f1=beside, balanced_accuracy=beside) if beside is not None else None
    made = judged(verdicts, verdicts, simple).model_copy(update={"best_simple": best})
    given = results(draws=8)
    return replace(given, judged=made, comparisons={name: comparison(0.5) for name in ("smote", "cvae")})


def test_generated_images_that_help_more_than_anything_simple_are_recommended() -> None:
    said = answer(of({"smote": HELPS, "cvae": OPEN}, smote=MORE, cvae=HELPS, mixup=HELPS, focal=OPEN))
    change = "+0.040 [+0.030, +0.050]"
    assert said.advice == f"Use the synthetic images of `smote`: the F1 of class '4' changes by {change}."
    assert said.reasons[:2] == [
        f"Of 2 methods with synthetic images help: `smote` ({change}), `cvae` (+0.021 [+0.012, +0.030]).",
        "Beside `mixup`, the best of those that generate nothing (by validation images), `smote` is better (+0.021 "
        "[+0.012, +0.030]); `cvae` may be better or worse (+0.010 [-0.010, +0.030]).",
    ]
    assert said.place == "On digits, with 75 % of class '4' dropped"
    assert said.certainty == (
        "Over 8 draws of all that is random, 12 test images; intervals hold with 95 % for all 4 rows at once."
    )


@pytest.mark.parametrize("beside", [OPEN, HURTS, NONE])
def test_where_something_simple_does_as_well_no_images_are_recommended(beside: Verdict) -> None:
    said = answer(of({"smote": beside}, smote=MORE, mixup=HELPS))
    assert said.advice.startswith("Train with `mixup`, without synthetic images: the F1 of class '4' changes by +0.021")
    alone = answer(of(best="imbalanced", smote=MORE, mixup=HELPS))
    assert alone.advice.startswith("Train with `mixup`")


def test_a_simple_method_that_is_best_by_validation_comes_before_one_with_a_larger_change() -> None:
    assert "`focal`" in answer(of({}, best="focal", smote=OPEN, mixup=MORE, focal=HELPS)).advice
    assert "`mixup`" in answer(of({}, best="focal", smote=OPEN, mixup=MORE, focal=OPEN)).advice


def test_the_best_of_those_that_are_better_than_anything_simple_is_chosen() -> None:
    said = answer(of({"smote": OPEN, "cvae": HELPS}, smote=MORE, cvae=HELPS, mixup=HELPS))
    assert "synthetic images of `cvae`" in said.advice


def test_what_other_classes_pay_is_said() -> None:
    given = of({}, smote=HELPS, mixup=OPEN)
    against = given.judged.against_imbalanced.model_copy(update={"balanced_accuracy": {"smote": HURTS, "mixup": HURTS}})
    given = replace(given, judged=given.judged.model_copy(update={"against_imbalanced": against}))
    cost = "At the cost of other classes: balanced accuracy falls with `smote` (-0.040 [-0.050, -0.030])."
    assert cost in answer(given).reasons
    assert not [reason for reason in answer(of({}, smote=HELPS)).reasons if "cost" in reason]


def test_without_a_simple_method_that_helps_generated_images_need_not_beat_one() -> None:
    assert "synthetic images of `smote`" in answer(of({"smote": OPEN}, best="focal", smote=HELPS, focal=OPEN)).advice


def test_that_nothing_helps_is_another_thing_than_that_nothing_is_shown_to() -> None:
    excluded = answer(of(smote=NONE, cvae=HURTS, mixup=NONE))
    assert excluded.advice == "Add no synthetic images: nothing tried here helps by more than 0.01."
    assert "Nothing generated helps by more than 0.01." in excluded.reasons
    assert "Leave out what hurts: `cvae` (-0.040 [-0.050, -0.030])." in excluded.reasons
    unknown = answer(of(smote=NONE, cvae=OPEN, mixup=NONE))
    assert unknown.advice == "Nothing tried here is shown to help: there is no reason yet to add synthetic images."
    assert unknown.reasons[0] == (
        "Synthetic images are not shown to help with any of 2 methods, but they may: the F1 of class '4' may change by "
        "up to +0.030 (`cvae`). A change of 0.020 to 0.040, by method, would have been seen in four of five cases."
    )


def test_changes_that_no_score_can_have_are_not_said() -> None:
    """Intervals of two draws may be wider than scores are."""
    wide = found("undecided", -7.0, 0.1, 7.7, 8.9)
    [said, *_] = answer(of(smote=NONE, cvae=wide)).reasons
    assert said == (
        "Synthetic images are not shown to help with any of 2 methods: so few draws leave open whether the F1 of class "
        "'4' changes at all, and by how much (`cvae`). More draws tell: `table.draws` in params.yaml."
    )
    [said, *_] = answer(of(smote=NONE, cvae=found("undecided", -0.4, 0.1, 0.5, 1.2))).reasons
    assert said.endswith("A change of 0.020 to 1.000, by method, would have been seen in four of five cases.")
    [said, *_] = answer(of(cvae=found("undecided", -0.4, 0.1, 0.5, 1.2))).reasons
    assert "Not even the largest change that a score can have would have been seen. More draws tell" in said


def test_what_real_images_would_do_is_said() -> None:
    assert any(
        reason.startswith("As many real images as in the other classes would change it by +0.040")
        for reason in answer(of(smote=OPEN, balanced=MORE)).reasons
    )
    assert any("can hardly tell methods apart" in reason for reason in answer(of(smote=OPEN, balanced=OPEN)).reasons)


def test_a_table_of_imbalanced_alone_has_an_answer() -> None:
    said = answer(replace(results(), judged=judged({}, {}), comparisons={}))
    assert said.advice == "Nothing was tried here beside training on the images as they are."
    assert said.reasons == []


def test_of_one_draw_it_is_said_that_others_are_not_covered() -> None:
    assert answer(results(draws=1)).certainty.startswith("Over one synthetic set alone, of one draw, 12 test images")


def test_scarcity_is_said_as_it_came_about() -> None:
    whole = counts(9, 0, 3, False)
    dropped = counts(4, 5, 3, True, before=20)
    assert describe_scarcity({"a": whole, "b|c": dropped, "d": dropped}) == "with 75 % of classes 'b|c', 'd' dropped"
    tail = {name: counts(size, 19 - size, 3, size < 9, before=20) for name, size in (("a", 19), ("b", 9), ("c", 4))}
    assert describe_scarcity(tail) == "with classes thinned out to 5 to 20 training and validation images"
    natural = {name: counts(size, 19 - size, 3, size < 9) for name, size in (("a", 1999), ("b", 4))}
    assert describe_scarcity(natural) == "with classes of 5 to 2,000 training and validation images"
