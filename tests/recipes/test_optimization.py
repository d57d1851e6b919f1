"""Steps of a classifier: the rate's course by its formula, images that are only moved or mirrored."""

import math
from typing import Literal

import pytest
import torch
from torch import nn

from counterweight.recipes.base.optimization import augment_images, build_optimizer, set_learning_rate
from counterweight.settings.classify import ClassifierConfig


def config(**changes: object) -> ClassifierConfig:
    return ClassifierConfig.model_validate({"network": "mnist_cnn", "epochs": 4, "learning_rate": 0.1, **changes})


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 8, 16), generator=seeded(9), dtype=torch.uint8)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_optimiser_is_the_one_that_is_named(name: str) -> None:
    built = build_optimizer(config(optimizer=name, weight_decay=0.25), [nn.Parameter(torch.zeros(1))])
    assert type(built).__name__.lower() == name
    assert built.defaults["weight_decay"] == 0.25
    assert built.defaults["lr"] == 0.1
    assert (built.defaults.get("momentum"), built.defaults.get("nesterov")) in ((0.9, True), (None, None))


@pytest.mark.parametrize(
    ("schedule", "rates"), [("constant", [0.1, 0.1, 0.1]), ("cosine", [0.1, 0.05, 0.1 * (1 - math.sqrt(0.5)) / 2])]
)
def test_the_rate_takes_its_course(schedule: Literal["constant", "cosine"], rates: list[float]) -> None:
    own = config(schedule=schedule)
    optimizer = build_optimizer(own, [nn.Parameter(torch.zeros(1))])
    found = []
    for progress in (0.0, 0.5, 0.75):
        set_learning_rate(optimizer, own, progress)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx(rates)


def test_without_changes_images_are_themselves() -> None:
    assert augment_images(pictures(), [], seeded()) is not None
    assert augment_images(pictures(), [], seeded()).equal(pictures())


def test_half_of_the_images_are_mirrored_each_as_a_whole() -> None:
    made, own = augment_images(pictures(400), ["flip"], seeded()), pictures(400)
    mirrored = (made == own.flip(3)).flatten(1).all(1)
    assert ((made == own).flatten(1).all(1) ^ mirrored).all()
    # Binomial: four standard deviations of 400 tosses are 40.
    assert abs(int(mirrored.sum()) - 200) < 40


def test_a_cut_moves_images_by_an_eighth_of_a_side_at_most_and_repeats_their_border() -> None:
    own = pictures()
    made = augment_images(own, ["crop"], seeded())
    assert (made.shape, made.dtype) == (own.shape, own.dtype)
    moves = set()
    for before, after in zip(own, made, strict=True):
        found = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-2, -1, 0, 1, 2)
            if after.equal(
                before[:, (torch.arange(8) + down).clamp(0, 7)][:, :, (torch.arange(16) + right).clamp(0, 15)]
            )
        ]
        assert len(found) == 1
        moves.add(found[0])
    assert len(moves) == 15  # 3 by 5 places; with this seed none is missed.


def test_the_same_seed_changes_images_alike() -> None:
    first, again, other = (augment_images(pictures(), ["flip", "crop"], seeded(seed)) for seed in (0, 0, 1))
    assert first.equal(again)
    assert not first.equal(other)
