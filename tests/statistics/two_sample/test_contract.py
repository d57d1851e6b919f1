"""What every statistic promises, of every file on disk: a new one is tested without a change here.

What a statistic need not do stands in a table below, with the reason.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits
from torch.nn import functional

from counterweight.core.registry import names_in
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic, select_options
from counterweight.results.compare import Row, StatisticResult
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import (
    FOLDER,
    Column,
    Numbers,
    Statistic,
    UndefinedStatisticError,
    find_statistics,
)

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]
Images = npt.NDArray[np.uint8]

STATISTICS = find_statistics()
SETTINGS = Compare()
SEEDS = 30
ERRORS = 4
"""Standard errors that chance is granted: a t with 29 degrees of freedom is further off once in 2,500 times."""
CONSTANT_IN_A_HALF = "no feature varies in a half"

MAY_NOT_GROW = {
    ("normality", "noised"): "noise adds to every feature a sum over many pixels, which leaves its family as it is",
    ("normality", "tinted"): "a shift of colour stretches features, and a family knows no scale",
}
"""Statistics and changes of images that they need not see."""

REASONS = {
    ("gaussian_kl", "constant on both sides"): "no feature varies over the images of the common classes",
    ("normality", "constant on both sides"): CONSTANT_IN_A_HALF,
    ("normality", "constant real"): CONSTANT_IN_A_HALF,
    ("normality", "constant synthetic"): CONSTANT_IN_A_HALF,
    ("normality", "one image repeated"): CONSTANT_IN_A_HALF,
}
"""Sets large enough of which a statistic has no value all the same, and why; a family needs something that varies."""

every = pytest.mark.parametrize("name", STATISTICS)


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Products of a few hundred rows gain nothing from several threads, which wait for each other on a busy machine."""
    with threadpool_limits(1, "blas"):
        yield


