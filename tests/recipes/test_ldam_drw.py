"""LDAM: the paper's margins and loss, cosines as logits, weights in the last fifth of the epochs."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from counterweight.recipes.ldam_drw import Cosines, LdamDrw
from tests.recipes.made import build, build_network_recipe, compute_loss, log_softmax, seeded

COUNTS = [5000, 500, 50]


def ldam(values: dict[str, object] | None = None, counts: list[int] = COUNTS) -> LdamDrw:
    recipe = build("ldam_drw", counts, values)
    assert isinstance(recipe, LdamDrw)
    return recipe


def test_margins_fall_with_the_fourth_root_and_the_smallest_class_has_the_largest() -> None:
    assert ldam().margins().tolist() == pytest.approx([0.5 * 100**-0.25, 0.5 * 10**-0.25, 0.5], rel=1e-6)
    assert ldam(counts=[16, 81, 256]).margins().tolist() == pytest.approx([0.5, 1 / 3, 0.25], rel=1e-6)
    assert ldam({"largest_margin": 0.2}, [7, 7]).margins().tolist() == pytest.approx([0.2, 0.2])


@pytest.mark.parametrize(("progress", "late"), [(0.0, False), (0.79, False), (0.8, True), (0.9, True)])
def test_the_loss_is_the_papers(progress: float, late: bool) -> None:
    cosines = np.random.default_rng(0).uniform(-1, 1, (5, 3)).astype(np.float32)
    labels = np.array([2, 0, 1, 0, 2])
    shifted = 30 * cosines.astype(np.float64)
    shifted[np.arange(5), labels] -= 30 * 0.5 * (np.array(COUNTS) / 50.0)[labels] ** -0.25
    entropy = -log_softmax(shifted)[np.arange(5), labels]
    weights = (1 / (1 - 0.9999 ** np.array(COUNTS)))[labels] if late else np.ones(5)
    loss = compute_loss(ldam(), torch.tensor(30 * cosines), torch.tensor(labels), progress)
    assert loss == pytest.approx((weights * entropy).sum() / weights.sum(), rel=1e-5)


def test_weights_come_in_the_last_epochs() -> None:
    assert ldam().weights(0.79) is None
    late = ldam().weights(0.8)
    balanced = build_network_recipe("class_balanced", COUNTS).weights(0.0)
    assert late is not None
    assert balanced is not None
    assert torch.equal(late, balanced)


def test_without_margins_it_is_the_cross_entropy_of_scaled_cosines() -> None:
    logits, labels = torch.randn(6, 3, generator=seeded()), torch.tensor([0, 1, 2, 2, 1, 0])
    plain = compute_loss(build_network_recipe("plain", COUNTS), logits, labels)
    assert compute_loss(ldam({"largest_margin": 0.0}), logits, labels) == plain


def test_the_last_layer_gives_scaled_cosines_between_features_and_rows() -> None:
    torch_layer = nn.Linear(4, 3)
    images = torch.zeros(2, 2, 2, 2)
    network = ldam().prepare(nn.Sequential(nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), torch_layer), images)
    assert isinstance(network, nn.Sequential)
    assert isinstance(network[1], nn.Linear)
    assert isinstance(network[3], Cosines)
    features = torch.randn(5, 4, generator=seeded())
    expected = 30 * functional.cosine_similarity(features[:, None], torch_layer.weight[None], dim=2)
    assert torch.allclose(network[3](features), expected, atol=1e-5)
    assert torch.allclose(network[3](1000 * features), expected, atol=1e-5)
    assert network[3].weight.norm(dim=1).tolist() == pytest.approx([1, 1, 1])
    assert [name for name, _ in network[3].named_parameters()] == ["weight"]


class HeadFirst(nn.Module):
    """Registers its head before the layer below it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.below = nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.below(images.flatten(1)).relu())
        return logits


def test_the_layer_that_makes_the_logits_is_replaced_wherever_it_is_registered() -> None:
    network = ldam().prepare(HeadFirst(), torch.zeros(2, 2, 2, 2))
    assert isinstance(network.head, Cosines)
    assert isinstance(network.below, nn.Linear)


def test_a_feature_that_is_zero_has_slopes_that_are_numbers() -> None:
    layer = Cosines(torch.ones(2, 3), 30.0)
    features = torch.zeros(1, 3, requires_grad=True)
    layer(functional.relu(features)).sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()
