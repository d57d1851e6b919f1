"""The style classifier's network: layers of the thesis, sizes, and the space in which it decides."""

import pytest
import torch

from counterweight.evaluation.style.network import StyleClassifier
from counterweight.networks.layers import parameter_count, use_rng


def test_parameters_follow_from_the_layers_of_the_thesis() -> None:
    """Figure 4.1, 128 x 128: 4 conv 3x3 of 3 channels, 8 of 4, 8 x 32 x 32 values to 64, 64 to 1, each with a bias."""
    expected = 4 * (27 + 1) + 8 * (36 + 1) + 64 * (8 * 32 * 32 + 1) + (64 + 1)
    assert parameter_count(StyleClassifier((3, 128, 128))) == expected


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 32, 32), (1, 13, 18), (3, 224, 224)], ids=str)
def test_every_layer_learns_at_every_size(shape: tuple[int, int, int]) -> None:
    network = StyleClassifier(shape)
    use_rng(network, torch.Generator().manual_seed(0))
    images = torch.rand((5, *shape), generator=torch.Generator().manual_seed(1))
    first, second = network.maps(images)
    assert first.shape == (5, 4, *shape[1:])
    assert second.shape == (5, 8, shape[1] // 2, shape[2] // 2)
    logits = network(images)
    assert logits.shape == (5,)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_decision_is_linear_in_the_hidden_layer() -> None:
    network = StyleClassifier((3, 32, 32)).eval()
    images = torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    hidden = network.features(images)
    assert hidden.shape == (4, 64)
    torch.testing.assert_close(network(images), network.last(hidden).squeeze(1))
