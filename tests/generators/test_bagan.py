"""BAGAN against the layer tables of the thesis and against numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.bagan import BAGAN, Settings
from counterweight.generators.base.generator import Phase
from counterweight.networks.layers import parameter_count, use_rng

LATENTS = 3


def model(shape: tuple[int, int, int] = (1, 8, 8), classes: int = 4, **changes: object) -> BAGAN:
    settings = Settings.model_validate({"latent_dim": LATENTS, **changes})
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return BAGAN(shape, [str(name) for name in range(classes)], settings)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(sizes: tuple[int, ...]) -> Labelled:
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    images = torch.randint(0, 256, (len(labels), 1, 8, 8), generator=seeded(), dtype=torch.uint8)
    return Labelled(images, labels)


def linear_encoder(network: BAGAN) -> BAGAN:
    """Make the latents linear in the pixels, different in size and correlated."""
    layer = nn.Linear(64, LATENTS)
    layer.weight.data = torch.randn((LATENTS, 64), generator=seeded(1)) * torch.tensor([[0.1], [1.0], [3.0]])
    network.encoder = nn.Sequential(nn.Flatten(), layer)
    return network


def latents(network: BAGAN, real: Labelled, label: int) -> np.ndarray:
    with torch.no_grad():
        encoded: np.ndarray = network.encoder(to_unit(real.images[real.labels == label])).double().numpy()
    return encoded


def covariances(factors: Tensor) -> np.ndarray:
    product: np.ndarray = (factors.double() @ factors.double().mT).numpy()
    return product


def test_parameters_are_those_of_tables_b5_to_b7() -> None:
    network = model((1, 28, 28), classes=10, latent_dim=10)
    assert parameter_count(network.generator) == 94_913
    assert parameter_count(network.encoder) == 398_090
    assert parameter_count(network.discriminator) == 399_115


def test_the_published_settings_are_the_defaults() -> None:
    first, second = model((1, 28, 28), latent_dim=10).phases()
    assert (first.epochs, first.batch_size, first.balanced) == (300, 275, False)
    assert (second.epochs, second.balanced) == (800, True)
    assert [update.name for update in second.updates] == ["discriminator", "generator"]
    assert learning_rates(first) == [5e-5]
    assert learning_rates(second) == [5e-5, 5e-5]


def learning_rates(phase: Phase) -> list[float]:
    optimizers = [update.optimizer(update.modules[0].parameters()) for update in phase.updates]
    assert all(isinstance(optimizer, torch.optim.Adam) for optimizer in optimizers)
    return [optimizer.param_groups[0]["lr"] for optimizer in optimizers]


def test_each_act_has_its_own_learning_rate_and_rmsprop_is_to_be_had() -> None:
    network = model(optimizer="rmsprop", autoencoder_learning_rate=0.1, learning_rate=0.2)
    rates = []
    for phase in network.phases():
        for update in phase.updates:
            optimizer = update.optimizer(update.modules[0].parameters())
            assert isinstance(optimizer, torch.optim.RMSprop)
            assert optimizer.param_groups[0]["alpha"] == 0.9  # Keras's rho
            rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [0.1, 0.2, 0.2]


@pytest.mark.parametrize(("classes", "batch", "real", "fakes"), [(10, 275, 250, 25), (3, 220, 165, 55), (1, 2, 1, 1)])
def test_a_batch_is_all_that_the_discriminator_judges_and_no_larger_than_the_generators(
    classes: int, batch: int, real: int, fakes: int
) -> None:
    network, judged = model(classes=classes, batch_size=batch), list[int]()
    network.discriminator.register_forward_pre_hook(lambda module, inputs: judged.append(len(inputs[0])))
    use_rng(network, seeded())
    coder, game = network.phases()
    assert (coder.batch_size, game.batch_size) == (batch, real)
    for update in game.updates:
        network.losses(update.name, torch.zeros(real, 1, 8, 8), torch.arange(real) % classes, seeded())
    assert judged == [real + fakes, real + fakes] == [batch, batch]


@pytest.mark.parametrize(("classes", "images", "fakes"), [(4, 40, 10), (10, 60, 6), (4, 41, 10), (4, 1, 1)])
def test_fakes_are_one_of_n_plus_one_of_what_is_judged(classes: int, images: int, fakes: int) -> None:
    network, seen = model(classes=classes), []
    network.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    use_rng(network, seeded())
    network.losses("discriminator", torch.zeros(images, 1, 8, 8), torch.arange(images) % classes, seeded())
    assert seen == [images + fakes]


def test_the_discriminator_is_to_name_classes_and_fakes() -> None:
    network = model(dropout=0.0)
    perfect = {"real": torch.eye(5)[torch.arange(8) % 4], "fake": torch.eye(5)[[4, 4]]}
    network.discriminator = Always(100 * torch.cat([perfect["real"], perfect["fake"]]))
    losses = network.losses("discriminator", torch.zeros(8, 1, 8, 8), torch.arange(8) % 4, seeded())
    assert [float(value) for value in losses.values()] == pytest.approx([0, 1, 1])
    network.discriminator = Always(torch.zeros(10, 5))
    losses = network.losses("discriminator", torch.zeros(8, 1, 8, 8), torch.arange(8) % 4, seeded())
    assert float(losses["loss"]) == pytest.approx(np.log(5))


def test_the_generator_is_to_be_taken_for_the_wanted_classes() -> None:
    network = model()
    # As many as 8 real images and 2 fakes are; everything is said to be of class 0.
    network.discriminator = Always(100 * torch.eye(5)[[0] * 10])
    assert network.losses("generator", torch.zeros(8, 1, 8, 8), torch.zeros(8), seeded())["fooled"] in (0.2, 0.3)


class Always(nn.Module):
    """A discriminator whose opinion stands."""

    def __init__(self, opinion: Tensor) -> None:
        super().__init__()
        self.opinion = opinion

    def forward(self, images: Tensor) -> Tensor:
        return self.opinion


def test_the_game_begins_with_the_encoders_convolutions_and_its_gaussians() -> None:
    network, real = model(), noise((9, 8, 7, 6))
    mine, yours = network.discriminator[0], network.encoder[0]
    assert not torch.equal(mine[0].weight, yours[0].weight)
    head = network.discriminator[1].weight.clone()
    network.on_phase_start("autoencoder", real)
    assert not network.fitted
    network.on_phase_start("adversarial", real)
    assert all(torch.equal(mine.state_dict()[key], value) for key, value in yours.state_dict().items())
    assert mine[0].weight.data_ptr() != yours[0].weight.data_ptr()
    assert torch.equal(network.discriminator[1].weight, head)
    assert network.fitted
    assert torch.equal(network.class_means, network.class_gaussians(real)[0])


def test_gaussians_of_large_classes_are_their_mean_and_covariance() -> None:
    network, real = linear_encoder(model()), noise((6000, 9000, 10, 10))
    means, factors = network.class_gaussians(real)
    for label in (0, 1):
        own = latents(network, real, label)
        assert means[label].numpy() == pytest.approx(own.mean(axis=0), rel=1e-4, abs=1e-4)
        expected = np.cov(own.T)
        scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
        assert np.abs((covariances(factors)[label] - expected) / scale).max() < 5e-3


@pytest.mark.parametrize("shrinkage", [1.0, 0.1])
def test_a_class_of_one_image_gets_the_pooled_covariance_around_that_image(shrinkage: float) -> None:
    network, real = linear_encoder(model(shrinkage=shrinkage)), noise((30, 20, 10, 1))
    means, factors = network.class_gaussians(real)
    centred = np.concatenate([own - own.mean(axis=0) for own in (latents(network, real, k) for k in range(4))])
    pooled = centred.T @ centred / (61 - 4)
    scale = np.sqrt(np.outer(pooled.diagonal(), pooled.diagonal()))
    assert np.abs((covariances(factors)[3] - pooled) / scale).max() < 1e-3
    assert means[3].numpy() == pytest.approx(latents(network, real, 3)[0], rel=1e-4, abs=1e-4)


def test_shrinkage_mixes_a_classs_own_covariance_with_the_pooled_one() -> None:
    real = noise((30, 20, 10, 6))
    own, mixed = (
        covariances(linear_encoder(model(shrinkage=shrinkage)).class_gaussians(real)[1]) for shrinkage in (0.0, 2.0)
    )
    pooled = sum(count * part for count, part in zip((29, 19, 9, 5), own, strict=True)) / (66 - 4)
    weight = 2 * LATENTS / (5 + 2 * LATENTS)
    assert mixed[3] == pytest.approx((1 - weight) * own[3] + weight * pooled, rel=1e-3, abs=1e-6)


def test_without_shrinkage_images_of_a_class_lie_between_its_real_ones() -> None:
    network, real = linear_encoder(model()), noise((30, 20, 2, 1))
    _, factors = network.class_gaussians(real)
    first, second = latents(network, real, 2)
    # The covariance of two points is half the outer product of their difference; of one, nothing but the ridge.
    expected = np.outer(first - second, first - second) / 2
    own = covariances(factors)
    assert own[2] == pytest.approx(expected, rel=1e-3, abs=1e-5 * expected.max())
    assert own[3].max() < 2e-6 * np.einsum("kdd->kd", own).mean()


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (5, 0, 3, 1)])
@pytest.mark.parametrize("shrinkage", [0.0, 1.0])
def test_gaussians_exist_for_the_scarcest_sets(sizes: tuple[int, ...], shrinkage: float) -> None:
    means, factors = model(shrinkage=shrinkage).class_gaussians(noise(sizes))
    assert means.isfinite().all()
    assert (factors.diagonal(dim1=1, dim2=2) > 0).all()


def test_gaussians_are_fitted_without_dropout_and_leave_the_mode() -> None:
    network, real = model(), noise((9, 8, 7, 6))
    network.train()
    first, second = network.class_gaussians(real), network.class_gaussians(real)
    assert torch.equal(first[0], second[0])
    assert network.training


@pytest.mark.parametrize("count", [1, 3, 4, 10, 400])
def test_wanted_labels_are_even_and_shuffled(count: int) -> None:
    drawn = [model().even_labels(count, seeded(seed)) for seed in range(20)]
    for labels in drawn:
        counts = torch.bincount(labels, minlength=4)
        assert counts.sum() == count
        assert counts.max() - counts.min() <= 1
    assert len({tuple(labels.tolist()) for labels in drawn}) > 3


def test_previews_during_the_first_act_come_from_the_encoders_present_gaussians() -> None:
    network, real = model(), noise((9, 8, 7, 6))
    made = network.sample(torch.arange(4), real, seeded())
    assert network.class_means.abs().max() == 0
    network.on_phase_start("adversarial", real)
    assert torch.equal(network.sample(torch.arange(4), real, seeded()), made)


@pytest.mark.parametrize("intensity", [20, 128, 230])
def test_the_decoder_starts_from_the_mean_intensity(intensity: int) -> None:
    network = model()
    real = Labelled(torch.full((6, 1, 8, 8), intensity, dtype=torch.uint8), torch.arange(6) % 4)
    network.on_phase_start("autoencoder", real)
    with torch.no_grad():
        network.generator[-3].weight.zero_()
        images = network.generator(torch.randn((5, LATENTS), generator=seeded()))
    torch.testing.assert_close(images, torch.full_like(images, intensity / 127.5 - 1))
