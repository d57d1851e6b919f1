"""CVAE-GAN against the layer tables of the thesis, equations 3.1 to 3.6 and moving averages by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from counterweight.generators.cvae_gan import CVAEGAN, Settings, half_square
from counterweight.networks.generative.cvae_gan import Centres, Judge, centre_distance, classifier, discriminator
from counterweight.networks.layers import Dropout, parameter_count, use_rng

SHAPE = (1, 8, 8)
PHASES = ["classifier", "discriminator", "encoder", "generator"]


def model(shape: tuple[int, int, int] = SHAPE, classes: int = 3, **changes: object) -> CVAEGAN:
    settings = Settings.model_validate({"latent_dim": 4, "width": 4, "dropout": 0.0, **changes})
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return CVAEGAN(shape, [str(name) for name in range(classes)], settings).requires_grad_(False)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 6) -> tuple[Tensor, Tensor]:
    return 2 * torch.rand((count, *SHAPE), generator=seeded()) - 1, torch.arange(count) % 3


def test_parameters_are_those_of_tables_b1_to_b4() -> None:
    network = model((1, 28, 28), classes=10, latent_dim=55, width=32)
    assert parameter_count(network.generator) == 409_063
    assert parameter_count(network.discriminator) == 371_713
    assert parameter_count(network.classifier) == 437_610
    assert parameter_count(network.encoder) == 465_870


def test_maps_have_the_sizes_of_tables_b2_and_b3() -> None:
    images = torch.zeros(2, 1, 28, 28)
    assert sizes(discriminator((1, 28, 28), 32, 0.3, 0.3), images) == [28, 13, 6, 2, 1]
    assert sizes(classifier((1, 28, 28), 32, 0.3, 10), images) == [28, 26, 24, 12, 10, 8, 4, 2, 2, 2, 1]


def test_dropout_stands_behind_each_convolution_of_the_discriminator_where_wanted() -> None:
    plain, dropping = (model(dropout=0.3, discriminator_dropout=fraction) for fraction in (0.0, 0.4))
    fractions = [
        [layer.fraction for layer in network.modules() if isinstance(layer, Dropout)]
        for network in (plain.discriminator, plain.classifier, dropping.discriminator, dropping.classifier)
    ]
    assert fractions == [[0.3], [0.3], [0.4, 0.4, 0.4, 0.3], [0.3]]
    assert parameter_count(plain.discriminator) == parameter_count(dropping.discriminator)
    images = batch()[0]
    use_rng(dropping, seeded())
    assert torch.equal(*(dropping.discriminator.features(images) for _ in range(2))), "features are without dropout"


def test_weights_begin_as_kerass_do() -> None:
    network = model((1, 28, 28), classes=10, latent_dim=20, width=8)
    dense, last = network.generator.layers[0], network.generator.layers[-3]
    assert float(dense.weight.abs().max()) == pytest.approx(math.sqrt(6 / (40 + 784)), rel=1e-3)
    assert float(last.weight.abs().max()) == pytest.approx(math.sqrt(6 / (25 * (4 + 1))), rel=0.1)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            fans = sum(layer.weight.shape[:2]) * layer.weight[0, 0].numel()  # of inputs and outputs
            assert float(layer.weight.abs().max()) <= math.sqrt(6 / fans) + 1e-6
            assert float(layer.weight.square().mean()) == pytest.approx(2 / fans, rel=0.25)
            assert layer.bias.count_nonzero() == 0
        elif isinstance(layer, nn.Embedding):
            assert float(layer.weight.square().mean()) == pytest.approx(1, rel=0.25), "as the latents beside it"


def test_images_differ_from_the_beginning() -> None:
    """With torch's biases 1 % of the images' square differs among them, and they become black before they differ."""
    images = model((1, 28, 28), classes=10, latent_dim=20, width=8).generate_random(256, seeded())[0]
    assert float(images.var(dim=0).mean() / images.square().mean()) > 0.2


def test_latents_carry_something_where_images_vary_by_more_than_the_weight() -> None:
    """A linear decoder's best encoder, in one direction: a gain that is 0 up to the variance of the images."""
    variance = 12.3  # the largest of MNIST within a class
    gains = torch.linspace(0, 5, 5001, dtype=torch.float64)  # of latent to image
    for weight, expected in ((300 / 55, variance - 300 / 55), (1.0, variance - 1), (300.0, 0.0)):
        # Given the gain g, posterior variance w / (g^2 + w) and mean g x / (g^2 + w) are the best ones.
        posterior = weight / (gains**2 + weight)
        mean = variance * gains**2 / (gains**2 + weight) ** 2
        error = 0.5 * (variance * posterior**2 + gains**2 * posterior)
        kl = kl_terms(mean, posterior)
        assert float(gains[(error + weight * kl).argmin()]) ** 2 == pytest.approx(expected, abs=0.01)


