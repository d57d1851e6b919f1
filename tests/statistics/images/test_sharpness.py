"""Variance of the Laplacian: known answers."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from counterweight.statistics.images.sharpness import laplacian, laplacian_variance, measure_sharpness

Images = npt.NDArray[np.uint8]


def noise(count: int = 100, side: int = 66, channels: int = 1) -> Images:
    return np.random.default_rng(0).integers(0, 256, (count, channels, side, side), dtype=np.uint8)


def test_constant_images_and_even_slopes_are_not_sharp() -> None:
    slope = np.broadcast_to(np.arange(20, dtype=np.uint8) * 3, (2, 3, 12, 20))
    assert measure_sharpness(np.full((4, 1, 5, 7), 90, dtype=np.uint8)).mean == 0
    assert measure_sharpness(slope).mean == 0


def test_white_noise_has_twenty_times_its_variance() -> None:
    """Levels 0 to 255, equally likely: variance (256^2 - 1) / 12, of which the squared weights make 20 times as much.

    The values of an image add up to little, since weights add up to 0: their variance is not lowered by their mean. The
    409,600 of all images, correlated by -0.4 with 4 neighbours, 0.1 with 4 and 0.05 with 4, have a mean square with a
    relative error of sqrt(2 (1 + 4 * 0.16 + 4 * 0.01 + 4 * 0.0025) / 409,600) = 0.003 at most: five of them.
    """
    found = laplacian_variance(noise())
    assert found.shape == (100,)
    assert found.mean() == pytest.approx(20 * (256**2 - 1) / 12, rel=0.015)


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 9, 4)])
def test_the_laplacian_is_that_of_scipy_inside(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, *shape), dtype=np.uint8)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[np.newaxis, np.newaxis]
    expected = ndimage.correlate(images.astype(np.float64), kernel)[..., 1:-1, 1:-1]
    np.testing.assert_array_equal(laplacian(images), expected)
    np.testing.assert_allclose(laplacian_variance(images), expected.var(axis=(2, 3)).mean(axis=1))


def test_the_more_blurred_the_less_sharp() -> None:
    images = noise(6, 30, 3)
    blurred = [ndimage.gaussian_filter(images.astype(float), (0, 0, s, s)).astype(np.uint8) for s in (0.3, 0.6, 1.2, 3)]
    values = [measure_sharpness(each).mean for each in (images, *blurred)]
    assert values == sorted(values, reverse=True)


def test_the_mean_and_its_error_are_those_over_images() -> None:
    images = noise(150, 6)
    values, found = laplacian_variance(images), measure_sharpness(images)
    assert (found.n, found.mean, found.std) == (150, pytest.approx(values.mean()), pytest.approx(values.std(ddof=1)))
    assert found.error == pytest.approx(values.std(ddof=1) / 150**0.5)
    one = measure_sharpness(images[:1])
    assert (one.mean, one.error, one.reason) == (pytest.approx(values[0]), None, None)


def test_no_images_and_small_ones_are_a_reason() -> None:
    assert measure_sharpness(noise(0)).reason == "no image of the common classes"
    assert measure_sharpness(noise(4, 2)).reason == "3 pixels a side are needed"
    for wrong in (noise().astype(float), noise()[0]):
        with pytest.raises(ValueError, match="wanted"):
            measure_sharpness(wrong)


def test_images_of_a_group_count_together() -> None:
    """Ten copies of each of 20 images: the error is that of 20, times the ratio of 19 to 20 that is left of N - 1."""
    single = noise(20, 10)
    single = (single // np.arange(1, 21)[:, None, None, None]).astype(np.uint8)
    many, groups = np.repeat(single, 10, axis=0), np.repeat(np.arange(20), 10)
    alone, together = measure_sharpness(single), measure_sharpness(many, groups)
    assert together.mean == pytest.approx(alone.mean)
    assert together.error == pytest.approx(alone.error)
    apart = measure_sharpness(many)
    assert apart.error is not None
    assert alone.error is not None
    assert apart.error < alone.error / 3
    assert measure_sharpness(many[:10], groups[:10]).error is None
