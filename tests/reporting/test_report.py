"""Results as text: tables that align, and a dash for what could not be measured."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from counterweight.core.results import write_result
from counterweight.reporting.columns import average
from counterweight.reporting.markdown import (
    format_number,
    format_percent,
    format_spread,
    render_table,
    render_tables,
    split_columns,
)
from counterweight.reporting.tables import describe_filled, describe_minority, render_report, summarize_results
from counterweight.results.classify import Scores, VariantScores
from counterweight.results.imbalance import Counts
from stages.report import main
from tests.reporting.made import OVERLAP, counts, features, latent, of_classes, results, style

PARAMS = Path(__file__).parents[2] / "params.yaml"


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


def merge(parts: list[list[list[str]]]) -> dict[str, list[str]]:
    """Return the columns of a table that stands in parts, without its header."""
    return {part[0][place]: [row[place] for row in part[1:]] for part in parts for place in range(len(part[0]))}


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
    lines = render_report(results(missing)).splitlines()
    for first, second in itertools.pairwise(lines):
        if first.startswith("|") and second.startswith("|"):
            assert len(first) == len(second)


def test_the_report_says_what_was_measured() -> None:
    text = render_report(results())
    helped, per_class, *differs, styles, within, between, frechet, latents, moved = tables(text)
    assert text.startswith("# digits, drop75\n")
    assert "(2 seeds, 12 test images)" in text
    assert "(50 images against 50, 10 draws)" in text
    assert "Training images of the largest class: 9; of those to be filled up: '4' 2 (+7 synthetic)." in text
    assert "Means over 2 backbones with random weights at 64 px, " in text
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
    assert merge(differs) == {
        "images": ["real", "smote"],
        "t-test": ["6.0 %", "60.0 %"],
        "within": ["6.0 %", "6.0 %"],
        "effect": ["6.0 %", "60.0 %"],
        "KL to": ["0.25", "6.00"],
        "KL from": ["0.25", "12.00"],
        "JS": ["0.050", "0.300"],
        "Frechet ratio": ["1.0", "5.9"],
        "KID": ["0.0", "4.0"],
        **{key: ["0.90", "0.60"] for key in OVERLAP},
        "linear": ["0.50", "0.75"],
        "normal": ["90 %", "80 %"],
        "SSIM": ["0.300 ± 0.020", "0.400 ± 0.020"],
        "copies": ["1.0 %", "25.0 %"],
    }
    assert "all but 1.0 % of other" in text
    assert "- Frechet ratio (times the distance between halves of the real images): Distance of means" in text
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
    _, _, *differs, within, between, frechet = tables(render_report(results(missing=True)))
    found = merge(differs)
    assert {name: cells for name, cells in found.items() if "-" not in cells[0]} == {
        "images": ["real", "smote"],
        "copies": ["1.0 %", "-"],
    }
    known = {
        "t-test": "60.0 %",
        "effect": "60.0 %",
        "KL to": "6.00",
        "KL from": "12.00",
        "JS": "0.300",
        "normal": "80 %",
    }
    known |= dict.fromkeys(OVERLAP, "0.60")
    assert {name: cells[1] for name, cells in found.items() if cells[1] not in ("-", "smote")} == known
    assert within[2] == ["resnet152", "-", "-"]
    assert between[2] == ["resnet152", "-", "70.0 / 70.0"]
    assert frechet[2] == ["resnet152", "-", "28"]
    assert "None" not in render_report(results(missing=True))


def test_the_headline_is_small_and_rounded() -> None:
    lines = summarize_results(results())
    assert lines["imbalanced"] == {"f1": 0.7, "accuracy": 0.7}
    assert lines["balanced"] == {"f1": 0.9, "accuracy": 0.9, "gain": 0.1234, "verdict": "helps"}
    assert lines["smote"] == {**lines["balanced"], "f1": 0.8, "accuracy": 0.8, **DIFFERENCE}
    missing = summarize_results(results(missing=True))["smote"]
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
    whole, partly = ([*features(0.5, missing).backbones.values()] for missing in (False, True))
    assert average(whole, "gaussian_kl", "baseline", "a_to_b") == pytest.approx(0.25)
    assert average(partly, "gaussian_kl", "baseline", "a_to_b") is None
    assert average(partly, "ttest", "within", "fraction_effect") is None


def test_many_classes_are_listed_in_part() -> None:
    sentence = describe_filled({str(name): counts(2, 7, 5, False, before=9) for name in range(11)})
    assert sentence.count("synthetic") == 8
    assert sentence.endswith("'7' 2 (+7 synthetic) and 3 more")


def test_classes_of_the_minority_come_first_then_others_that_get_images_the_smallest_first() -> None:
    given = of_classes([50, 9, 20, 10, 50], [1, 2], ["imbalanced", "smote"])
    text = render_report(given)
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
    text = render_report(of_classes(sizes, list(range(60)), ["imbalanced"]))
    rows = tables(text)[1][1:]
    assert len(rows) == 20
    assert [int(row[1]) for row in rows] == sorted(sizes[:60])[:20]
    assert "\n100 more classes are left out.\n" in text
    assert text.count("'class ") == 8 + 8
    assert "mean over 60 classes: 'class 0', " in text


def test_many_variants_are_parted_into_tables_that_a_terminal_shows() -> None:
    variants = ["imbalanced", *(f"generator_{number}" for number in range(20))]
    found = tables(render_report(of_classes([9, 5, 7], [1], variants)))[1:]
    assert [name for table in found for name in table[0][4:]] == variants
    assert {tuple(table[0][:4]) for table in found} == {("class", "train", "wanted", "test")}
    assert found[-1][1][-1] == "0.210"
    lines = render_report(of_classes([9, 5, 7], [1], variants)).split("## F1 of each class")[1].splitlines()
    widest = max(len(line) for line in lines if line.startswith("|"))
    assert 120 - len("generator_19 | ") < widest <= 120


def test_columns_fill_the_room_there_is() -> None:
    assert split_columns([8, 8, 8, 8], 16) == [[0, 1], [2, 3]]
    assert split_columns([8, 8, 8, 8], 15) == [[0], [1], [2], [3]]
    assert split_columns([12, 8], -40) == [[0], [1]]


def test_a_wide_table_is_several_that_begin_alike() -> None:
    header = ["name", *(f"a long header {number}" for number in range(9))]
    found = render_tables(header, [[str(place) for place in range(10)]])
    assert len(found) == 2
    assert all(table.startswith("| name |") for table in found)
    assert max(len(line) for table in found for line in table.splitlines()) <= 120


def test_a_bar_in_the_name_of_a_class_makes_no_column() -> None:
    given = results()
    named = {"t-shirt|top": given.counts["3"], "4": given.counts["4"]}
    assert "\n| t-shirt\\|top | " in render_report(replace(given, counts=named))


def test_classes_that_the_test_set_lacks_are_named() -> None:
    table = of_classes([9, 1, 2, 9], [1, 2], ["imbalanced"], untested=(2,)).counts
    lacking = "the test set has no image of 'class 2'."
    assert describe_minority(table) == f"Minority F1: of class 'class 1'; {lacking}"


def test_a_minority_that_the_test_set_lacks_is_a_dash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["balanced", "imbalanced", "reweighted", "smote"]
    given = of_classes([9, 1, 2, 9], [1, 2], names, untested=(1, 2))
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params["table"] = {"datasets": ["digits"], "scenarios": ["natural"], "generators": ["smote"], "pairs": []}
    (tmp_path / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    made = VariantScores(images=9, seeds=given.scores["smote"])
    others = {name: VariantScores(images=9, seeds=seeds) for name, seeds in given.scores.items() if name != "smote"}
    for path, content in {
        "imbalance/digits/natural.json": Counts(given.counts),
        "classify/digits/natural/smote.json": Scores({"smote": made}),
        "classify/digits/natural/baselines.json": Scores(others),
        "compare/digits/natural/smote.json": features(0.5),
        "discriminate/digits/natural/smote.json": style(),
        "latent/digits/natural/smote.json": latent(),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        write_result(content, tmp_path / path)
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
