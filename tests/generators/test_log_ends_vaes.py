"""The vanilla and the variant VAE against the tables, the loss and the figure of their thesis."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators import vanilla_vae, variant_vae
from counterweight.generators.vanilla_vae import VanillaVAE
from counterweight.generators.variant_vae import VariantVAE
from counterweight.networks.generative.log_ends_vae import SubNetworks
from counterweight.networks.layers import parameter_count

CLASSES = ("a", "b")
SHAPE = (3, 9, 7)


def vanilla(shape: tuple[int, int, int] = SHAPE, **settings: object) -> VanillaVAE:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return VanillaVAE(shape, CLASSES, vanilla_vae.Settings.model_validate({"filters": 2, **settings}))


def variant(shape: tuple[int, int, int] = SHAPE, **settings: object) -> VariantVAE:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return VariantVAE(shape, CLASSES, variant_vae.Settings.model_validate({"filters": 2, **settings}))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("latents", "of_vanilla", "of_variant"),
    [(256, 20_651_203, 21_057_731), (512, 37_822_403, 39_421_891), (1024, 72_951_235, 79_295_939)],
)
def test_parameters_are_those_of_table_5_4(latents: int, of_vanilla: int, of_variant: int) -> None:
    with torch.device("meta"):
        models = [build((3, 256, 256), filters=32, latent_dim=latents) for build in (vanilla, variant)]
    assert [parameter_count(model) for model in models] == [of_vanilla, of_variant]


def test_parameters_of_encoder_and_decoder_are_those_of_tables_5_2_and_5_3() -> None:
    with torch.device("meta"):
        model = vanilla((3, 256, 256), filters=32)
    assert isinstance(model.encoder, nn.Module)
    assert isinstance(model.decoder, nn.Module)
    assert parameter_count(model.encoder) == 37_223_232
    assert parameter_count(model.decoder) == 35_728_003


def one_by_one(network: SubNetworks, values: Tensor) -> tuple[Tensor, Tensor]:
    """Ask each latent's network by itself, as figure 5.15 draws it."""
    found = []
    for latent in range(values.shape[1]):
        rows = slice(8 * latent, 8 * latent + 8)
        hidden = functional.linear(values, network.first.weight[rows], network.first.bias[rows]).relu()
        for number, (weights, biases) in enumerate(zip(network.weights, network.biases, strict=True)):
            hidden = hidden @ weights[latent] + biases[latent]
            hidden = hidden.relu() if number == 0 else hidden
        found.append(hidden)
    mean, log_variance = torch.stack(found, dim=1).unbind(dim=2)
    return mean, log_variance


def test_all_sub_networks_at_once_are_the_same_as_one_after_another() -> None:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        network = SubNetworks(5)
    values = torch.randn((7, 5), generator=seeded())
    for found, expected in zip(network(values), one_by_one(network, values), strict=True):
        assert found.shape == (7, 5)
        torch.testing.assert_close(found, expected)


def test_a_sub_network_has_no_part_in_the_other_latents() -> None:
    network = SubNetworks(4).requires_grad_(True)
    network(torch.randn((6, 4), generator=seeded()))[0][:, 2].sum().backward()
    for parameter in network.parameters():
        touched = parameter.grad.reshape(4, -1).abs().sum(dim=1) > 0  # type: ignore[union-attr]
        assert not touched[[0, 1, 3]].any()


@pytest.mark.parametrize("build", [vanilla, variant])
def test_a_decoder_that_knows_nothing_costs_the_squares_of_what_is_missing(
    build: type[VanillaVAE] | type[VariantVAE],
) -> None:
    model = build(latent_dim=4).requires_grad_(False)  # type: ignore[call-arg,arg-type]
    for parameter in model.parameters():
        parameter.zero_()
    black, white = torch.full((3, *SHAPE), -1.0), torch.full((1, *SHAPE), 1.0)
    losses = model.losses("autoencoder", torch.cat([black, white]), torch.zeros(4, dtype=torch.int64), seeded())
    assert float(losses["reconstruction"]) == pytest.approx(math.prod(SHAPE) / 4)  # 0.5 away from 0 and from 1
    assert losses["kl"] == 0
    assert losses["loss"] == losses["reconstruction"]


@pytest.mark.parametrize("build", [vanilla, variant])
def test_the_loss_is_that_of_equations_17_to_19_for_each_image_of_a_batch(
    build: type[VanillaVAE] | type[VariantVAE],
) -> None:
    model = build(latent_dim=4)  # type: ignore[call-arg,arg-type]
    images = torch.rand((model.settings.batch_size, *SHAPE), generator=seeded()) * 2 - 1
    labels = torch.zeros(len(images), dtype=torch.int64)
    found = model.losses("autoencoder", images, labels, seeded(1))["loss"]
    mean, log_variance = model.encode(images, labels)
    decoded = model.decode(model.reparametrise(mean, log_variance, seeded(1)), labels)
    reconstruction = ((decoded - images) / 2).square().sum()  # equation 18, of intensities in [0, 1]: over all images
    kl = (-0.5 * (1 + log_variance - mean**2 - log_variance.exp())).sum() / len(images)  # equation 19: their mean
    torch.testing.assert_close(found * len(images), reconstruction + kl)


def test_printed_losses_are_those_of_batches_of_32_images() -> None:
    values, printed = 3 * 256 * 256, 9372.83  # table 6.10: vanilla VAE, training
    batch = vanilla_vae.Settings().batch_size
    # -10 log10 of the mean squared error of intensities in [0, 1], whose square of the largest is 1
    assert -10 * math.log10(printed / (batch * values)) == pytest.approx(28.27, abs=0.005)
    assert -10 * math.log10(printed / values) == pytest.approx(13.22, abs=0.005)


def test_before_training_images_are_as_bright_as_the_real_ones() -> None:
    model, images = vanilla(latent_dim=4), torch.full((10, *SHAPE), 30, dtype=torch.uint8)
    real = Labelled(images, torch.arange(10) % 2)
    assert isinstance(model.decoder, nn.Module)
    model.decoder.last.weight.data.zero_()
    model.on_phase_start("autoencoder", real)
    assert model.sample(torch.tensor([0, 1]), real, seeded()).unique().tolist() == [30]
    assert model.encode(to_unit(images), real.labels)[0].shape == (10, 4)


@pytest.mark.parametrize("settings", [vanilla_vae.Settings, variant_vae.Settings])
def test_only_the_prior_needs_a_model_for_each_class(
    settings: type[vanilla_vae.Settings] | type[variant_vae.Settings],
) -> None:
    assert VanillaVAE.knows_labels(settings())
    assert not VanillaVAE.knows_labels(settings(sampling="prior"))
