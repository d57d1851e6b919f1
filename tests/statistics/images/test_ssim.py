"""SSIM against the formula written out for one window, closed forms for flat images, and how pairs are drawn."""

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.results.compare import PairwiseSSIM
from counterweight.statistics.images.ssim import choose_window_size, pairwise_ssim, ssim

Images = npt.NDArray[np.uint8]
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def noise(seed: int, *shape: int) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


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
    assert result.mean == pytest.approx(1, rel=1e-12)
    assert result.std == pytest.approx(0, abs=1e-12)
    assert (result.pairs, result.window, result.reason) == (10, 11, None)


def test_pairs_are_of_one_class_and_of_different_images() -> None:
    # Flat images of two values within each of two classes; across classes luminances would be in between.
    images = np.stack([flat(0), flat(255), flat(90), flat(100)])
    result = pairwise_ssim(images[:2], np.array([4, 4]), 20, np.random.default_rng(0))
    assert result.mean == pytest.approx(C1 / (255**2 + C1), rel=1e-6)
    assert result.std == pytest.approx(0, abs=1e-9)
    alone = pairwise_ssim(images[1:], np.array([0, 1, 1]), 20, np.random.default_rng(0))
    assert alone.mean == pytest.approx((2 * 9000 + C1) / (90**2 + 100**2 + C1), rel=1e-9)


def test_classes_come_in_proportion_to_their_counts() -> None:
    images = np.stack([flat(77)] * 6 + [flat(0), flat(255)] + [flat(5)])
    labels = np.array([0] * 6 + [1] * 2 + [2])
    result = pairwise_ssim(images, labels, 600, np.random.default_rng(0))
    # Pairs of class 0 are at 1, of class 1 at 1e-4: mean 6/8, standard deviation sqrt(3/16 / 600) = 0.018; four.
    assert result.mean == pytest.approx(0.75, abs=0.07)


@pytest.mark.parametrize("labels", [[], [0], [0, 1, 2]])
def test_no_pairs_give_a_reason(labels: list[int]) -> None:
    result = pairwise_ssim(noise(0, len(labels), 1, 12, 12), np.array(labels, np.int64), 10, np.random.default_rng(0))
    assert result == PairwiseSSIM(mean=None, std=None, pairs=0, window=11, reason="no class has two images")


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
