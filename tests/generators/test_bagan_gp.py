"""BAGAN-GP: its phases, what its discriminator is to tell apart, and its penalty."""

import math

import pytest
import torch
from torch import Tensor, nn

from counterweight.core.tensors import Labelled
from counterweight.generators.bagan_gp import BAGANGP, Settings, channels_of
from counterweight.networks.generative.gan_losses import gradient_penalty

SHAPE = (1, 8, 8)


def model(shape: tuple[int, int, int] = SHAPE, classes: int = 4, **changes: object) -> BAGANGP:
    settings = Settings.model_validate({"latent_dim": 3, "width": 4, "label_dim": 5, **changes})
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return BAGANGP(shape, [str(name) for name in range(classes)], settings).requires_grad_(False)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int = 8) -> tuple[Tensor, Tensor]:
    return 2 * torch.rand((count, *SHAPE), generator=seeded()) - 1, torch.arange(count) % 4


def test_the_authors_settings_are_the_defaults() -> None:
    first, second = BAGANGP((1, 28, 28), ("a", "b"), Settings()).phases()
    assert (first.epochs, first.batch_size, first.balanced) == (30, 128, False)
    assert (second.epochs, second.batch_size, second.balanced) == (100, 128, True)
    assert [update.every for update in second.updates] == [1, 5]
    for update in (*first.updates, *second.updates):
        group = update.optimizer(update.modules[0].parameters()).param_groups[0]
        assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.9))
    assert Settings().penalty == 10


def test_at_64_pixels_maps_have_the_authors_channels() -> None:
    network = BAGANGP((3, 64, 64), ("a", "b"), Settings())
    convolutions = [layer.out_channels for layer in network.encoder[0] if isinstance(layer, nn.Conv2d)]
    transposed = [layer.out_channels for layer in network.generator if isinstance(layer, nn.ConvTranspose2d)]
    assert convolutions == [64, 128, 128, 256]
    assert transposed == [128, 128, 64, 3]
    assert network.generator[0].out_features == network.encoder[1].in_features == 4 * 4 * 256


@pytest.mark.parametrize(
    ("side", "channels"), [(3, [4]), (8, [4]), (16, [1, 4]), (28, [1, 2, 4]), (128, [1, 2, 2, 2, 4])]
)
def test_the_coarsest_map_has_the_most_channels(side: int, channels: list[int]) -> None:
    assert channels_of((1, side, 2), 1) == channels


def test_the_discriminator_begins_with_a_copy_of_the_encoders_convolutions() -> None:
    network, real = model(), Labelled(torch.zeros(2, *SHAPE, dtype=torch.uint8), torch.tensor([0, 1]))
    mine, yours = network.discriminator.features, network.encoder[0]
    network.on_phase_start("autoencoder", real)
    assert not torch.equal(mine[0].weight, yours[0].weight)
    network.on_phase_start("adversarial", real)
    assert all(torch.equal(mine.state_dict()[key], value) for key, value in yours.state_dict().items())
    assert mine[0].weight.data_ptr() != yours[0].weight.data_ptr()


def test_the_autoencoder_is_told_the_label() -> None:
    network, (images, labels) = model().eval(), batch()
    right = network.losses("autoencoder", images, labels, seeded())["loss"]
    assert network.losses("autoencoder", images, (labels + 1) % 4, seeded())["loss"] != right
    with torch.no_grad():
        network.embedding.weight.fill_(1)
    plain = network.generator(network.encoder(images))
    loss = network.losses("autoencoder", images, labels, seeded())["loss"]
    assert float(loss) == pytest.approx(float((plain - images).abs().mean()))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_wrong_labels_are_all_the_others_equally_often(classes: int) -> None:
    labels = torch.arange(classes).repeat(2000)
    wrong = model(classes=classes).other_labels(labels, seeded())
    counts = torch.bincount((wrong - labels) % classes, minlength=classes)
    assert counts[0] == 0
    expected = len(labels) / (classes - 1)
    assert (counts[1:] - expected).abs().max() < 5 * math.sqrt(expected)  # five standard deviations


class Says(nn.Module):
    """A discriminator whose opinion depends on the kind of a batch: real, fake, or real under wrong labels."""

    def __init__(self, real: float, fake: float, wrong: float) -> None:
        super().__init__()
        self.scores = torch.tensor([real, fake, wrong])

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        flat = 0 * images.flatten(1).sum(dim=1)
        return flat + (self.scores.repeat_interleave(len(images) // 3) if len(images) % 3 == 0 else 0)


def test_of_one_class_no_real_image_counts_as_a_fake() -> None:
    network, seen = model(classes=1), list[Tensor]()
    network.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    images = torch.full((4, *network.shape), 0.5)
    network.discriminator_losses(images, torch.zeros(4, dtype=torch.int64), seeded())
    real, fake, third = seen[0].split(4)
    assert torch.equal(real, images)
    assert torch.equal(third, fake)
    assert not torch.equal(fake, images)


def test_real_images_under_wrong_labels_count_as_fakes() -> None:
    images, labels = batch()
    for loss, expected in (
        ("non_saturating", -math.log(1 / (1 + math.exp(-2))) + math.log(1 + math.exp(-1)) + math.log(1 + math.exp(3))),
        ("wasserstein", (-1 + 3) / 2 - 2),
    ):
        network = model(loss=loss, penalty=10.0)
        network.discriminator = Says(2.0, -1.0, 3.0)
        losses = network.losses("discriminator", images, labels, seeded())
        assert float(losses["penalty"]) == pytest.approx(
            1, abs=1e-4
        )  # a flat judge: the norm should be one and is zero
        assert float(losses["loss"]) == pytest.approx(expected + 10, rel=1e-4)
        scores = [float(losses[name]) for name in ("real_score", "fake_score", "wrong_score")]
        assert scores == pytest.approx([2, -1, 3])


def test_the_discriminators_label_matters() -> None:
    network, (images, labels) = model(), batch()
    assert not torch.allclose(network.discriminator(images, labels), network.discriminator(images, (labels + 1) % 4))


def test_the_penalty_vanishes_for_a_critic_of_slope_one() -> None:
    images, _ = batch()
    direction = torch.full((64,), 1 / 8)
    penalty = gradient_penalty(lambda between: between.flatten(1) @ direction, images, -images, seeded())
    assert float(penalty) == pytest.approx(0, abs=1e-9)


def test_the_game_is_played_with_every_class_of_one_image() -> None:
    network, (images, labels) = model(), batch(4)
    for update in ("autoencoder", "discriminator", "generator"):
        assert network.losses(update, images, labels, seeded())["loss"].isfinite()