def normal(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def options(statistic: Statistic) -> dict[str, Any]:
    return select_options(statistic, SETTINGS)


def compare(name: str, a: Features, b: Features) -> Numbers:
    return STATISTICS[name].compare(a, b, np.random.default_rng(0), options(STATISTICS[name]))


def one_class(table: Features) -> LabelledFeatures:
    return LabelledFeatures(table, np.zeros(len(table), dtype=np.int64))


def run(
    name: str, real: LabelledFeatures, synthetic: LabelledFeatures, repeats: int = 2, seed: int = 0
) -> StatisticResult:
    rng, statistic = np.random.default_rng(seed), STATISTICS[name]
    return run_statistic(statistic, real, synthetic, rng, repeats, options(statistic))


def row(found: Row | None) -> Row:
    assert found is not None
    return found


# The declaration.


def test_every_file_is_found() -> None:
    assert sorted(STATISTICS) == names_in(FOLDER)
    assert {name for name, _ in [*MAY_NOT_GROW, *REASONS]} <= set(STATISTICS)


def test_ranks_and_headers_are_each_one_s_own() -> None:
    """What another rank would mean: with equal ones a new file's name could change the draws of the others."""
    ranks = [statistic.rank for statistic in STATISTICS.values()]
    assert ranks == sorted(set(ranks)), f"a new statistic takes rank {max(ranks) + 1}, which no other has"
    titles = [(column.header, column.shown) for each in STATISTICS.values() for column in each.columns]
    assert len(titles) == len(set(titles))


@every
def test_columns_are_of_numbers_that_there_are(name: str) -> None:
    statistic, numbers = STATISTICS[name], compare(name, normal(0, 40, 6), normal(1, 40, 6))
    assert statistic.columns
    assert all(type(value) is float for value in numbers.values())
    for column in statistic.columns:
        assert column.key in set(numbers) - set(statistic.of_one_draw)
        check_words(column)
        assert column.shown != "within" or statistic.within
        assert column.shown not in ("ratio", "deviations") or not statistic.whole
    assert {*statistic.symmetric, *statistic.of_one_draw} <= set(numbers)
    chance = statistic.chance or {}
    shown = {column.key for column in statistic.columns}
    assert set(chance) == shown if statistic.whole else set(chance) <= shown


def check_words(column: Column) -> None:
    """Refuse a column that tables cannot show."""
    assert column.header == column.header.strip() != ""
    assert column.unit == column.unit.strip().rstrip(".") != ""
    assert column.meaning[0].isupper()
    assert column.meaning.endswith(".")
    assert ". " not in column.meaning  # one sentence
    assert "\n" not in column.meaning
    assert any(letter.isdigit() for letter in format(0.123, column.format))


@every
def test_settings_are_those_of_the_section(name: str) -> None:
    """What has no default is a setting, and every setting is taken as a keyword."""
    statistic = STATISTICS[name]
    taken = inspect.signature(statistic.enter_space or statistic.measure).parameters.values()
    keywords = [each for each in taken if each.kind is inspect.Parameter.KEYWORD_ONLY]
    assert set(statistic.settings) <= set(Compare.model_fields)
    assert {each.name for each in keywords if each.default is each.empty} <= set(statistic.settings)
    assert set(statistic.settings) <= {each.name for each in keywords}


# Equal sets.


@every
def test_two_halves_of_one_set_give_the_baseline(name: str, digits: Features) -> None:
    """A random part of one set against another: each is as likely as the other to be the second half of real.

    So the expected difference is 0, whatever the set, and so is that of an area from a half, as the images that it is
    tested on are in either part with one probability.
    """
    excess = []
    for seed in range(SEEDS):
        places = np.random.default_rng(1000 + seed).permutation(len(digits))
        excess.append(differences(name, one_class(digits[places[:60]]), one_class(digits[places[60:110]]), seed))
    check_no_difference(excess)


@every
def test_other_mixes_of_equal_classes_are_no_difference(name: str) -> None:
    """Nine in ten real images are of a class that one in ten synthetic images is of; classes are far apart."""
    excess = []
    for seed in range(SEEDS):
        labels = np.repeat([0, 1], [54, 12]), np.repeat([0, 1], [12, 54])
        sets = [
            LabelledFeatures(normal(10 * seed + number, 66, 8) + 9 * own[:, np.newaxis], own)
            for number, own in enumerate(labels)
        ]
        excess.append(differences(name, sets[0], sets[1], seed))
    check_no_difference(excess)


def differences(name: str, real: LabelledFeatures, synthetic: LabelledFeatures, seed: int) -> dict[str, float]:
    """Return what each number of two sets is beyond the baseline, or beyond chance."""
    found, chance = run(name, real, synthetic, seed=seed), STATISTICS[name].chance or {}
    between = {key: spread.mean for key, spread in row(found.between).items()}
    if STATISTICS[name].whole:
        return {key: between[key] - value for key, value in chance.items()}
    return {key: value - row(found.baseline)[key].mean for key, value in between.items()}


def check_no_difference(excess: list[dict[str, float]]) -> None:
    """Refuse a mean difference over the seeds of more than some standard errors; rounding has no deviation."""
    for key in excess[0]:
        values = np.array([each[key] for each in excess])
        assert abs(values.mean()) <= ERRORS * values.std(ddof=1) / np.sqrt(len(values)) + 1e-12, key


# Two sets, and the same two the other way round.


@every
def test_what_is_declared_symmetric_is_and_nothing_else(name: str) -> None:
    """Numbers are of size 1 to 100 and sums of some thousand terms: float64 keeps them to 1e-10 of their size.

    Distances are differences of such sums, so they keep 1e-8 of the features' variance, which is 20 to 500 in all.
    """
    differ: set[str] = set()
    for seed in range(10):
        a, b = normal(seed, 60, 20), normal(100 + seed, 60, 20) * np.linspace(0.5, 2, 20) + 0.2
        b[:, :5] = np.exp(b[:, :5])
        one, other = compare(name, a, b), compare(name, b, a)
        differ |= {key for key in one if one[key] != pytest.approx(other[key], rel=1e-7, abs=1e-5)}
    assert differ == set(one) - set(STATISTICS[name].symmetric)


# Images that are changed.


def blurred(images: Images, strength: float) -> Images:
    soft: Floats = ndimage.gaussian_filter(images.astype(np.float64), (0, 0, strength, strength))
    return soft.round().astype(np.uint8)


def noised(images: Images, strength: float) -> Images:
    return (images + np.random.default_rng(1).normal(0, strength, images.shape)).round().clip(0, 255).astype(np.uint8)


def tinted(images: Images, strength: float) -> Images:
    """Green and blue are darkened, blue twice as much: white turns orange."""
    levels: Floats = np.array([1, 1 - strength / 2, 1 - strength])[:, np.newaxis, np.newaxis]
    return (images * levels).round().astype(np.uint8)


CHANGES: Mapping[Callable[[Images, float], Images], tuple[float, ...]] = {
    blurred: (0.4, 0.6, 1.0),
    noised: (12, 30, 80),
    tinted: (0.05, 0.2, 0.6),
}
"""From what is hardly seen to what is seen at a glance; blur in pixels, noise in levels."""


@pytest.fixture(scope="module")
def images() -> Images:
    """600 different digits (N, 3, 8, 8)."""
    order = np.random.default_rng(0).permutation(1797)[:600]
    greys = np.rint(load_digits().images[order] * (255 / 16)).astype(np.uint8)
    return np.repeat(greys[:, np.newaxis], 3, axis=1)


@pytest.fixture(scope="module")
def digits(images: Images) -> Features:
    return extract(images)


@pytest.fixture(scope="module")
def changed(images: Images) -> dict[str, list[Features]]:
    """The second half of the digits under each change, at each of its strengths."""
    return {
        change.__name__: [extract(change(images[300:], strength)) for strength in strengths]
        for change, strengths in CHANGES.items()
    }


@torch.inference_mode()
def extract(images: Images) -> Features:
    """Return features (N, 192) of two random convolutions: a network that is fixed, fast, and behind a ReLU."""
    rng, values = np.random.default_rng(7), torch.from_numpy(images.astype(np.float32) / 255)
    for shape in ((24, 3, 3, 3), (48, 24, 3, 3)):
        weight = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        bias = rng.normal(0, 0.3, shape[0]).astype(np.float32)
        values = functional.conv2d(values, torch.from_numpy(weight), torch.from_numpy(bias), padding=1).relu()
        values = functional.avg_pool2d(values, 2)
    features: Features = values.flatten(1).numpy()
    return features


GROWING = [(name, change.__name__) for name in STATISTICS for change in CHANGES]


@pytest.mark.parametrize(("name", "change"), [pair for pair in GROWING if pair not in MAY_NOT_GROW])
def test_it_grows_with_the_change_of_images(
    name: str, change: str, digits: Features, changed: dict[str, list[Features]]
) -> None:
    """What is shown first is the further from the baseline, the stronger the change is.

    All sets are parted by the same draws, so what is less by no more than a draw's deviation is not less: an area near
    1, say, cannot grow. The strongest change is further off than any draw of the unchanged images.
    """
    key = STATISTICS[name].columns[0].key
    sets = [digits[300:], *changed[change]]
    found = [run(name, one_class(digits[:300]), one_class(other), repeats=5) for other in sets]
    spreads = [row(each.between)[key] for each in found]
    whole, chance = STATISTICS[name].whole, STATISTICS[name].chance or {}
    baseline = chance[key] if whole else row(found[0].baseline)[key].mean
    distances = [abs(spread.mean - baseline) for spread in spreads]
    for less, more in ((1, 2), (2, 3)):
        assert distances[more] >= distances[less] - max(spreads[less].std, spreads[more].std)
    assert distances[3] > distances[1]
    assert distances[3] > 3 * spreads[0].std


# Sets of which there is little to say.

TABLES = normal(0, 300, 12), normal(1, 300, 12)
SETS: Mapping[str, tuple[Features, Features]] = {
    "one image repeated": (TABLES[0][:60], np.repeat(TABLES[1][:1], 60, axis=0)),
    "constant real": (np.full((60, 12), 0.1), TABLES[1][:60]),
    "constant synthetic": (TABLES[0][:60], np.full((60, 12), 0.1)),
    "constant on both sides": (np.full((60, 12), 0.1), np.full((60, 12), 0.1)),
    "some constant features": (TABLES[0][:60] * (np.arange(12) < 5), TABLES[1][:60] * (np.arange(12) < 4)),
    "one feature": (TABLES[0][:60, :1], TABLES[1][:60, :1]),
    "300 against 12": (TABLES[0], TABLES[1][:12]),
    "12 against 300": (TABLES[0][:12], TABLES[1]),
    "copies": (TABLES[0][:60], TABLES[0][:60]),
    "zeros and ones": ((TABLES[0][:60] > 1).astype(np.float64), (TABLES[1][:60] > 1).astype(np.float64)),
    "a large mean": (TABLES[0][:60] + 1e4, TABLES[1][:60] + 1e4),
    "tiny": (1e-15 * TABLES[0][:60], 1e-15 * TABLES[1][:60]),
    "huge": (1e15 * TABLES[0][:60], 1e15 * TABLES[1][:60]),
}


@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every
def test_little_to_say_is_a_number_or_a_reason(name: str, dtype: type, case: str) -> None:
    """Warnings are errors here, and a result refuses what is not finite."""
    real, synthetic = (one_class(table.astype(dtype)) for table in SETS[case])
    found = run(name, real, synthetic)
    check_whole(found, STATISTICS[name])
    assert found.reason == REASONS.get((name, case))


@pytest.mark.parametrize("other", [0, 1, 2, 5, 30])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
@every
def test_few_images_are_a_number_or_a_reason(name: str, count: int, other: int) -> None:
    for sizes in ((count, other), (other, count)):
        found = run(name, one_class(TABLES[0][: sizes[0]]), one_class(TABLES[1][: sizes[1]]))
        check_whole(found, STATISTICS[name])
        assert found.n == min(sizes) // 2
        assert (found.reason is None) == (found.n >= STATISTICS[name].least)


def check_whole(found: StatisticResult, statistic: Statistic) -> None:
    """Refuse a result in which anything is missing without a reason, or is not finite."""
    assert StatisticResult.model_validate_json(found.model_dump_json()) == found
    rows = {"between": True, "baseline": not statistic.whole, "within": statistic.within and not statistic.whole}
    for key, expected in rows.items():
        assert (getattr(found, key) is not None) == (expected and found.reason is None), key
    assert (found.first is not None) == (bool(statistic.of_one_draw) and found.reason is None)


@every
def test_as_few_images_as_are_needed_are_enough_and_fewer_refused(name: str) -> None:
    """A half of the fewest images, and for a statistic that parts its sets itself, two of them."""
    statistic = STATISTICS[name]
    least = statistic.least * (2 if statistic.whole else 1)
    numbers = compare(name, TABLES[0][:least], TABLES[1][:least])
    assert np.isfinite(list(numbers.values())).all()
    for sizes in ((least - 1, least), (least, least - 1)):
        with pytest.raises(ValueError, match=f"at least {least} of either"):
            compare(name, TABLES[0][: sizes[0]], TABLES[1][: sizes[1]])


@every
def test_sets_of_other_sizes_are_compared_or_refused(name: str) -> None:
    sets = TABLES[0][:40], TABLES[1][:13]
    if STATISTICS[name].whole:
        with pytest.raises(ValueError, match="as many of both"):
            compare(name, *sets)
    else:
        assert np.isfinite(list(compare(name, *sets).values())).all()
    assert np.isfinite(list(compare(name, sets[0][:13], sets[1]).values())).all()  # an odd number


@every
def test_what_is_no_pair_of_sets_is_refused(name: str) -> None:
    wrong = TABLES[1].copy()
    wrong[3, 3] = np.inf
    for other, words in ((TABLES[1][:, :5], "wanted"), (TABLES[1][0], "wanted"), (wrong, "not finite")):
        with pytest.raises(ValueError, match=words):
            compare(name, TABLES[0], other)


# What it may depend on.


@every
def test_the_same_generator_gives_the_same_numbers_and_arguments_stay(name: str) -> None:
    real, synthetic = one_class(TABLES[0][:40].copy()), one_class(TABLES[1][:30].copy())
    for table in (real.features, real.labels, synthetic.features, synthetic.labels):
        table.flags.writeable = False
    results = [run(name, real, synthetic, seed=seed) for seed in (3, 3, 4)]
    assert results[0] == results[1] != results[2]
    pair = real.features[:30], synthetic.features
    assert compare(name, *pair) == compare(name, *pair)
    np.testing.assert_array_equal(real.features, TABLES[0][:40])


@every
def test_either_precision_will_do(name: str) -> None:
    """The same values in float32: products of them round to 1e-7 of norms of about 12, or not at all."""
    pair = [table[:60].astype(np.float32) for table in TABLES]
    found = compare(name, pair[0], pair[1])
    assert found == pytest.approx(compare(name, *(table.astype(np.float64) for table in pair)), rel=1e-5, abs=1e-5)
    mixed = compare(name, pair[0], pair[1].astype(np.float64))
    assert found == pytest.approx(mixed, rel=1e-5, abs=1e-5)


@every
def test_an_undefined_statistic_says_why(name: str) -> None:
    """Of sets in which nothing varies `compare` gives numbers, or a reason that can be shown."""
    case = "constant on both sides"
    if (name, case) in REASONS:
        with pytest.raises(UndefinedStatisticError, match=REASONS[name, case]):
            compare(name, *SETS[case])
    else:
        assert np.isfinite(list(compare(name, *SETS[case]).values())).all()
