"""The last dense layer of a network is found by what it does, and its weights are read beside the others'."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from counterweight.networks.backbones.base.partial_weights import load_below, take_over
from counterweight.networks.classifiers.base_last_layer import NoDenseEnd, find_last_layer, replace_layer

IMAGES = torch.linspace(-1, 1, 2 * 3 * 4 * 4).view(2, 3, 4, 4)


class HeadFirst(nn.Module):
    """Registers its head before the layer below it, of as many outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 5)
        self.below = nn.Linear(48, 5)
        self.norm = nn.BatchNorm1d(5)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.dropout(self.head(self.norm(self.below(images.flatten(1)))))
        return made


class Behind(nn.Module):
    """A dense layer with something behind it."""

    def __init__(self, then: Callable[[Tensor], Tensor], outputs: int = 5) -> None:
        super().__init__()
        self.dense, self.then = nn.Linear(48, outputs), then

    def forward(self, images: Tensor) -> Tensor:
        return self.then(self.dense(images.flatten(1)))


def test_a_head_that_is_registered_first_is_found_and_replaced() -> None:
    network = HeadFirst()
    assert find_last_layer(network, IMAGES, 5) is network.head
    replace_layer(network, network.head, nn.Identity())
    below = network.norm.eval()(network.below(IMAGES.flatten(1)))
    assert torch.equal(network.eval()(IMAGES), below)


def test_a_layer_of_two_names_is_replaced_under_both() -> None:
    layer = nn.Linear(48, 5)
    network = nn.ModuleDict({"one": layer, "other": nn.Sequential(layer)})
    replace_layer(network, layer, nn.Identity())
    assert isinstance(network["one"], nn.Identity)
    assert isinstance(network.get_submodule("other.0"), nn.Identity)


def test_nothing_is_changed_or_drawn() -> None:
    network = HeadFirst().train()
    network.norm.eval()
    state, before = {key: value.clone() for key, value in network.state_dict().items()}, torch.get_rng_state()
    find_last_layer(network, IMAGES, 5)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)
    assert [network.training, network.norm.training, network.dropout.training] == [True, False, True]
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (nn.Sequential(nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "there is no dense layer"),
        (Behind(lambda made: made[:, :5], 7), "no dense layer has 5 outputs .'dense' 7."),
        # All outputs are above zero by chance: values alone would not tell.
        (Behind(lambda made: (made + 0).relu()), "what the dense layer 'dense' makes is not what the network returns"),
        (Behind(lambda made: made.softmax(1)), "what the dense layer 'dense' makes"),
        (Behind(lambda made: made + 1), "what the dense layer 'dense' makes"),
    ],
)
def test_another_end_is_told(network: nn.Module, reason: str) -> None:
    if isinstance(network, Behind):
        nn.init.constant_(network.dense.bias, 10.0)
    with pytest.raises(NoDenseEnd, match=reason):
        find_last_layer(network, IMAGES, 5)


def test_all_but_the_last_layer_is_read_strictly() -> None:
    source, network = HeadFirst(), HeadFirst()
    state = source.state_dict()
    for head in ({}, {"head.weight": torch.zeros(7, 5), "head.bias": torch.zeros(7)}, {"head.1.weight": torch.ones(1)}):
        own = network.head.weight.clone()
        below = {key: value for key, value in state.items() if not key.startswith("head.")}
        load_below(network, below | head, ["head"])
        assert torch.equal(network.below.weight, source.below.weight)
        assert torch.equal(network.head.weight, own)
    for wrong in ({"below.bias": torch.zeros(6)}, {"more": torch.zeros(1)}):
        with pytest.raises(RuntimeError):
            load_below(network, state | wrong, ["head"])
    with pytest.raises(RuntimeError, match="Missing"):
        load_below(network, {"head.bias": torch.zeros(5)}, ["head"])


def test_the_last_layer_is_taken_over_where_it_fits() -> None:
    layer, weight = nn.Linear(3, 2), torch.full((2, 3), 7.0)
    own = layer.weight.clone()
    for state in ({}, {"fc.weight": weight}, {"fc.weight": torch.ones(3, 3), "fc.bias": torch.ones(3)}):
        take_over(layer, state, "fc")
        assert torch.equal(layer.weight, own)
    take_over(layer, {"fc.weight": weight, "fc.bias": torch.ones(2)}, "fc")
    assert torch.equal(layer.weight, weight)
    assert layer.bias.tolist() == [1, 1]
