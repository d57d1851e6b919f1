"""How often verdicts are wrong, how often intervals cover, and what they find, in simulated tables.

    python -m benchmarks.verdicts --out metrics/benchmarks/verdicts.json            # an hour
    python -m benchmarks.verdicts --out metrics/benchmarks/verdicts.json max_t      # a part; the others stay
    python -m benchmarks.verdicts --out metrics/benchmarks/verdicts.json --tables 1200 no_difference

Tables of images have eight methods and a reference, which label the images of a test set with a rare class: an image
is labelled right where its ease, the method's own taste for it, the draw's luck and noise of this image in this draw
add up to more than 0. Luck and taste have the same distribution in all methods, so that none is better, or those of
the methods are skewed and their true change comes from an integral. Tables of numbers have changes with known
variances and a bootstrap that knows them, too; of those, eight make a table of methods that share nothing.

A false alarm is a table in which a method `helps` or `hurts` that makes no difference; missed is a table in which some
simultaneous interval does not hold the true change. Coverage is that of the plain 95 % interval, beside those of
three others: with s^2 / n and the bootstrap variance added up (naive), of the draws alone, and of the test images
alone. Power is how often an effect of some standard errors is seen, by Bonferroni's intervals and by those of max-t,
from the joint distribution of the methods' t-values with correlations of a half or with covariances as estimated.

No difference is a false one where the true change is the margin or more. Of two methods one is right on every image,
which leaves least to tell that images vary; the other errs on rare images, on the same in all draws, on others in each,
or half and half.
"""

import argparse
import json
import time
import tracemalloc
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import special

from counterweight.cli.gallery import name_hardware
from counterweight.statistics.bootstrap_scores import BootstrapScores, ResampledScores, bootstrap_scores
from counterweight.statistics.verdict import NORMAL, judge_change, list_changes, split_variance, student_quantile

Floats = npt.NDArray[np.float64]
METHODS, RESAMPLES, ALPHA, MARGIN = 8, 500, 0.05, 0.01
DRAWS = (4, 8, 16)
OTHERS = ("naive", "draws_alone", "test_images_alone")
SPREAD = 1.0  # of the ease of images, in units of logits
SHARED = 0.2  # luck of a draw that all methods share


@dataclass(frozen=True)
class Process:
    """How a test set is labelled; all but the numbers of images in units of logits."""

    rare: int
    common: int
    level: float
    """Ease of the mean image of the rare class; of the common class 3 more."""
    taste: float = 0.0
    """Of a method for an image, in all draws alike."""
    luck: float = 0.3
    """Of a method's draw."""
    skewed: bool = False
    """Whether luck of the methods, not the reference, is that of an exponential distribution: a few collapse."""


IMAGES = {
    "54 images, F1 0.8, one process": Process(54, 540, 1.6),
    "54 images, F1 0.95, one process": Process(54, 540, 3.2),
    "54 images, F1 0.98, one process": Process(54, 540, 4.2),
    "54 images, F1 0.8, own tastes": Process(54, 540, 1.9, taste=1.0),
    "54 images, F1 0.95, own tastes": Process(54, 540, 3.6, taste=1.0),
    "54 images, F1 0.8, own tastes, some draws collapse": Process(54, 540, 1.9, taste=1.0, luck=0.6, skewed=True),
    "1000 images, F1 0.8, one process": Process(1000, 2000, 1.1),
    "1000 images, F1 0.8, own tastes": Process(1000, 2000, 1.3, taste=1.0),
    "1000 images, F1 0.8, own tastes, some draws collapse": Process(1000, 2000, 1.3, taste=1.0, luck=0.6, skewed=True),
}


@dataclass(frozen=True)
class Noise:
    """Standard deviations of a change: of the draw, of the draw's test images, and of the test images in all draws."""

    draw: float
    interaction: float
    test: float
    shape: float | None = None
    """Of the gamma distribution of the draw's part, whose skewness is 2 / sqrt(shape); None: normal."""


