"""Verdicts from Python: the pipeline's numbers, what is refused, and how often intervals hold."""

import inspect
import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

import counterweight as cw
from counterweight.api.classifiers import MethodVerdict, Score
from counterweight.core.images import ImageSet
from counterweight.core.results import write_result
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.retraining.outcomes import write_predictions
from counterweight.evaluation.retraining.training import Outcome
from counterweight.reporting.judging import RESAMPLES, read_results
from counterweight.reporting.results import Verdicts
from counterweight.results.classify import Scores
from counterweight.results.imbalance import Counts
from counterweight.settings.table import Table
from counterweight.statistics.verdict import Verdict
from tests.reporting.made import counts, method_scores, scores

ACTUAL = np.repeat([0, 1, 2], [30, 20, 12])
NAMES = ("imbalanced", "balanced", "oversample")


def predict(right: float, draws: int, rng: np.random.Generator, actual: npt.NDArray[Any] = ACTUAL) -> npt.NDArray[Any]:
    """Labels (n, N) of which a fraction is right."""
    wrong = rng.integers(3, size=(draws, len(actual)))
    return np.where(rng.random((draws, len(actual))) < right, actual, wrong)


@pytest.fixture(scope="module")
def said() -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(0)
    return {name: predict(right, 4, rng) for name, right in zip(NAMES, (0.6, 0.9, 0.62), strict=True)}


def judged_by_the_pipeline(folder: Path, said: dict[str, npt.NDArray[Any]], minority: list[int]) -> Verdicts:
    """Write predictions as the classify stage does, and read the verdicts as the report stage does."""
    pixels, origins = np.zeros((len(ACTUAL), 1, 1, 1), np.uint8), np.array([""] * len(ACTUAL))
    tested, none = ImageSet(pixels, ACTUAL, ("0", "1", "2"), origins, {}), np.empty(0, dtype=np.int64)
    item, metrics, predictions = "digits/drop75", folder / "metrics", folder / "predictions"
    for path in (metrics / "classify" / item, metrics / "imbalance/digits", predictions / item):
        path.mkdir(parents=True)
    for file, names in (("baselines", NAMES[:2]), ("oversample", NAMES[2:])):
        outcomes = {name: [Outcome(none, labels, 9) for labels in said[name]] for name in names}
        write_predictions(outcomes, tested, predictions / item / f"{file}.parquet")
        found = {name: method_scores([scores(0.5, 0.5, [0.5] * 3)] * len(said[name])) for name in names}
        write_result(Scores.model_validate(found), metrics / "classify" / item / f"{file}.json")
    sizes = {str(label): counts(9, 0, int(np.sum(label == ACTUAL)), label in minority) for label in range(3)}
    write_result(Counts(sizes), metrics / "imbalance/digits/drop75.json")
    axes: dict[str, Any] = {"datasets": ["digits"], "scenarios": ["drop75"], "pairs": [], "recipes": []}
    table = Table.model_validate({"draws": 4, "generators": ["oversample"], **axes})
    return read_results(metrics, predictions / item, "digits", "drop75", table, 0).judged.against_imbalanced


