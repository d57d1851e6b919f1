r"""How often sets that agree are called different where images come in groups, and how wide errors are then.

    python -m benchmarks.groups --out metrics/benchmarks/groups.json

Real and synthetic images are both of groups (patients, videos), drawn from one distribution: what an image has is its
group's share and its own, of which the first is a fraction `correlation` of the variance. For several numbers of
groups, images in each, and correlations, `ignored` takes each image for independent and `by group` does not. Of tests
the fraction of trials with a p-value up to 0.05 is written down, of intervals the fraction that miss the truth though
they should miss one in twenty, of a verdict on two equally good classifiers the fraction that has one; so all numbers
should be near 0.05. `t-test` is the fraction of features rejected at 0.05 of two sets, and of two halves of one by
whole groups, which stands beside it in tables.

`copies`: how often a set is said to copy training images that were drawn as it was, of sets whose images nearly repeat
within a group, as frames of a video do. Here the level is that of the verdict, 1 in 1,000.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from counterweight.core.process import use_one_thread
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.reporting.verdicts import are_copied
from counterweight.results.compare import Side
from counterweight.statistics.base.contract import Statistic
from counterweight.statistics.base.resampling import estimate_grouped_error
from counterweight.statistics.base.roc import roc_auc
from counterweight.statistics.bootstrap_scores import bootstrap_scores
from counterweight.statistics.images.nearest_neighbours import count_likely_copies, find_nearest
from counterweight.statistics.two_sample import c2st, exchange, ttest
from counterweight.statistics.verdict import judge_methods

LEVEL = 0.05
FEATURES = 20
RESAMPLES = 200
COPY_FEATURES, COPY_QUANTILE = 3, 0.01

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Design(NamedTuple):
    """How images come in groups."""

    groups: int
    """Of a side."""
    size: int
    """Images of a group."""
    correlation: float
    """Of two images of a group."""

    @property
    def effect(self) -> float:
        """By how much the variance of a mean exceeds that of independent images (Kish 1965, Survey Sampling)."""
        return 1 + (self.size - 1) * self.correlation

    def number(self) -> Indices:
        """Return the group of each image (N,)."""
        return np.repeat(np.arange(self.groups), self.size)

    def draw(self, columns: int, rng: np.random.Generator) -> Floats:
        """Return numbers (N, columns) of variance 1."""
        shared = np.repeat(rng.normal(size=(self.groups, columns)), self.size, axis=0)
        own = rng.normal(size=shared.shape)
        return np.asarray(np.sqrt(self.correlation) * shared + np.sqrt(1 - self.correlation) * own)


DESIGNS = (
    Design(200, 1, 0.0),
    Design(60, 10, 0.1),
    Design(60, 10, 0.5),
    Design(20, 30, 0.5),
    Design(8, 30, 0.5),
)
FRAMES = (Design(60, 10, 0.95), Design(60, 10, 0.999), Design(20, 30, 0.999), Design(8, 30, 0.999))


def compare(statistic: Statistic, design: Design, grouped: bool, rng: np.random.Generator) -> Any:  # noqa: ANN401
    """Return what the harness says of two sets that agree."""
    groups = design.number() if grouped else None
    labels = np.zeros(design.groups * design.size, dtype=np.int64)
    real, synthetic = (LabelledFeatures(design.draw(FEATURES, rng), labels, groups) for _ in range(2))
    options = {"test": "welch", "alpha": LEVEL, "effect_size": 0.2} if statistic is ttest.STATISTIC else {}
    return run_statistic(statistic, real, synthetic, rng, 1, options)


def reject_exchange(design: Design, grouped: bool, rng: np.random.Generator) -> bool:
    """Say whether the permutation test calls both sets different."""
    return bool(compare(exchange.STATISTIC, design, grouped, rng).first["p_value"] <= LEVEL)


def reject_linear(design: Design, grouped: bool, rng: np.random.Generator) -> bool:
    """Say whether the test of a linear classifier does."""
    return bool(compare(c2st.STATISTIC, design, grouped, rng).first["p_value"] <= LEVEL)


def reject_scores(design: Design, grouped: bool, rng: np.random.Generator) -> bool:
    """Say whether the scores of a network that knows nothing are told apart, as those of the style classifier are."""
    groups = design.number() if grouped else None
    positive, negative = (design.draw(1, rng)[:, 0] for _ in range(2))
    p_value = roc_auc(positive, negative, groups=(groups, groups)).p_value
    return p_value is not None and p_value <= LEVEL


def miss_mean(design: Design, grouped: bool, rng: np.random.Generator) -> bool:
    """Say whether the mean is further from the truth than 1.96 standard errors, as those of sharpness are."""
    values = design.draw(1, rng)[:, 0]
    error = estimate_grouped_error(values, design.number()) if grouped else values.std(ddof=1) / np.sqrt(len(values))
    return error is not None and abs(values.mean()) > stats.norm.ppf(1 - LEVEL / 2) * error


def judge_wrongly(design: Design, grouped: bool, rng: np.random.Generator) -> bool:
    """Say whether one of two equally good classifiers is said to help or to hurt.

    Each errs where the sum of what a draw and what all of its draws make of an image is large; the latter by groups.
    """
    groups = design.number() if grouped else None
    hard = [np.sqrt(0.7) * design.draw(1, rng)[:, 0] for _ in range(2)]
    own = [[each + np.sqrt(0.3) * rng.normal(size=len(each)) for _ in range(3)] for each in hard]
    predicted, true = (np.array(own) > 1).astype(np.int64), np.zeros(len(hard[0]), dtype=np.int64)
    scores = bootstrap_scores(true, predicted, [], 2, RESAMPLES, rng, groups).balanced_accuracy
    return judge_methods(scores, 0)[0].verdict in ("helps", "hurts")


WAYS: dict[str, Callable[[Design, bool, np.random.Generator], bool]] = {
    "exchange": reject_exchange,
    "linear classifier": reject_linear,
    "scores of the style classifier": reject_scores,
    "mean of sharpness": miss_mean,
    "verdict on classifiers": judge_wrongly,
}


def accuse_wrongly(design: Design, grouped: bool, rng: np.random.Generator) -> bool:
    """Say whether images that know nothing of the training images are said to be copies of them."""
    synthetic, real, train = (design.draw(COPY_FEATURES, rng) for _ in range(3))
    groups: dict[Side, Indices] = {"synthetic": design.number(), "real": design.number()} if grouped else {}
    found = count_likely_copies(find_nearest(synthetic, train), find_nearest(real, train), COPY_QUANTILE, groups)
    return are_copied(found, own_twins=False)


def measure_copies(design: Design, trials: int) -> dict[str, Any]:
    """Return how often copies are seen that are none."""
    rates = {
        word: float(np.mean([accuse_wrongly(design, grouped, np.random.default_rng(trial)) for trial in range(trials)]))
        for word, grouped in (("ignored", False), ("by group", True))
    }
    print(design, "copies", rates, flush=True)
    return {**design._asdict(), **rates}


def measure_design(design: Design, trials: int) -> dict[str, Any]:
    """Return all rates of a design."""
    found: dict[str, Any] = {**design._asdict(), "design effect": round(design.effect, 2)}
    for name, way in WAYS.items():
        found[name] = {
            word: float(np.mean([way(design, grouped, np.random.default_rng(trial)) for trial in range(trials)]))
            for word, grouped in (("ignored", False), ("by group", True))
        }
        print(design, name, found[name], flush=True)
    tests = [compare(ttest.STATISTIC, design, True, np.random.default_rng(trial)) for trial in range(trials)]
    found["t-test"] = {
        word: float(np.mean([getattr(test, row)["fraction_rejected"].mean for test in tests]))
        for word, row in (("between the sets", "between"), ("between halves of one", "baseline"))
    }
    return found


def measure(designs: Sequence[Design], trials: int) -> dict[str, Any]:
    """Return the rates of all designs."""
    return {
        "trials": trials,
        "level": LEVEL,
        "designs": [measure_design(design, trials) for design in designs],
        "copies": [measure_copies(design, trials) for design in FRAMES],
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=1000, help="pairs of sets of each design")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    text = json.dumps(measure(DESIGNS, arguments.trials), indent=1)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    use_one_thread()
    main()
