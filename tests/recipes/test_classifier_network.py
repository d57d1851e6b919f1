"""Networks of classifiers: ours, a library's, the user's own; read, frozen, resized, or refused in one line."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from counterweight.core.errors import UserError
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import Labelled
from counterweight.networks.classifiers.base import Frozen
from counterweight.networks.layers import Dropout, DropPath, use_rng
from counterweight.recipes.base.classifier_network import (
    build_classifier,
    check_classifier,
    hash_network,
    represent_frozen,
)
from counterweight.settings.classify import ClassifierConfig
from tests.recipes.made import build, seeded

WHERE = "params.yaml: classifiers.pets"
SHAPE = (3, 32, 32)


def configure(network: str, **values: object) -> ClassifierConfig:
    return ClassifierConfig.model_validate({"network": network, "epochs": 2, "batch_size": 8, **values})


def build_one(network: str, shape: tuple[int, int, int] = SHAPE, seed: int = 0, **values: object) -> nn.Module:
    return build_classifier(configure(network, **values), shape, 4, seed, WHERE)


def expect_refusal(text: str, network: str, **values: object) -> None:
    with pytest.raises(UserError) as caught:
        check_classifier(configure(network, **values), WHERE)
    assert str(caught.value).startswith(f"{WHERE}.")
    assert text in str(caught.value)


def make_images(count: int, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=seeded(seed))


@pytest.fixture
def user_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of a name that no other test uses, in the folder where the command runs."""
    name = f"own_{derive_seed(0, str(tmp_path)) % 10**9}"
    code = """
        from torch import nn
        size = 3
        def build(shape, classes):
            return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], 5), nn.Linear(5, classes))
        def one_too_many(shape, classes):
            return build(shape, classes + 1)
        def no_module(shape, classes):
            return 3
        def softmax(shape, classes):
            return nn.Sequential(build(shape, classes), nn.Softmax(dim=1))
        """
    (tmp_path / f"{name}.py").write_text("\n".join(line[8:] for line in code.splitlines()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize("network", ["mnist_cnn", "resnet18", "tf_efficientnet_lite0"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 40, 32)], ids=str)
def test_a_network_of_ours_or_a_library_makes_logits_and_learns(network: str, shape: tuple[int, int, int]) -> None:
    built = build_one(network, shape)
    logits = built(torch.zeros(2, *shape))
    assert logits.shape == (2, 4)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in built.parameters())


