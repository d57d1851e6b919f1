"""SMOTE: new images lie between an image and a neighbour of its class."""

import pytest
import torch
from torch import Tensor

from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import NotApplicable
from counterweight.generators.smote import SMOTE, Settings

SHAPE = (1, 4, 5)


def smote(k_neighbors: int = 5) -> SMOTE:
    return SMOTE(SHAPE, ("a", "b", "c"), Settings(k_neighbors=k_neighbors))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixed(sizes: tuple[int, ...]) -> Labelled:
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    images = torch.randint(0, 256, (len(labels), *SHAPE), generator=seeded(), dtype=torch.uint8)
    order = torch.randperm(len(labels), generator=seeded())
    return Labelled(images[order], labels[order])


def distance_to_segments(image: Tensor, ends: Tensor) -> tuple[float, float]:
    """Largest difference of a pixel from the nearest segment between two of `ends`, and where on it (0 to 1)."""
    best = (float("inf"), 0.0)
    for first in range(len(ends)):
        for second in range(first):
            step = ends[second] - ends[first]
            place = float((image - ends[first]) @ step / (step @ step))
            gap = float((image - ends[first] - place * step).abs().max())
            best = min(best, (gap, place))
    return best


@pytest.mark.parametrize("size", [2, 3, 7])
def test_new_images_lie_between_two_images_of_their_class(size: int) -> None:
    real = mixed((size, 9, 4))
    own = real.images[real.labels == 0].flatten(1).double()
    made = smote().sample(torch.zeros(40, dtype=torch.int64), real, seeded()).flatten(1).double()
    places = []
    for image in made:
        gap, place = distance_to_segments(image, own)
        assert gap <= 0.75  # half a grey level of rounding, which moves the foot of the perpendicular, too
        assert -0.02 <= place <= 1.02
        places.append(place)
    assert max(places) - min(places) > 0.5


def test_every_label_gets_an_image_of_its_own_class() -> None:
    images = torch.tensor([10, 12, 100, 102, 104, 200, 202], dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, *SHAPE)
    real = Labelled(images, torch.tensor([0, 0, 1, 1, 1, 2, 2]))
    labels = torch.tensor([2, 0, 1, 1, 2, 0, 0, 1])
    made = smote().sample(labels, real, seeded())
    assert (made.float().mean(dim=(1, 2, 3)) // 95).tolist() == labels.tolist()


def test_one_neighbour_is_the_nearest() -> None:
    images = torch.tensor([0, 10, 200, 210], dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, *SHAPE)
    made = smote(1).sample(torch.zeros(60, dtype=torch.int64), Labelled(images, torch.zeros(4)), seeded())
    assert not ((made > 10) & (made < 200)).any()
    wide = smote(3).sample(torch.zeros(60, dtype=torch.int64), Labelled(images, torch.zeros(4)), seeded())
    assert ((wide > 10) & (wide < 200)).any()


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_images_are_refused_by_the_name_of_the_class(size: int) -> None:
    with pytest.raises(NotApplicable, match=f"class 'c', there are {size}"):
        smote().sample(torch.tensor([0, 2]), mixed((3, 3, size)), seeded())


def test_a_class_that_wants_nothing_may_have_a_single_image() -> None:
    assert smote().sample(torch.tensor([0, 1]), mixed((3, 3, 1)), seeded()).shape == (2, *SHAPE)
