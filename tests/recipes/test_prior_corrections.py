"""Balanced softmax and logit adjustment: both end at Bayes' rule for equally frequent classes."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.nn import functional

from counterweight.recipes.base.network_recipe import NetworkRecipe
from tests.recipes.made import Listed, build_network_recipe, compute_loss, log_softmax, seeded

COUNTS = [900, 90, 10]
MEANS = np.array([0.0, 1.5, 3.0])
POINTS = np.linspace(-2, 5, 30)[:, None]


def test_adjusted_logits_of_gaussians_are_those_of_equal_priors() -> None:
    """Bayes' rule: log p(c|x) = log p(x|c) + log p(c) - log p(x), whose adjustment leaves p(x|c) alone."""
    density = norm.logpdf(POINTS, MEANS)
    plain = torch.tensor(log_softmax(density + np.log(np.array(COUNTS) / 1000)))
    adjusted = build_network_recipe("logit_adjusted", COUNTS).adjust(plain).softmax(dim=1)
    assert adjusted.numpy() == pytest.approx(np.exp(log_softmax(density)), abs=1e-6)
    # With equal priors and deviations the border lies midway between two means; with these it does not.
    for logits, border in ((plain, False), (build_network_recipe("logit_adjusted", COUNTS).adjust(plain), True)):
        nearest = np.abs(POINTS - MEANS).argmin(axis=1)
        assert (logits.argmax(dim=1).numpy() == nearest).all() == border


@pytest.mark.parametrize("tau", [0.0, 0.5, 2.0])
def test_tau_times_the_logarithm_of_the_shares_is_taken_away(tau: float) -> None:
    logits = torch.randn(5, 3, generator=seeded())
    adjusted = build_network_recipe("logit_adjusted", COUNTS, {"tau": tau}).adjust(logits)
    expected = logits.double() - tau * torch.tensor(COUNTS).double().div(1000).log()
    assert torch.allclose(adjusted.softmax(dim=1).double(), expected.softmax(dim=1), atol=1e-6)
    assert tau or torch.equal(adjusted, logits)


@pytest.mark.parametrize("name", ["balanced_softmax", "logit_adjusted"])
def test_a_class_without_images_does_no_harm(name: str) -> None:
    recipe, logits = build_network_recipe(name, [8, 0, 2]), torch.randn(5, 3, generator=seeded())
    assert recipe.adjust(logits).isfinite().all()
    assert np.isfinite(compute_loss(recipe, logits, torch.tensor([0, 0, 0, 2, 0])))


def test_balanced_softmax_is_the_formula_and_predicts_by_bare_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    labels = np.array([0, 2, 1, 0])
    weighted = np.array(COUNTS) * np.exp(logits.astype(np.float64))
    expected = -np.log(weighted[np.arange(4), labels] / weighted.sum(axis=1)).mean()
    recipe = build_network_recipe("balanced_softmax", COUNTS)
    assert compute_loss(recipe, torch.tensor(logits), torch.tensor(labels)) == pytest.approx(expected, rel=1e-6)
    assert torch.equal(recipe.adjust(torch.tensor(logits)), torch.tensor(logits))


# How many images of each class (column) look like each of three things (row).
SEEN = torch.tensor([[700, 10, 1], [150, 60, 2], [50, 20, 7]])


def minimise(recipe: NetworkRecipe) -> torch.Tensor:
    """Return the probabilities, after `adjust`, of the logits at which a recipe's loss on `SEEN` is smallest."""
    things, labels = torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij")
    images = torch.repeat_interleave(things.flatten(), SEEN.flatten()).float()[:, None, None, None]
    targets = torch.repeat_interleave(labels.flatten(), SEEN.flatten())
    network = Listed(torch.zeros(3, 3, dtype=torch.float64))
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = recipe.loss(network, images, targets, 0.0, seeded())
        loss.backward()
        return loss

    optimizer.step(step)
    return recipe.adjust(network.logits.detach()).softmax(dim=1)


@pytest.mark.parametrize("name", ["balanced_softmax", "logit_adjusted"])
def test_where_the_loss_is_smallest_classes_are_as_probable_as_if_they_were_equally_frequent(name: str) -> None:
    counts = SEEN.sum(dim=0)
    likelihood = SEEN.double() / counts
    expected = likelihood / likelihood.sum(dim=1, keepdim=True)
    assert torch.allclose(minimise(build_network_recipe(name, counts.tolist())), expected, atol=1e-4)


def test_plainly_they_are_as_probable_as_they_were_frequent() -> None:
    plain = minimise(build_network_recipe("plain", SEEN.sum(dim=0).tolist()))
    assert torch.allclose(plain, functional.normalize(SEEN.double(), p=1, dim=1), atol=1e-4)
