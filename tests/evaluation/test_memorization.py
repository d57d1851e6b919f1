"""Copies of training images: exact ones, near ones, none; and what happens without images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from counterweight.core.images import ImageSet
from counterweight.evaluation.comparison.memorization import MOST, draw_at_most, find_copies, make_thumbnails

QUANTILE = 0.05


def image_set(images: npt.NDArray[np.uint8]) -> ImageSet:
    origins = np.array([str(number) for number in range(len(images))])
    return ImageSet(images, np.zeros(len(images), dtype=np.int64), ("image",), origins, {})


def noise(count: int, seed: int, side: int = 8) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def halve(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return images (N, C, H, W) at half the size, and back."""
    size = images.shape[2] // 2
    means = images.reshape(*images.shape[:2], size, 2, size, 2).mean(axis=(3, 5))
    return means.repeat(2, axis=2).repeat(2, axis=3)


def test_new_images_are_as_near_as_real_ones() -> None:
    """Of equal distributions the fraction is about the quantile: 5 % of 200 are 10 +- 3; 10 % is five deviations."""
    found = find_copies(image_set(noise(200, 0)), image_set(noise(200, 1)), image_set(noise(300, 2)), QUANTILE, rng())
    assert found.result.fraction is not None
    assert found.result.fraction < 0.1
    assert found.result.exact == 0


def test_copies_are_found_and_shown_beside_their_originals() -> None:
    train, real = noise(50, 0), noise(50, 1)
    near = (train[:10].astype(int) + 1).clip(0, 255).astype(np.uint8)
    synthetic = np.concatenate([train[20:30], near, noise(20, 2)])
    found = find_copies(image_set(synthetic), image_set(real), image_set(train), QUANTILE, rng())
    assert found.result.exact == 10
    assert found.result.fraction == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(found.synthetic, found.nearest)
    assert (found.distances == 0).all()


def test_without_training_images_the_real_ones_take_their_place() -> None:
    real = noise(60, 0)
    found = find_copies(image_set(np.concatenate([real[:30], noise(30, 1)])), image_set(real), None, QUANTILE, rng())
    assert found.result.exact == 30
    assert found.result.n_real == 60


@pytest.mark.parametrize("trained", [True, False])
def test_repeated_training_images_do_not_hide_a_near_copy(trained: bool) -> None:
    """Each real image stands there twice: the second of them is no second nearest one."""
    real, others = np.repeat(noise(50, 0), 2, axis=0), noise(60, 1)
    near = (real[:40].astype(int) + 1).clip(0, 255).astype(np.uint8)
    sets = (image_set(others), image_set(real)) if trained else (image_set(np.concatenate([real, others])), None)
    found = find_copies(image_set(near), *sets, QUANTILE, rng())
    assert found.result.fraction == 1.0
    assert (found.result.near, found.result.twins) == ((0, 0) if trained else (40, 50))


@pytest.mark.parametrize("change", [lambda image: image, lambda image: (image.astype(int) + 2).clip(0, 255)])
def test_near_copies_are_found_whatever_the_real_set_repeats(change: Callable[[Any], Any]) -> None:
    """Half of the real images stand there once more, the same or nearly so."""
    real = noise(60, 0)
    twice = np.concatenate([real, change(real[:30]).astype(np.uint8)])
    near, others = (real[20:40].astype(int) + 1).clip(0, 255).astype(np.uint8), noise(20, 1)
    found = find_copies(image_set(np.concatenate([near, others])), image_set(twice), None, QUANTILE, rng()).result
    assert (found.near, found.twins, found.n_real) == (20, 30, 60)
    assert found.fraction == pytest.approx(0.5, abs=0.05)
    assert found.real_fraction is not None
    assert found.real_fraction < 0.1


def test_images_that_are_all_one_another_have_exact_copies_all_the_same() -> None:
    one = np.repeat(noise(1, 0), 20, axis=0)
    found = find_copies(image_set(one[:5]), image_set(one), None, QUANTILE, rng()).result
    assert (found.exact, found.near) == (5, 0)


def test_images_that_are_no_copies_are_not_called_near() -> None:
    found = find_copies(image_set(noise(100, 0)), image_set(noise(100, 1)), None, QUANTILE, rng()).result
    assert (found.near, found.twins) == (0, 0)


