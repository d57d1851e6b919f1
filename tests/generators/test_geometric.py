"""Each transformation alone, against what it must make of known pixels."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from counterweight.core.tensors import Labelled
from counterweight.generators import geometric
from counterweight.generators.geometric import Geometric, Settings, resample

OFF = Settings(horizontal_flip=False, rotation=0.0, shift=0.0, crop=1.0, colour=0.0, noise=0.0)


def only(shape: tuple[int, int, int] = (1, 12, 12), **changes: object) -> Geometric:
    return Geometric(shape, ("a", "b"), Settings.model_validate({**OFF.model_dump(), **changes}))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, *shape: int) -> Tensor:
    return torch.randint(0, 256, (count, *shape), generator=seeded(), dtype=torch.uint8)


def always(value: float) -> Callable[[tuple[int, ...], torch.Generator], Tensor]:
    return lambda shape, rng: torch.full(shape, value)


def pixel_map(generator: Geometric, count: int) -> tuple[Tensor, Tensor]:
    """Matrices (B, 2, 2) and offsets (B, 2) from output to input pixels, measured from the image's centre."""
    _, height, width = generator.shape
    half = torch.tensor([width / 2, height / 2])
    affine = generator.affine(count, seeded())
    return half[:, None] * affine[:, :, :2] / half, half * affine[:, :, 2]


@pytest.mark.parametrize("fill", ["constant", "nearest", "reflect", "wrap"])
def test_with_everything_off_images_stay_as_they_are(fill: str) -> None:
    images = noise(5, 3, 13, 18)
    assert torch.equal(only((3, 13, 18), fill=fill, fill_value=77).transform(images, seeded()), images)


@pytest.mark.parametrize(("setting", "axis"), [("horizontal_flip", 3), ("vertical_flip", 2)])
def test_a_flip_mirrors_half_of_the_images(setting: str, axis: int) -> None:
    images = noise(400, 1, 5, 7)
    made = only((1, 5, 7), **{setting: True}).transform(images, seeded())
    same = (made == images).flatten(1).all(dim=1)
    mirrored = (made == images.flip(axis)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_both_flips_are_drawn_independently() -> None:
    images = noise(1, 1, 5, 7).expand(400, -1, -1, -1)
    made = only((1, 5, 7), horizontal_flip=True, vertical_flip=True).transform(images, seeded())
    assert len(made.unique(dim=0)) == 4


@pytest.mark.parametrize(
    ("fill", "by", "expected"),
    [
        ("constant", 2, [30, 40, 7, 7]),
        ("nearest", 2, [30, 40, 40, 40]),
        ("reflect", 2, [30, 40, 40, 30]),
        ("wrap", 2, [30, 40, 10, 20]),
        ("constant", -1, [7, 10, 20, 30]),
        ("nearest", -1, [10, 10, 20, 30]),
        ("reflect", -1, [10, 10, 20, 30]),
        ("wrap", -1, [40, 10, 20, 30]),
        ("constant", 0.5, [15, 25, 35, 23.5]),
        ("nearest", 0.5, [15, 25, 35, 40]),
        ("reflect", 0.5, [15, 25, 35, 40]),
        ("wrap", 0.5, [15, 25, 35, 25]),
    ],
)
@pytest.mark.parametrize("vertical", [False, True])
def test_a_shift_fills_what_it_uncovers(fill: str, by: float, expected: list[float], vertical: bool) -> None:
    line = torch.tensor([10.0, 20, 30, 40]).view(1, 1, 4, 1) if vertical else torch.tensor([10.0, 20, 30, 40])
    matrix = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    matrix[0, int(vertical), 2] = by * 2 / 4
    shape = [1, 1, 4, 1] if vertical else [1, 1, 1, 4]
    grid = torch.nn.functional.affine_grid(matrix, shape, align_corners=False)
    made = resample(line.view(shape), grid, fill, 7.0)
    assert made.flatten().tolist() == pytest.approx(expected, abs=1e-4)


def test_a_shift_moves_by_at_most_its_fraction_of_the_side() -> None:
    matrices, offsets = pixel_map(only((1, 10, 40), shift=0.25), 2000)
    assert torch.allclose(matrices, torch.eye(2).expand_as(matrices), atol=1e-6)
    largest = offsets.abs().max(dim=0).values
    assert (largest <= torch.tensor([10.0, 2.5])).all()
    assert (largest > torch.tensor([9.9, 2.47])).all()


def test_a_crop_enlarges_a_window_inside_the_image() -> None:
    matrices, offsets = pixel_map(only((1, 10, 40), crop=0.6), 2000)
    zoom, half = matrices.diagonal(dim1=1, dim2=2), torch.tensor([20.0, 5.0])
    assert matrices[:, 0, 1].abs().max() == 0
    assert 0.6 - 1e-6 <= zoom.min() < 0.61
    assert 0.99 < zoom.max() <= 1 + 1e-6
    assert (zoom * half + offsets.abs() <= half + 1e-5).all()
    assert offsets.abs().max() > 6  # the window is not always in the middle


@pytest.mark.parametrize("limit", [30.0, 180.0])
def test_a_rotation_keeps_lengths_in_pixels_and_stays_within_its_limit(limit: float) -> None:
    matrices, offsets = pixel_map(only((1, 10, 40), rotation=limit), 2000)
    assert torch.allclose(matrices @ matrices.mT, torch.eye(2).expand_as(matrices), atol=1e-5)
    assert torch.allclose(torch.linalg.det(matrices), torch.ones(2000), atol=1e-5)
    angles = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]).rad2deg()
    assert 0.99 * limit < angles.max() <= limit + 1e-3
    assert -limit - 1e-3 <= angles.min() < -0.99 * limit
    assert offsets.abs().max() == 0


