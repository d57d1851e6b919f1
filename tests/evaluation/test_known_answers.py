"""What a comparison says of handwriting where the answer is known: equal, changed, collapsed and tiny sets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from threadpoolctl import threadpool_limits

from counterweight.core.features import FeatureSet
from counterweight.core.images import ImageSet
from counterweight.core.results import Spread
from counterweight.data.sources.base.resizing import resize_array
from counterweight.evaluation.comparison.features import BackboneComparison, compare_features
from counterweight.evaluation.comparison.memorization import NearestPairs, find_copies
from counterweight.evaluation.comparison.plots import draw_comparison
from counterweight.features.extractor import build_extractors, extract_features
from counterweight.results.compare import BackboneResult, Copies, Families, PairwiseSSIM, Row, StatisticResult
from counterweight.settings.compare import Compare
from counterweight.settings.extract import Extract
from counterweight.statistics.base.contract import find_statistics
from counterweight.statistics.images.ssim import pairwise_ssim
from counterweight.statistics.two_sample.prdc import NEIGHBOURS

Images = npt.NDArray[np.uint8]

BACKBONE = "alexnet"  # quick, and of few dimensions: all measures see the changes below, whatever their order
ALPHA, REPEATS, HALF = 0.05, 10, 150
COMPARE = Compare(alpha=ALPHA, repeats=REPEATS)
EXTRACT = Extract(backbones=[BACKBONE], input_size=64)
ERRORS = 4
"""Standard errors that chance is granted: a normal variable is further off once in 16,000 times."""


def image_set(images: Images) -> ImageSet:
    """Images of one class: halves with as many of each of several are more alike than chance makes them."""
    origins = np.array([str(number) for number in range(len(images))], dtype=np.str_)
    return ImageSet(images, np.zeros(len(images), dtype=np.int64), ("digit",), origins, {})


def features(images: Images) -> FeatureSet:
    device = torch.device("cpu")
    extractors = build_extractors([BACKBONE], EXTRACT, 0, device)
    return extract_features(image_set(images), extractors, EXTRACT.batch_size, device)[BACKBONE]


def flat(count: int, level: int) -> Images:
    return np.full((count, 1, 28, 28), level, dtype=np.uint8)


def blurred(images: Images, strength: float) -> Images:
    return ndimage.gaussian_filter(images.astype(np.float64), (0, 0, strength, strength)).round().astype(np.uint8)


def noised(images: Images, strength: float) -> Images:
    return (images + np.random.default_rng(1).normal(0, strength, images.shape)).round().clip(0, 255).astype(np.uint8)


def darkened(images: Images, strength: float) -> Images:
    return (images * (1 - strength)).round().astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Products of a few hundred rows gain nothing from several threads, which wait for each other on a busy machine."""
    with threadpool_limits(1, "blas"):
        yield


@pytest.fixture(scope="module")
def halves() -> tuple[Images, Images]:
    """Two times 300 different digits."""
    from sklearn.datasets import load_digits

    order = np.random.default_rng(0).permutation(1797)[: 4 * HALF]
    greys = np.rint(load_digits().images[order] * (255 / 16)).astype(np.uint8)
    images = resize_array(greys[:, None], 28, 1)
    return images[: 2 * HALF], images[2 * HALF :]


@pytest.fixture(scope="module")
def real(halves: tuple[Images, Images]) -> FeatureSet:
    return features(halves[0])


@pytest.fixture(scope="module")
def equal(halves: tuple[Images, Images], real: FeatureSet) -> BackboneResult:
    return compared(real, features(halves[1])).result


def compared(real: FeatureSet, synthetic: FeatureSet) -> BackboneComparison:
    found = compare_features(real, synthetic, COMPARE, np.random.default_rng(0))
    assert BackboneResult.model_validate_json(found.result.model_dump_json()) == found.result
    return found


def between(result: BackboneResult, statistic: str) -> Row:
    row = result.statistics[statistic].between
    assert row is not None
    return row


def baseline(result: BackboneResult, statistic: str) -> Row:
    row = result.statistics[statistic].baseline
    assert row is not None
    return row


def within(result: BackboneResult, statistic: str) -> Row:
    row = result.statistics[statistic].within
    assert row is not None
    return row


def first_area(result: BackboneResult) -> tuple[float, float, float]:
    """Return the area under the ROC curve of the first draw, and the ends of its interval."""
    found = result.statistics["c2st"].first
    assert found is not None
    return found["auc"], found["interval_low"], found["interval_high"]


def fraction_deviation(table: npt.NDArray[np.float32]) -> float:
    """Bound the standard deviation of the fraction of features that a t-test rejects, of equal distributions.

    Rejections of two features whose (normal) test statistics have correlation r are correlated by at most r^2: their
    covariance is a series of r^2, r^4 ... in the Hermite coefficients of a symmetric event, which add up to its
    variance alpha (1 - alpha). So the fraction's variance is at most that times the mean of r^2 over all pairs.
    """
    varying = table.astype(np.float64)[:, table.std(axis=0) > 0]
    return float(np.sqrt(ALPHA * (1 - ALPHA) * np.mean(np.corrcoef(varying.T) ** 2)))


