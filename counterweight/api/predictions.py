"""Scores and predictions of your own, checked, and resampled as the pipeline does with its own."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from counterweight.statistics.bootstrap_scores import ResampledScores, bootstrap_scores

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Score = Literal["minority_f1", "balanced_accuracy"]


def wrap_scores(scores: Mapping[str, npt.ArrayLike]) -> ResampledScores:
    """Return scores that no test images are behind."""
    if not scores:
        raise ValueError("scores or predictions by method wanted")
    rows = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    draws = check_shapes(rows, 1, "scores")[0]
    if draws < 2:
        raise ValueError("scores: one draw tells nothing of others; give two at least, or predictions and labels")
    for name, values in rows.items():
        if not np.isfinite(values).all():
            raise ValueError(f"scores: '{name}' has a value that is not finite")
    actual = np.stack([*rows.values()])
    return ResampledScores(actual, np.stack([actual, actual]), image=0.0)


def check_shapes(rows: Mapping[str, npt.NDArray[Any]], dimensions: int, what: str) -> tuple[int, ...]:
    """Return the shape that all rows have.

    Raises:
        ValueError: one has another, or other dimensions.
    """
    first = next(iter(rows))
    for name, values in rows.items():
        if values.ndim != dimensions or values.size == 0:
            wanted = "one score per draw, (n,)," if dimensions == 1 else "labels (n, N)"
            raise ValueError(f"{what}: {wanted} wanted, but '{name}' has shape {values.shape}")
        if values.shape != rows[first].shape:
            shapes = f"'{name}' has shape {values.shape}, '{first}' {rows[first].shape}"
            raise ValueError(f"{what}: draws are paired: {shapes}")
    return rows[first].shape


def resample_predictions(
    predictions: Mapping[str, npt.ArrayLike],
    labels: npt.ArrayLike,
    groups: npt.ArrayLike | None,
    minority: Sequence[object],
    score: Score | None,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[Score, ResampledScores]:
    """Return which score is taken, and that of predictions on the test images and on resamples of them."""
    if not predictions:
        raise ValueError("scores or predictions by method wanted")
    true, rows = np.asarray(labels), {name: np.asarray(given) for name, given in predictions.items()}
    rows = {name: given[None] if given.ndim == 1 else given for name, given in rows.items()}
    shape = check_shapes(rows, 2, "predictions")
    if true.shape != shape[1:]:
        raise ValueError(f"labels: one per test image, ({shape[1]},), wanted, got {true.shape}")
    texts = {name for name, given in {"labels": true, **rows}.items() if given.dtype.kind in "USO"}
    if 0 < len(texts) < 1 + len(rows):
        raise ValueError(f"labels and predictions are to be of one kind; texts are alone: {', '.join(sorted(texts))}")
    if any(given.dtype.kind == "f" and (given != np.floor(given)).any() for given in rows.values()):
        raise ValueError("predictions: labels wanted, not probabilities")
    names, codes = np.unique(np.concatenate([true, *(given.ravel() for given in rows.values())]), return_inverse=True)
    encoded, predicted = codes[: len(true)], codes[len(true) :].reshape(len(rows), *shape)
    place = {name: code for code, name in enumerate(names.tolist())}
    if absent := [name for name in minority if name not in place]:
        raise ValueError(f"minority: no test image is of class {absent[0]!r}; there are: {', '.join(map(str, place))}")
    rare = [place[name] for name in minority]
    found = bootstrap_scores(encoded, predicted, rare, len(names), resamples, rng, number_groups(groups, len(true)))
    wanted: Score = score or ("balanced_accuracy" if found.minority_f1 is None else "minority_f1")
    if wanted not in ("minority_f1", "balanced_accuracy"):
        raise ValueError(f"score: 'minority_f1' or 'balanced_accuracy' wanted, got '{wanted}'")
    own = getattr(found, wanted)
    if own is None:
        raise ValueError("score: minority_f1 needs classes under minority that have test images")
    return wanted, own


def number_groups(groups: npt.ArrayLike | None, count: int) -> Labels | None:
    """Return the number of each test image's group; None without groups.

    Raises:
        ValueError: there is not one for each of so many, or all are in one.
    """
    if groups is None:
        return None
    given = np.asarray(groups)
    if given.shape != (count,):
        raise ValueError(f"groups: one per test image, ({count},), wanted, got {given.shape}")
    numbers = np.unique(given, return_inverse=True)[1].astype(np.int64)
    if not numbers.any():
        raise ValueError("groups: all test images are in one, which tells nothing of others")
    return numbers


def check_scores(given: Mapping[str, npt.ArrayLike] | None, found: Mapping[str, Floats], score: Score) -> None:
    """Refuse scores that are not those of the predictions beside them."""
    if given is None:
        return
    if {*given} != {*found}:
        raise ValueError(f"scores and predictions are of other methods: {', '.join(sorted({*given} ^ {*found}))}")
    for name, values in given.items():
        own = np.asarray(values, dtype=np.float64)
        if own.shape != found[name].shape or not np.allclose(own, found[name], rtol=0, atol=1e-6):
            what = f"{np.round(found[name], 4).tolist()}, not {np.round(own, 4).tolist()}"
            raise ValueError(f"scores: by its predictions '{name}' has a {score} of {what}; leave scores out")
