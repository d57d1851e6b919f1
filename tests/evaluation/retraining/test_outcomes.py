"""Outcomes written down: scores of each draw, a row for each prediction, and confusions of the first draw."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from counterweight.core.draws import VALIDATION
from counterweight.core.results import NotApplicable
from counterweight.evaluation.retraining.methods import Parts, list_baselines, list_generator_methods
from counterweight.evaluation.retraining.outcomes import score_methods, write_confusions, write_predictions
from counterweight.evaluation.retraining.training import Outcome
from counterweight.statistics.classification import classification_scores, validation_scores
from tests.stages.made import TEST, TRAIN, small_draws

DRAWS = small_draws(2)
PARTS = Parts(TRAIN, TEST, DRAWS)
METHODS = list_baselines([], {}, TRAIN, DRAWS, 0)
RNG = np.random.default_rng(0)
OUTCOMES = {
    name: [Outcome(RNG.integers(0, 3, 15), RNG.integers(0, 3, len(TEST)), 48 + draw) for draw in range(2)]
    for name in METHODS
}


def test_every_draw_has_scores_of_its_own_images() -> None:
    found = score_methods(METHODS, OUTCOMES, PARTS).root
    assert list(found) == ["balanced", "imbalanced"]
    for name, scores in found.items():
        assert not isinstance(scores, NotApplicable)
        assert (scores.images, scores.recipe, len(scores.draws), len(scores.validation)) == (48, "plain", 2, 2)
        for draw in range(2):
            said, aside = OUTCOMES[name][draw], TRAIN.labels[DRAWS.roles[draw] == VALIDATION]
            assert scores.draws[draw] == classification_scores(TEST.labels, said.test, [1, 2], 3)
            expected = validation_scores(aside, said.validation, [1, 2], TEST.counts().tolist())
            assert scores.validation[draw] == expected


def test_what_is_not_applicable_says_why() -> None:
    nothing = [replace(TRAIN.take(np.arange(0)), provenance={"not_applicable": "too few"})]
    methods = list_generator_methods("smote", ["reweighted"], {}, nothing, DRAWS)
    found = score_methods(METHODS | methods, OUTCOMES, PARTS).root
    assert [isinstance(scores, NotApplicable) for scores in found.values()] == [False, False, True, True]
    assert found["smote+reweighted"] == NotApplicable(not_applicable="too few")


def test_predictions_have_a_row_for_each_method_draw_and_image(tmp_path: Path) -> None:
    write_predictions(OUTCOMES, TEST, tmp_path / "predictions.parquet")
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    assert rows == [
        {"method": name, "draw": draw, "index": index, "actual": int(TEST.labels[index]), "predicted": int(label)}
        for name, own in OUTCOMES.items()
        for draw, outcome in enumerate(own)
        for index, label in enumerate(outcome.test)
    ]


def test_predictions_of_no_method_have_the_same_columns(tmp_path: Path) -> None:
    for name, outcomes in (("some", OUTCOMES), ("none", {})):
        write_predictions(outcomes, TEST, tmp_path / name)
    assert pq.read_schema(tmp_path / "none").equals(pq.read_schema(tmp_path / "some"))
    assert pq.read_table(tmp_path / "none").num_rows == 0


def test_confusions_are_the_first_draws_by_the_names_of_classes(tmp_path: Path) -> None:
    write_confusions(OUTCOMES, TEST, tmp_path / "confusion")
    assert {path.stem for path in (tmp_path / "confusion").iterdir()} == set(METHODS)
    with (tmp_path / "confusion/imbalanced.csv").open(newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)]
    names, said = TEST.class_names, OUTCOMES["imbalanced"][0].test
    expected = [(names[actual], names[label]) for actual, label in zip(TEST.labels, said, strict=True)]
    assert rows == [("actual", "predicted"), *expected]