def test_numbers_are_the_pipelines_from_the_same_predictions(
    said: dict[str, npt.NDArray[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterweight.reporting.results.read_comparison", lambda metrics, item: None)
    pipeline = judged_by_the_pipeline(tmp_path, said, [2])
    seed = derive_seed(0, "digits/drop75", "verdict")
    scores_of: dict[Score, dict[str, Verdict]] = {
        "minority_f1": pipeline.minority_f1,
        "balanced_accuracy": pipeline.balanced_accuracy,
    }
    for score, verdicts in scores_of.items():
        found = cw.compare_classifiers(
            predictions=said,
            labels=ACTUAL,
            minority=[2],
            score=score,
            reference="imbalanced",
            resamples=RESAMPLES,
            random_state=seed,
        )
        assert found.covers == "draws and test images"
        assert list(found.methods) == list(verdicts)
        for name, own in found.methods.items():
            theirs = verdicts[name]
            assert own == MethodVerdict(
                verdict=theirs.verdict,
                change=theirs.mean_change,
                interval=(theirs.interval[0], theirs.interval[1]),
                plain_interval=(theirs.plain_interval[0], theirs.plain_interval[1]),
                p_value=theirs.p_value,
                standard_error=theirs.standard_error,
                would_see=theirs.detectable_change,
                draws_needed=theirs.draws_needed,
            )
    assert pipeline.minority_f1["balanced"].verdict == "helps"


def test_as_many_resamples_as_the_pipeline_are_the_default() -> None:
    assert inspect.signature(cw.compare_classifiers).parameters["resamples"].default == RESAMPLES


def test_labels_may_be_texts_and_their_names_change_nothing(said: dict[str, npt.NDArray[Any]]) -> None:
    names = np.array(["cat", "dog", "emu"])  # in the order of their codes
    texts = {name: names[draws] for name, draws in said.items()}
    found = cw.compare_classifiers(predictions=texts, labels=names[ACTUAL], minority=["emu"], reference="imbalanced")
    same = cw.compare_classifiers(predictions=said, labels=ACTUAL, minority=[2], reference="imbalanced")
    assert found.to_dict() == same.to_dict()
    assert found.score == "minority_f1"
    assert cw.compare_classifiers(predictions=said, labels=ACTUAL, reference="balanced").score == "balanced_accuracy"


def test_groups_of_test_images_are_resampled_whole(said: dict[str, npt.NDArray[Any]]) -> None:
    """Names of any kind are numbers to it; alone in its group, an image is worth what it is without; few: less."""
    count = len(ACTUAL)

    def width(groups: object) -> float:
        found = cw.compare_classifiers(predictions=said, labels=ACTUAL, groups=groups, reference="imbalanced")  # type: ignore[arg-type]
        low, high = found.methods["balanced"].interval or (0.0, 0.0)
        return high - low

    videos = np.arange(count) // 8
    assert width(videos) == width([f"video {number:03}" for number in videos]) != width(None)
    rng = np.random.default_rng(0)
    actual = rng.integers(0, 2, (1, 40)).repeat(20, axis=1)[0]  # a video a class, and right or wrong as a whole
    right = {name: rng.random((1, 40)).repeat(20, axis=1) < 0.8 for name in ("plain", "new")}
    wrong = {name: np.where(own, actual, 1 - actual) for name, own in right.items()}
    errors = [
        cw.compare_classifiers(predictions=wrong, labels=actual, groups=groups, reference="plain")
        .methods["new"]
        .standard_error
        for groups in (None, np.repeat(np.arange(40), 20))
    ]
    assert errors[1] / errors[0] == pytest.approx(np.sqrt(20), rel=0.15)  # type: ignore[operator]


def test_the_same_seed_is_the_same_and_another_is_not(said: dict[str, npt.NDArray[Any]]) -> None:
    first, same, other = (
        cw.compare_classifiers(predictions=said, labels=ACTUAL, reference="imbalanced", random_state=seed).to_dict()
        for seed in (1, 1, 2)
    )
    assert first == same != other


def test_of_scores_the_interval_is_students_at_bonferronis_level() -> None:
    rng = np.random.default_rng(0)
    given = {name: rng.normal(0.8, 0.02, 6) for name in ("plain", "a", "b")}
    found = cw.compare_classifiers(given, reference="plain", alpha=0.1)
    assert (found.covers, found.draws, found.score) == ("draws", 6, None)
    for name in ("a", "b"):
        own, changes = found.methods[name], given[name] - given["plain"]
        known = stats.ttest_1samp(changes, 0)
        assert own.p_value == pytest.approx(known.pvalue, rel=1e-9)
        assert own.plain_interval == pytest.approx(tuple(known.confidence_interval(0.9)), rel=1e-9)
        assert own.interval == pytest.approx(tuple(known.confidence_interval(0.95)), rel=1e-9)
    assert "Intervals cover the draws alone" in found.verdict


def test_a_change_that_is_the_same_in_all_draws_is_no_certainty() -> None:
    given = {"plain": [0.1, 0.2, 0.3], "shifted": [0.2, 0.3, 0.4], "noisy": [0.9, 0.95, 0.99]}
    found = cw.compare_classifiers(given, reference="plain")
    shifted = found.methods["shifted"]
    assert (shifted.verdict, shifted.interval, shifted.p_value, shifted.would_see) == ("undecided", None, None, None)
    assert shifted.change == pytest.approx(0.1)
    assert found.methods["noisy"].verdict == "helps"
    assert "no interval can be given, of shifted." in found.verdict
    assert found.draws_needed is None
    # Of predictions that agree it is known how much the test images leave open.
    agreed = {name: np.tile(ACTUAL, (3, 1)) for name in ("plain", "same")}
    known = cw.compare_classifiers(predictions=agreed, labels=ACTUAL, reference="plain").methods["same"]
    assert known.interval is not None
    assert known.interval[0] < 0 < known.interval[1]


def test_one_draw_of_predictions_covers_the_test_images(said: dict[str, npt.NDArray[Any]]) -> None:
    single = {name: draws[0] for name, draws in said.items()}
    found = cw.compare_classifiers(predictions=single, labels=ACTUAL, reference="imbalanced")
    assert (found.covers, found.draws) == ("test images", 1)
    assert "one draw tells nothing of others" in found.verdict


def test_a_failed_draw_is_named() -> None:
    rng = np.random.default_rng(0)
    given = {name: rng.normal(0.8, 0.01, 8) for name in ("plain", "a")}
    given["a"][3] = 0.2
    found = cw.compare_classifiers(given, reference="plain")
    assert found.failed_draws == {"a": 3}
    assert "Far below its other draws is `a` in draw 4: a training may have failed." in found.verdict


def test_the_table_and_its_other_forms(said: dict[str, npt.NDArray[Any]]) -> None:
    found = cw.compare_classifiers(predictions=said, labels=ACTUAL, reference="imbalanced", margin=0.02)
    table = found.table()
    assert list(table.index) == list(NAMES)
    assert table.loc["imbalanced", "verdict"] == "reference"
    assert table.loc["imbalanced"].isna().sum() == 5
    assert table.loc["balanced", "verdict"] == "helps"
    assert table.loc["balanced", "change"] == found.methods["balanced"].change
    assert table.loc["balanced", "mean"] == pytest.approx(np.mean(found.scores["balanced"]))
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["verdict"] == found.verdict == str(found)
    html = found._repr_html_()
    assert html.startswith(f"<p>{escape(found.verdict)}</p><table")
    assert "NaN" not in html
    own = found.methods["balanced"]
    assert own.interval is not None
    shown = f"balanced ({own.change:+.4f} [{own.interval[0]:+.4f}, {own.interval[1]:+.4f}])"
    assert found.verdict.startswith(f"Against `imbalanced`, in 4 draws: helps: {shown}")
    assert repr(found) == f"ClassifierComparison: {found.verdict}"


PLAIN = {"a": [0.5, 0.6], "b": [0.6, 0.8]}
SAID = {"a": [[0, 1, 1]], "b": [[0, 0, 1]]}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "scores or predictions by method wanted"),
    "no method": ({"scores": {}}, "scores or predictions by method wanted"),
    "another reference": ({"scores": PLAIN, "reference": "c"}, "there is no method 'c'; there are: a, b"),
    "one method": ({"scores": {"a": [1, 2]}}, "at least one method beside the reference wanted"),
    "one draw": ({"scores": {"a": [1], "b": [2]}}, "one draw tells nothing of others"),
    "unpaired": ({"scores": {"a": [1, 2], "b": [1, 2, 3]}}, r"draws are paired: 'b' has shape \(3,\), 'a' \(2,\)"),
    "a number": ({"scores": {"a": 1.0, "b": 2.0}}, r"one score per draw, \(n,\), wanted, but 'a' has shape \(\)"),
    "not finite": ({"scores": {"a": [1, 2], "b": [1, np.nan]}}, "'b' has a value that is not finite"),
    "margin": ({"scores": PLAIN, "margin": 0.0}, "margin > 0"),
    "alpha": ({"scores": PLAIN, "alpha": 1.0}, "0 < alpha < 1"),
    "labels of scores": ({"scores": PLAIN, "labels": [0]}, "labels, groups, minority and score are of pred"),
    "no labels": ({"predictions": SAID}, "labels: the true labels of the test images are needed"),
    "other images": ({"predictions": SAID, "labels": [0, 1]}, r"labels: one per test image, \(3,\), wanted, got \(2,"),
    "groups of scores": ({"scores": PLAIN, "groups": [0]}, "labels, groups, minority and score are of pred"),
    "groups of others": (
        {"predictions": SAID, "labels": [0, 1, 1], "groups": [1, 2]},
        r"groups: one per test image, \(3,\), wanted, got \(2,",
    ),
    "one group": ({"predictions": SAID, "labels": [0, 1, 1], "groups": [4, 4, 4]}, "all test images are in one"),
    "a lacking class": ({"predictions": SAID, "labels": [0, 1, 1], "minority": [7]}, "is of class 7; there are: 0, 1"),
    "probabilities": ({"predictions": {"a": [[0.2]], "b": [[0.3]]}, "labels": [1]}, "labels wanted, not probabilit"),
    "texts and numbers": ({"predictions": SAID, "labels": ["0", "1", "1"]}, "of one kind; texts are alone: labels"),
    "no minority": (
        {"predictions": SAID, "labels": [0, 1, 1], "score": "minority_f1"},
        "minority_f1 needs classes under minority",
    ),
    "an unknown score": ({"predictions": SAID, "labels": [0, 1, 1], "score": "f1"}, "'minority_f1' or 'balanced_acc"),
    "resamples": ({"predictions": SAID, "labels": [0, 1, 1], "resamples": 1}, "resamples: at least 2 wanted, got 1"),
    "other scores": (
        {"predictions": SAID, "labels": [0, 1, 1], "scores": {"a": [1.0], "b": [0.5]}},
        r"by its predictions 'b' has a balanced_accuracy of \[0\.75\], not \[0\.5\]",
    ),
    "scores of others": (
        {"predictions": SAID, "labels": [0, 1, 1], "scores": {"a": [1.0], "c": [0.5]}},
        "scores and predictions are of other methods: b, c",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_one_clear_line(case: str) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        cw.compare_classifiers(**{"reference": "a", **arguments})
    assert "\n" not in str(caught.value)


def test_scores_beside_predictions_are_those_of_the_predictions() -> None:
    given = {"a": [1.0], "b": [0.75]}
    found = cw.compare_classifiers(given, predictions=SAID, labels=[0, 1, 1], reference="a")
    assert found.scores == given


TABLES = 2000


def test_intervals_of_scores_hold_as_often_as_they_say() -> None:
    """Of normal changes Student's interval is exact: its number of hits is binomial, with deviation 0.0049.

    Bonferroni's hold for all five methods in at least 95 % of tables. Both within four deviations.
    """
    rng, truth = np.random.default_rng(0), np.array([0.0, 0.0, 0.01, -0.02, 0.05])
    plain, all_of_them = 0, 0
    for _ in range(TABLES):
        reference = rng.normal(0.8, 0.03, 5)
        made = {str(row): reference + change + rng.normal(0, 0.02, 5) for row, change in enumerate(truth)}
        found = list(cw.compare_classifiers({"plain": reference, **made}, reference="plain").methods.values())
        pairs = list(zip(found, truth, strict=True))
        all_of_them += all(own.interval[0] <= change <= own.interval[1] for own, change in pairs if own.interval)
        low, high = found[0].plain_interval or (0.0, 0.0)
        plain += low <= truth[0] <= high
    deviation = np.sqrt(0.05 * 0.95 / TABLES)
    assert abs(plain / TABLES - 0.95) < 4 * deviation
    assert all_of_them / TABLES > 0.95 - 4 * deviation


def test_with_predictions_intervals_hold_for_other_test_images_and_without_they_do_not() -> None:
    """A method is right on some images in all draws, and on the others by chance: draws share their luck with images.

    The true change of balanced accuracy is known. Of 300 tables 95 % hold it, give or take 1.3 points; four deviations
    are 5. The draws alone do not show most of what varies: theirs hold it far more seldom.
    """
    rng, tables, images = np.random.default_rng(0), 300, 100
    actual = np.repeat([0, 1], images)
    always, by_chance = {"plain": 0.6, "better": 0.7}, 0.5
    truth = (always["better"] - always["plain"]) * (1 - by_chance)
    held = {"predictions": 0, "scores": 0}
    for table in range(tables):
        said = {}
        for name, fraction in always.items():
            sure = rng.random(2 * images) < fraction
            right = sure | (rng.random((6, 2 * images)) < by_chance)
            said[name] = np.where(right, actual, 1 - actual)
        by_images = cw.compare_classifiers(
            predictions=said, labels=actual, reference="plain", resamples=200, random_state=table
        )
        of_scores = cw.compare_classifiers(by_images.scores, reference="plain")
        for kind, found in (("predictions", by_images), ("scores", of_scores)):
            low, high = found.methods["better"].interval or (0.0, 0.0)
            held[kind] += low <= truth <= high
    assert abs(held["predictions"] / tables - 0.95) < 4 * np.sqrt(0.05 * 0.95 / tables)
    assert held["scores"] / tables < 0.85
