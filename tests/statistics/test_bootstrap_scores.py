"""Bootstrap scores against scikit-learn's, and resamples against the variances that theory gives."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from counterweight.statistics.bootstrap_scores import CELLS, bootstrap_scores, draw_counts
from counterweight.statistics.classification import classification_scores

Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def make_labels(seed: int, images: int, classes: int, methods: int = 3, draws: int = 4) -> tuple[Labels, Labels]:
    rng = np.random.default_rng(seed)
    true = rng.choice(classes, images, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    wrong = rng.integers(classes, size=(methods, draws, images))
    return true, np.where(rng.random(wrong.shape) < 0.7, true, wrong)


@pytest.mark.parametrize(("classes", "minority"), [(2, [0]), (3, [1, 2]), (12, [0, 3, 11, 7])])
def test_scores_of_the_test_set_are_those_of_the_other_stages(classes: int, minority: list[int]) -> None:
    for seed in range(5):
        true, predicted = make_labels(seed, 60, classes)  # With 12 classes some seeds lack one.
        found = bootstrap_scores(true, predicted, minority, classes, 2, np.random.default_rng(0))
        for place in np.ndindex(predicted.shape[:2]):
            expected = classification_scores(true, predicted[place], minority, classes)
            # A mean of K terms between 0 and 1 added in another order: a few units in the last place.
            assert found.balanced_accuracy.actual[place] == pytest.approx(expected.balanced_accuracy, abs=1e-15)
            assert found.minority_f1 is not None
            assert found.minority_f1.actual[place] == pytest.approx(expected.minority_f1, abs=1e-15)


def test_resamples_are_scored_like_test_sets() -> None:
    true, predicted = make_labels(0, 40, 3)
    found = bootstrap_scores(true, predicted, [0, 2], 3, 20, np.random.default_rng(1))
    assert found.minority_f1 is not None
    rng = np.random.default_rng(1)
    counts = [draw_counts(int((true == label).sum()), 20, rng) for label in range(3)]
    for resample in range(20):
        weights = np.zeros(40)
        for label in range(3):
            size = (true == label).sum()
            weights[true == label] = counts[label][resample] * size / (size - 1)
        for place in np.ndindex(predicted.shape[:2]):
            f1 = f1_score(true, predicted[place], labels=[0, 2], average="macro", sample_weight=weights)
            recall = balanced_accuracy_score(true, predicted[place], sample_weight=weights)
            assert found.minority_f1.resampled[resample][place] == pytest.approx(f1, abs=1e-12)
            assert found.balanced_accuracy.resampled[resample][place] == pytest.approx(recall, abs=1e-12)


@pytest.mark.parametrize("sizes", [(2, 2), (5, 9), (54, 300)])
def test_a_recall_varies_as_binomial_theory_says(sizes: tuple[int, int]) -> None:
    true = np.repeat([0, 1], sizes)
    right = np.concatenate([np.arange(size) < size // 2 for size in sizes])
    scores = bootstrap_scores(
        true, np.where(right, true, 1 - true)[None, None], [0], 2, 40_000, np.random.default_rng(0)
    )
    shares = [size // 2 / size for size in sizes]
    # Unbiased variances of two means of 0 and 1, of which balanced accuracy is the mean.
    expected = sum(share * (1 - share) / (size - 1) for share, size in zip(shares, sizes, strict=True)) / 4
    # The relative deviation of a variance of B values is sqrt((kurtosis - 1) / B), below sqrt(2 / B) = 0.007 here.
    assert scores.balanced_accuracy.resampled.var() == pytest.approx(expected, rel=4 * 0.0071)


def test_f1_varies_as_linearisation_says() -> None:
    hits, misses, alarms = 70, 30, 40
    true = np.repeat([0, 1], [100, 1000])
    predicted = np.repeat([0, 1, 0, 1], [hits, misses, alarms, 1000 - alarms])
    scores = bootstrap_scores(true, predicted[None, None], [0], 2, 20_000, np.random.default_rng(0))
    assert scores.minority_f1 is not None
    # F1 = 2 TP / (100 + TP + FP), whose derivatives multiply the binomial variances of TP and FP.
    total = 100 + hits + alarms
    of_hits = (2 / total - 2 * hits / total**2) ** 2 * 100 * 100 / 99 * 0.7 * 0.3
    of_alarms = (2 * hits / total**2) ** 2 * 1000 * 1000 / 999 * 0.04 * 0.96
    # sqrt(2 / B) = 0.01, and terms of second order of about 1 / 100.
    assert scores.minority_f1.resampled.var() == pytest.approx(of_hits + of_alarms, rel=0.05)


def test_equal_predictions_have_equal_scores_in_every_resample() -> None:
    true, predicted = make_labels(0, 500, 4, methods=1, draws=1)
    rows = np.repeat(np.repeat(predicted, 7, axis=0), 5, axis=1)
    scores = bootstrap_scores(true, rows, [0, 1], 4, 50, np.random.default_rng(0))
    assert scores.minority_f1 is not None
    for found in (scores.minority_f1, scores.balanced_accuracy):
        assert np.ptp(found.resampled, axis=(1, 2)).max() == 0
        assert np.ptp(found.resampled) > 0


def test_more_methods_change_no_resample() -> None:
    true, predicted = make_labels(0, 100, 3, methods=6)
    few, many = (
        bootstrap_scores(true, rows, [0], 3, 30, np.random.default_rng(0)) for rows in (predicted[:2], predicted)
    )
    np.testing.assert_array_equal(few.balanced_accuracy.resampled, many.balanced_accuracy.resampled[:, :2])


def test_many_images_are_resampled_in_blocks() -> None:
    images = CELLS // 3 - 100  # Three resamples at a time.
    true = np.arange(images) % 2
    scores = bootstrap_scores(true, (1 - true)[None, None], [1], 2, 7, np.random.default_rng(0))
    assert scores.minority_f1 is not None
    assert scores.minority_f1.resampled.shape == (7, 1, 1)
    assert not scores.balanced_accuracy.resampled.any()


def test_classes_without_images_are_left_out() -> None:
    true, predicted = np.array([0, 0, 1, 1, 1]), np.array([[[0, 2, 1, 1, 2]]])
    scores = bootstrap_scores(true, predicted, [1, 2], 4, 5, np.random.default_rng(0))
    assert scores.minority_f1 is not None
    assert scores.minority_f1.actual == pytest.approx(2 * 2 / (3 + 2))
    assert scores.balanced_accuracy.actual == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert bootstrap_scores(true, predicted, [2, 3], 4, 5, np.random.default_rng(0)).minority_f1 is None
    assert bootstrap_scores(true, predicted, [], 4, 5, np.random.default_rng(0)).minority_f1 is None


def test_an_image_of_the_smallest_tested_class_decides_most() -> None:
    true = np.repeat([0, 1, 2], [9, 4, 5])
    right = true[None, None]
    wrong = np.where(np.arange(18) == 9, 0, true)[None, None]  # one image of class 1
    for minority, image in (([1], 1 / 4), ([2, 3], 1 / 5), ([0, 1, 3], 1 / (4 * 2))):
        scores = bootstrap_scores(true, right, minority, 4, 2, np.random.default_rng(0))
        assert scores.minority_f1 is not None
        assert scores.minority_f1.image == image
        assert scores.balanced_accuracy.image == 1 / (4 * 3)
    worse = bootstrap_scores(true, wrong, [1], 4, 2, np.random.default_rng(0))
    assert worse.balanced_accuracy.actual[0, 0] == pytest.approx(1 - worse.balanced_accuracy.image)


@pytest.mark.parametrize("hits", [2, 30, 49])
def test_an_image_decides_of_f1_what_a_hit_more_adds(hits: int) -> None:
    """With as many images called so as there are: 2 h / (n + m) for n = m = 50; the next has h + 1 and m + 1."""
    true = np.repeat([0, 1], [200, 50])
    predicted = np.concatenate([np.arange(200) < 50 - hits, np.arange(50) < hits]).astype(np.int64)
    more = np.where(np.arange(250) == 200 + hits, 1, predicted)
    scores = bootstrap_scores(
        true, np.stack([predicted, more])[:, None], [1], 2, 2, np.random.default_rng(0)
    ).minority_f1
    assert scores is not None
    change = float(scores.actual[1, 0] - scores.actual[0, 0])
    assert scores.weigh(0, 0) == pytest.approx(change, rel=0.02)  # the next is of n + m + 1
    assert scores.weigh(0, 1) == scores.weigh(1, 0) == scores.weigh(0, 0)


def test_the_only_image_of_a_class_stays() -> None:
    true, predicted = np.array([0, 1, 1, 1]), np.array([[[0, 1, 1, 1]]])
    scores = bootstrap_scores(true, predicted, [0], 2, 50, np.random.default_rng(0))
    assert scores.minority_f1 is not None
    assert (scores.minority_f1.resampled == 1).all()


@pytest.mark.parametrize(
    ("true", "predicted", "minority", "resamples"),
    [
        ([], [[[]]], [], 2),
        ([0, 1], [[[0]]], [], 2),
        ([0, 1], [[0, 1]], [], 2),
        ([0, 3], [[[0, 0]]], [], 2),
        ([0], [[[-1]]], [], 2),
        ([0], [[[0]]], [3], 2),
        ([0], [[[0]]], [0], 1),
        ([0], np.zeros((0, 2, 1)), [0], 2),
    ],
)
def test_mistakes_are_refused(true: list[int], predicted: object, minority: list[int], resamples: int) -> None:
    with pytest.raises(ValueError, match="wanted"):
        bootstrap_scores(
            np.array(true, np.int64), np.array(predicted, np.int64), minority, 3, resamples, np.random.default_rng(0)
        )


def spread(found: Floats) -> float:
    return float(found.std(axis=0, ddof=1).mean())


def test_whole_groups_are_drawn() -> None:
    """Images that are all the same in a group vary as many as there are groups: a mean of 20 fractions."""
    hits = np.random.default_rng(0).random(20) < 0.6
    numbers = np.repeat(np.arange(20), 10)
    predicted = np.repeat(~hits, 10).astype(np.int64)[None, None]
    true = np.zeros(200, dtype=np.int64)
    found = [
        bootstrap_scores(true, predicted, [], 2, 4000, np.random.default_rng(1), groups).balanced_accuracy
        for groups in (None, numbers)
    ]
    assert found[0].actual == found[1].actual
    # The variance of a mean of independent ones, n - 1 in its denominator; the deviation of 4,000 is known to 1.1 %.
    by_image, by_group = (np.sqrt(hits.mean() * (1 - hits.mean()) / (n - 1)) for n in (200, 20))
    assert spread(found[0].resampled) == pytest.approx(by_image, rel=0.05)
    assert spread(found[1].resampled) == pytest.approx(by_group, rel=0.05)


def test_groups_of_several_classes_are_drawn_together() -> None:
    """Right and wrong in a group alike: both classes' recalls rise and fall together, and their mean no less."""
    numbers, true = np.repeat(np.arange(30), 4), np.tile([0, 0, 1, 1], 30)
    right = np.repeat(np.random.default_rng(0).random(30) < 0.5, 4)
    predicted = np.where(right, true, 1 - true)[None, None]
    found = bootstrap_scores(true, predicted, [1], 2, 2000, np.random.default_rng(1), numbers)
    assert spread(found.balanced_accuracy.resampled) == pytest.approx(np.sqrt(0.25 / 29), rel=0.1)
    assert found.minority_f1 is not None
    assert np.isfinite(found.minority_f1.resampled).all()


