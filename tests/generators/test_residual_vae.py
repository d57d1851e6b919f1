"""The residual VAE against the sizes and the loss of its thesis, and its learning rate against a triangle."""

import math

import pytest
import torch
from torch import Tensor, nn

from counterweight.generators.residual_vae import ResidualVAE, Settings
from counterweight.networks.generative.residual_vae import ResidualBlock
from counterweight.networks.layers import parameter_count

SHAPE = (3, 9, 19)


def model(shape: tuple[int, int, int] = SHAPE, **settings: object) -> ResidualVAE:
    small = {"filters": 2, "block_channels": 4, **settings}
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return ResidualVAE(shape, ("a", "b"), Settings.model_validate(small)).requires_grad_(False)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 6) -> tuple[Tensor, Tensor]:
    return 2 * torch.rand((count, *SHAPE), generator=seeded()) - 1, torch.arange(count) % 2


@pytest.mark.parametrize(("block", "latents"), [(16, 4096), (32, 8192), (64, 16384)])
def test_images_of_128_pixels_have_the_latents_of_the_thesis(block: int, latents: int) -> None:
    with torch.device("meta"):
        network = model((3, 128, 128), filters=32, block_channels=block)
        mean, log_variance = network.encoder(torch.empty(2, 3, 128, 128))
        assert network.decoder(mean).shape == (2, 3, 128, 128)
    assert mean.shape == log_variance.shape == (2, latents)
    assert network.latent_dim == latents


def test_parameters_are_those_of_the_formula() -> None:
    with torch.device("meta"):
        network = model((3, 128, 128), filters=32, block_channels=64)
    assert isinstance(network.encoder, nn.Module)
    assert isinstance(network.decoder, nn.Module)

    def convolution(inputs: int, outputs: int, kernel: int) -> int:
        return kernel**2 * inputs * outputs + outputs

    down = convolution(3, 32, 7) + convolution(32, 64, 4) + convolution(64, 128, 4)
    first = convolution(128, 64, 1) + convolution(128, 64, 3) + convolution(64, 64, 3)
    up = convolution(64, 128, 5) + convolution(128, 64, 5) + convolution(64, 3, 7)
    assert parameter_count(network.encoder) == down + first + 3 * 2 * convolution(64, 64, 3)
    assert parameter_count(network.decoder) == up + 4 * 2 * convolution(64, 64, 3)


def test_a_block_adds_to_its_input() -> None:
    block, values = ResidualBlock(3, 3), torch.randn((2, 3, 4, 5), generator=seeded())
    for parameter in block.layers[-1].parameters():
        parameter.data.zero_()
    assert torch.equal(block(values), values)


def test_with_unit_variance_the_kl_is_half_the_square_of_the_mean() -> None:
    network, (images, labels) = model(), batch()
    mean, log_variance = network.encode(images, labels)
    assert not log_variance.any()
    assert (mean < 0).any()
    losses = network.losses("autoencoder", images, labels, seeded())
    assert float(losses["kl"]) == pytest.approx(float(mean.square().sum() / 2 / len(images)), rel=1e-5)


def test_the_classic_way_learns_a_variance_with_a_few_more_weights() -> None:
    classic, (images, labels) = model(reparametrisation="classic"), batch()
    assert classic.encode(images, labels)[1].any()
    assert parameter_count(classic) - parameter_count(model()) == 4 * 4 + 4


def test_a_decoder_that_knows_nothing_costs_the_squares_of_what_is_missing() -> None:
    network = model()
    for parameter in network.parameters():
        parameter.zero_()
    black, labels = torch.full((3, *SHAPE), -1.0), torch.zeros(3, dtype=torch.int64)
    losses = network.losses("autoencoder", black, labels, seeded())
    assert float(losses["reconstruction"]) == pytest.approx(math.prod(SHAPE) / 4)
    assert losses["kl"] == 0


def test_colours_are_changed_as_far_as_the_setting_says() -> None:
    """Grey of one level has no contrast and no saturation: only its brightness changes, by at most half of 1."""
    images = torch.zeros(500, 3, 8, 8)
    shifts = [model((3, 8, 8), colour=strength).change_colours(images, seeded()) for strength in (0.0, 0.5, 1.0)]
    assert torch.equal(shifts[0], images)
    for strength, changed in zip((0.5, 1.0), shifts[1:], strict=True):
        assert torch.equal(changed, changed[:, :1, :1, :1].expand(changed.shape))
        assert 0.45 * strength < float(changed.abs().max()) <= 0.5 * strength
    both = torch.cat([images[:6], 2 * torch.rand((6, 3, 8, 8), generator=seeded()) - 1])
    changed = model((3, 8, 8), colour=1.0).change_colours(both, seeded())
    assert float(changed.abs().max()) <= 1


def test_what_is_learned_are_the_changed_images() -> None:
    images, labels = 2 * torch.rand((6, 3, 8, 8), generator=seeded()) - 1, torch.zeros(6, dtype=torch.int64)
    network, plain = model((3, 8, 8), colour=0.7), model((3, 8, 8))
    rng = seeded(1)
    expected = plain.losses("autoencoder", network.change_colours(images, rng), labels, rng)
    found = network.losses("autoencoder", images, labels, seeded(1))
    assert {name: float(value) for name, value in found.items()} == {name: float(v) for name, v in expected.items()}


def test_the_learning_rate_is_a_triangle_between_the_two_values_of_the_thesis() -> None:
    network = ResidualVAE((1, 8, 8), ("a",), Settings(filters=1, block_channels=1))
    ((update,),) = [phase.updates for phase in network.phases()]
    assert update.schedule is not None
    rates = [1e-4 * update.schedule(step) for step in (0, 500, 1000, 1500, 2000, 3000)]
    middle = (1e-7 + 1e-4) / 2
    assert rates == pytest.approx([1e-7, middle, 1e-4, middle, 1e-7, 1e-4])
    assert update.optimizer(network.parameters()).defaults["lr"] == 1e-4