def kl_terms(mean_square: Tensor, variance: Tensor) -> Tensor:
    """KL from the standard normal of normals whose means have this mean square."""
    return 0.5 * (variance + mean_square - 1 - variance.log())


def sizes(judge: Judge, images: Tensor) -> list[int]:
    """Return the side of the images and of what each convolution or pooling makes of it."""
    sides = [images.shape[-1]]
    for layer in judge.trunk.layers[:-1]:
        images = layer(images)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            sides.append(images.shape[-1])
    return sides


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 3), (3, 5, 4), (1, 6, 9), (3, 64, 64), (1, 8, 60)], ids=str)
def test_networks_take_images_of_any_size(shape: tuple[int, int, int]) -> None:
    network = model(shape)
    use_rng(network, seeded())
    images, labels = torch.zeros(4, *shape), torch.arange(4) % 3
    for update in PHASES:
        assert network.losses(update, images, labels, seeded())["loss"].isfinite()
    assert network.make(labels, seeded()).shape == images.shape


def test_the_published_settings_are_the_defaults() -> None:
    (phase,) = CVAEGAN((1, 28, 28), ("a", "b"), Settings()).phases()
    assert (phase.epochs, phase.batch_size) == (1500, 300)
    assert [update.name for update in phase.updates] == PHASES
    for update in phase.updates:
        optimizer = update.optimizer(update.modules[0].parameters())
        assert isinstance(optimizer, torch.optim.RMSprop)
        assert optimizer.param_groups[0]["lr"] == 2e-4
    s = Settings()
    weights = (s.kl_weight, s.reconstruction_weight, s.discriminator_centre_weight, s.classifier_centre_weight)
    assert weights == (300 / phase.batch_size, 1, 1e-3, 1e-3)
    assert s.latent_dim == 55


def test_a_judge_that_knows_nothing_costs_the_logarithm_of_its_choices() -> None:
    network, (images, labels) = model(), batch()
    use_rng(network, seeded())
    for judge in (network.discriminator, network.classifier):
        for parameter in judge.parameters():
            parameter.data.zero_()
    losses = network.losses("discriminator", images, labels, seeded())
    assert float(losses["loss"]) == pytest.approx(3 * math.log(2))
    assert float(network.losses("classifier", images, labels, seeded())["loss"]) == pytest.approx(math.log(3))


def test_equation_3_1_wants_real_images_to_be_real_and_both_other_kinds_not() -> None:
    network, (images, labels) = model(), batch()
    network.discriminator = Always(torch.tensor([2.0] * 6 + [-1.0] * 6 + [0.5] * 6)[:, None])
    losses = network.losses("discriminator", images, labels, seeded())
    expected = [-math.log(sigmoid(2)), -math.log(1 - sigmoid(-1)), -math.log(1 - sigmoid(0.5))]
    assert float(losses["loss"]) == pytest.approx(sum(expected), rel=1e-5)
    assert [float(losses[name]) for name in ("real", "reconstructed", "generated")] == pytest.approx(expected, rel=1e-5)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


class Always(nn.Module):
    """A judge whose opinion stands, and whose features are the images doubled."""

    def __init__(self, opinion: Tensor) -> None:
        super().__init__()
        self.opinion = opinion

    def forward(self, images: Tensor) -> Tensor:
        return self.opinion

    def features(self, images: Tensor) -> Tensor:
        return 2 * images.flatten(1)


def test_equation_3_4_is_half_of_sums_over_pixels_and_features_averaged_over_images() -> None:
    network = model()
    network.discriminator = network.classifier = Always(torch.zeros(1))
    images, rebuilt = torch.zeros(2, *SHAPE), torch.zeros(2, *SHAPE)
    rebuilt[0] = 0.5  # 64 pixels: a squared distance of 16, and 64 in the doubled features; the other image fits
    parts = network.distances(images, rebuilt, network.extract_features(images))
    expected = {"pixels": 4, "discriminator_features": 16, "classifier_features": 16}
    assert {name: float(value) for name, value in parts.items()} == pytest.approx(expected)
    assert all(value == 0 for value in network.distances(rebuilt, rebuilt, network.extract_features(rebuilt)).values())
    assert half_square(torch.ones(3, 5), torch.zeros(3, 5)) == 2.5


