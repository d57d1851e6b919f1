"""SSIM against the formula written out for one window, closed forms for flat images, and how pairs are drawn."""

import gzip
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from skimage.metrics import structural_similarity

from counterweight.results.compare import PairwiseSSIM, Similarity
from counterweight.statistics.images.ssim import choose_window_size, draw_pairs, estimate_error, pairwise_ssim, ssim

Images = npt.NDArray[np.uint8]
REAL = os.environ.get("COUNTERWEIGHT_REAL_DATA")
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def noise(seed: int, *shape: int) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def shown(result: PairwiseSSIM) -> Similarity:
    assert result.unsigned is not None
    return result.unsigned


def flat(value: int, side: int = 12) -> Images:
    return np.full((1, side, side), value, dtype=np.uint8)


def statistics_in_one_window(a: Images, b: Images) -> tuple[float, ...]:
    """Return means, variances and the covariance under a Gaussian window as large as the (1, S, S) images."""
    side = a.shape[1]
    offsets = np.arange(side) - side // 2
    line = np.exp(-(offsets**2) / (2 * (1.5 * side / 11) ** 2))
    weights = np.outer(line, line) / line.sum() ** 2
    x, y = a[0].astype(np.float64), b[0].astype(np.float64)
    mean_x, mean_y = np.sum(weights * x), np.sum(weights * y)
    covariance = np.sum(weights * (x - mean_x) * (y - mean_y))
    variances = np.sum(weights * (x - mean_x) ** 2), np.sum(weights * (y - mean_y) ** 2)
    return float(mean_x), float(mean_y), float(variances[0]), float(variances[1]), float(covariance)


@pytest.mark.parametrize("side", [3, 5, 7, 9, 11])
def test_one_window_has_the_product_form(side: int) -> None:
    a = noise(0, 1, side, side)
    b = (a // 2 + noise(1, 1, side, side) // 2).astype(np.uint8)
    mean_x, mean_y, variance_x, variance_y, covariance = statistics_in_one_window(a, b)
    denominator = (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    product = (2 * mean_x * mean_y + C1) * (2 * covariance + C2) / denominator
    # float64 throughout; variances of about 5e3 come as differences of squares of about 2e4.
    assert ssim(a, b) == pytest.approx(product, rel=1e-10)
    printed = (2 * mean_x * mean_y + C1 + 2 * covariance + C2) / denominator
    assert abs(ssim(a, b) - printed) > 0.1


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 20), (1, 8, 8), (3, 2, 9), (1, 1, 1)])
def test_an_image_is_like_itself_and_order_does_not_matter(shape: tuple[int, int, int]) -> None:
    a, b = noise(0, *shape), noise(1, *shape)
    assert ssim(a, a) == pytest.approx(1, rel=1e-12)
    assert ssim(a, b) == pytest.approx(ssim(b, a), rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0, 255), (10, 200), (100, 101)])
@pytest.mark.parametrize("side", [2, 8, 28])
def test_flat_images_differ_in_luminance_only(a: int, b: int, side: int) -> None:
    expected = (2 * a * b + C1) / (a**2 + b**2 + C1)
    # The variance of a flat image is a difference of squares of up to 6.5e4: 1e-11 instead of 0, beside C2 = 58.
    assert ssim(flat(a, side), flat(b, side)) == pytest.approx(expected, rel=1e-10)


def test_channels_are_averaged() -> None:
    a, b = noise(0, 3, 16, 16), noise(1, 3, 16, 16)
    channels = [ssim(a[[channel]], b[[channel]]) for channel in range(3)]
    assert ssim(a, b) == pytest.approx(np.mean(channels), rel=1e-12)


def test_it_falls_with_noise_and_is_negative_for_inverted_structure() -> None:
    a = noise(0, 1, 20, 20)
    blends = [
        (a * (1 - fraction) + noise(1, 1, 20, 20) * fraction).astype(np.uint8) for fraction in (0.1, 0.3, 0.6, 1.0)
    ]
    assert np.all(np.diff([ssim(a, blend) for blend in blends]) < 0)
    assert ssim(a, 255 - a) < -0.5


def test_the_window_is_the_largest_odd_one_that_fits() -> None:
    sides = [choose_window_size(side, 40) for side in (1, 2, 3, 4, 8, 10, 11, 12, 28)]
    assert sides == [1, 1, 3, 3, 7, 9, 11, 11, 11]
    assert choose_window_size(40, 6) == 5


