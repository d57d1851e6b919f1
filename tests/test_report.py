"""Results as text: tables that align, and a dash for what could not be measured."""

import copy
import itertools
from typing import Any

import pytest

from stages.statistics.verdict import Verdict
from stages.tables import Results, headline, markdown_table, mean_of, number, percent, report, sizes_sentence, spread


def shares(value: float | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {key: {"mean": value} for key in ("share_rejected", "share_rejected_fdr", "share_effect")}


def backbone(value: float, missing: bool = False) -> dict[str, Any]:
    within = None if missing else value / 10
    return {
        "weights": "random",
        "input_size": 64,
        "t_test": {
            "n": 50,
            "repeats": 10,
            "between": shares(value),
            "within_real": shares(within),
            "within_synthetic": shares(within),
        },
        "kl": {
            "floor": None if missing else {"mean": 0.25},
            "real_to_synthetic": {"mean": 10 * value},
            "synthetic_to_real": {"mean": 20 * value},
        },
    }


def comparison(value: float, missing: bool = False) -> dict[str, Any]:
    return {
        "settings": {"alpha": 0.05, "effect_size": 0.2},
        "backbones": {"alexnet": backbone(value), "resnet152": backbone(value + 0.2, missing)},
        "ssim": {"real": {"mean": 0.3}, "synthetic": {"mean": None if missing else 0.4}},
    }


def results(missing: bool = False) -> Results:
    def scores(value: float) -> list[dict[str, float]]:
        return [{"minority_f1": value + step, "accuracy": value, "macro_f1": value} for step in (-0.01, 0.01)]

    ssim = comparison(0.5, missing)
    if missing:
        ssim["ssim"]["real"]["mean"] = None
    gain = Verdict(mean_difference=0.1234, interval=(-0.01, 0.2), p_value=0.01, verdict="helps", seeds=2)
    return Results(
        dataset="digits",
        scenario="drop75",
        counts={
            "3": {"before": 9, "train": 9, "wanted": 0, "reference": 0, "test": 7},
            "4": {"before": 9, "train": 2, "wanted": 7, "reference": 7, "test": 5},
        },
        scores={"balanced": scores(0.9), "imbalanced": scores(0.7), "smote": scores(0.8)},
        verdicts={"balanced": gain, "smote": gain},
        comparisons={"smote": ssim},
        not_applicable={},
    )


def tables(text: str) -> list[list[list[str]]]:
    """Return the Markdown tables of a text as rows of stripped cells, without the rules."""
    found: list[list[list[str]]] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = line
    return [[rows[0], *rows[2:]] for rows in found]


def test_columns_are_aligned_the_first_to_the_left() -> None:
    assert markdown_table(["name", "x y"], [["a", "1.25"], ["longer", "-"]]) == (
        "| name   |  x y |\n"  #
        "| ------ | ---: |\n"
        "| a      | 1.25 |\n"
        "| longer |    - |"
    )


def test_a_table_without_rows_has_its_header() -> None:
    assert markdown_table(["name", "value"], []) == "| name | value |\n| ---- | ----: |"


@pytest.mark.parametrize("missing", [False, True])
def test_all_lines_of_a_table_are_equally_wide(missing: bool) -> None:
    lines = report(results(missing)).splitlines()
    for first, second in itertools.pairwise(lines):
        if first.startswith("|") and second.startswith("|"):
            assert len(first) == len(second)


def test_the_report_says_what_was_measured() -> None:
    text = report(results())
    helped, differs, per_backbone = tables(text)
    assert text.startswith("# digits, drop75\n")
    assert "(2 seeds, 12 test images)" in text
    assert "(50 images against 50, 10 draws)" in text
    assert "Training images of the largest class: 9; of those to be filled up: '4' 2 (+7 synthetic)." in text
    assert "Means over 2 backbones with random weights at 64 px." in text
    assert helped[1:] == [
        ["balanced", "helps", "+0.1234", "-0.0100 +0.2000", "0.9000 ± 0.0141", "0.9000 ± 0.0000", "0.9000"],
        ["imbalanced", "", "", "", "0.7000 ± 0.0141", "0.7000 ± 0.0000", "0.7000"],
        ["smote", "helps", "+0.1234", "-0.0100 +0.2000", "0.8000 ± 0.0141", "0.8000 ± 0.0000", "0.8000"],
    ]
    assert differs[1:] == [
        ["real", "6.0 %", "6.0 %", "6.0 %", "0.25", "0.25", "0.300"],
        ["smote", "60.0 %", "6.0 %", "60.0 %", "6.00", "12.00", "0.400"],
    ]
    assert per_backbone == [
        ["raw / FDR, %", "real", "smote"],
        ["alexnet", "5.0 / 5.0", "50.0 / 50.0"],
        ["resnet152", "7.0 / 7.0", "70.0 / 70.0"],
    ]


def test_what_could_not_be_measured_is_a_dash() -> None:
    _, differs, per_backbone = tables(report(results(missing=True)))
    assert differs[1:] == [
        ["real", "-", "-", "-", "-", "-", "-"],
        ["smote", "60.0 %", "-", "60.0 %", "6.00", "12.00", "-"],
    ]
    assert per_backbone[2] == ["resnet152", "-", "70.0 / 70.0"]
    assert "None" not in report(results(missing=True))


def test_the_headline_is_small_and_rounded() -> None:
    lines = headline(results())
    assert lines["imbalanced"] == {"f1": 0.7, "accuracy": 0.7}
    assert lines["balanced"] == {"f1": 0.9, "accuracy": 0.9, "gain": 0.1234, "verdict": "helps"}
    assert lines["smote"] == {**lines["balanced"], "f1": 0.8, "accuracy": 0.8, "differs": 0.6, "kl": 6.0, "ssim": 0.4}
    assert headline(results(missing=True))["smote"]["ssim"] is None


def test_a_mean_over_backbones_needs_all_of_them() -> None:
    whole, partly = comparison(0.5), comparison(0.5, missing=True)
    assert mean_of(whole, "kl", "floor") == pytest.approx(0.25)
    assert mean_of(partly, "kl", "floor") is None
    assert mean_of(partly, "t_test", "within_real", "share_effect") is None


def test_many_classes_are_listed_in_part() -> None:
    count = {"before": 9, "train": 2, "wanted": 7, "reference": 7, "test": 5}
    sentence = sizes_sentence({str(name): copy.copy(count) for name in range(11)})
    assert sentence.count("synthetic") == 8
    assert sentence.endswith("'7' 2 (+7 synthetic) and 3 more.")


def test_numbers_have_their_form_or_a_dash() -> None:
    assert (number(1.256, ".2f"), number(None, ".2f"), number(0.0, ".1f")) == ("1.26", "-", "0.0")
    assert (percent(0.1234), percent(None), percent(0.0)) == ("12.3 %", "-", "0.0 %")
    assert spread([1.0, 3.0]) == "2.0000 ± 1.4142"