def draw_scenes(count: int, seed: int, side: int = 48) -> npt.NDArray[np.uint8]:
    """Return soft pictures in colour, uint8 (N, 3, side, side)."""
    soft = gaussian_filter(np.random.default_rng(seed).standard_normal((count, 3, side, side)), (0, 0, 3, 3))
    return (soft / soft.std(axis=(1, 2, 3), keepdims=True) * 50 + 128).clip(0, 255).astype(np.uint8)


def test_nearly_flat_images_of_two_sets_are_no_near_copies() -> None:
    """Beside pictures of full contrast they are near to each other, whatever they show."""
    rng = np.random.default_rng(0)
    levels = rng.integers(60, 200, (2, 60, 1, 1, 1)) + rng.integers(-2, 3, (2, 60, 3, 48, 48))
    real, other = (
        np.concatenate([draw_scenes(60, seed), flat.astype(np.uint8)]) for seed, flat in enumerate(levels, start=1)
    )
    found = find_copies(image_set(other), image_set(real), None, QUANTILE, np.random.default_rng(0)).result
    assert (found.near, found.twins, found.repeats) == (0, 0, 0)


@pytest.mark.parametrize("change", [halve, lambda images: np.clip(images * 1.08 + 6, 0, 255)])
def test_near_copies_are_found_though_all_pixels_change(change: Callable[[Any], Any]) -> None:
    real = draw_scenes(80, 0)
    synthetic = np.concatenate([change(real[:40]).astype(np.uint8), draw_scenes(40, 1)])
    found = find_copies(image_set(synthetic), image_set(real), None, QUANTILE, rng()).result
    assert (found.near, found.twins, found.repeats) == (40, 0, 0)


def test_many_near_copies_of_one_image_are_counted_and_repeat_each_other() -> None:
    real = draw_scenes(80, 0)
    noisy = [
        np.clip(real[:2] + np.random.default_rng(seed).integers(-5, 6, (2, 3, 48, 48)), 0, 255) for seed in range(15)
    ]
    synthetic = np.concatenate([*noisy, draw_scenes(40, 1)]).astype(np.uint8)
    found = find_copies(image_set(synthetic), image_set(real), None, QUANTILE, rng()).result
    assert (found.near, found.repeats) == (30, 28)


def test_pale_images_are_no_copies() -> None:
    """Grey noise is near to all noise of full contrast, and to no image more than to others."""
    pale = np.random.default_rng(5).integers(96, 160, (200, 3, 8, 8), dtype=np.uint8)
    found = find_copies(image_set(pale), image_set(noise(200, 1)), image_set(noise(300, 2)), QUANTILE, rng())
    assert found.distances.max() < (found.result.threshold or 0)
    assert (found.result.fraction or 0) < QUANTILE


def test_distances_are_levels_of_intensity() -> None:
    """All pixels differ by 7 levels from the only training image."""
    train, real = np.full((1, 1, 8, 8), 100, dtype=np.uint8), noise(5, 0)[:, :1]
    found = find_copies(image_set(train + 7), image_set(real), image_set(train), QUANTILE, rng())
    assert found.distances == pytest.approx([7.0])


@pytest.mark.parametrize(("synthetic", "real", "train"), [(0, 5, 5), (5, 0, 5), (5, 5, 0), (5, 1, None), (5, 0, None)])
def test_without_images_there_is_a_reason(synthetic: int, real: int, train: int | None) -> None:
    sets = image_set(noise(synthetic, 0)), image_set(noise(real, 1))
    found = find_copies(*sets, None if train is None else image_set(noise(train, 2)), QUANTILE, rng())
    assert found.result.fraction is None
    assert found.result.reason
    assert len(found.synthetic) == 0


@pytest.mark.parametrize(
    ("shape", "expected"), [((1, 8, 8), 64), ((3, 31, 40), 3 * 31 * 40), ((1, 64, 96), 32 * 48), ((1, 70, 70), 35 * 35)]
)
def test_large_images_are_averaged_down(shape: tuple[int, int, int], expected: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    small = make_thumbnails(images)
    assert small.shape == (2, expected)
    if max(shape) == 96:
        assert small[0, 0] == pytest.approx(images[0, 0, :2, :2].mean())


def test_many_images_are_drawn_from() -> None:
    many = image_set(np.zeros((MOST + 1, 1, 1, 1), dtype=np.uint8))
    assert len(draw_at_most(many, rng())) == MOST