def test_means_of_two_halves_of_one_set_differ_as_often_as_chance_has_it(
    real: FeatureSet, equal: BackboneResult
) -> None:
    """Draws within a set are independent once it is given: the error of their mean falls with the root of their number.

    Those between sets share the accident of which images are in which set. Half a set's mean has twice the variance
    of the whole one's, so the test statistics of two draws are correlated by 1/2, rejections by at most 1/4.
    """
    deviation = fraction_deviation(real.features)
    inside, across = deviation * np.sqrt(1 / REPEATS), deviation * np.sqrt(1 / 4 + 3 / 4 / REPEATS)
    assert inside < ALPHA / 2  # else the test would say nothing
    for find_row, error in ((baseline, inside), (within, inside), (between, across)):
        row = find_row(equal, "ttest")
        assert abs(row["fraction_rejected"].mean - ALPHA) <= ERRORS * error
        # Of equal sets a draw has any corrected rejection at all with probability alpha, or little more.
        assert row["fraction_rejected_fdr"].mean <= ALPHA


def test_numbers_of_two_halves_of_one_set_are_at_their_baselines(equal: BackboneResult) -> None:
    """A draw's deviation is that of one number; both means share images, and are no further apart than some."""
    checked = 0
    for name, statistic in find_statistics().items():
        if not statistic.whole:
            for key, spread in between(equal, name).items():
                other = baseline(equal, name)[key]
                # A millionth part is the rounding of float32, where a number is the same in every draw.
                room = 3 * np.hypot(spread.std, other.std) + 1e-6 * abs(other.mean)
                assert abs(spread.mean - other.mean) <= room, (name, key)
                checked += 1
    assert checked >= 13


def test_two_halves_of_one_set_lie_within_each_other_and_cannot_be_told_apart(equal: BackboneResult) -> None:
    """Of equal distributions coverage is 1 - 2^-k = 0.97, and 0.9 of 150 images is five deviations,
    sqrt(0.03 * 0.97 / 150) = 0.014, below that. Precision and recall are higher: any ball may hold the image.
    """
    for key in ("precision", "recall", "coverage"):
        assert between(equal, "prdc")[key].mean > 0.9
    _, low, high = first_area(equal)
    assert low < 0.5 < high


# The first strength is below what anything notices at this number of images, the last is seen at a glance.
CHANGES = [(blurred, (0.3, 0.9, 1.8)), (noised, (3, 40, 90)), (darkened, (0.005, 0.1, 0.4))]


