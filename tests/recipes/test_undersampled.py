"""Undersampling: equal counts, other images each time, as many steps as plain training."""

import pytest
import torch

from counterweight.recipes.undersampled import draw_equally
from tests.recipes.made import build_network_recipe, seeded

LABELS = torch.repeat_interleave(torch.arange(4), torch.tensor([50, 0, 20, 7]))


def test_every_class_comes_as_often_as_the_smallest_without_repetition() -> None:
    rng = seeded()
    for _ in range(20):
        chosen = draw_equally(LABELS, rng)
        assert LABELS[chosen].bincount().tolist() == [7, 0, 7, 7]
        assert len(chosen.unique()) == 21


def test_every_image_of_a_class_comes_equally_often_and_anywhere() -> None:
    rng, passes = seeded(), 2000
    drawn = torch.stack([draw_equally(LABELS, rng) for _ in range(passes)])
    often = drawn.flatten().bincount(minlength=77) / passes
    expected = torch.repeat_interleave(torch.tensor([7 / 50, 7 / 20, 1.0]), torch.tensor([50, 20, 7]))
    # Five standard deviations of a binomial fraction.
    assert ((often - expected).abs() <= 5 * (expected * (1 - expected) / passes).sqrt() + 1e-6).all()
    # Not class by class: of 21 places, those of the smallest class are 10 on average, deviation of the mean 0.05.
    places = (LABELS[drawn] == 3).float().argsort(dim=1, descending=True)[:, :7].float()
    assert float(places.mean()) == pytest.approx(10, abs=0.25)


@pytest.mark.parametrize(
    ("equal_steps", "size", "lengths"),
    [(True, 4, [4] * 19), (True, 32, [21, 21]), (True, 100, [21]), (False, 4, [4] * 5), (False, 32, [21])],
)
def test_an_epoch_has_plain_trainings_steps_unless_it_is_one_pass(
    equal_steps: bool, size: int, lengths: list[int]
) -> None:
    recipe = build_network_recipe("undersampled", [50, 0, 20, 7], {"equal_steps": equal_steps})
    batches = recipe.draw_batches(LABELS, size, seeded())
    assert [len(batch) for batch in batches] == lengths


def test_each_pass_has_other_images_of_the_larger_classes() -> None:
    recipe = build_network_recipe("undersampled", [50, 0, 20, 7])
    first, second = recipe.draw_batches(LABELS, 32, seeded())
    assert sorted(first.tolist()) != sorted(second.tolist())
    assert LABELS[first].bincount().tolist() == LABELS[second].bincount().tolist() == [7, 0, 7, 7]
