"""Results as text: tables that align, and a dash for what could not be measured."""

import copy
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from counterweight.reporting.differences import Comparison
from counterweight.reporting.markdown import (
    format_number,
    format_percent,
    format_spread,
    mean_over_backbones,
    render_table,
)
from counterweight.reporting.tables import (
    Results,
    beside_each_other,
    headline,
    minority_sentence,
    report,
    sizes_sentence,
)
from counterweight.statistics.paired_test import Verdict
from stages.report import main

PARAMS = Path(__file__).parents[2] / "params.yaml"


def fractions(value: float | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {key: {"mean": value} for key in ("fraction_rejected", "fraction_rejected_fdr", "fraction_effect")}


def backbone(value: float, missing: bool = False) -> dict[str, Any]:
    within = None if missing else value / 10
    return {
        "weights": "random",
        "input_size": 64,
        "t_test": {
            "n": 50,
            "repeats": 10,
            "between": fractions(value),
            "within_real": fractions(within),
            "within_synthetic": fractions(within),
        },
        "kl": {
            "baseline": None if missing else {"mean": 0.25},
            "real_to_synthetic": {"mean": 10 * value},
            "synthetic_to_real": {"mean": 20 * value},
        },
        "frechet": {"between": {"mean": 40 * value}, "baseline": None if missing else {"mean": 4.0}},
        "overlap": {
            "between": {key: {"mean": value} for key in OVERLAP},
            "baseline": None if missing else {key: {"mean": 0.9} for key in OVERLAP},
        },
        "two_sample": {
            "auc": None if missing else {"mean": 0.75},
            "first": 0.75,
            "p_value": None if missing else 0.001,
        },
    }


OVERLAP = ("precision", "recall", "density", "coverage")
TESTED = {"fraction_rejected": {"mean": 0.2}, "fraction_rejected_fdr": {"mean": 0.1}, "fraction_effect": {"mean": 0.3}}
STYLE = {"auc": {"mean": 0.876}, "interval": [0.8, 0.95], "average_precision": {"mean": 0.9}}


def style(missing: bool = False) -> dict[str, Any]:
    sizes = {} if missing else {"32": STYLE, "64": {**STYLE, "auc": {"mean": 0.99}}}
    return {"train": 70, "test": 30, "seeds": 3, "sizes": sizes, "reason": "few" if missing else None}


def latent(missing: bool = False) -> dict[str, Any]:
    if missing:
        return {"images": 3, "reason": "fewer than 10 images"}
    cloud = {"fraction_inside": 0.5, "log10_per_unit_volume": -120.34, "effective_dimension": 4.56}
    verified = {"backbones": {"mobilenet_v2": backbone(0.1)}, "style": STYLE}
    return {
        "network": "residual_vae",
        "latents": 256,
        "images": 95,
        "settings": {"backbones": ["mobilenet_v2"]},
        "t_test": {"within_real": TESTED, "within_synthetic": TESTED, "between": TESTED},
        "density": {"real": cloud, "synthetic": {**cloud, "log10_per_unit_volume": None}},
        "modes": {"real": 1, "synthetic": 2, "both": 3},
        "verification": {
            "real_decoded": verified,
            "synthetic_decoded": verified,
            "mean_shift": {"backbones": {"mobilenet_v2": backbone(0.5, missing=True)}, "style": None},
            "optimal_map": verified,
        },
        "reason": None,
    }


def comparison(value: float, missing: bool = False) -> Comparison:
    return Comparison(features(value, missing), style(missing), latent(missing))


def features(value: float, missing: bool = False) -> dict[str, Any]:
    return {
        "settings": {"alpha": 0.05, "effect_size": 0.2, "copy_quantile": 0.01},
        "copies": {"fraction": None if missing else 0.25, "real_fraction": 0.01, "n": 100, "n_real": 100},
        "copies_of": "training images",
        "backbones": {"alexnet": backbone(value), "resnet152": backbone(value + 0.2, missing)},
        "ssim": {"real": {"mean": 0.3}, "synthetic": {"mean": None if missing else 0.4}},
    }


def results(missing: bool = False) -> Results:
    def scores(value: float) -> list[dict[str, Any]]:
        shared = {"accuracy": value, "macro_f1": value}
        return [{"minority_f1": value + step, "f1": [0.95, value + step], **shared} for step in (-0.01, 0.01)]

    ssim = comparison(0.5, missing)
    if missing:
        ssim.features["ssim"]["real"]["mean"] = None
    gain = Verdict(mean_difference=0.1234, interval=(-0.01, 0.2), p_value=0.01, verdict="helps", seeds=2)
    return Results(
        dataset="digits",
        scenario="drop75",
        counts={
            "3": {"before": 9, "train": 9, "wanted": 0, "reference": 0, "test": 7, "minority": False},
            "4": {"before": 9, "train": 2, "wanted": 7, "reference": 7, "test": 5, "minority": True},
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
    assert render_table(["name", "x y"], [["a", "1.25"], ["longer", "-"]]) == (
        "| name   |  x y |\n"  #
        "| ------ | ---: |\n"
        "| a      | 1.25 |\n"
        "| longer |    - |"
    )


def test_a_table_without_rows_has_its_header() -> None:
    assert render_table(["name", "value"], []) == "| name | value |\n| ---- | ----: |"


@pytest.mark.parametrize("missing", [False, True])
def test_all_lines_of_a_table_are_equally_wide(missing: bool) -> None:
    lines = report(results(missing)).splitlines()
    for first, second in itertools.pairwise(lines):
        if first.startswith("|") and second.startswith("|"):
            assert len(first) == len(second)


def test_the_report_says_what_was_measured() -> None:
    text = report(results())
    helped, per_class, differs, distances, styles, within, between, frechet, latents, moved = tables(text)
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
    assert "Minority F1: of class '4'.\n" in text
    assert per_class == [
        ["class", "train", "wanted", "test", "balanced", "imbalanced", "smote"],
        ["4 *", "2", "7", "5", "0.900", "0.700", "0.800"],
        ["3", "9", "0", "7", "0.950", "0.950", "0.950"],
    ]
    assert "`metrics/classify/digits/drop75/*.json` has" in text
    assert "left out" not in text
    assert differs[1:] == [
        ["real", "6.0 %", "6.0 %", "6.0 %", "0.25", "0.25", "0.300"],
        ["smote", "60.0 %", "6.0 %", "60.0 %", "6.00", "12.00", "0.400"],
    ]
    assert distances[1:] == [
        ["real", "1.0", "0.90", "0.90", "0.90", "0.90", "0.50", "1.0 %"],
        ["smote", "5.9", "0.60", "0.60", "0.60", "0.60", "0.75", "25.0 %"],
    ]
    assert "all but 1.0% of other" in text
    assert styles == [
        ["images", "32 px: area, average precision", "64 px: area, average precision"],
        ["smote", "0.88 (0.80 0.95), 0.90", "0.99 (0.80 0.95), 0.90"],
    ]
    assert within[1:] == [["alexnet", "5.0 / 5.0", "5.0 / 5.0"], ["resnet152", "7.0 / 7.0", "7.0 / 7.0"]]
    assert between == [
        ["raw / FDR, %", "real", "smote"],
        ["alexnet", "5.0 / 5.0", "50.0 / 50.0"],
        ["resnet152", "7.0 / 7.0", "70.0 / 70.0"],
    ]
    assert frechet[1:] == [["alexnet", "4", "20"], ["resnet152", "4", "28"]]
    cells = ["20.0 / 10.0"] * 3
    assert latents[1:] == [["smote", *cells, "1 2 3", "50.0 %", "-", "4.6 / 4.6"]]
    cells = ["10.0 %", "1.00", "1.0", "0.10", "0.75", "0.88 (0.80 0.95)"]
    assert moved[1:] == [
        ["smote, real decoded", *cells],
        ["smote, synthetic decoded", *cells],
        ["smote, mean shift", "50.0 %", "5.00", "-", "0.50", "-", "-"],
        ["smote, optimal map", *cells],
    ]


def test_what_could_not_be_measured_is_a_dash() -> None:
    _, _, differs, distances, within, between, frechet = tables(report(results(missing=True)))
    assert differs[1:] == [
        ["real", "-", "-", "-", "-", "-", "-"],
        ["smote", "60.0 %", "-", "60.0 %", "6.00", "12.00", "-"],
    ]
    assert distances[1:] == [
        ["real", "-", "-", "-", "-", "-", "-", "1.0 %"],
        ["smote", "-", "0.60", "0.60", "0.60", "0.60", "-", "-"],
    ]
    assert within[2] == ["resnet152", "-", "-"]
    assert between[2] == ["resnet152", "-", "70.0 / 70.0"]
    assert frechet[2] == ["resnet152", "-", "28"]
    assert "None" not in report(results(missing=True))


def test_the_headline_is_small_and_rounded() -> None:
    lines = headline(results())
    assert lines["imbalanced"] == {"f1": 0.7, "accuracy": 0.7}
    assert lines["balanced"] == {"f1": 0.9, "accuracy": 0.9, "gain": 0.1234, "verdict": "helps"}
    assert lines["smote"] == {**lines["balanced"], "f1": 0.8, "accuracy": 0.8, **DIFFERENCE}
    missing = headline(results(missing=True))["smote"]
    assert [missing[key] for key in ("ssim", "frechet", "linear_auc", "style_auc")] == [None] * 4


DIFFERENCE = {
    "differs": 0.6,
    "kl": 6.0,
    "ssim": 0.4,
    "frechet": 5.91608,  # the root of 5 * 7
    "recall": 0.6,
    "linear_auc": 0.75,
    "style_auc": 0.99,
}


def test_a_mean_over_backbones_needs_all_of_them() -> None:
    whole, partly = features(0.5), features(0.5, missing=True)
    assert mean_over_backbones(whole, "kl", "baseline") == pytest.approx(0.25)
    assert mean_over_backbones(partly, "kl", "baseline") is None
    assert mean_over_backbones(partly, "t_test", "within_real", "fraction_effect") is None


def test_many_classes_are_listed_in_part() -> None:
    count = {"before": 9, "train": 2, "wanted": 7, "reference": 7, "test": 5}
    sentence = sizes_sentence({str(name): copy.copy(count) for name in range(11)})
    assert sentence.count("synthetic") == 8
    assert sentence.endswith("'7' 2 (+7 synthetic) and 3 more.")


def of_classes(sizes: list[int], minority: list[int], variants: list[str], untested: tuple[int, ...] = ()) -> Results:
    """Results of scenario `natural`, in which the F1 of class k is k hundredths, more by one for every variant."""
    level = max(sizes)
    counts = {
        f"class {label}": {
            "before": size,
            "train": size,
            "wanted": level - size,
            "reference": 3,
            "test": 0 if label in untested else 3,
            "minority": label in minority,
        }
        for label, size in enumerate(sizes)
    }

    def scores(more: int) -> dict[str, Any]:
        f1 = [None if label in untested else (label + more) / 100 for label in range(len(sizes))]
        known = [value for label in minority if (value := f1[label]) is not None]
        minority_f1 = sum(known) / len(known) if known else None
        return {"minority_f1": minority_f1, "accuracy": 0.5, "macro_f1": 0.5, "f1": f1}

    found = {name: [scores(more)] * 2 for more, name in enumerate(variants)}
    return Results("clothes", "natural", counts, found, verdicts={}, comparisons={}, not_applicable={})


def test_classes_of_the_minority_come_first_then_others_that_get_images_the_smallest_first() -> None:
    given = of_classes([50, 9, 20, 10, 50], [1, 2], ["imbalanced", "smote"])
    text = report(given)
    assert tables(text)[1] == [
        ["class", "train", "wanted", "test", "imbalanced", "smote"],
        ["class 1 *", "9", "41", "3", "0.010", "0.020"],
        ["class 2 *", "20", "30", "3", "0.020", "0.030"],
        ["class 3", "10", "40", "3", "0.030", "0.040"],
        ["class 0", "50", "0", "3", "0.000", "0.010"],
        ["class 4", "50", "0", "3", "0.040", "0.050"],
    ]
    assert "Minority F1: mean over 2 classes: 'class 1', 'class 2'.\n" in text
    assert "Nothing was dropped: `balanced` and `imbalanced` are the same images.\n" in text


def test_of_many_classes_the_smallest_are_shown_and_the_others_counted() -> None:
    sizes = [100 + 7 * label % 120 for label in range(120)]
    text = report(of_classes(sizes, list(range(60)), ["imbalanced"]))
    rows = tables(text)[1][1:]
    assert len(rows) == 20
    assert [int(row[1]) for row in rows] == sorted(sizes[:60])[:20]
    assert "\n100 more classes are left out.\n" in text
    assert text.count("'class ") == 8 + 8
    assert "mean over 60 classes: 'class 0', " in text


def test_many_variants_are_parted_into_tables_that_a_terminal_shows() -> None:
    variants = ["imbalanced", *(f"generator_{number}" for number in range(20))]
    found = tables(report(of_classes([9, 5, 7], [1], variants)))[1:]
    assert [name for table in found for name in table[0][4:]] == variants
    assert {tuple(table[0][:4]) for table in found} == {("class", "train", "wanted", "test")}
    assert found[-1][1][-1] == "0.210"
    lines = report(of_classes([9, 5, 7], [1], variants)).split("## F1 of each class")[1].splitlines()
    widest = max(len(line) for line in lines if line.startswith("|"))
    assert 120 - len("generator_19 | ") < widest <= 120


def test_columns_fill_the_room_there_is() -> None:
    # "| " follows each: 5 + 3 characters for the narrowest name, as its figures have five.
    assert beside_each_other(["a", "bb", "cvae", "gan"], 16) == [["a", "bb"], ["cvae", "gan"]]
    assert beside_each_other(["a", "bb", "cvae", "gan"], 15) == [["a"], ["bb"], ["cvae"], ["gan"]]
    assert beside_each_other(["long_name", "a"], -40) == [["long_name"], ["a"]]


def test_a_bar_in_the_name_of_a_class_makes_no_column() -> None:
    given = results()
    counts = {"t-shirt|top": given.counts["3"], "4": given.counts["4"]}
    assert "\n| t-shirt\\|top | " in report(replace(given, counts=counts))


def test_classes_that_the_test_set_lacks_are_named() -> None:
    counts = of_classes([9, 1, 2, 9], [1, 2], ["imbalanced"], untested=(2,)).counts
    lacking = "the test set has no image of 'class 2'."
    assert minority_sentence(counts) == f"Minority F1: of class 'class 1'; {lacking}"


def test_a_minority_that_the_test_set_lacks_is_a_dash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["balanced", "imbalanced", "reweighted", "smote"]
    given = of_classes([9, 1, 2, 9], [1, 2], names, untested=(1, 2))
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params["table"] = {"datasets": ["digits"], "scenarios": ["natural"], "generators": ["smote"], "pairs": []}
    variants = {name: {"images": 9, "seeds": seeds} for name, seeds in given.scores.items()}
    for path, content in {
        "params.yaml": params,
        "imbalance/digits/natural.json": given.counts,
        "classify/digits/natural/smote.json": {"smote": variants.pop("smote")},
        "classify/digits/natural/baselines.json": variants,
        "compare/digits/natural/smote.json": features(0.5),
        "discriminate/digits/natural/smote.json": style(),
        "latent/digits/natural/smote.json": latent(),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(json.dumps(content), encoding="utf-8")
    outputs = ["--summary", str(tmp_path / "summary.json"), "--reports", str(tmp_path / "report")]
    main(["--params", str(tmp_path / "params.yaml"), "--metrics", str(tmp_path), *outputs])
    text = (tmp_path / "report/digits_natural.md").read_text(encoding="utf-8")
    assert "Minority F1: unknown, since the test set has no image of 'class 1', 'class 2'.\n" in text
    helped, per_class = tables(text)[:2]
    assert [row[:5] for row in helped[1:]] == [[name, "", "", "", "-"] for name in names]
    assert per_class[1] == ["class 1 *", "1", "8", "0", "-", "-", "-", "-"]
    assert per_class[4] == ["class 3", "9", "0", "3", "0.030", "0.040", "0.050", "0.060"]
    assert "None" not in text
    assert text in capsys.readouterr().out
    line = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["digits"]["natural"]["smote"]
    assert line == {"f1": None, "accuracy": 0.5, **DIFFERENCE}


def test_numbers_have_their_form_or_a_dash() -> None:
    assert (format_number(1.256, ".2f"), format_number(None, ".2f"), format_number(0.0, ".1f")) == ("1.26", "-", "0.0")
    assert (format_percent(0.1234), format_percent(None), format_percent(0.0)) == ("12.3 %", "-", "0.0 %")
    assert (format_spread([1.0, 3.0]), format_spread([1.0, None])) == ("2.0000 ± 1.4142", "-")