def test_resamples_without_a_class_keep_its_recall() -> None:
    """One of two groups that span classes has all images of one: many resamples have none of it."""
    true, numbers = np.array([0, 0, 0, 1, 2, 0]), np.array([0, 1, 3, 3, 4, 4])
    predicted = np.array([[[0, 1, 0, 1, 2, 0]], [[0, 1, 0, 0, 0, 1]]])
    found = bootstrap_scores(true, predicted, [1], 3, 50, np.random.default_rng(0), numbers)
    assert np.isfinite(found.balanced_accuracy.resampled).all()
    assert found.minority_f1 is not None
    assert np.isfinite(found.minority_f1.resampled).all()
    with pytest.raises(ValueError, match="groups"):
        bootstrap_scores(true, predicted, [1], 3, 50, np.random.default_rng(0), numbers[:3])


def test_images_of_the_only_group_of_a_class_are_drawn() -> None:
    true, predicted = make_labels(0, 60, 3)
    draw = np.random.default_rng
    plain = bootstrap_scores(true, predicted, [0], 3, 400, draw(1)).balanced_accuracy
    single = bootstrap_scores(true, predicted, [0], 3, 400, draw(1), true).balanced_accuracy
    assert spread(single.resampled) == pytest.approx(spread(plain.resampled), rel=0.1)


def test_equal_methods_are_equal_in_every_resample_of_groups() -> None:
    true, predicted = make_labels(0, 60, 3)
    predicted[1] = predicted[0]
    groups = np.random.default_rng(0).integers(0, 15, 60)
    found = bootstrap_scores(true, predicted, [0], 3, 50, np.random.default_rng(1), groups).balanced_accuracy
    np.testing.assert_allclose(found.resampled[:, 0], found.resampled[:, 1], rtol=0, atol=1e-13)
