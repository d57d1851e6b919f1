"""Cut and paste: foregrounds against scikit-image's threshold and known shapes, backgrounds, attitudes."""

import numpy as np
import pytest
import torch
from skimage.filters import threshold_otsu
from torch import Tensor

from counterweight.core.tensors import Labelled
from counterweight.generators.cutpaste import (
    CutPaste,
    Settings,
    find_border_colour,
    find_otsu_threshold,
    segment_foreground,
)

STILL = {"scale": 0.0, "shape": 0.0, "rotation": 0.0, "tilt": 0.0, "shift": 0.0}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def model(**changes: float) -> CutPaste:
    return CutPaste((3, 21, 21), ("a", "b"), Settings.model_validate(STILL | changes))


def square(background: tuple[int, int, int], colour: tuple[int, int, int], side: int = 7) -> Tensor:
    """An image 3x21x21 with a square in its middle."""
    image = torch.tensor(background, dtype=torch.uint8)[:, None, None].repeat(1, 21, 21)
    start = (21 - side) // 2
    image[:, start : start + side, start : start + side] = torch.tensor(colour, dtype=torch.uint8)[:, None, None]
    return image


def test_the_threshold_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    maps = np.concatenate([rng.normal(60, 15, (4, 20, 10)), rng.normal(180, 25, (4, 20, 10))], axis=2)
    maps = maps.round().clip(0, 255)
    expected = [threshold_otsu(values.astype(np.uint8)) for values in maps]
    assert find_otsu_threshold(torch.from_numpy(maps)).tolist() == expected


def test_the_foreground_is_what_differs_from_the_border() -> None:
    images = torch.stack([square((250, 250, 250), (20, 30, 200)), square((0, 90, 0), (0, 90, 255), side=11)]).float()
    mask = segment_foreground(images)
    assert mask.sum(dim=(1, 2, 3)).tolist() == [49, 121]
    assert mask[0, 0, 7:14, 7:14].all()
    assert find_border_colour(images).flatten(1).tolist() == [[250, 250, 250], [0, 90, 0]]


def test_a_foreground_left_as_it_is_stands_before_the_other_background() -> None:
    images = torch.stack([square((250, 250, 250), (20, 30, 200)), square((10, 80, 10), (255, 0, 0), side=11)])
    real = Labelled(images, torch.tensor([0, 1]))
    made = model().sample(torch.zeros(40, dtype=torch.int64), real, seeded())
    ours, other = square((250, 250, 250), (20, 30, 200)), square((10, 80, 10), (20, 30, 200))
    kinds = [torch.equal(image, ours) + 2 * torch.equal(image, other) for image in made]
    assert set(kinds) == {1, 2}


@pytest.mark.parametrize("change", [{"scale": 0.5}, {"shape": 0.5}, {"rotation": 45.0}, {"tilt": 60.0}, {"shift": 0.3}])
def test_every_change_moves_the_foreground_and_leaves_the_background(change: dict[str, float]) -> None:
    image = square((250, 250, 250), (20, 30, 200))
    real = Labelled(image[None], torch.tensor([0]))
    made = model(**change).sample(torch.zeros(30, dtype=torch.int64), real, seeded())
    assert sum(not torch.equal(one, image) for one in made) > 20
    assert (made[:, :, 0, 0] == 250).all() or "shift" in change
    dark = (made[:, 0].float() < 135).sum(dim=(1, 2)).float()
    if "scale" in change:
        assert dark.min() < 30
        assert dark.max() > 80
    elif "tilt" in change:
        assert dark.max() <= 56
        assert dark.min() < 35
    elif "shift" not in change:
        assert dark.mean() == pytest.approx(49, rel=0.15)


def test_an_image_without_foreground_is_pasted_as_a_whole() -> None:
    images = torch.stack([torch.full((3, 21, 21), 77), torch.full((3, 21, 21), 200)]).to(torch.uint8)
    made = model().sample(torch.zeros(5, dtype=torch.int64), Labelled(images, torch.tensor([0, 1])), seeded())
    assert (made == 77).all()
