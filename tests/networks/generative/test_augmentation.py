"""Differentiable augmentation: what each change does to an image, that gradients pass, and when nothing is changed."""

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from counterweight.networks.generative.diffaugment import (
    CHANGES,
    Augment,
    colour,
    cutout,
    translation,
    use_augmentation,
)
from counterweight.settings.train import TrainingConfig

NAMES: list[str] = list(CHANGES)


def always(value: float) -> object:
    return lambda images: torch.full((len(images), 1, 1, 1), value)


def ramp(height: int = 8, width: int = 16) -> Tensor:
    return torch.arange(1.0, height * width + 1).reshape(1, 1, height, width)


def augment(*changes: str, seed: int = 0) -> Augment:
    module = Augment()
    use_augmentation(nn.Sequential(module), changes, torch.Generator().manual_seed(seed))
    return module


@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_changed_by_itself_and_keeps_its_shape(name: str) -> None:
    images = ramp().expand(32, 3, -1, -1).contiguous() / 128
    changed = augment(name)(images)
    assert changed.shape == images.shape
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 10


@pytest.mark.parametrize("name", NAMES)
def test_gradients_pass(name: str) -> None:
    images = (ramp().expand(16, 3, -1, -1) / 128).clone().requires_grad_(True)
    augment(name)(images).sum().backward()
    assert images.grad is not None
    assert images.grad.flatten(1).any(dim=1).all()


def test_nothing_is_changed_in_evaluation_or_unless_asked_for() -> None:
    images = ramp()
    assert augment()(images) is images
    assert augment("cutout", "colour").eval()(images) is images
    assert Augment()(images) is images


def test_the_seed_decides() -> None:
    images = ramp().expand(8, 1, -1, -1)
    made = [augment(*NAMES, seed=seed)(images) for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_colour_in_the_middle_of_its_ranges_changes_nothing() -> None:
    images = torch.rand((4, 3, 5, 6), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(colour(images, always(0.5)), images)  # type: ignore[arg-type]


def test_colour_at_the_ends_of_its_ranges() -> None:
    images = torch.rand((4, 3, 5, 6), generator=torch.Generator().manual_seed(0))
    dark = colour(images, always(0.0))  # type: ignore[arg-type]
    torch.testing.assert_close(dark.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)) - 0.5)
    assert dark.std(dim=1).max() < 1e-6  # without saturation all channels are alike
    grey = images.mean(dim=1).std(dim=(1, 2))
    torch.testing.assert_close(dark[:, 0].std(dim=(1, 2)), grey / 2)


@pytest.mark.parametrize(("value", "rows", "columns"), [(0.0, -1, -2), (0.5, 0, 0), (0.999, 1, 2)])
def test_translation_shifts_by_up_to_an_eighth_and_fills_with_zeros(value: float, rows: int, columns: int) -> None:
    images = ramp(8, 16)
    expected = images.roll((rows, columns), (2, 3))
    if rows:
        expected[:, :, 0 if rows > 0 else -1] = 0
        expected[..., :columns] = 0 if columns > 0 else expected[..., :columns]
        if columns < 0:
            expected[..., columns:] = 0
    assert torch.equal(translation(images, always(value)), expected)  # type: ignore[arg-type]


def test_all_shifts_are_equally_likely() -> None:
    images = torch.zeros((9000, 1, 1, 8))
    images[..., 4] = 1
    rng = torch.Generator().manual_seed(0)
    moved = translation(images, lambda batch: torch.rand((len(batch), 1, 1, 1), generator=rng))
    counts = moved.sum(dim=(0, 1, 2))
    # Three places; each count is binomial with deviation sqrt(9000 * 1/3 * 2/3) = 45: five of them.
    assert counts[3:6].sub(3000).abs().max() < 225
    assert counts.sum() == 9000


@pytest.mark.parametrize("value", [0.0, 0.5, 0.999])
def test_cutout_takes_a_rectangle_of_half_the_sides(value: float) -> None:
    images = torch.ones((1, 2, 8, 16))
    holes = cutout(images, always(value)) == 0  # type: ignore[arg-type]
    rows, columns = holes[0, 0].any(dim=1).sum().item(), holes[0, 0].any(dim=0).sum().item()
    expected = (4, 8) if value == 0.5 else (2, 4)  # at the corners only a quarter of the hole lies inside
    assert (rows, columns) == expected
    assert holes[0, 0].sum().item() == rows * columns


def test_settings_name_the_changes_that_there_are() -> None:
    allowed = get_args(get_args(get_args(TrainingConfig.model_fields["augment"].annotation)[0])[0]) or get_args(
        get_args(TrainingConfig.model_fields["augment"].annotation)[0]
    )
    assert allowed == tuple(CHANGES)
