"""How well a classifier did on a test set, above all on the minority classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from counterweight.results.classify import ClassificationScores, ValidationScores

Labels = npt.NDArray[np.integer]


def classification_scores(
    true: Labels, predicted: Labels, minority: Sequence[int], classes: int
) -> ClassificationScores:
    """Score predicted labels against the true ones.

    Accuracy and F1 are equations 5.4 and 5.5 of the balancing thesis; with several minority classes theirs are
    means over these classes. Balanced accuracy is the mean recall (Brodersen et al. 2010,
    https://doi.org/10.1109/ICPR.2010.764). A precision without predictions counts as 0. Means are taken over
    the classes that the test set has: of the others nothing is known.

    Args:
        true: integer (N,), N >= 1, values in 0 .. classes - 1.
        predicted: integer (N,), values in 0 .. classes - 1.
        minority: labels of the minority classes; may be empty.
        classes: number of classes.

    Returns:
        `precision`, `recall` and `f1` per class, and `confusion` with a row per true and a column per predicted
        class, in images.

    Raises:
        ValueError: the shapes differ, there is no image, or a label is out of range.
    """
    if true.ndim != 1 or true.shape != predicted.shape or len(true) == 0:
        raise ValueError(f"labels (N,) with N >= 1 wanted, got {true.shape} and {predicted.shape}")
    used = np.concatenate([true, predicted, np.asarray(minority, dtype=np.int64)])
    if used.min() < 0 or used.max() >= classes:
        raise ValueError(f"labels from 0 to {classes - 1} wanted, got {used.min()} to {used.max()}")
    labels = np.arange(classes)  # All, so that a class without images has its place.
    precision, recall, f1, support = precision_recall_fscore_support(true, predicted, labels=labels, zero_division=0.0)
    tested = support > 0
    rare = tested & np.isin(labels, minority)
    return ClassificationScores(
        accuracy=float(accuracy_score(true, predicted)),
        balanced_accuracy=float(recall[tested].mean()),
        macro_f1=float(f1[tested].mean()),
        minority_precision=mean_or_none(precision[rare]),
        minority_recall=mean_or_none(recall[rare]),
        minority_f1=mean_or_none(f1[rare]),
        precision=mask_unknown(precision, tested),
        recall=mask_unknown(recall, tested),
        f1=mask_unknown(f1, tested),
        confusion=confusion_matrix(true, predicted, labels=labels).tolist(),
    )


def validation_scores(
    true: Labels, predicted: Labels, minority: Sequence[int], sizes: Sequence[int]
) -> ValidationScores:
    """Score predictions of images as if their classes were as frequent as in a test part.

    Precision depends on how frequent classes are, and a validation part of an imbalanced training part has few images
    of just those that the headline is about. So each image weighs its class's size in the test part divided by that in
    this one. Arguments and means as of `classification_scores`.

    Args:
        sizes: images of each class in the test part, (K,).
    """
    labels = np.arange(len(sizes))
    counts = np.bincount(true, minlength=len(sizes))
    weights = (np.asarray(sizes) / np.maximum(counts, 1))[true]
    _, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, labels=labels, zero_division=0.0, sample_weight=weights
    )
    known = (counts > 0) & (np.asarray(sizes) > 0)
    rare = known & np.isin(labels, minority)
    return ValidationScores(balanced_accuracy=float(recall[known].mean()), minority_f1=mean_or_none(f1[rare]))


def mask_unknown(values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> list[float | None]:
    """Return the values (K,) of the classes, None for those of which nothing is known."""
    return [float(value) if there else None for value, there in zip(values, known, strict=True)]


def mean_or_none(values: npt.NDArray[np.float64]) -> float | None:
    """Return the mean, None for no values."""
    return float(values.mean()) if len(values) else None
