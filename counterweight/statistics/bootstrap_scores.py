"""Scores of many classifiers on one test set, and on resamples of its images that all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]
Counts = npt.NDArray[np.floating]

CELLS = 2**21
"""Weights of images held at once; some 30 bytes each while they are drawn."""


@dataclass(frozen=True)
class ResampledScores:
    """One score of M methods in n draws: `actual` (M, n), `resampled` (B, M, n)."""

    actual: Floats
    resampled: Floats
    image: float
    """What one test image of the smallest class that counts decides of a mean recall, above 0."""
    is_f1: bool = False
    """Whether the score is an F1 (or a mean of some), of which an image decides less: see `weigh`."""

    def weigh(self, row: int, other: int) -> float:
        """Return what one test image decides of the score of a method or of another, of the two the more.

        F1 is 2 h / (n + m) for h hits among n images of a class and m that are called so. A hit more, with m near n,
        adds (2 - F1) / (2 n): near an F1 of 1 half of what it adds to the recall.
        """
        if not self.is_f1:
            return self.image
        return self.image * (2 - float(min(self.actual[row].mean(), self.actual[other].mean()))) / 2


@dataclass(frozen=True)
class BootstrapScores:
    """Both scores; `minority_f1` is None where the test set has no image of the minority classes."""

    minority_f1: ResampledScores | None
    balanced_accuracy: ResampledScores


def bootstrap_scores(
    true: Labels,
    predicted: Labels,
    minority: Sequence[int],
    classes: int,
    resamples: int,
    rng: np.random.Generator,
    groups: npt.NDArray[np.int64] | None = None,
) -> BootstrapScores:
    """Score every method and draw on the test set and on resamples of its images.

    Scores are those of `classification_scores`. Images are resampled within their true class: how many of each
    class a test part has is fixed by the split, so that a resample with other numbers would show a variation that
    no other test part has, and might lack a rare class. Of N_c images of a class N_c - 1 are drawn with
    replacement, and each counts N_c / (N_c - 1) times: a plain bootstrap's variances are too small by that
    factor, by a fifth with five images (Rao and Wu 1988, https://doi.org/10.1080/01621459.1988.10478591). A class
    of one image stays as it is: how another one would do cannot be known from it. A seed gives a method the same
    resamples whatever other methods there are.

    Of images in groups (patients, videos) whole groups are drawn in their place, G_h - 1 of G_h, which count
    G_h / (G_h - 1) times: those of one class within it, those of several together. How many images a class has varies
    then, and scores are of as many as are there; a class of which none is drawn keeps its recall.

    One image decides 1 / N_c of its class's recall, and of balanced accuracy what a mean over classes leaves of that;
    of F1 down to half as much (`ResampledScores.weigh`).

    Args:
        true: integer (N,), N >= 1, values in 0 .. classes - 1.
        predicted: integer (M, n, N), by method, draw and image; values in 0 .. classes - 1.
        minority: labels of the minority classes; may be empty.
        classes: number of classes.
        resamples: B >= 2.
        groups: numbers (N,) that images of one group share; None: each stands alone.

    Raises:
        ValueError: the shapes do not fit, there is no image, a label is out of range, or B < 2.
    """
    check_labels(true, predicted, minority, classes)
    if resamples < 2:
        raise ValueError(f"resamples: at least 2 wanted, got {resamples}")
    methods, draws, images = predicted.shape
    members = [np.flatnonzero(true == label) for label in range(classes)]
    rows = predicted.reshape(methods * draws, images)
    tested = [label for label in sorted(set(minority)) if len(members[label])]
    # A minority class costs some hundred cells a resample. The number of methods must not count: see above.
    step = max(1, CELLS // (images + 100 * len(tested)))
    once = [np.ones((1, len(own)), np.float32) for own in members]
    blocks = [score_block(once, rows, members, tested, [1.0] * classes)]
    scales = [len(own) / (len(own) - 1) if groups is None and len(own) > 1 else 1.0 for own in members]
    strata = None if groups is None else find_strata(true, groups)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        if strata is None:
            weights = [draw_counts(len(own), count, rng) for own in members]
        else:
            drawn = draw_groups(strata, count, rng)
            weights = [drawn[:, own] for own in members]
        blocks.append(score_block(weights, rows, members, tested, scales, varying=strata is not None))
    f1, recall = (np.concatenate(parts).reshape(-1, methods, draws) for parts in zip(*blocks, strict=True))
    sizes = [len(own) for own in members]
    return BootstrapScores(
        minority_f1=ResampledScores(f1[0], f1[1:], weigh_image([sizes[label] for label in tested]), is_f1=True)
        if tested
        else None,
        balanced_accuracy=ResampledScores(recall[0], recall[1:], weigh_image([size for size in sizes if size])),
    )


def weigh_image(sizes: Sequence[int]) -> float:
    """Return what an image of the smallest of some classes, of so many images each, decides of their mean recall."""
    return 1 / (len(sizes) * min(sizes))


def check_labels(true: Labels, predicted: Labels, minority: Sequence[int], classes: int) -> None:
    """Refuse labels that do not fit together; arguments are those of `bootstrap_scores`."""
    if true.ndim != 1 or len(true) == 0 or predicted.ndim != 3 or predicted.shape[2:] != true.shape:
        raise ValueError(f"labels (N,) and (M, n, N) with N >= 1 wanted, got {true.shape} and {predicted.shape}")
    if predicted.size == 0:
        raise ValueError(f"predictions of at least one method and draw wanted, got {predicted.shape}")
    for labels in (true, predicted, np.asarray(minority, dtype=np.int64)):
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"labels from 0 to {classes - 1} wanted, got {labels.min()} to {labels.max()}")


def draw_counts(images: int, resamples: int, rng: np.random.Generator) -> Counts:
    """Return how often each image of a class is drawn, float32 (resamples, images); rows sum to images - 1 or 1."""
    if images <= 1:
        return np.ones((resamples, images), np.float32)
    drawn = rng.integers(images, size=(resamples, images - 1))
    drawn += images * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * images).reshape(resamples, images).astype(np.float32)


class Strata(NamedTuple):
    """Of images in groups the group of each, 0 to G - 1, (N,), and which groups are drawn together, (G_h,) each."""

    places: npt.NDArray[np.int64]
    together: list[npt.NDArray[np.int64]]


def find_strata(true: Labels, groups: npt.NDArray[np.int64]) -> Strata:
    """Return which groups are drawn together: those of one class that have its images alone, and those of several.

    Where that is a single group, its images are drawn: how another one would do cannot be known from it, but as much as
    images alone make of it is known.

    Raises:
        ValueError: there is not a group for each image.
    """
    if groups.shape != true.shape:
        raise ValueError(f"groups {true.shape} wanted, got {groups.shape}")
    found = part_groups(true, groups)
    lone = np.isin(found.places, [own[0] for own in found.together if len(own) == 1])
    return part_groups(true, np.where(lone, found.places.max() + 1 + np.arange(len(true)), found.places))


def part_groups(true: Labels, groups: npt.NDArray[np.int64]) -> Strata:
    """Return which groups are drawn together, also where one is alone."""
    _, first, places = np.unique(groups, return_index=True, return_inverse=True)
    spanning = np.zeros(len(first), dtype=bool)
    np.logical_or.at(spanning, places, true != true[first][places])
    kinds = np.where(spanning, -1, true[first])
    return Strata(places, [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)])


def draw_groups(strata: Strata, resamples: int, rng: np.random.Generator) -> Counts:
    """Return how often each image counts that is in a group, float64 (resamples, N): no whole numbers."""
    counts = np.empty((resamples, int(strata.places.max()) + 1))
    for own in strata.together:
        scale = len(own) / (len(own) - 1) if len(own) > 1 else 1.0
        counts[:, own] = scale * draw_counts(len(own), resamples, rng)
    drawn: Counts = counts[:, strata.places]
    return drawn


def score_block(
    counts: Sequence[Counts],
    rows: Labels,
    members: Sequence[npt.NDArray[np.int64]],
    tested: Sequence[int],
    scales: Sequence[float],
    varying: bool = False,
) -> tuple[Floats, Floats]:
    """Return minority F1 and balanced accuracy (b, R) of R rows of predictions in b resamples.

    Args:
        counts: per class (b, N_c), how often each of its images is drawn.
        rows: integer (R, N).
        members: per class (N_c,), its images.
        tested: minority classes with images.
        scales: how often an image of each class counts that is drawn once.
        varying: whether of a class more or fewer images are drawn than it has; else as many, give or take rounding.
    """
    resamples, present = len(counts[0]), [label for label, own in enumerate(members) if len(own)]
    recall, f1 = np.zeros((2, resamples, len(rows)))
    hits, named = np.zeros((2, len(tested), resamples, len(rows)))
    for label in present:
        own, size = rows[:, members[label]], len(members[label])
        found = count_named(own, counts[label], label) * scales[label]
        recall += divide_or_keep(found, own == label, counts[label]) if varying else found / size
        for place, other in enumerate(tested):
            named[place] += found if other == label else count_named(own, counts[label], other) * scales[label]
            if other == label:
                hits[place] = found
    for place, label in enumerate(tested):
        there = counts[label].sum(axis=1, dtype=np.float64)[:, None] if varying else len(members[label])
        f1 += 2 * hits[place] / np.maximum(there + named[place], np.finfo(np.float64).tiny)
    return f1 / max(1, len(tested)), recall / len(present)


def divide_or_keep(found: Floats, hit: npt.NDArray[np.bool_], counts: Counts) -> Floats:
    """Return the recalls (b, R) of hits (b, R) among images that count (b, N_c); where none does, those of all.

    Args:
        hit: bool (R, N_c), of all.
    """
    there = counts.sum(axis=1, dtype=np.float64)[:, None]
    recalls: Floats = np.where(there > 0, found / np.where(there > 0, there, 1.0), hit.mean(axis=1))
    return recalls


def count_named(rows: Labels, counts: Counts, label: int) -> Floats:
    """Return how many of the drawn images (b, N_c) each of R rows (R, N_c) gives a label: (b, R)."""
    # Whole numbers up to 2^24 are exact in float32: equal predictions have equal scores in every resample.
    return np.asarray(counts @ (rows == label).T.astype(counts.dtype), dtype=np.float64)
