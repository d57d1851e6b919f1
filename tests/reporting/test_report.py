"""Results as text: tables that align, and a dash for what could not be measured."""

import itertools
from dataclasses import replace

import pytest

from counterweight.reporting.columns import average
from counterweight.reporting.differences import describe_dependence, render_differences
from counterweight.reporting.markdown import (
    Grid,
    format_number,
    format_percent,
    format_spread,
    render_table,
    render_tables,
    split_columns,
)
from counterweight.reporting.remarks import describe_unfilled
from counterweight.reporting.results import Comparison, Verdicts
from counterweight.reporting.tables import (
    describe_draws_needed,
    describe_filled,
    describe_minority,
    render_report,
    summarize_results,
)
from counterweight.results.compare import InceptionScore, Side
from counterweight.statistics.verdict import Answer, Verdict
from tests.reporting.made import (
    OVERLAP,
    backbone,
    change,
    compare_result,
    copies,
    counts,
    features,
    judged,
    of_classes,
    results,
    style,
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


def section(text: str, title: str) -> str:
    """Return the part of a report below a heading that begins with a title."""
    return text.split(f"\n## {title}")[-1].split("\n## ")[0]


def merge(parts: list[list[list[str]]]) -> dict[str, list[str]]:
    """Return the columns of a table that stands in parts, without its header."""
    return {part[0][place]: [row[place] for row in part[1:]] for part in parts for place in range(len(part[0]))}


def test_columns_are_aligned_the_first_to_the_left() -> None:
    assert render_table(Grid(["name", "x y"], [["a", "1.25"], ["longer", "-"]])) == (
        "| name   |  x y |\n"  #
        "| ------ | ---: |\n"
        "| a      | 1.25 |\n"
        "| longer |    - |"
    )


def test_a_table_without_rows_has_its_header() -> None:
    assert render_table(Grid(["name", "value"], [])) == "| name | value |\n| ---- | ----: |"


@pytest.mark.parametrize("missing", [False, True])
def test_all_lines_of_a_table_are_equally_wide(missing: bool) -> None:
    lines = render_report(results(missing)).splitlines()
    for first, second in itertools.pairwise(lines):
        if first.startswith("|") and second.startswith("|"):
            assert len(first) == len(second)


def test_the_report_says_what_was_measured() -> None:
    text = render_report(results())
    helped, short, per_class, *_, spaces, styles, within, between, frechet, latents, moved = tables(text)
    differs, others = (tables(section(text, title)) for title in ("How do they differ", "Means over the other"))
    assert text.startswith("# digits, drop75\n")
    assert "(2 draws, 12 test images)" in text
    assert "(50 images against 50, 10 draws)" in text
    assert (
        "the largest class that classifiers are fitted to: 9; of those to be filled up: '4' 2 (+7 synthetic)." in text
    )
    assert "Of alexnet with random weights at 64 px, on random halves" in text
    assert "## Means over the other feature spaces (resnet152, vgg16_bn)\n" in text
    assert "\n`mnasnet0_5` counts in no mean: effective dimension 1.1 of 8.\n" in text
    change_cells = ["helps", "+0.1234", "-0.0100 +0.2000", "0.1567"]
    assert helped[1:] == [
        ["balanced", *change_cells, "0.9000 ± 0.0141", "0.9000 ± 0.0000", "0.9000"],
        ["imbalanced", "", "", "", "", "0.7000 ± 0.0141", "0.7000 ± 0.0000", "0.7000"],
        ["smote", *change_cells, "0.8000 ± 0.0141", "0.8000 ± 0.0000", "0.8000"],
    ]
    assert short == [
        ["images", "t-test", "coverage", "linear", "style", "copies"],
        ["real", "5.0 %", "0.90", "0.50", "0.50", "1.0 %"],
        ["smote", "50.0 %", "0.50", "0.75", "0.99 (0.80 0.95)", "25.0 %"],
    ]
    assert "Minority F1: of class '4'.\n" in text
    assert per_class == [
        ["class", "fitted", "synthetic", "test", "balanced", "imbalanced", "smote"],
        ["4 *", "2", "7", "5", "0.900", "0.700", "0.800"],
        ["3", "9", "0", "7", "0.950", "0.950", "0.950"],
    ]
    assert "`metrics/classify/digits/drop75/*.json` has" in text
    assert "left out" not in text
    assert merge(differs) == {
        "images": ["real", "smote"],
        "t-test": ["5.0 %", "50.0 %"],
        "within": ["5.0 %", "5.0 %"],
        "effect": ["5.0 %", "50.0 %"],
        "KL to": ["0.25", "5.00"],
        "KL from": ["0.25", "10.00"],
        "JS": ["0.050", "0.250"],
        "Frechet ratio": ["1.0", "5.0"],
        "KID": ["0.0", "4.0"],
        **{key: ["0.90", "0.50"] for key in OVERLAP},
        "linear": ["0.50", "0.75"],
        "normal": ["90 %", "80 %"],
        "SSIM": ["0.300 ± 0.020", "0.400 ± 0.020"],
        "sharpness": ["1,200 ± 20", "300 ± 20"],
        "copies": ["1.0 %", "25.0 %"],
    }
    assert merge(others) == {
        "images": ["real", "smote"],
        "t-test": ["8.0 %", "80.0 %"],
        "within": ["8.0 %", "8.0 %"],
        "effect": ["8.0 %", "80.0 %"],
        "KL to": ["0.25", "8.00"],
        "KL from": ["0.25", "16.00"],
        "JS": ["0.050", "0.400"],
        "Frechet ratio": ["1.0", "7.9"],  # the root of 7 * 9
        "KID": ["0.0", "4.0"],
        **{key: ["0.90", "0.80"] for key in OVERLAP},
        "linear": ["0.50", "0.75"],
        "normal": ["90 %", "80 %"],
    }
    assert spaces[0] == ["backbone", "layer", "weights", "images", "features", "effective"]
    assert spaces[4] == ["mnasnet0_5", "penultimate layer", "random", "64 px", "8", "7.2"]
    assert "all but 1.0 % of other" in text
    assert "- Frechet ratio (times the distance between halves of the real images): Distance of means" in text
    assert styles == [
        ["images", "32 px: area, average precision", "64 px: area, average precision"],
        ["smote", "0.88 (0.80 0.95), 0.90", "0.99 (0.80 0.95), 0.90"],
    ]
    assert within[1:3] == [["alexnet", "5.0 / 5.0", "5.0 / 5.0"], ["resnet152", "7.0 / 7.0", "7.0 / 7.0"]]
    assert between[:3] == [
        ["raw / FDR, %", "real", "smote"],
        ["alexnet", "5.0 / 5.0", "50.0 / 50.0"],
        ["resnet152", "7.0 / 7.0", "70.0 / 70.0"],
    ]
    assert frechet[1:3] == [["alexnet", "4", "20"], ["resnet152", "4", "28"]]
    cells = ["20.0 / 10.0"] * 3
    assert latents[1:] == [["smote", *cells, "1 2 3", "50.0 %", "-", "4.6 / 4.6"]]
    cells = ["10.0 %", "1.00", "1.0", "0.10", "0.75", "0.88 (0.80 0.95)"]
    assert moved[1:] == [
        ["smote, real decoded", *cells],
        ["smote, synthetic decoded", *cells],
        ["smote, mean shift", "50.0 %", "5.00", "-", "0.50", "-", "-"],
        ["smote, optimal map", *cells],
    ]


def part(text: str, begin: str, end: str) -> str:
    """Return what stands between two words as one line."""
    return " ".join(text.split(begin)[1].split(end)[0].split())


def test_of_many_draws_it_is_said_that_they_are_covered() -> None:
    text = render_report(results(draws=8))
    assert "## Do the synthetic images help? (8 draws, 12 test images)" in text
    assert part(text, "Change:", "Interval:") == (
        "of the minority F1 against `imbalanced`, mean over 8 draws of all that is random: the images that are dropped "
        "and set aside, the generator, the synthetic set and the classifier. The test images are resampled."
    )
    assert part(text, "Interval:", "Verdict:") == "holds with 95 % for all 2 rows at once."
    assert "Means over the draws;" in text
    assert "this synthetic set" not in text


def test_of_one_draw_it_is_said_that_others_are_not_covered() -> None:
    text = render_report(results(draws=1))
    assert "## Do the synthetic images help? (1 draw, 12 test images)" in text
    assert part(text, "Change:", "Interval:") == (
        "of the minority F1 against `imbalanced`, for this synthetic set only: one draw says nothing of other images "
        "that are dropped and set aside, nor of other trainings. The test images are resampled."
    )
    assert "Of one draw;" in text
    assert "eans over the draws" not in text
    helped = tables(text)[0]
    assert helped[1] == ["balanced", "helps", "+0.1234", "-0.0100 +0.2000", "0.1567", "0.9000", "0.9000", "0.9000"]


def test_of_one_row_it_is_not_said_that_an_interval_holds_for_several() -> None:
    alone = {"smote": change(family=1, margin=0.02)}
    text = render_report(replace(results(), judged=judged(alone, alone)))
    assert part(text, "Interval:", "Verdict:") == "holds with 95 %."
    assert "no difference where it lies within 0.02 of 0." in text


def test_without_minority_scores_the_verdicts_are_of_balanced_accuracy() -> None:
    given = replace(results(), judged=judged({}, {"smote": change("hurts", -0.05)}))
    text = render_report(given)
    assert part(text, "Change:", ",") == "of the balanced accuracy against `imbalanced`"
    assert tables(text)[0][3][:3] == ["smote", "hurts", "-0.0500"]
    assert summarize_results(given)["smote"]["verdict"] == "hurts"


def test_a_table_of_imbalanced_alone_has_no_sentence_about_changes() -> None:
    given = of_classes([9, 5], [1], ["imbalanced"])
    text = render_report(replace(given, not_applicable={"smote": "SMOTE needs two images"}))
    assert "Change:" not in text
    assert "`smote` is not applicable here: SMOTE needs two images." in text
    assert tables(text)[0][2] == ["smote", "not applicable", *[""] * 6]


def test_the_margin_stands_in_the_verdict() -> None:
    answers = {"smote": change("no difference above margin", 0.001, margin=0.025)}
    assert tables(render_report(replace(results(), judged=judged(answers, {}))))[0][3][1] == "no difference above 0.025"


@pytest.mark.parametrize(
    ("verdicts", "needed", "words"),
    [
        ([change("helps"), change("hurts")], 5, ""),
        ([change("undecided"), change("helps")], 5, "of the table would take some 5 draws, known to a factor of two"),
        ([change("undecided")], 148, "would take some 100 draws"),
        ([change("undecided")], 1620, "would take some 2,000 draws"),
        ([change("undecided")], None, "no number of draws would do: the test part has too few images"),
        ([change("undecided", draws=1)], None, "How many draws would show a change of 0.01 cannot be told from one."),
    ],
)
def test_it_is_said_how_many_draws_would_do(verdicts: list[Verdict], needed: int | None, words: str) -> None:
    found = describe_draws_needed({str(number): verdict for number, verdict in enumerate(verdicts)}, needed)
    assert (words in found) if words else (found == "")


def test_what_balanced_accuracy_decides_is_said_below_the_table() -> None:
    f1 = {name: change() for name in ("smote", "cvae", "focal", "mixup")}
    answers: list[tuple[Answer, float]] = [("hurts", -0.02), ("undecided", 0.0), ("hurts", -0.0134), ("helps", 0.03)]
    balanced = {name: change(*answer) for name, answer in zip(f1, answers, strict=True)}
    words = (
        "By balanced accuracy, with intervals that hold for all 2 rows at once: helps: mixup (+0.0300); "
        "hurts: smote (-0.0200), focal (-0.0134); undecided: the others."
    )
    assert words in render_report(replace(results(), judged=judged(f1, balanced)))
    none = {name: change("undecided") for name in f1}
    assert "at once: undecided: all." in render_report(replace(results(), judged=judged(f1, none)))
    assert "By balanced accuracy" not in render_report(replace(results(), judged=judged({}, balanced)))


def test_a_draw_that_lies_far_below_the_others_is_named() -> None:
    given = results()
    judged = given.judged.model_copy(update={"failed_draws": {"imbalanced": 0, "smote": 1}})
    text = render_report(replace(given, judged=judged))
    low = "`imbalanced` in draw 1 (0.6900; 0.7100 in the others), `smote` in draw 2 (0.8100; 0.7900 in the others)"
    assert f"Far below its other draws is {low}: a training may have failed." in text
    assert "Far below" not in render_report(results())


def test_what_generators_do_beside_the_best_method_without_is_a_table_of_its_own() -> None:
    simple = Verdicts(
        reference="reweighted", minority_f1={"smote": change("undecided", 0.02)}, balanced_accuracy={"smote": change()}
    )
    gains = {"smote": change()}
    given = results()
    scored = given.scores | {"reweighted": given.scores["smote"]}
    text = render_report(replace(given, scores=scored, judged=judged(gains, gains, simple)))
    best = "Of the methods that generate nothing `{}` is the best by its validation images (mean minority F1: {})."
    assert best.format("reweighted", "0.8000") in text
    assert part(text, "0.8000).", "|") == (
        "What synthetic images do beside it, by the minority F1 of the same draws and test images; intervals hold for "
        "this row alone:"
    )
    assert best.format("imbalanced", "0.7000") + "\n" in render_report(results())
    assert tables(text)[2] == [
        ["method", "verdict", "change", "interval", "would see"],
        ["smote", "undecided", "+0.0200", "-0.0100 +0.2000", "0.1567"],
    ]


def test_the_inception_score_stands_where_a_network_classifies() -> None:
    scores: dict[Side, InceptionScore] = {
        side: InceptionScore(n=9, splits=1, mean=mean, std=0.5, reason=None)
        for side, mean in (("real", 9.0), ("synthetic", 4.0))
    }
    own = backbone(0.5, name="inception_v3").model_copy(update={"inception_score": scores})
    shown, without = (
        render_differences({"smote": Comparison(compare_result({each.backbone: each}, copies(0.0)), style(), None)})
        for each in (own, backbone(0.5))
    )
    assert tables(section(shown, "Inception Score")) == [
        [["images", "Inception Score", "of as many real ones"], ["smote", "4.00 ± 0.50", "9.00 ± 0.50"]]
    ]
    assert "Inception" not in without


def test_what_could_not_be_measured_is_a_dash() -> None:
    text = render_report(results(missing=True))
    *_, within, between, frechet = tables(text)
    pixels = merge(tables(section(text, "How do they differ")))
    assert (pixels["SSIM"], pixels["copies"]) == (["-", "-"], ["1.0 %", "-"])
    assert pixels["sharpness"] == ["1,200 ± 20", "-"]
    found = merge(tables(section(text, "Means over the other")))
    assert {name: cells for name, cells in found.items() if "-" not in cells[0]} == {"images": ["real", "smote"]}
    known = {
        "t-test": "80.0 %",
        "effect": "80.0 %",
        "KL to": "8.00",
        "KL from": "16.00",
        "JS": "0.400",
        "normal": "80 %",
    }
    known |= dict.fromkeys(OVERLAP, "0.80")
    assert {name: cells[1] for name, cells in found.items() if cells[1] not in ("-", "smote")} == known
    assert within[2] == ["resnet152", "-", "-"]
    assert between[2] == ["resnet152", "-", "70.0 / 70.0"]
    assert frechet[2] == ["resnet152", "-", "28"]
    assert "None" not in text


def test_a_space_that_is_shown_although_it_says_little_is_told() -> None:
    found = compare_result({"a": backbone(0.5, name="a", left_out="effective dimension 1.1 of 8")}, copies(None))
    text = render_differences({"synthetic": Comparison(found, style(missing=True), None)})
    assert "\nOf these real images a has an effective dimension 1.1 of 8: what stands here is hardly more than" in text
    assert "Means over the other" not in text
    assert merge(tables(section(text, "How do they differ")))["t-test"] == ["5.0 %", "50.0 %"]


def test_the_headline_is_small_and_rounded() -> None:
    lines = summarize_results(results())
    assert lines["imbalanced"] == {"f1": 0.7, "accuracy": 0.7, "balanced_accuracy": 0.7}
    assert lines["balanced"] == {**dict.fromkeys(lines["imbalanced"], 0.9), "gain": 0.1234, "verdict": "helps"}
    assert lines["smote"] == {**lines["balanced"], **dict.fromkeys(lines["imbalanced"], 0.8), **DIFFERENCE}
    missing = summarize_results(results(missing=True))["smote"]
    assert [missing[key] for key in ("ssim", "style_auc")] == [None] * 2


DIFFERENCE = {
    "differs": 0.5,
    "kl": 5.0,
    "ssim": 0.4,
    "frechet": 5.0,
    "recall": 0.5,
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
        ["class", "fitted", "synthetic", "test", "imbalanced", "smote"],
        ["class 1 *", "9", "41", "3", "0.010", "0.020"],
        ["class 2 *", "20", "30", "3", "0.020", "0.030"],
        ["class 3", "10", "40", "3", "0.030", "0.040"],
        ["class 0", "50", "0", "3", "0.000", "0.010"],
        ["class 4", "50", "0", "3", "0.040", "0.050"],
    ]
    assert "Minority F1: mean over 2 classes: 'class 1', 'class 2'.\n" in text


def test_of_many_classes_the_smallest_are_shown_and_the_others_counted() -> None:
    sizes = [100 + 7 * label % 120 for label in range(120)]
    text = render_report(of_classes(sizes, list(range(60)), ["imbalanced"]))
    rows = tables(text)[1][1:]
    assert len(rows) == 20
    assert [int(row[1]) for row in rows] == sorted(sizes[:60])[:20]
    assert "\n100 more classes are left out.\n" in text
    assert text.count("'class ") == 8 + 8
    assert "mean over 60 classes: 'class 0', " in text


def test_many_methods_are_parted_into_tables_that_a_terminal_shows() -> None:
    methods = ["imbalanced", *(f"generator_{number}" for number in range(20))]
    found = tables(render_report(of_classes([9, 5, 7], [1], methods)))[1:]
    assert [name for table in found for name in table[0][4:]] == methods
    assert {tuple(table[0][:4]) for table in found} == {("class", "fitted", "synthetic", "test")}
    assert found[-1][1][-1] == "0.210"
    lines = render_report(of_classes([9, 5, 7], [1], methods)).split("## F1 of each class")[1].splitlines()
    widest = max(len(line) for line in lines if line.startswith("|"))
    assert 120 - len("generator_19 | ") < widest <= 120


def test_columns_fill_the_room_there_is() -> None:
    assert split_columns([8, 8, 8, 8], 16) == [[0, 1], [2, 3]]
    assert split_columns([8, 8, 8, 8], 15) == [[0], [1], [2], [3]]
    assert split_columns([12, 8], -40) == [[0], [1]]


def test_a_wide_table_is_several_that_begin_alike() -> None:
    header = ["name", *(f"a long header {number}" for number in range(9))]
    found = render_tables(Grid(header, [[str(place) for place in range(10)]]))
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


@pytest.mark.parametrize(
    ("minority", "untested", "said"),
    [
        ([1], (), "The minority F1 is of what gets no synthetic images, 'class 1': there nearly as many "),
        ([1, 2], (), "The minority F1 is in part of what gets no synthetic images, 'class 1': there nearly as many "),
        (
            [0, 1],
            (),
            "The minority F1 is of what gets no synthetic images, 'class 0', 'class 1': there nearly as many ",
        ),
        ([2], (), ""),
        ([1, 2], (1,), ""),
    ],
)
def test_a_minority_that_gets_no_images_is_named(minority: list[int], untested: tuple[int, ...], said: str) -> None:
    """As of a long tail whose smallest class was named and is small already."""
    given = of_classes([9, 9, 2], minority, ["imbalanced", "smote"], untested)
    remark = describe_unfilled(given.counts)
    assert remark.startswith(said)
    assert bool(remark) == bool(said)
    for f1, shown in (({"smote": change()}, bool(said)), ({}, False)):
        text = render_report(replace(given, judged=judged(f1, {"smote": change()})))
        assert ("gets no synthetic images" in text) == shown


def test_numbers_have_their_form_or_a_dash() -> None:
    assert (format_number(1.256, ".2f"), format_number(None, ".2f"), format_number(0.0, ".1f")) == ("1.26", "-", "0.0")
    assert (format_percent(0.1234), format_percent(None), format_percent(0.0)) == ("12.3 %", "-", "0.0 %")
    assert (format_spread([1.0, 3.0]), format_spread([1.0, None])) == ("2.0000 ± 1.4142", "-")
    assert (format_spread([0.5]), format_spread([None])) == ("0.5000", "-")


def test_test_images_that_are_trained_on_are_the_first_thing_said() -> None:
    clean = results()
    first, *others = clean.counts
    seen = {
        first: clean.counts[first].model_copy(update={"in_train": 2, "near_train": 1}),
        **{name: clean.counts[name] for name in others},
    }
    tested = sum(count.test for count in seen.values())
    lines = render_report(replace(clean, counts=seen)).splitlines()
    said = f"3 of {tested} test images are in the training part, too (2 exact, 1 near)."
    assert lines[2] == f"**Warning: {said}**"
    assert "Warning" not in render_report(clean)
    assert lines[:2] + lines[4:] == render_report(clean).splitlines()
    grouped = {**seen, first: seen[first].model_copy(update={"group_train": 1})}
    more = f"1 of {tested} test images are of a group that has training images, too."
    assert render_report(replace(clean, counts=grouped)).splitlines()[2] == f"**Warning: {said} {more}**"


def test_counts_without_duplicates_have_no_word_of_them() -> None:
    clean = next(iter(results().counts.values()))
    assert not {"in_train", "near_train"} & {*clean.model_dump()}
    told = clean.model_copy(update={"near_train": 4})
    assert type(told).model_validate(told.model_dump()) == told


def test_tests_of_images_in_groups_are_said_to_be_of_dependent_ones() -> None:
    plain = backbone(0.5)
    text = render_differences({"smote": Comparison(compare_result({"a": plain}, copies(0.0)), style(), None)})
    assert "groups" not in text
    grouped = plain.model_copy(update={"design_effects": {"real": 5.46}})
    text = render_differences({"smote": Comparison(compare_result({"a": grouped}, copies(0.0)), style(), None)})
    assert "the mean of a feature varies, of real images 5.5 times as much as of independent images" in text
    few = plain.model_copy(update={"design_effects": {"real": 1.04}})  # a few that are there twice
    assert describe_dependence(few) == ""
    assert "design_effects" not in plain.model_dump()
