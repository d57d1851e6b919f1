"""The evaluation classifiers against their published tables, and the blocks they are made of."""

import pytest
import torch
from torch import nn

from counterweight.core.registry import names_in
from counterweight.networks.classifiers.base import build_network
from counterweight.networks.classifiers.resnet32 import Block
from counterweight.networks.layers import Crop, Dropout, halve_size, parameter_count, use_rng


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("mnist_cnn", (1, 28, 28), 121_994),  # table B.8
        ("vehicles_cnn", (3, 64, 64), 131_818),  # table B.9
        ("cifar10_cnn", (3, 32, 32), 2_107_082),  # table B.10
    ],
)
def test_parameters_are_those_of_the_thesis(name: str, shape: tuple[int, int, int], count: int) -> None:
    assert parameter_count(build_network(name, shape, 10)) == count


@pytest.mark.parametrize("name", names_in("networks/classifiers"))
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 13, 18), (1, 1, 1), (4, 33, 64)], ids=str)
@pytest.mark.parametrize("classes", [2, 7])
def test_other_sizes_and_numbers_of_classes_run(name: str, shape: tuple[int, int, int], classes: int) -> None:
    network = build_network(name, shape, classes)
    use_rng(network, torch.Generator().manual_seed(0))
    logits = network(torch.zeros(3, *shape))
    assert logits.shape == (3, classes)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_resnet32_has_32_layers_and_ends_in_64_maps_of_8_pixels() -> None:
    network = build_network("resnet32", (3, 32, 32), 10)
    assert sum(each.numel() for each in network.parameters()) == 464_154  # He et al. 2016, table 6: 0.46 M
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in network.modules()) == 32
    assert isinstance(network, nn.Sequential)
    assert network[:-3](torch.zeros(2, 3, 32, 32)).shape == (2, 64, 8, 8)


def test_a_residual_block_whose_branch_is_silent_hands_every_second_pixel_on() -> None:
    block = Block(2, 4)
    nn.init.zeros_(block.branch[-1].weight)  # the last normalisation's scale
    images = torch.rand(1, 2, 5, 5)
    assert torch.equal(block(images), torch.cat([images[:, :, ::2, ::2], torch.zeros(1, 2, 3, 3)], dim=1))


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.8])
def test_dropout_zeroes_its_fraction_and_keeps_the_mean(fraction: float) -> None:
    layer = Dropout(fraction)
    use_rng(layer, torch.Generator().manual_seed(0))
    values = layer(torch.ones(1_000_000))
    assert (values == 0).float().mean() == pytest.approx(fraction, abs=0.003)
    assert values.mean() == pytest.approx(1, abs=0.01)
    assert values.max() == pytest.approx(1 / (1 - fraction))


def test_dropout_draws_from_its_own_generator_alone() -> None:
    layer, state = Dropout(0.5), torch.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        use_rng(layer, torch.Generator().manual_seed(seed))
        drawn.append(layer(torch.ones(100)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(layer(torch.ones(100)), drawn[2])  # the generator went on
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_without_a_generator_is_refused() -> None:
    with pytest.raises(RuntimeError, match="use_rng"):
        Dropout(0.5)(torch.ones(3))


def test_dropout_is_off_in_evaluation_and_at_a_fraction_of_nothing() -> None:
    values = torch.ones(3)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)


def test_use_rng_reaches_every_layer() -> None:
    network, rng = build_network("cifar10_cnn", (3, 32, 32), 10), torch.Generator()
    use_rng(network, rng)
    layers = [module for module in network.modules() if isinstance(module, Dropout)]
    assert len(layers) == 4
    assert all(layer.rng is rng for layer in layers)


@pytest.mark.parametrize(
    ("size", "times", "left"), [(28, 2, 7), (28, 4, 2), (13, 1, 7), (13, 2, 4), (1, 5, 1), (64, 0, 64)]
)
def test_halving_rounds_up_each_time(size: int, times: int, left: int) -> None:
    assert halve_size(size, times) == left


def test_crop_keeps_the_upper_left_corner() -> None:
    images = torch.arange(12).view(1, 1, 3, 4)
    assert Crop(2, 3)(images).tolist() == [[[[0, 1, 2], [4, 5, 6]]]]


def test_running_statistics_are_counted_as_keras_counts_them() -> None:
    assert parameter_count(torch.nn.BatchNorm2d(7)) == 4 * 7
    assert parameter_count(torch.nn.Conv2d(3, 5, 3)) == 3 * 5 * 9 + 5