@pytest.mark.parametrize("update", ["encoder", "generator"])
def test_weights_stand_before_their_terms(update: str) -> None:
    images, labels = batch()
    changes = {
        "kl_weight": 7.0,
        "reconstruction_weight": 3.0,
        "discriminator_centre_weight": 0.5,
        "classifier_centre_weight": 0.25,
    }
    parts = model(**changes).losses(update, images, labels, seeded())
    distance = parts["pixels"] + parts["discriminator_features"] + parts["classifier_features"]
    if update == "encoder":
        expected = 7 * parts["kl"] + 3 * distance
    else:
        expected = 3 * distance + 0.5 * parts["centre"] + 0.25 * parts["class_centres"]
    assert float(parts["loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert len(parts) == 5 + (update == "generator")


def test_the_centre_is_the_weighted_mean_of_the_batches_means() -> None:
    centres, group = Centres(1, 1, decay=0.5), torch.zeros(2, dtype=torch.int64)
    assert float(centres(torch.tensor([[1.0], [3.0]]), group)) == 2
    assert float(centres(torch.tensor([[5.0], [5.0]]), group)) == pytest.approx((0.5 * 2 + 5) / 1.5)
    assert float(centres(torch.tensor([[0.0], [2.0]]), group)) == pytest.approx((0.25 * 2 + 0.5 * 5 + 1) / 1.75)


def test_a_group_without_members_keeps_its_centre() -> None:
    centres = Centres(3, 2, decay=0.5)
    features = torch.tensor([[1.0, 2.0], [3.0, 4.0], [8.0, 8.0]])
    first = centres(features, torch.tensor([0, 0, 2]))
    assert first.tolist() == [[2, 3], [0, 0], [8, 8]]
    second = centres(features, torch.tensor([1, 1, 1]))
    assert second.tolist() == [[2, 3], [4, pytest.approx(14 / 3)], [8, 8]]


def test_without_decay_the_centre_is_the_batchs_mean() -> None:
    centres, group = Centres(1, 4, decay=0.0), torch.zeros(5, dtype=torch.int64)
    for seed in range(3):
        features = torch.randn((5, 4), generator=seeded(seed))
        assert torch.allclose(centres(features, group)[0], features.mean(dim=0))


def test_the_gradient_of_a_centre_is_that_of_the_batchs_mean() -> None:
    centres, groups = Centres(2, 1, decay=0.9), torch.tensor([0, 0, 0, 1])
    centres(torch.ones(4, 1), groups)
    features = torch.zeros((4, 1), requires_grad=True)
    centres(features, groups).sum().backward()
    assert features.grad is not None
    assert features.grad.flatten().tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])


def test_distances_of_centres_are_zero_for_equal_features_and_leave_out_classes_that_one_side_lacks() -> None:
    features, groups = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1])
    real, fake = Centres(3, 2, 0.9), Centres(3, 2, 0.9)
    assert centre_distance(real, real(features, groups), fake, fake(features, groups)) == 0
    real, fake = Centres(3, 2, 0.9), Centres(3, 2, 0.9)
    distance = centre_distance(real, real(features, groups), fake, fake(-features, torch.tensor([0, 2])))
    assert float(distance) == pytest.approx(
        2
    )  # class 0: half of (1 + 1) squared; class 1 was not made, class 2 is not there


def test_centres_are_saved_and_only_the_generators_turn_moves_them() -> None:
    network, (images, labels) = model(), batch()
    use_rng(network, seeded())
    names = [name for name in network.state_dict() if "centre" in name]
    assert len(names) == 8
    for update in PHASES[:3]:
        network.losses(update, images, labels, seeded())
    assert all(network.state_dict()[name].abs().max() == 0 for name in names)
    network.losses("generator", images, labels, seeded())
    assert all(network.state_dict()[name].abs().max() > 0 for name in names)


def test_the_others_turns_leave_the_judges_statistics_alone() -> None:
    network, (images, labels) = model(), batch()
    judges = (network.discriminator, network.classifier)
    before = [value.clone() for judge in judges for value in judge.state_dict().values()]
    for update in ("encoder", "generator"):
        network.losses(update, images, labels, seeded())
    assert all(judge.training for judge in judges)
    after = [value for judge in judges for value in judge.state_dict().values()]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
