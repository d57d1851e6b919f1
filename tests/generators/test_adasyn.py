"""ADASYN: where its images lie, how many they are, and where it cannot work."""

import pytest
import torch

from counterweight.core.tensors import Labelled
from counterweight.generators.adasyn import ADASYN, Settings
from counterweight.generators.base.generator import NotApplicable


def model() -> ADASYN:
    return ADASYN((1, 1, 2), ("small", "large"), Settings(k_neighbors=2))


def points(small: list[list[int]], large: list[list[int]]) -> Labelled:
    images = torch.tensor(small + large, dtype=torch.uint8).reshape(-1, 1, 1, 2)
    return Labelled(images, torch.tensor([0] * len(small) + [1] * len(large)))


BORDER = points([[0, 0], [0, 10], [100, 0], [100, 10]], [[x, y] for x in (104, 108, 112) for y in (0, 5, 10)])


@pytest.mark.parametrize("count", [1, 2, 3, 17, 400])
def test_there_are_as_many_images_as_wanted(count: int) -> None:
    made = model().sample(torch.zeros(count, dtype=torch.int64), BORDER, torch.Generator().manual_seed(0))
    assert made.shape == (count, 1, 1, 2)


def test_the_border_is_filled_first() -> None:
    """Only the two points at 100 have neighbours of the large class: every child starts from one of them."""
    made = model().sample(torch.zeros(200, dtype=torch.int64), BORDER, torch.Generator().manual_seed(0)).flatten(1)
    assert (made[:, 1] <= 10).all()
    assert (made[:, 0] <= 100).all()
    assert (made[:, 0] == 100).float().mean() > 0.3  # on the way between the two


def test_a_class_without_neighbours_of_others_is_told() -> None:
    apart = points([[0, 0], [0, 9], [9, 0], [9, 9]], [[200, 200], [200, 209], [209, 200]])
    with pytest.raises(NotApplicable, match="no image of class 'small' has a neighbour of another class"):
        model().sample(torch.zeros(3, dtype=torch.int64), apart, torch.Generator().manual_seed(0))


def test_images_come_in_the_order_of_the_labels() -> None:
    labels = torch.tensor([1, 0, 0, 1, 1, 0])
    made = model().sample(labels, BORDER, torch.Generator().manual_seed(0)).flatten(1)
    assert ((made[:, 0] > 100).long()).tolist() == labels.tolist()
