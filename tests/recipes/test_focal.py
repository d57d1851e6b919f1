"""The focal loss: the paper's formula, cross-entropy at gamma 0, and slopes where a probability rounds to 1."""

import numpy as np
import pytest
import torch

from tests.recipes.made import Listed, build_network_recipe, compute_loss, log_softmax, seeded

COUNTS = [60, 30, 10]
LOGITS = np.random.default_rng(0).normal(0, 2, (7, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 0, 1, 2])


def compute(values: dict[str, object]) -> float:
    return compute_loss(build_network_recipe("focal", COUNTS, values), torch.tensor(LOGITS), torch.tensor(LABELS))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_the_loss_is_the_papers(gamma: float) -> None:
    own = log_softmax(LOGITS)[np.arange(7), LABELS]
    losses = -((1 - np.exp(own)) ** gamma) * own
    assert compute({"gamma": gamma}) == pytest.approx(losses.mean(), rel=1e-5)
    weights = (1 / np.array(COUNTS))[LABELS]
    assert compute({"gamma": gamma, "alpha": True}) == pytest.approx((weights * losses).sum() / weights.sum(), rel=1e-5)


def test_at_gamma_0_it_is_the_cross_entropy() -> None:
    plain = compute_loss(build_network_recipe("plain", COUNTS), torch.tensor(LOGITS), torch.tensor(LABELS))
    assert compute({"gamma": 0.0}) == pytest.approx(plain, rel=1e-6)
    weighted = compute_loss(build_network_recipe("reweighted", COUNTS), torch.tensor(LOGITS), torch.tensor(LABELS))
    assert compute({"gamma": 0.0, "alpha": True}) == pytest.approx(weighted, rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("logit", [10.0, 40.0, 200.0, -200.0])
def test_slopes_are_numbers_however_sure_the_network_is(gamma: float, logit: float) -> None:
    network = Listed(torch.tensor([[logit, 0.0, 0.0]]))
    recipe = build_network_recipe("focal", COUNTS, {"gamma": gamma})
    recipe.loss(network, torch.zeros(1, 1, 1, 1), torch.tensor([0]), 0.0, seeded()).backward()
    assert network.logits.grad is not None
    assert network.logits.grad.isfinite().all()
    # Sure and right: nothing to learn. Sure and wrong: the cross-entropy's slope, -1, as (1 - p)^gamma is 1.
    assert float(network.logits.grad[0, 0]) == pytest.approx(-1.0 if logit < 0 else 0.0, abs=1e-3)
