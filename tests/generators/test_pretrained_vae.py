"""The VAE on a backbone against the sizes of its thesis, torchvision's networks and a triangle."""

import hashlib
import io
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from counterweight.core.errors import UserError
from counterweight.core.tensors import Labelled
from counterweight.generators.pretrained_vae import PretrainedVAE, Settings
from counterweight.networks.generative import pretrained_vae as networks
from counterweight.networks.generative.pretrained_vae import URLS, Encoder, build_convolutions

CLASSES = ("a", "b")


def model(shape: tuple[int, int, int], **settings: object) -> PretrainedVAE:
    return PretrainedVAE(shape, CLASSES, Settings.model_validate({"weights": "random", **settings}))


@pytest.mark.parametrize("backbone", ["vgg11_bn", "resnet152"])
def test_the_backbone_is_that_of_torchvision_without_its_dense_layers(backbone: str) -> None:
    with torch.device("meta"):
        whole = getattr(models, backbone)(weights=None)
        cut = {name for name, _ in whole.named_parameters() if name.startswith(("classifier", "fc"))}
        expected = [value.shape for name, value in whole.named_parameters() if name not in cut]
    made = build_convolutions(backbone)  # type: ignore[arg-type]
    assert [value.shape for value in made.parameters()] == expected
    assert all(value.isfinite().all() for value in (*made.parameters(), *made.buffers()))


def test_addresses_are_torchvisions() -> None:
    """They are written out, since asking torchvision for them takes seconds."""
    assert {name: models.get_model_weights(name)["IMAGENET1K_V1"].url for name in URLS} == URLS


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
    ((update,),) = [phase.updates for phase in model((1, 8, 8), hidden=64, input_size=32).phases()]
    assert update.schedule is not None
    rates = [1e-2 * update.schedule(step) for step in (0, 250, 500, 1000, 1500)]
    assert rates == pytest.approx([1e-5, (1e-5 + 1e-2) / 2, 1e-2, 1e-5, 1e-2])


REAL = Labelled(torch.full((3, 1, 12, 14), 90, dtype=torch.uint8), torch.tensor([0, 1, 1]))


def without_dense_layers() -> nn.Module:
    network = models.vgg11_bn(weights=None, num_classes=1)
    network.classifier = nn.Identity()  # a hundred million weights that are not used
    return network


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of torchvision's VGG11 in torch's cache, under the name that their hash gives them."""
    buffer = io.BytesIO()
    with torch.random.fork_rng([]):
        torch.save(without_dense_layers().state_dict() | {"features.0.bias": torch.arange(64.0)}, buffer)
    path = tmp_path / "checkpoints" / f"vgg11_bn-{hashlib.sha256(buffer.getvalue()).hexdigest()[:8]}.pth"
    path.parent.mkdir()
    path.write_bytes(buffer.getvalue())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setitem(URLS, "vgg11_bn", f"http://127.0.0.1:1/{path.name}")  # nobody listens there
    return path


def test_training_starts_from_imagenets_weights(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = model((1, 12, 14), weights="imagenet", input_size=32, hidden=64, latent_dim=2)
    monkeypatch.setattr(networks, "build_whole", lambda backbone: without_dense_layers())
    with torch.random.fork_rng([]):
        network.on_phase_start("autoencoder", REAL)
    assert isinstance(network.encoder, Encoder)
    assert torch.equal(network.encoder.backbone.state_dict()["0.0.bias"], torch.arange(64.0))
    saved = torch.load(file, weights_only=True)
    assert torch.equal(network.encoder.backbone.state_dict()["0.4.weight"], saved["features.4.weight"])


def test_images_are_normalised_as_imagenets_weights_expect_it() -> None:
    network = model((3, 12, 14), weights="imagenet", input_size=32, hidden=64, latent_dim=2)
    assert isinstance(network.encoder, Encoder)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (2 * mean - 1)[None, :, None, None].expand(1, 3, 12, 14)  # of ImageNet's mean colour
    seen: list[torch.Tensor] = []
    network.encoder.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.eval().encode(images, torch.zeros(1))
    torch.testing.assert_close(seen[0], torch.zeros(1, 3, 32, 32), atol=1e-5, rtol=0)
    network.encode(images + 2 * deviation[None, :, None, None], torch.zeros(1))
    torch.testing.assert_close(seen[1], torch.ones(1, 3, 32, 32), atol=1e-5, rtol=0)


def test_missing_weights_are_told_before_any_work(file: Path) -> None:
    PretrainedVAE.precheck(Settings(), CLASSES)
    file.unlink()
    with pytest.raises(
        UserError, match=r"^weights: imagenet: vgg11_bn-.* put the file into that folder, or choose weights: random"
    ):
        PretrainedVAE.precheck(Settings(), CLASSES)
    PretrainedVAE.precheck(Settings(weights="random"), CLASSES)