NUMBERS = {
    "normal, draws only": Noise(1, 0, 0),
    "normal, draws and test images": Noise(1, 0, 0.25),
    "normal, all parts": Noise(1, 1, 0.5),
    "normal, interaction alone": Noise(0, 1, 0),
    "normal, test images alike": Noise(0.3, 1, 1),
    "skewness 1, draws only": Noise(1, 0, 0, shape=4),
    "skewness 1, all parts": Noise(1, 1, 0.5, shape=4),
    "skewness 2, draws only": Noise(1, 0, 0, shape=1),
    "skewness 2, all parts": Noise(1, 1, 0.5, shape=1),
}

ONE_DRAW = {
    "54 images, F1 0.8, own tastes, no luck": Process(54, 540, 1.9, taste=1.0, luck=0.0),
    "54 images, F1 0.95, own tastes, no luck": Process(54, 540, 3.6, taste=1.0, luck=0.0),
}
"""What a synthetic set is worth is then its method's worth."""
REFERENCES = {"reference like the methods": 1.0, "reference that varies twice as much": 2.0}
PARTS = Noise(1, 1, 0.5)
EFFECTS = (2, 3, 4, 5)
INNER = 2000
MORE_METHODS = 15  # as many as the default table has
ERRORS = {"on the same images in all draws": 1.0, "half and half": 0.5, "on others in each draw": 0.0}
"""Which part of the errors is on the same images in all draws."""
RARE = (6, 37, 54, 200, 300, 2000)
"""Images of the rare class; of some 200, one error in all draws still leaves balanced accuracy within the margin."""
CHANGES = (1.0, 1.5, 3.0)
"""True changes of balanced accuracy, in margins."""
SIMULATED = ("images", "one_draw", "numbers", "max_t", "max_t_more_methods", "no_difference")


# Tables.


