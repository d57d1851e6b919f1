"""Mixup: the mixture by hand, the distribution of its shares, and its deferred weights."""

import numpy as np
import pytest
import torch
from scipy.stats import beta, kstest
from torch import Tensor, nn

from counterweight.recipes.mixup import draw_share
from tests.recipes.made import build_network_recipe, log_softmax, seeded

COUNTS = [80, 15, 5]


class Flat(nn.Module):
    """A network whose logits are its inputs' pixels."""

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 3.0])
def test_shares_have_the_beta_distribution(alpha: float) -> None:
    rng = seeded()
    shares = [draw_share(alpha, rng) for _ in range(3000)]
    assert kstest(shares, beta(alpha, alpha).cdf).pvalue > 1e-4


def test_near_alpha_0_images_stay_what_one_of_the_two_was() -> None:
    rng = seeded()
    shares = np.array([draw_share(1e-4, rng) for _ in range(400)])
    # Of Beta(a, a), a fraction of 2 a log(1e6) lies further than 1e-6 from both ends, and half at each.
    assert (np.minimum(shares, 1 - shares) < 1e-6).mean() > 0.95
    assert (shares > 0.5).mean() == pytest.approx(0.5, abs=0.125)  # five deviations


@pytest.mark.parametrize(("progress", "late"), [(0.0, False), (0.79, False), (0.8, True)])
def test_images_and_losses_are_mixed_alike(progress: float, late: bool) -> None:
    images, labels = torch.randn(6, 1, 1, 3, generator=seeded(1)), torch.tensor([0, 1, 2, 0, 0, 1])
    recipe = build_network_recipe("mixup", COUNTS, {"deferred": 0.8})
    loss = float(recipe.loss(Flat(), images, labels, progress, seeded(2)))
    rng = seeded(2)
    share, other = draw_share(1.0, rng), torch.randperm(6, generator=rng).numpy()
    pixels = images.flatten(1).double().numpy()
    logs = log_softmax(share * pixels + (1 - share) * pixels[other])
    weights = 1 / (1 - 0.9999 ** np.array(COUNTS)) if late else np.ones(3)

    def compute_entropy(own: np.ndarray) -> float:
        return float((weights[own] * -logs[np.arange(6), own]).sum() / weights[own].sum())

    first, second = compute_entropy(labels.numpy()), compute_entropy(labels.numpy()[other])
    assert loss == pytest.approx(share * first + (1 - share) * second, rel=1e-5)


def test_weights_are_wanted_or_not() -> None:
    assert build_network_recipe("mixup", COUNTS).weights(0.99) is None
    weights = build_network_recipe("mixup", COUNTS, {"deferred": 0.5, "beta": 0.0}).weights(0.5)
    assert weights is not None
    assert weights.tolist() == [1, 1, 1]