def test_half_a_turn_turns_the_image_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometric, "uniform", always(1.0))
    images = noise(3, 1, 6, 9)
    made = only((1, 6, 9), rotation=180.0).transform(images, seeded())
    assert (made.int() - images.flip(2, 3).int()).abs().max() <= 1


def test_quarter_turns_either_way_turn_a_square(monkeypatch: pytest.MonkeyPatch) -> None:
    images, turns = noise(3, 1, 8, 8), []
    for value in (1.0, -1.0):
        monkeypatch.setattr(geometric, "uniform", always(value))
        made = only((1, 8, 8), rotation=90.0).transform(images, seeded()).int()
        turns += [k for k in (1, 3) if (made - images.rot90(k, (2, 3)).int()).abs().max() <= 1]
    assert sorted(turns) == [1, 3]


def test_colour_scales_each_channel_of_each_image_within_its_limit() -> None:
    made = only((3, 4, 4), colour=0.5).transform(torch.full((500, 3, 4, 4), 100, dtype=torch.uint8), seeded())
    levels = made[:, :, 0, 0]
    assert (made == levels[:, :, None, None]).all()
    assert 50 <= levels.min() < 53
    assert 147 < levels.max() <= 150
    assert (levels[:, 0] != levels[:, 1]).any()


def test_noise_has_its_standard_deviation_in_grey_levels() -> None:
    made = only((1, 50, 50), noise=10.0).transform(torch.full((20, 1, 50, 50), 128, dtype=torch.uint8), seeded())
    assert made.float().mean() == pytest.approx(128, abs=0.2)
    assert made.float().std() == pytest.approx((10**2 + 1 / 12) ** 0.5, rel=0.01)


@pytest.mark.parametrize("level", [0, 255])
def test_noise_ends_at_black_and_white_instead_of_turning_over(level: int) -> None:
    made = only((1, 50, 50), noise=10.0).transform(torch.full((4, 1, 50, 50), level, dtype=torch.uint8), seeded())
    assert (made.int() - level).abs().max() < 60
    assert 0.4 < (made == level).float().mean() < 0.6


def test_images_beyond_one_chunk_are_all_transformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometric, "CHUNK", 4)
    images = noise(2, 1, 5, 7)
    labels = torch.arange(11) % 2
    made = only((1, 5, 7)).sample(labels, Labelled(images, torch.tensor([0, 1])), seeded())
    assert torch.equal(made, images[labels])


def test_each_image_of_a_class_is_the_source_equally_often() -> None:
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 1, 5, 7)
    real = Labelled(images, torch.tensor([0, 1, 0, 1, 0, 1]))
    made = only((1, 5, 7)).sample(torch.ones(7, dtype=torch.int64), real, seeded())
    assert sorted(torch.bincount(made[:, 0, 0, 0].long(), minlength=6).tolist()) == [0, 0, 0, 2, 2, 3]