def draw_luck(process: Process, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return luck (M + 1, n) with mean 0; row 0 is the reference's."""
    luck = process.luck * rng.standard_normal(shape)
    if process.skewed:
        luck[1:] = process.luck * (1 - rng.exponential(size=luck[1:].shape))
    return luck


def make_table(process: Process, draws: int, rng: np.random.Generator) -> ResampledScores:
    """Return minority F1 of a simulated table, the reference first."""
    images = process.rare + process.common
    true = np.repeat([1, 0], [process.rare, process.common])
    ease = process.level + 3 * (1 - true) + SPREAD * rng.standard_normal(images)
    ease = ease + process.taste * rng.standard_normal((METHODS + 1, 1, images))
    luck = draw_luck(process, (METHODS + 1, draws), rng) + SHARED * rng.standard_normal(draws)
    noise = rng.logistic(size=(METHODS + 1, draws, images))
    predicted = np.where(ease + luck[..., None] + noise > 0, true, 1 - true)
    found = bootstrap_scores(true, predicted, [1], 2, RESAMPLES, rng).minority_f1
    assert found is not None
    return found


@cache
def true_change(process: Process) -> float:
    """Return the change of F1 of endlessly many images, mean over the draws."""
    if not process.skewed:
        return 0.0
    rng = np.random.default_rng(0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    spread = np.hypot(SPREAD, process.taste)
    luck = draw_luck(process, (2, 200_000), rng) + SHARED * rng.standard_normal(200_000)
    grid = np.linspace(luck.min(), luck.max(), 4000)
    rates = [
        np.interp(luck, grid, special.expit(grid[:, None] + level + spread * nodes) @ weights / weights.sum())
        for level in (process.level, process.level + 3)
    ]
    hits, alarms = process.rare * rates[0], process.common * (1 - rates[1])
    f1 = (2 * hits / (process.rare + hits + alarms)).mean(axis=1)
    return float(f1[1] - f1[0])


def make_numbers(noise: Noise, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return changes (n,) around 0 and their resamples (B, n)."""
    parts = [
        noise.interaction * rng.standard_normal((size, draws)) + noise.test * rng.standard_normal((size, 1))
        for size in (1, RESAMPLES)
    ]
    if noise.shape is None:
        luck = rng.standard_normal(draws)
    else:
        luck = (rng.gamma(noise.shape, size=draws) - noise.shape) / noise.shape**0.5
    changes = noise.draw * luck + parts[0][0]
    return changes, changes + parts[1]


def make_errors(rare: int, loss: float, same: float, rng: np.random.Generator) -> BootstrapScores:
    """Return scores of a method that is always right and of one whose recall of the rare class is less by a loss.

    The other class has as many images: of one with fewer an image would decide more of balanced accuracy.
    """
    true = np.repeat([1, 0], rare)
    in_all = rng.random(rare) < loss * same
    in_one = rng.random((8, rare)) < loss * (1 - same) / (1 - loss * same)  # of those that are right otherwise
    predicted = np.tile(true, (2, 8, 1))
    predicted[1, :, :rare] = ~(in_all | in_one)
    return bootstrap_scores(true, predicted, [1], 2, RESAMPLES, rng)


# What is counted.


def cover_otherwise(changes: Floats, resampled: Floats, truth: float) -> dict[str, bool]:
    """Say whether the plain intervals of other formulas cover."""
    draws, mean = len(changes), changes.mean()
    of_draws, of_mean = changes.var(ddof=1) / draws, resampled.mean(axis=1).var(ddof=1)

    def cover(variance: float, noise: float) -> bool:
        df = min(NORMAL, (draws - 1) * (variance / noise) ** 2) if noise else NORMAL
        return bool(abs(mean - truth) <= student_quantile(df, ALPHA) * variance**0.5 + 1e-12)

    found = cover(of_draws + of_mean, of_draws), cover(of_draws, of_draws), cover(of_mean, 0.0)
    return dict(zip(OTHERS, found, strict=True))


def count(changes: Floats, resampled: Floats, image: float, truth: float) -> dict[str, bool]:
    """Say of one method's changes (n,) and (B, n) what its intervals cover, and whether a verdict has been reached."""
    found = judge_change(changes, resampled, image, METHODS, MARGIN, ALPHA)
    plain, wide = (low <= truth <= high for low, high in (found.plain_interval, found.interval))
    return {
        "coverage": plain,
        "simultaneous": wide,
        "decided": found.verdict in ("helps", "hurts"),
        **(cover_otherwise(changes, resampled, truth) if len(changes) > 1 else {}),
    }


def run_images(process: Process, draws: int, tables: int) -> dict[str, float]:
    """Return the shares of tables and methods in which things hold."""
    rng, truth = np.random.default_rng(draws), true_change(process)
    rows, f1, means = [], [], []
    for _ in range(tables):
        scores = make_table(process, draws, rng)
        changes, resampled = scores.actual[1:] - scores.actual[0], scores.resampled[:, 1:] - scores.resampled[:, :1]
        rows.append([count(changes[row], resampled[:, row], scores.weigh(row + 1, 0), truth) for row in range(METHODS)])
        f1.append(scores.actual.mean())
        means.append(changes.mean())
    result = {"f1": np.mean(f1), "mean_change": np.mean(means), "true_change": truth}
    for name in [name for name in ("coverage", *OTHERS) if name in rows[0][0]]:
        result[name] = np.mean([[row[name] for row in table] for table in rows])
    result["missed"] = np.mean([not all(row["simultaneous"] for row in table) for table in rows])
    if truth == 0:
        result["false_alarms"] = np.mean([any(row["decided"] for row in table) for table in rows])
    return {name: round(float(value), 4) for name, value in result.items()}


def run_numbers(noise: Noise, draws: int, trials: int) -> dict[str, float]:
    """Return the shares of changes whose intervals cover."""
    rng = np.random.default_rng(draws)
    rows = [count(*make_numbers(noise, draws, rng), image=0.0, truth=0.0) for _ in range(trials)]
    names = ("coverage", "simultaneous", *OTHERS)
    found = {name: round(float(np.mean([row[name] for row in rows])), 4) for name in names}
    tables = np.reshape([row["simultaneous"] for row in rows], (-1, METHODS))
    return found | {"tables_missed": round(float(1 - tables.all(axis=1).mean()), 4)}


def run_no_difference(rare: int, change: float, same: float, tables: int) -> dict[str, float]:
    """Return how often no difference above the margin is said of a true change that is it or more, and the changes.

    Args:
        change: of balanced accuracy, in margins; that of F1 is a little more.
    """
    rng, loss = np.random.default_rng(rare), 2 * MARGIN * change
    said = []
    for _ in range(tables):
        scores = make_errors(rare, loss, same, rng)
        assert scores.minority_f1 is not None
        for own in (scores.minority_f1, scores.balanced_accuracy):
            changes, resampled = list_changes(own, 0)
            found = judge_change(changes[0], resampled[:, 0], own.weigh(1, 0), METHODS, MARGIN, ALPHA)
            said.append(found.verdict == "no difference above margin")
    f1, recall = np.reshape(said, (-1, 2)).mean(axis=0).round(4).tolist()
    truth = {"true_minority_f1": round(-loss / (2 - loss), 4), "true_balanced_accuracy": round(-loss / 2, 4)}
    return {"minority_f1": f1, "balanced_accuracy": recall, **truth}


# Max-t.


def make_scores(scale: float, methods: int, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return changes (M, n) and (B, M, n) of methods against a reference that varies `scale` times as much as they."""
    size = np.r_[scale, np.ones(methods)][:, None]

    def draw_test(count: int) -> Floats:
        shared, own = rng.standard_normal((count, methods + 1, 1)), rng.standard_normal((count, methods + 1, draws))
        return np.asarray(size * (PARTS.interaction * own + PARTS.test * shared))

    scores = size * PARTS.draw * rng.standard_normal((methods + 1, draws)) + draw_test(1)[0]
    resampled = scores + draw_test(RESAMPLES)
    return scores[1:] - scores[0], resampled[:, 1:] - resampled[:, :1]


def p_values(means: Floats, between: Floats, test: Floats, least: Floats, draws: int) -> Floats:
    """Return p-values (..., M) of means with variances s^2, of the test part, and of the mean at least `least`."""
    noise = between / draws
    variance = np.maximum(noise + test, least)
    certain = variance - 2 * test / (draws - 1)  # draws > 3; see `combine_errors`
    df = np.minimum(NORMAL, (draws - 1) * (certain / noise) ** 2)
    return np.asarray(2 * special.stdtr(df, -np.abs(means) / np.sqrt(variance)))


def find_level(of_draws: Floats, of_test: Floats, test: Floats, least: Floats, draws: int, seed: int) -> float:
    """Return the p-value that the smallest of a table falls below in `ALPHA` of all tables without a difference.

    Args:
        of_draws: (M, k), a root of the covariance of the changes of a draw; of_test: (M, k), of that by test images.
        test, least: (M,), the test part's variances, and the bootstrap variances of the mean.
    """
    rng = np.random.default_rng(seed)
    changes = of_draws @ rng.standard_normal((INNER, of_draws.shape[1], draws))
    means = changes.mean(axis=2) + rng.standard_normal((INNER, of_test.shape[1])) @ of_test.T
    found = p_values(means, changes.var(axis=2, ddof=1), test, least, draws)
    return float(np.quantile(found.min(axis=1), ALPHA))


def take_root(covariance: Floats) -> Floats:
    """Return a root (M, M) of the nearest positive covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def compare_levels(scale: float, methods: int, draws: int, rng: np.random.Generator) -> dict[str, list[bool]]:
    """Say of one table whether a method without effect is found, and one with each of the `EFFECTS`."""
    changes, resampled = make_scores(scale, methods, draws, rng)
    parts = [split_variance(changes[row], resampled[:, row], 0.0) for row in range(methods)]
    between, test = np.array([part.between for part in parts]), np.array([part.test for part in parts])
    of_mean = np.cov(resampled.mean(axis=2).T)
    of_one = np.mean([np.cov(resampled[:, :, draw].T) for draw in range(draws)], axis=0)
    shared, least = (draws * of_mean - of_one) / (draws - 1), np.diag(of_mean)
    half = take_root(np.full((methods, methods), 0.5) + 0.5 * np.eye(methods))
    assumed = np.sqrt(between)[:, None] * half, np.sqrt(test)[:, None] * half
    estimated = (changes - changes.mean(axis=1, keepdims=True)) / (draws - 1) ** 0.5, take_root(shared)
    seed = int(rng.integers(2**32))
    levels = {
        "bonferroni": ALPHA / methods,
        "correlations_of_a_half": find_level(*assumed, test, least, draws, seed),
        "covariances_as_estimated": find_level(*estimated, test, least, draws, seed),
    }
    unit = ((1 + scale**2) * ((PARTS.draw**2 + PARTS.interaction**2) / draws + PARTS.test**2)) ** 0.5
    means = changes.mean(axis=1)
    smallest = p_values(means, between, test, least, draws).min()
    seen = [p_values(means + size * unit, between, test, least, draws)[0] for size in EFFECTS]
    return {name: [bool(p <= level) for p in (smallest, *seen)] for name, level in levels.items()}


def run_max_t(scale: float, methods: int, draws: int, tables: int) -> dict[str, dict[str, float]]:
    """Return false alarms and power of each way to make intervals simultaneous."""
    rng = np.random.default_rng(draws)
    rows = [compare_levels(scale, methods, draws, rng) for _ in range(tables)]
    names = ["false_alarms", *(f"power_{size}_standard_errors" for size in EFFECTS)]
    return {
        way: dict(zip(names, np.mean([row[way] for row in rows], axis=0).round(4).tolist(), strict=True))
        for way in rows[0]
    }


# Speed.


def time_bootstrap() -> dict[str, float]:
    """Return seconds and memory of scoring 1,000 resamples of 21,000 images, 20 methods, and 8 draws."""
    rng = np.random.default_rng(0)
    true = rng.choice(10, 21_000, p=[0.55, *[0.05] * 9])
    predicted = np.where(rng.random((20, 8, 21_000)) < 0.9, true, rng.integers(10, size=(20, 8, 21_000)))
    started = time.perf_counter()
    bootstrap_scores(true, predicted, [1, 2], 10, 1000, rng)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    bootstrap_scores(true, predicted, [1, 2], 10, 1000, rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"seconds": round(seconds, 2), "extra_mib": round(peak / 2**20)}


def simulate(part: str, tables: int) -> dict[str, object]:
    """Return what a part of the simulation finds."""
    if part == "images":
        return {name: {n: run_images(process, n, tables) for n in DRAWS} for name, process in IMAGES.items()}
    if part == "one_draw":
        return {name: run_images(process, 1, tables) for name, process in ONE_DRAW.items()}
    if part == "numbers":
        draws = (2, 3, *DRAWS)
        return {name: {n: run_numbers(noise, n, 5 * tables) for n in draws} for name, noise in NUMBERS.items()}
    if part == "max_t":
        return {name: {n: run_max_t(scale, METHODS, n, tables) for n in DRAWS} for name, scale in REFERENCES.items()}
    if part == "no_difference":
        return {
            name: {n: {c: run_no_difference(n, c, same, tables) for c in CHANGES} for n in RARE}
            for name, same in ERRORS.items()
        }
    return {name: run_max_t(scale, MORE_METHODS, 8, tables) for name, scale in REFERENCES.items()}


def main() -> None:
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", choices=SIMULATED, default=SIMULATED, metavar="part", help="default: all")
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write; parts that stand in it stay")
    arguments = parser.parse_args()
    facts = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    for part in arguments.parts:
        started = time.perf_counter()
        found = {"found": simulate(part, arguments.tables)}
        on = {"on": name_hardware(torch.device("cpu")), "seconds": round(time.perf_counter() - started)}
        facts[part] = found | {"tables": arguments.tables} | on
    text = json.dumps({"bootstrap": time_bootstrap()} | facts, indent=1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