def test_a_collapsed_set_is_at_one() -> None:
    result = pairwise_ssim(np.repeat(noise(0, 1, 1, 12, 12), 5, axis=0), np.zeros(5, int), 10, np.random.default_rng(0))
    for found in (result.unsigned, result.signed):
        assert found is not None
        assert found.mean == pytest.approx(1, rel=1e-12)
        assert (found.std, found.error) == pytest.approx((0, 0), abs=1e-12)
    assert (result.pairs, result.window, result.reason) == (10, 11, None)


def test_pairs_are_of_one_class_and_of_different_images() -> None:
    # Flat images of two values within each of two classes; across classes luminances would be in between.
    images = np.stack([flat(0), flat(255), flat(90), flat(100)])
    result = pairwise_ssim(images[:2], np.array([4, 4]), 20, np.random.default_rng(0))
    assert shown(result).mean == pytest.approx(C1 / (255**2 + C1), rel=1e-6)
    assert shown(result).std == pytest.approx(0, abs=1e-9)
    # As pixels from -1 to 1, black and white are opposites.
    assert result.signed is not None
    assert result.signed.mean == pytest.approx((-2 * 127.5**2 + C1) / (2 * 127.5**2 + C1), rel=1e-6)
    alone = pairwise_ssim(images[1:], np.array([0, 1, 1]), 20, np.random.default_rng(0))
    assert shown(alone).mean == pytest.approx((2 * 9000 + C1) / (90**2 + 100**2 + C1), rel=1e-9)


def test_classes_come_in_proportion_to_their_counts() -> None:
    images = np.stack([flat(77)] * 6 + [flat(0), flat(255)] + [flat(5)])
    labels = np.array([0] * 6 + [1] * 2 + [2])
    result = shown(pairwise_ssim(images, labels, 80, np.random.default_rng(0)))
    # Pairs of class 0 are at 1, of class 1 at 1e-4; the mix is no matter of chance, and the error is not either.
    assert result.mean == pytest.approx(6 / 8 + 2 / 8 * 1e-4, abs=1e-5)
    assert result.error == pytest.approx(0, abs=1e-9)
    assert result.std > 0.4


@pytest.mark.parametrize("labels", [[], [0], [0, 1, 2]])
def test_no_pairs_give_a_reason(labels: list[int]) -> None:
    result = pairwise_ssim(noise(0, len(labels), 1, 12, 12), np.array(labels, np.int64), 10, np.random.default_rng(0))
    assert result == PairwiseSSIM(unsigned=None, signed=None, pairs=0, window=11, reason="no class has two images")


