"""Scores of confusions worked out by hand, and classes that the test set or the predictions lack."""

import numpy as np
import pytest

from counterweight.statistics.classification import classification_scores

TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 1, 0, 2, 0, 1])
# Class 0: 3 of 4 found, 3 of 5 right: F1 = 6/9. Class 1: 2 of 3, 2 of 4: F1 = 4/7. Class 2: 1 of 3, 1 of 1: F1 = 1/2.


def test_scores_by_hand() -> None:
    scores = classification_scores(TRUE, PREDICTED, [1, 2], 3)
    assert scores.accuracy == 0.6
    assert scores.balanced_accuracy == pytest.approx((3 / 4 + 2 / 3 + 1 / 3) / 3)
    assert scores.precision == pytest.approx([3 / 5, 2 / 4, 1])
    assert scores.recall == pytest.approx([3 / 4, 2 / 3, 1 / 3])
    assert scores.f1 == pytest.approx([6 / 9, 4 / 7, 1 / 2])
    assert scores.macro_f1 == pytest.approx((6 / 9 + 4 / 7 + 1 / 2) / 3)
    assert scores.minority_precision == pytest.approx((2 / 4 + 1) / 2)
    assert scores.minority_recall == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert scores.minority_f1 == pytest.approx((4 / 7 + 1 / 2) / 2)
    assert scores.confusion == [[3, 1, 0], [1, 2, 0], [1, 1, 1]]


def test_one_minority_class_has_its_own_scores() -> None:
    scores = classification_scores(TRUE, PREDICTED, [2], 3)
    assert scores.minority_precision == 1
    assert scores.minority_recall == pytest.approx(1 / 3)
    assert scores.minority_f1 == pytest.approx(1 / 2)


def test_perfect_and_always_wrong() -> None:
    scores = classification_scores(TRUE, TRUE, [1], 3)
    assert scores.accuracy == scores.balanced_accuracy == scores.macro_f1 == scores.minority_f1 == 1
    wrong = classification_scores(TRUE, (TRUE + 1) % 3, [1], 3)
    assert wrong.accuracy == wrong.balanced_accuracy == wrong.macro_f1 == wrong.minority_f1 == 0


def test_a_class_never_predicted_has_precision_zero() -> None:
    scores = classification_scores(TRUE, np.zeros_like(TRUE), [2], 3)
    assert (scores.minority_precision, scores.minority_recall, scores.minority_f1) == (0, 0, 0)
    assert (scores.precision, scores.recall) == ([pytest.approx(4 / 10), 0, 0], [1, 0, 0])


def test_classes_absent_from_the_test_set_are_unknown() -> None:
    # Class 3 is predicted once and never true, class 4 neither.
    scores = classification_scores(np.array([0, 0, 1, 1]), np.array([0, 3, 1, 1]), [1, 3, 4], 5)
    assert scores.f1 == [pytest.approx(2 / 3), 1, None, None, None]
    assert scores.precision == [1, 1, None, None, None]
    assert scores.recall == [1 / 2, 1, None, None, None]
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert scores.balanced_accuracy == 0.75
    assert (scores.minority_precision, scores.minority_recall, scores.minority_f1) == (1, 1, 1)
    assert np.shape(scores.confusion) == (5, 5)
    assert scores.confusion[0][3] == 1
    assert type(scores).model_validate_json(scores.model_dump_json()) == scores


@pytest.mark.parametrize("minority", [[], [2]])
def test_no_tested_minority_class_is_none(minority: list[int]) -> None:
    scores = classification_scores(np.array([0, 1]), np.array([0, 1]), minority, 3)
    assert scores.minority_precision is scores.minority_recall is scores.minority_f1 is None


def test_a_single_image() -> None:
    scores = classification_scores(np.array([1]), np.array([1]), [1], 2)
    assert scores.accuracy == scores.minority_f1 == 1
    assert scores.confusion == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("true", "predicted", "minority"),
    [([], [], []), ([0, 1], [0], []), ([0, 3], [0, 0], []), ([0], [-1], []), ([0], [0], [3]), ([[0]], [[0]], [])],
)
def test_mistakes_are_refused(true: list[int], predicted: list[int], minority: list[int]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        classification_scores(np.array(true, np.int64), np.array(predicted, np.int64), minority, 3)
