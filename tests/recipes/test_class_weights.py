"""Weights of classes: the papers' formulas, and what they become at both ends."""

import numpy as np
import pytest
import torch

from counterweight.recipes.base.network_recipe import weigh_effective_numbers
from tests.recipes.made import build_network_recipe, compute_loss, log_softmax

COUNTS = [5000, 300, 20, 1]


def weigh(beta: float, counts: list[int] = COUNTS) -> list[float]:
    weights: list[float] = weigh_effective_numbers(torch.tensor(counts).float(), beta).tolist()
    return weights


@pytest.mark.parametrize("beta", [0.3, 0.9, 0.999, 0.9999])
def test_classes_weigh_by_the_inverse_of_their_effective_number(beta: float) -> None:
    raw = (1 - beta) / (1 - beta ** np.array(COUNTS, dtype=np.float64))
    assert weigh(beta) == pytest.approx(raw * 4 / raw.sum(), rel=1e-6)


def test_the_ends_are_equal_weights_and_the_inverse_of_the_size() -> None:
    assert weigh(0.0) == [1.0] * 4
    inverse = 1 / np.array(COUNTS)
    # The effective number of n images is n (1 - (n - 1) (1 - beta) / 2 + ...): off by 2.5e-9 here.
    assert weigh(1 - 1e-12) == pytest.approx(inverse * 4 / inverse.sum(), rel=1e-6)


def test_a_class_without_images_has_no_weight_and_equal_ones_have_1() -> None:
    assert weigh(0.99, [10, 0, 10]) == [1.0, 0.0, 1.0]
    for beta in (0.0, 0.9, 0.9999):
        assert weigh(beta, [94] * 10) == [1.0] * 10


@pytest.mark.parametrize("name", ["reweighted", "class_balanced"])
def test_the_loss_is_the_weighted_mean_of_the_images_cross_entropies(name: str) -> None:
    logits = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    labels = np.array([0, 0, 1, 3, 2, 0])
    entropy = -log_softmax(logits)[np.arange(6), labels]
    beta = 0.9999
    formulas = {
        "reweighted": sum(COUNTS) / (4 * np.array(COUNTS)),
        "class_balanced": (1 - beta) / (1 - beta ** np.array(COUNTS)),
    }
    weights = formulas[name][labels]
    loss = compute_loss(build_network_recipe(name, COUNTS), torch.tensor(logits), torch.tensor(labels))
    assert loss == pytest.approx((weights * entropy).sum() / weights.sum(), rel=1e-5)