@pytest.mark.parametrize(("change", "strengths"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_every_measure_grows_with_the_change(
    change: Callable[[Images, float], Images],
    strengths: tuple[float, ...],
    halves: tuple[Images, Images],
    real: FeatureSet,
    equal: BackboneResult,
) -> None:
    found = [compared(real, features(change(halves[1], strength))).result for strength in strengths]
    rows = [measures(result) for result in found]
    for name in rows[0]:
        values = [row[name] for row in rows]
        assert values == sorted(values), name
        assert len(set(values)) == len(values) or name in ("fdr", "auc"), name
    # The draws are those of the unchanged images, so a change that nothing notices matters less than another draw.
    for name, (nothing, deviation) in unchanged(equal).items():
        assert abs(rows[0][name] - nothing) <= max(deviation, 1e-9), name
        assert rows[-1][name] - nothing > 3 * deviation, name


def measures(result: BackboneResult) -> dict[str, float]:
    """What grows with the difference, by name."""
    return {name: spread.mean * (-1 if name == "coverage" else 1) for name, spread in spreads(result).items()}


def unchanged(result: BackboneResult) -> dict[str, tuple[float, float]]:
    """What two equal sets have, and how much a draw of them matters; of corrected tests, a feature at the edge."""
    values, one = measures(result), 1 / result.features
    return {
        name: (values[name], max(spread.std, one if name == "fdr" else 0)) for name, spread in spreads(result).items()
    }


def spreads(result: BackboneResult) -> dict[str, Spread]:
    return {
        "fdr": between(result, "ttest")["fraction_rejected_fdr"],
        "effect": between(result, "ttest")["fraction_effect"],
        "kl": between(result, "gaussian_kl")["a_to_b"],
        "jensen_shannon": between(result, "histogram_divergence")["jensen_shannon"],
        "frechet": between(result, "frechet")["distance"],
        "kid": between(result, "kid")["distance"],
        "auc": between(result, "c2st")["auc"],
        "coverage": between(result, "prdc")["coverage"],
    }


def test_a_set_of_one_image_covers_few_and_is_a_copy(halves: tuple[Images, Images], real: FeatureSet) -> None:
    """Real balls in which one more real image lies are k on average over all such images, and here below 8 k.

    More than 8 k is at most one image in eight (Markov), and this one is not among them. The ball of an image that is
    there 150 times has radius 0: only the image itself is in it, in the half of the draws that have it.
    """
    alike = np.repeat(halves[0][:1], 2 * HALF, axis=0)
    result = compared(real, features(alike)).result
    overlap = between(result, "prdc")
    assert overlap["recall"].mean <= 1 / HALF
    assert 0 < overlap["coverage"].mean < 8 * NEIGHBOURS / HALF
    assert within(result, "ttest")["fraction_rejected"].mean == 0
    assert between(result, "ttest")["fraction_rejected_fdr"].mean > 0.5
    assert first_area(result)[1] > 0.9
    assert between(result, "gaussian_kl")["a_to_b"].mean > 1000 * baseline(result, "gaussian_kl")["a_to_b"].mean
    copied = copies(halves[0], alike).result
    assert copied.exact == copied.n == 2 * HALF
    assert copied.fraction == 1
    assert copied.real_fraction is not None
    assert copied.real_fraction <= COMPARE.copy_quantile


def test_constant_images_that_are_equal_are_no_difference_however_many_there_are() -> None:
    """Not even the last digits of features may depend on the number of images: where nothing varies, they are all."""
    result = compared(features(flat(300, 90)), features(flat(12, 90))).result
    means, overlap = between(result, "ttest"), between(result, "prdc")
    assert means["fraction_rejected"].mean == means["fraction_effect"].mean == 0
    assert means["constant"].mean == result.features
    assert result.statistics["gaussian_kl"].reason == "no feature varies over the images of the common classes"
    assert result.statistics["normality"].reason == "no feature varies in a half"
    assert between(result, "frechet")["distance"].mean == 0
    # A difference of sums of equal kernel values of size 1, which not every processor adds in the same order.
    assert between(result, "kid")["distance"].mean == pytest.approx(0, abs=1e-12)
    assert between(result, "histogram_divergence")["jensen_shannon"].mean == 0
    assert overlap["precision"].mean == overlap["recall"].mean == overlap["coverage"].mean == 1
    assert first_area(result)[0] == 0.5


def test_constant_images_of_two_levels_are_all_the_difference_there_can_be() -> None:
    result = compared(features(flat(30, 90)), features(flat(30, 91))).result
    assert between(result, "ttest")["fraction_rejected_fdr"].mean == 1
    assert between(result, "histogram_divergence")["jensen_shannon"].mean == pytest.approx(np.log(2))
    assert between(result, "prdc")["precision"].mean == between(result, "prdc")["recall"].mean == 0
    assert first_area(result)[0] == 1


SIZES = [(300, 12), (12, 300), (300, 5), (5, 5), (5, 1), (1, 300), (2, 2), (1, 1), (300, 0), (0, 5), (0, 0)]


@pytest.mark.parametrize(("count", "other"), SIZES)
def test_few_images_are_a_number_or_a_reason(
    count: int, other: int, halves: tuple[Images, Images], tmp_path: Path
) -> None:
    """Halves of two images are enough but for k neighbours, which need more than k, and a place among exchanges."""
    result = everything(halves[0][:count], halves[1][:other], tmp_path)
    size = min(count, other) // 2
    for name, found in result.statistics.items():
        assert found.n == size
        assert (found.reason is None) == (size >= {"prdc": NEIGHBOURS + 1, "exchange": 4}.get(name, 2)), name


@pytest.mark.parametrize(("level", "sides"), [(90, "real"), (90, "synthetic"), (90, "both"), (0, "both")])
def test_constant_images_are_a_number_or_a_reason(
    level: int, sides: str, halves: tuple[Images, Images], tmp_path: Path
) -> None:
    pair = [flat(60, level) if sides in (name, "both") else halves[0][:60] for name in ("real", "synthetic")]
    result = everything(pair[0], pair[1], tmp_path)
    assert (result.statistics["gaussian_kl"].reason is None) == (sides != "both")
    assert result.statistics["normality"].reason == "no feature varies in a half"


def everything(first: Images, other: Images, folder: Path) -> BackboneResult:
    """Do all that the stage does, and refuse missing numbers without a reason."""
    found, copied = compared(features(first), features(other)), copies(first, other)
    rng = np.random.default_rng(0)
    alike = [pairwise_ssim(images, np.zeros(len(images), dtype=np.int64), 20, rng) for images in (first, other)]
    blocks: list[Copies | PairwiseSSIM | Families] = [copied.result, *alike, *found.result.families.values()]
    for block in blocks:
        assert type(block).model_validate_json(block.model_dump_json()) == block
        assert_explained(block, {"reason"})
    for name, measured in found.result.statistics.items():
        statistic = find_statistics()[name]
        expected = {"baseline": statistic.whole, "within": not statistic.within, "first": not statistic.of_one_draw}
        assert_explained(measured, {"reason", *(key for key, absent in expected.items() if absent)})
    draw_comparison({BACKBONE: found}, copied, folder)
    return found.result


def assert_explained(block: StatisticResult | Copies | PairwiseSSIM | Families, never: set[str]) -> None:
    """Numbers are there, or a reason is; `never` are the fields that such a result does not have."""
    missing = [key for key, value in block if value is None and key not in never]
    assert bool(missing) == (block.reason is not None)


def copies(first: Images, other: Images) -> NearestPairs:
    return find_copies(image_set(other), image_set(first), None, COMPARE.copy_quantile, np.random.default_rng(0))
