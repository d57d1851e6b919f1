"""Whether methods help a classifier, judged as the pipeline judges its table, by scores or predictions of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from counterweight.api.predictions import Score, check_scores, resample_predictions, wrap_scores
from counterweight.core.schema import Result
from counterweight.statistics.bootstrap_scores import ResampledScores
from counterweight.statistics.verdict import DIGITS, Answer, Verdict, find_failed_draw, judge_methods, plan_draws

if TYPE_CHECKING:
    import pandas as pd

Covers = Literal["draws", "test images", "draws and test images"]

SCOPE: dict[Covers, str] = {
    "draws": "Intervals cover the draws alone: scores do not tell how other test images would be decided; `predictions`"
    " and `labels` would.",
    "test images": "Intervals cover the sampling of the test images alone: one draw tells nothing of others.",
    "draws and test images": "Intervals cover the spread over draws and the sampling of the test images.",
}


class MethodVerdict(Result):
    """One method against the reference; changes and intervals are in the score's unit."""

    verdict: Answer
    """`helps` if the whole interval is above 0, `hurts` if below; `no difference above margin` if it lies within
    +-margin; else `undecided`."""
    change: float
    """Mean over the draws."""
    interval: tuple[float, float] | None
    """Holds for all methods at once (Bonferroni); None where the change is the same in all draws and nothing but scores
    is known: a spread of 0 is then no sign of certainty."""
    plain_interval: tuple[float, float] | None
    """Holds for this method alone."""
    p_value: float | None
    """Two-sided, of no change; for this method alone."""
    standard_error: float | None
    would_see: float | None
    """The smallest true change for which `interval` would have excluded 0 in four of five cases."""
    draws_needed: int | None
    """Roughly the fewest draws with which a change of the margin would be seen; None where no number would do or it
    cannot be told."""