@pytest.mark.parametrize("network", ["cifar10_cnn", "resnet18"])
def test_the_seed_alone_decides_about_first_weights(network: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (build_one(network, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_library_s_network_sees_pixels_as_the_library_prepares_them(tmp_path: Path) -> None:
    """Its logits, but for the new last layer, are those of the library's own on its own input."""
    torch.manual_seed(3)
    own = models.resnet18()
    save_file(own.state_dict(), tmp_path / "w.safetensors")
    built = build_one("resnet18", weights=str(tmp_path / "w.safetensors")).eval()
    images = make_images(2)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    own.fc = nn.Identity()
    with torch.no_grad():
        expected = built.get_submodule("head")(own.eval()((images.float() / 255 - mean) / deviation))
        found = built(images.float() / 127.5 - 1)
    # Sums of some hundred products in another order, each rounded to 24 bits.
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("network", "layer"), [("efficientnet_b0", DropPath), ("squeezenet1_1", Dropout), ("googlenet", Dropout)]
)
def test_what_is_random_in_a_library_s_network_is_drawn_from_its_own_generator(
    network: str, layer: type[nn.Module]
) -> None:
    built = build_one(network, input_size=64).train()
    assert any(isinstance(module, layer) for module in built.modules())
    assert not any(type(module) is nn.Dropout and module.p > 0 for module in built.modules())
    before, found = torch.get_rng_state(), []
    for seed in (0, 0, 1):
        use_rng(built, seeded(seed))
        found.append(built(make_images(2).float()))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_drop_path_drops_whole_rows_and_keeps_the_mean() -> None:
    layer = DropPath(0.25).train()
    use_rng(layer, seeded())
    values = layer(torch.ones(100_000, 2, 1, 1))
    assert torch.equal(values[:, 0], values[:, 1])
    # Three standard deviations of a share of 100,000 rows: 3 * sqrt(0.25 * 0.75 / 1e5) = 0.004.
    assert float((values == 0).float().mean()) == pytest.approx(0.25, abs=0.0042)
    assert float(values.max()) == pytest.approx(4 / 3)


def test_images_are_brought_to_the_size_that_is_asked_for() -> None:
    small, large = build_one("mnist_cnn", (1, 12, 12)), build_one("mnist_cnn", (1, 12, 12), input_size=28)
    sizes = [sum(parameter.numel() for parameter in network.parameters()) for network in (small, large)]
    assert sizes[1] == 121_994 - 6 * 65  # table B.8, with four classes
    assert sizes[0] < sizes[1]
    assert large(torch.zeros(3, 1, 12, 12)).shape == (3, 4)


def test_a_function_of_the_user_s_is_called_with_shape_and_classes(user_code: str) -> None:
    name = f"{user_code}:build"
    check_classifier(configure(name), WHERE)
    assert build_one(name)(torch.zeros(2, *SHAPE)).shape == (2, 4)
    assert build_one(name, input_size=8).get_submodule("1.1").in_features == 3 * 8 * 8
    assert len(hash_network(configure(name), WHERE)) == 1


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("no_module", "returns a int, not a torch module"),
        ("one_too_many", "makes (2, 5) of 2 images and 4 classes, not (2, 4)"),
    ],
)
def test_a_function_that_returns_something_else_is_refused(user_code: str, function: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        build_one(f"{user_code}:{function}")
    assert text in str(caught.value)


def test_code_that_is_not_there_is_refused(user_code: str) -> None:
    expect_refusal("cannot be loaded", f"{user_code}:nothing")
    expect_refusal("cannot be loaded", f"{user_code}x:build")
    expect_refusal("is no function", f"{user_code}:size")


def test_what_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    expect_refusal("did you mean", "resnet19")
    expect_refusal("'nowhere' is neither none, imagenet, a file nor a folder", "resnet18", weights="nowhere")
    expect_refusal("no file for resnet18", "resnet18", weights=str(tmp_path))
    expect_refusal("imagenet: none are known of mnist_cnn", "mnist_cnn", weights="imagenet")
    expect_refusal("all layers are drawn at random", "resnet18", frozen=True)
    expect_refusal("vit_b_16 takes 224 alone", "vit_b_16", input_size=64)
    expect_refusal("is here for what it has learned", "efficientnet_lite0")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    for network in ("resnet18", "mnist_cnn"):
        with pytest.raises(UserError, match=f"w.safetensors: not weights of {network}: "):
            build_one(network, weights=str(path))


def test_a_network_that_images_are_too_small_for_is_refused_with_a_way_out() -> None:
    with pytest.raises(UserError, match=r"cannot work on images of 3x4x4: .*classifiers.pets.input_size"):
        build_one("alexnet", (3, 4, 4))


def test_of_a_network_of_ours_weights_are_read(tmp_path: Path) -> None:
    other = build_one("mnist_cnn", seed=5)
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    read = build_one("mnist_cnn", weights=str(tmp_path / "w.safetensors"))
    assert all(torch.equal(one, two) for one, two in zip(read.parameters(), other.parameters(), strict=True))


def test_none_is_nothing() -> None:
    assert configure("mnist_cnn", weights="none").weights is None


def make_pretrained(tmp_path: Path) -> nn.Module:
    """Return a frozen network of ours with weights of a file."""
    save_file(build_one("cifar10_cnn", seed=5).state_dict(), tmp_path / "w.safetensors")
    return build_one("cifar10_cnn", weights=str(tmp_path / "w.safetensors"), frozen=True)


def test_of_a_frozen_network_the_last_layer_alone_changes(tmp_path: Path) -> None:
    network = make_pretrained(tmp_path)
    assert isinstance(network, Frozen)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images, labels = make_images(32), torch.arange(32) % 4
    own = Labelled(images, labels)
    build("plain", [8] * 4).fit(own, own, network, configure("cifar10_cnn"), 0)
    changed = [key for key, value in network.state_dict().items() if not torch.equal(value, before[key])]
    assert changed == ["head.0.weight", "head.0.bias"]


@pytest.mark.parametrize("recipe", ["plain", "ldam_drw", "balanced_softmax"])
def test_what_a_frozen_network_saw_once_teaches_its_last_layer_the_same(tmp_path: Path, recipe: str) -> None:
    images, labels = make_images(32), torch.arange(32) % 4
    logits = []
    for once in (True, False):
        network = make_pretrained(tmp_path)
        assert isinstance(network, Frozen)
        seen = represent_frozen(network, images) if once else images
        own = Labelled(seen, labels)
        learner = network.head if once else network
        logits.append(build(recipe, [8] * 4).fit(own, own, learner, configure("cifar10_cnn"), 0)(seen))
    # The trunk's convolutions round otherwise in batches of another size.
    torch.testing.assert_close(*logits, rtol=1e-3, atol=1e-3)


def test_a_network_that_goes_on_after_its_last_layer_cannot_be_frozen(user_code: str) -> None:
    with pytest.raises(UserError, match="does not end in its last dense layer"):
        build_one(f"{user_code}:softmax", frozen=True)


def test_packaged_weights_need_no_network_connection() -> None:
    config = configure("efficientnet_lite0", weights="imagenet", frozen=True)
    check_classifier(config, WHERE)
    frozen = build_classifier(config, (1, 28, 28), 4, 0, WHERE)
    assert isinstance(frozen, Frozen)
    features = represent_frozen(frozen, make_images(3, (1, 28, 28)))
    assert features.shape == (3, 1280)
    assert np.isfinite(features.numpy()).all()
