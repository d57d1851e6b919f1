"""Changed views: nothing where nothing is allowed to change, and maps that do what they say."""

import pytest
import torch

from counterweight.evaluation.triplets.views import change_views, draw_homographies, solve_homographies, warp
from counterweight.settings.views import ViewChange

STILL = ViewChange(rotation=0, shift=0, scale=0, perspective=0, light=0, colour=0)
IMAGES = torch.randint(0, 256, (20, 3, 12, 9), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_changes_images_stay_as_they_are() -> None:
    assert torch.equal(change_views(IMAGES, STILL, rng()), IMAGES)


def test_half_of_the_images_are_mirrored() -> None:
    made = change_views(IMAGES.repeat(10, 1, 1, 1), STILL.model_copy(update={"mirror": True}), rng())
    given = IMAGES.repeat(10, 1, 1, 1)
    mirrored = (made == given.flip(3)).flatten(1).all(dim=1)
    same = (made == given).flatten(1).all(dim=1)
    assert bool((mirrored | same).all())
    assert 70 <= int(mirrored.sum()) <= 130  # 200 halves: four standard deviations of 7


def test_a_seed_makes_the_same_views_and_each_image_has_its_own() -> None:
    same = IMAGES[:1].repeat(8, 1, 1, 1)
    made = change_views(same, ViewChange(), rng(1))
    assert torch.equal(made, change_views(same, ViewChange(), rng(1)))
    assert len({bytes(image.numpy().tobytes()) for image in made}) == 8


def test_homographies_take_four_points_where_they_should_go() -> None:
    old = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]).expand(5, 4, 2)
    new = old + 0.3 * torch.rand((5, 4, 2), generator=rng())
    maps = solve_homographies(old, new)
    whole = torch.cat([old, torch.ones(5, 4, 1)], dim=2) @ maps.transpose(1, 2)
    assert torch.allclose(whole[..., :2] / whole[..., 2:], new, atol=1e-5)


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    images = IMAGES[:, :, :9].float()  # squares
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]).expand(len(images), 3, 3)
    assert torch.allclose(warp(images, turn), images.rot90(1, (2, 3)), atol=1e-3) or torch.allclose(
        warp(images, turn), images.rot90(-1, (2, 3)), atol=1e-3
    )


@pytest.mark.parametrize("key", ["rotation", "shift", "scale", "perspective", "light", "colour"])
def test_every_setting_changes_something(key: str) -> None:
    strong = STILL.model_copy(update={key: 30.0 if key == "rotation" else 0.3})
    assert not torch.equal(change_views(IMAGES, strong, rng()), IMAGES)


def test_shift_and_scale_stay_within_their_bounds() -> None:
    change = STILL.model_copy(update={"shift": 0.1, "scale": 0.2})
    maps = draw_homographies(4000, change, rng())
    assert float(maps[:, :2, 2].abs().max()) <= 2 * 0.1 + 1e-5
    factors = maps[:, 0, 0]
    assert float(factors.min()) >= 0.8 - 1e-5
    assert float(factors.max()) <= 1.1 + 1e-5
