"""The loss of the CVAE against closed forms."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from counterweight.core.tensors import Labelled
from counterweight.generators.base import vae
from counterweight.generators.cvae import CVAE, Settings
from counterweight.networks.layers import kl_to_standard_normal, reparametrize

SHAPE = (3, 9, 7)


def model(**changes: object) -> CVAE:
    settings = {"latent_dim": 4, "filters": 4, "hidden": 8, **changes}
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return CVAE(SHAPE, ("a", "b", "c"), Settings.model_validate(settings)).requires_grad_(False)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 6) -> tuple[Tensor, Tensor]:
    return 2 * torch.rand((count, *SHAPE), generator=seeded()) - 1, torch.arange(count) % 3


def test_kl_is_zero_at_the_standard_normal_and_positive_elsewhere() -> None:
    zeros = torch.zeros(5, 4)
    assert kl_to_standard_normal(zeros, zeros) == 0
    assert kl_to_standard_normal(zeros + 0.1, zeros) > 0
    assert kl_to_standard_normal(zeros, zeros - 0.5) > 0


def test_kl_is_that_of_torch_summed_over_latents_and_averaged_over_the_batch() -> None:
    mean, log_variance = torch.randn((2, 5, 4), generator=seeded())
    posterior = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros(5, 4), torch.ones(5, 4)), 1)
    expected = kl_divergence(posterior, prior).mean()
    assert kl_to_standard_normal(mean, log_variance) == pytest.approx(float(expected), rel=1e-5)


def test_draws_have_the_mean_and_the_variance_that_were_asked_for() -> None:
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(9.0)]])
    drawn = reparametrize(mean.expand(100_000, 2), log_variance.expand(100_000, 2), seeded())
    assert drawn.mean(dim=0).tolist() == pytest.approx([1, -2], abs=0.05)
    assert drawn.var(dim=0).tolist() == pytest.approx([1, 9], rel=0.03)


@pytest.mark.parametrize("grey", [0, 30, 255])
def test_before_training_images_are_as_bright_as_the_real_ones(grey: int) -> None:
    images = torch.full((5000, *SHAPE), grey, dtype=torch.uint8)
    images[:, 1] = 100
    network = model()
    network.decoder.last.weight.zero_()
    real = Labelled(images, torch.zeros(5000, dtype=torch.int64))
    network.on_phase_start("autoencoder", real)
    made = network.sample(torch.tensor([0, 1, 2]), real, seeded())
    assert made[:, 1].unique().tolist() == [100]
    assert made[:, 0].unique().tolist() == [grey]


def test_a_decoder_that_knows_nothing_costs_log_two_per_pixel_and_channel() -> None:
    network = model()
    for parameter in network.parameters():
        parameter.data.zero_()
    images, labels = batch()
    losses = network.losses("autoencoder", images, labels, seeded())
    assert float(losses["reconstruction"]) == pytest.approx(math.prod(SHAPE) * math.log(2), rel=1e-5)
    assert losses["kl"] == 0


def test_the_loss_is_a_mean_over_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vae, "reparametrize", lambda mean, log_variance, rng: mean)
    network, (images, labels) = model(), batch()
    once = network.losses("autoencoder", images, labels, seeded())
    twice = network.losses("autoencoder", torch.cat([images, images]), torch.cat([labels, labels]), seeded())
    assert {key: float(value) for key, value in twice.items()} == pytest.approx(
        {key: float(value) for key, value in once.items()}, rel=1e-5
    )


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_the_kl_weight_is_the_factor_of_the_kl_term(weight: float) -> None:
    losses = model(kl_weight=weight).losses("autoencoder", *batch(), seeded())
    assert losses["kl"] > 0
    assert float(losses["loss"]) == pytest.approx(float(losses["reconstruction"] + weight * losses["kl"]), rel=1e-6)


def test_both_networks_see_the_label() -> None:
    network, (images, labels) = model().eval(), batch()
    other, latents = (labels + 1) % 3, torch.zeros(6, 4)
    assert not torch.equal(network.encoder(images, labels)[0], network.encoder(images, other)[0])
    assert not torch.equal(network.decoder(latents, labels), network.decoder(latents, other))


def test_images_are_decoded_from_the_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    network, seen = model().eval(), []
    network.decoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    labels = torch.arange(3000) % 3
    made = network.generate(labels, None, seeded())  # type: ignore[arg-type]
    ((latents, seen_labels),) = seen
    assert latents.mean() == pytest.approx(0, abs=0.05)
    assert latents.std() == pytest.approx(1, rel=0.03)
    assert torch.equal(seen_labels, labels)
    assert made.shape == (3000, *SHAPE)
    assert made.abs().max() <= 1