@dataclass(frozen=True, repr=False)
class ClassifierComparison:
    """What `compare_classifiers` found: verdicts by method, and what they hold for. In a notebook it is a table."""

    reference: str
    score: Score | None
    """What was computed of predictions; None where scores were given, whose name only their owner knows."""
    scores: dict[str, list[float]]
    """Of each method in each draw, the reference among them."""
    methods: dict[str, MethodVerdict]
    """All but the reference."""
    covers: Covers
    """What varies in the intervals. `draws`: nothing is known of other test images."""
    margin: float
    alpha: float
    draws: int
    draws_needed: int | None
    """Roughly how many draws would show a change of the margin for a method in the middle of the table."""
    failed_draws: dict[str, int]
    """Draws, from 0, whose score lies far below the others' of the method: a training may have failed."""

    @property
    def verdict(self) -> str:
        """All verdicts in a few sentences, each with its change and interval, and what they hold for."""
        several = "draw" if self.draws == 1 else "draws"
        begin = f"Against `{self.reference}`, in {self.draws} {several}: "
        parts = [f"{word}: {', '.join(rows)}" for word, rows in self._by_answer().items()]
        return " ".join([f"{begin}{'; '.join(parts)}.", *self._remarks(), SCOPE[self.covers]])

    def _by_answer(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, own in self.methods.items():
            word = own.verdict.replace("margin", f"{self.margin:g}")
            interval = f" [{own.interval[0]:+.4f}, {own.interval[1]:+.4f}]" if own.interval else ""
            found.setdefault(word, []).append(f"{name} ({own.change:+.4f}{interval})")
        return found

    def _remarks(self) -> list[str]:
        still = [name for name, own in self.methods.items() if own.interval is None]
        remarks = [f"The change is the same in all draws, and no interval can be given, of {', '.join(still)}."]
        low = [f"`{name}` in draw {draw + 1}" for name, draw in self.failed_draws.items()]
        failed = f"Far below its other draws is {', '.join(low)}: a training may have failed."
        return (remarks if still else []) + ([failed] if low else [])

    def table(self) -> pd.DataFrame:
        """Return a row for each method, the reference among them: verdict, change, its interval, and the mean score."""
        import pandas as pd

        rows = {}
        for name, values in self.scores.items():
            own = self.methods.get(name)
            low, high = own.interval if own and own.interval else (None, None)
            rows[name] = {
                "verdict": own.verdict.replace("margin", f"{self.margin:g}") if own else "reference",
                "change": own.change if own else None,
                "low": low,
                "high": high,
                "would_see": own.would_see if own else None,
                "p_value": own.p_value if own else None,
                "mean": fmean(values),
                "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            }
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
        numbers = [name for name in frame.columns if name != "verdict"]
        return frame.astype(dict.fromkeys(numbers, "float64"))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON, the verdict first."""
        methods = {name: own.model_dump(mode="json") for name, own in self.methods.items()}
        return {"verdict": self.verdict, **vars(self), "methods": methods}

    def __repr__(self) -> str:
        return f"ClassifierComparison: {self.verdict}"

    def __str__(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.verdict)}</p>{self.table().to_html(na_rep='-', float_format='{:.4f}'.format)}"


def compare_classifiers(
    scores: Mapping[str, npt.ArrayLike] | None = None,
    *,
    reference: str,
    predictions: Mapping[str, npt.ArrayLike] | None = None,
    labels: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    minority: Sequence[object] = (),
    score: Score | None = None,
    margin: float = 0.01,
    alpha: float = 0.05,
    resamples: int = 1000,
    random_state: int = 0,
) -> ClassifierComparison:
    """Say of each method whether a classifier does better with it than with the reference.

    Draws are repetitions of whatever is random (seeds, dropped images, synthetic sets). They are paired: draw k of
    every method shares what it can with draw k of the others, so that only differences within a draw count. Verdicts
    and intervals are the pipeline's (docs/verdicts.md): Student's, for all methods at once.

    *What an interval covers.* Of `predictions` with `labels` it covers the spread over draws and the sampling of the
    test images, which all draws share. Of `scores` alone it covers what differed between the draws: where all of them
    were tested on the same images, it says nothing of how others would be decided, and is too narrow for a claim about
    such; where each draw had test images of its own, their sampling is in the spread. Folds of a cross-validation share
    training images, so that their spread is too small (Nadeau and Bengio 2003,
    https://doi.org/10.1023/A:1024068626366). `covers` of the result says which of these holds.

    Args:
        scores: by method, (n,) with n >= 2; the higher, the better. Beside predictions they are compared with what
            these give.
        reference: the method that the others are compared with.
        predictions: by method, labels (n, N) that each draw gives the test images, or (N,) of a single draw.
        labels: true labels (N,) of the test images, of any kind.
        groups: of patients, videos and the like, (N,), of any kind: whole groups are resampled, of which those to come
            are others, too. None: each test image stands alone.
        minority: labels of the classes whose mean F1 is the score; none: balanced accuracy.
        score: of predictions; None: `minority_f1` if `minority` names classes that are tested.
        margin: a change that is too small to matter, in the score's unit, above 0.
        alpha: probability that an interval of the table does not cover, between 0 and 1.
        resamples: of the test images, at least 2.
        random_state: seed of the resamples.

    Raises:
        ValueError: shapes do not fit, a score is not finite, a name is unknown, or an argument is out of range.

    >>> found = compare_classifiers(
    ...     {"plain": [0.71, 0.69, 0.72, 0.70], "smote": [0.76, 0.73, 0.78, 0.75]}, reference="plain"
    ... )
    >>> found.methods["smote"].verdict, round(found.methods["smote"].change, 4), found.covers
    ('helps', 0.05, 'draws')
    """
    if predictions is None:
        if labels is not None or groups is not None or len(minority) or score is not None:
            raise ValueError("labels, groups, minority and score are of predictions, which were not given")
        chosen, rows = None, list(scores or {})
        resampled = wrap_scores(scores or {})
    else:
        if labels is None:
            raise ValueError("labels: the true labels of the test images are needed beside predictions")
        rows = list(predictions)
        rng = np.random.default_rng(random_state)
        chosen, resampled = resample_predictions(predictions, labels, groups, minority, score, resamples, rng)
        check_scores(scores, dict(zip(rows, resampled.actual, strict=True)), chosen)
    if reference not in rows:
        raise ValueError(f"reference: there is no method '{reference}'; there are: {', '.join(rows) or 'none'}")
    if len(rows) < 2:
        raise ValueError("at least one method beside the reference wanted")
    return judge(resampled, rows, reference, chosen, margin, alpha)


def judge(
    found: ResampledScores, rows: Sequence[str], reference: str, score: Score | None, margin: float, alpha: float
) -> ClassifierComparison:
    """Compare all rows with the reference as the pipeline does."""
    place, draws = rows.index(reference), found.actual.shape[1]
    verdicts = dict(
        zip([name for name in rows if name != reference], judge_methods(found, place, margin, alpha), strict=True)
    )
    changes = np.round(np.delete(found.actual, place, axis=0) - found.actual[place], DIGITS)
    spread = (changes != changes[:, :1]).any(axis=1) if score is None else np.ones(len(changes), dtype=bool)
    noise = found.resampled.var(axis=0, ddof=1).mean(axis=1)
    failed = {name: find_failed_draw(found.actual[row], float(noise[row])) for row, name in enumerate(rows)}
    covers: Covers = "draws" if score is None else "test images" if draws == 1 else "draws and test images"
    return ClassifierComparison(
        reference=reference,
        score=score,
        scores={name: found.actual[row].tolist() for row, name in enumerate(rows)},
        methods={
            name: translate(own, bool(known)) for (name, own), known in zip(verdicts.items(), spread, strict=True)
        },
        covers=covers,
        margin=margin,
        alpha=alpha,
        draws=draws,
        draws_needed=plan_draws(found, place, margin, alpha) if draws > 1 and spread.all() else None,
        failed_draws={name: draw for name, draw in failed.items() if draw is not None},
    )


def translate(found: Verdict, known: bool) -> MethodVerdict:
    """Return a verdict in the words of this interface; without an interval where the spread is not known."""
    if not known:
        unknown = dict.fromkeys(
            ("interval", "plain_interval", "p_value", "standard_error", "would_see", "draws_needed")
        )
        return MethodVerdict.model_validate({"verdict": "undecided", "change": found.mean_change, **unknown})
    low, high = found.interval
    plain_low, plain_high = found.plain_interval
    return MethodVerdict(
        verdict=found.verdict,
        change=found.mean_change,
        interval=(low, high),
        plain_interval=(plain_low, plain_high),
        p_value=found.p_value,
        standard_error=found.standard_error,
        would_see=found.detectable_change,
        draws_needed=found.draws_needed,
    )