def test_a_seed_determines_the_result() -> None:
    images, labels = noise(0, 30, 1, 12, 12), np.arange(30) % 3
    first, second, third = (pairwise_ssim(images, labels, 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == second != third
    assert type(first).model_validate_json(first.model_dump_json()) == first


def test_mistakes_are_refused() -> None:
    images, labels, rng = noise(0, 4, 1, 12, 12), np.zeros(4, np.int64), np.random.default_rng(0)
    for wrong in (images.astype(np.float32), images[:, 0], images[:3]):
        with pytest.raises(ValueError, match="uint8"):
            pairwise_ssim(wrong, labels, 10, rng)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pairs"):
        pairwise_ssim(images, labels, 0, rng)
    with pytest.raises(ValueError, match="dimensions"):
        ssim(images[0], images[0, :, :5])


def test_signed_pixels_are_those_of_images_in_minus_one_to_one_under_a_range_of_two() -> None:
    a = noise(0, 1, 20, 20)
    b = (a // 2 + noise(1, 1, 20, 20) // 2).astype(np.uint8)
    scaled = [image[0] / 127.5 - 1 for image in (a, b)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 2.0}
    assert ssim(a, b, 127.5) == pytest.approx(structural_similarity(*scaled, **options), rel=1e-9)
    assert abs(ssim(a, b, 127.5) - ssim(a, b)) > 0.01


@pytest.mark.parametrize(("sizes", "pairs"), [([7], 7), ([2, 5, 9], 16), ([3, 1, 4], 20), ([30], 10)])
def test_every_image_is_the_first_of_a_pair_equally_often(sizes: list[int], pairs: int) -> None:
    classes = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    first, second = draw_pairs(classes, pairs, np.random.default_rng(1))
    assert (first != second).all()
    assert (classes[first] == classes[second]).all()
    times = np.bincount(first, minlength=len(classes))[np.bincount(classes)[classes] > 1]
    assert times.sum() == pairs
    assert times.max() - times.min() <= 1


def test_partners_are_all_the_others_of_a_class() -> None:
    classes = np.array([0, 1, 0, 1, 0, 1, 0])
    first, second = draw_pairs(classes, 700, np.random.default_rng(0))
    for label, others in ((0, 3), (1, 2)):
        for image in np.flatnonzero(classes == label):
            counts = np.bincount(second[first == image], minlength=7)
            # 100 draws of one of three or two: five standard deviations of at most 5.
            assert counts[counts > 0] == pytest.approx(100 / others, abs=25)
            assert (counts > 0).sum() == others


@pytest.mark.parametrize("kind", ["sum", "closeness"])
@pytest.mark.parametrize(("images", "classes", "pairs"), [(100, 1, 100), (100, 2, 100), (100, 1, 1000), (100, 1, 30)])
def test_the_standard_error_is_that_of_the_mean_over_new_images(
    kind: str, images: int, classes: int, pairs: int
) -> None:
    rng, labels, means, squares = np.random.default_rng(0), np.arange(images) % classes, [], []
    for _ in range(800):
        values = rng.normal(size=images) + labels
        first, second = draw_pairs(labels, pairs, rng)
        a, b = values[first], values[second]
        found = a + b if kind == "sum" else np.exp(-((a - b) ** 2))
        error = estimate_error(found, first, second, labels[first])
        assert error is not None
        means.append(found.mean())
        squares.append(error**2)
    # The deviation of 800 means is uncertain by 1 / sqrt(1600) = 2.5 %; four of that, and 8 % as residuals are from a
    # mean that was fitted. Where pairs were independent, it would be 45 % too small for the sum (100 of each).
    assert np.sqrt(np.mean(squares)) == pytest.approx(np.std(means), rel=0.18)


def test_independent_pairs_have_the_usual_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=40)
    error = estimate_error(values, np.arange(40), np.arange(40) + 40, np.zeros(40, np.int64))
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(40), rel=1e-12)
    assert estimate_error(values[:1], np.array([0]), np.array([1]), np.array([0])) is None


def test_pairs_drawn_again_and_again_do_not_make_a_mean_more_certain() -> None:
    values, first, second, classes = np.arange(6.0), np.arange(6), np.arange(6) + 6, np.zeros(6, np.int64)
    once = estimate_error(values, first, second, classes)
    often = estimate_error(*(np.tile(each, 100) for each in (values, first, second, classes)))
    assert once is not None
    # But for the degree of freedom that the mean takes: 5 of 6, 599 of 600.
    assert often == pytest.approx(once * np.sqrt(5 / 6 * 600 / 599), rel=1e-12)


@pytest.mark.skipif(REAL is None, reason="COUNTERWEIGHT_REAL_DATA names no folder of real data")
def test_mnists_fours_are_as_diverse_as_the_balancing_thesis_says() -> None:
    assert REAL is not None
    images, labels = (
        np.frombuffer(gzip.decompress((Path(REAL) / f"mnist/train-{name}-ubyte.gz").read_bytes())[skip:], np.uint8)
        for name, skip in (("images-idx3", 16), ("labels-idx1", 8))
    )
    fours = images.reshape(-1, 1, 28, 28)[labels == 4]
    found = pairwise_ssim(fours, np.zeros(len(fours), np.int64), 1000, np.random.default_rng(0))
    assert found.signed is not None
    assert found.signed.error is not None
    # Tables C.1 and C.2 print 0.1678 and 0.1744, of half as many pairs each: their mean, four errors of the difference.
    assert found.signed.mean == pytest.approx(0.1711, abs=4 * 2**0.5 * found.signed.error)
    assert shown(found).mean > 0.1744 + 4 * found.signed.error


def test_pairs_that_share_a_group_depend_on_each_other() -> None:
    """Similarities are sums of what two groups bring: the error is that of means over many draws of groups."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(40), 10)
    errors: dict[str, list[float]] = {"by image": [], "by group": []}
    means = []
    for _ in range(200):
        first, second = draw_pairs(np.zeros(400, dtype=np.int64), 400, rng)
        brings = rng.normal(size=40)[groups]
        values = brings[first] + brings[second] + rng.normal(size=400)
        means.append(values.mean())
        for name, own in (("by image", (first, second)), ("by group", (groups[first], groups[second]))):
            error = estimate_error(values, *own, np.zeros(400, dtype=np.int64))
            assert error is not None
            errors[name].append(error)
    # The deviation of 200 means is known to 5 %; of 40 groups the error is somewhat too small.
    assert np.mean(errors["by group"]) == pytest.approx(np.std(means), rel=0.15)
    assert np.mean(errors["by image"]) < np.std(means) / 1.5


def test_groups_of_one_image_change_nothing() -> None:
    images, labels = noise(0, 12, 1, 16, 16), np.zeros(12, dtype=np.int64)
    plain, single = (pairwise_ssim(images, labels, 30, np.random.default_rng(0), own) for own in (None, np.arange(12)))
    assert plain == single
