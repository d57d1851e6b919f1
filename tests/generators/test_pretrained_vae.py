"""The VAE on a backbone against the sizes of its thesis, torchvision's networks and a triangle."""

import pytest
import torch
from torch import nn
from torchvision import models

from stages.generators.pretrained_vae import PretrainedVAE, Settings
from stages.networks.generative.pretrained_vae import Encoder, convolutions

CLASSES = ("a", "b")


def model(shape: tuple[int, int, int], **settings: object) -> PretrainedVAE:
    return PretrainedVAE(shape, CLASSES, Settings.model_validate(settings))


@pytest.mark.parametrize("backbone", ["vgg11_bn", "resnet152"])
def test_the_backbone_is_that_of_torchvision_without_its_dense_layers(backbone: str) -> None:
    with torch.device("meta"):
        whole = getattr(models, backbone)(weights=None)
        cut = {name for name, _ in whole.named_parameters() if name.startswith(("classifier", "fc"))}
        expected = [value.shape for name, value in whole.named_parameters() if name not in cut]
    made = convolutions(backbone)  # type: ignore[arg-type]
    assert [value.shape for value in made.parameters()] == expected
    assert all(value.isfinite().all() for value in (*made.parameters(), *made.buffers()))


def test_dense_layers_have_the_units_of_figure_4_9() -> None:
    network = model((3, 40, 50), backbone="resnet152", input_size=32)
    assert isinstance(network.encoder, Encoder)
    assert isinstance(network.decoder, nn.Module)
    encoder = [layer for layer in network.encoder.modules() if isinstance(layer, nn.Linear)]
    decoder = [layer for layer in network.decoder.modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in encoder] == [4096, 2048, 512, 512]
    assert [(layer.in_features, layer.out_features) for layer in decoder] == [(512, 2048), (2048, 4096)]
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.decoder.modules()) == 3


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 50, 41)])
def test_images_of_any_size_go_in_and_come_out(shape: tuple[int, int, int]) -> None:
    network = model(shape, hidden=64, latent_dim=3, input_size=32).eval()
    labels = torch.zeros(2, dtype=torch.int64)
    mean, log_variance = network.encode(torch.zeros(2, *shape), labels)
    assert mean.shape == log_variance.shape == (2, 3)
    assert network.decode(mean, labels).shape == (2, *shape)


def test_the_learning_rate_is_a_triangle_between_the_two_values_of_the_thesis() -> None:
    ((phase,),) = [act.phases for act in model((1, 8, 8), hidden=64, input_size=32).acts()]
    assert phase.schedule is not None
    rates = [1e-2 * phase.schedule(step) for step in (0, 250, 500, 1000, 1500)]
    assert rates == pytest.approx([1e-5, (1e-5 + 1e-2) / 2, 1e-2, 1e-5, 1e-2])
