"""Networks of classifiers: ours, a library's, the user's own; read, frozen, resized, or refused in one line."""

from collections.abc import Callable
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
from counterweight.core.weight_files import hash_file
from counterweight.networks.classifiers.base import Frozen, build_network
from counterweight.networks.layers import Dropout, DropPath, use_rng
from counterweight.recipes.base.classifier_network import (
    build_classifier,
    check_built,
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
        import functools
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
        def convolution(shape, classes):
            return nn.Sequential(nn.Conv2d(shape[0], classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        class Forgetful(nn.Sequential):
            def forward(self, images):
                return super().forward(images) + {}["offset"]
        def forgetful(shape, classes):
            return Forgetful(build(shape, classes))
        def empty(shape, classes):
            return nn.Sequential(nn.Flatten())
        def lazy(shape, classes):
            return nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.Linear(5, classes))
        def too_few(shape):
            return build(shape, 3)
        def raising(shape, classes):
            return build([0, 0], classes)
        class Dropping(nn.Sequential):
            def forward(self, images):
                return nn.functional.dropout(super().forward(images), training=self.training)
        def dropping(shape, classes):
            return Dropping(build(shape, classes))
        class Doubles(nn.Sequential):
            def forward(self, images):
                return super().forward(images).double()
        def doubles(shape, classes):
            return Doubles(build(shape, classes))
        flat = functools.partial(build)
        class HeadFirst(nn.Module):
            def __init__(self, shape, classes):
                super().__init__()
                self.head = nn.Linear(6, classes)
                self.below = nn.Linear(shape[0] * shape[1] * shape[2], 6)
            def forward(self, images):
                return self.head(self.below(images.flatten(1)).relu())
        """
    (tmp_path / f"{name}.py").write_text("\n".join(line[8:] for line in code.splitlines()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


# MNASNet looks at the version of its layers when it is given its weights back.
@pytest.mark.parametrize("network", ["mnist_cnn", "resnet18", "tf_efficientnet_lite0", "mnasnet0_5"])
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
    [own] = hash_network(configure(name), WHERE)
    assert hash_network(configure(f"{user_code}:flat"), WHERE) == [own] == [hash_file(Path(f"{user_code}.py"))]
    assert build_one(f"{user_code}:flat")(torch.zeros(2, *SHAPE)).shape == (2, 4)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("no_module", "returns a int, not a torch module"),
        ("empty", "returns a network without parameters"),
        ("one_too_many", "makes (2, 5) of 2 images and 4 classes, not (2, 4)"),
        ("too_few", "too_few: TypeError: too_few() takes 1 positional argument but 2 were given"),
        ("raising", "raising: IndexError: list index out of range ("),
        ("doubles", "makes torch.float64 of float32 images"),
        ("dropping", "draws from torch's own generator, which trainings side by side share"),
        ("forgetful", "cannot work on images of 3x32x32: KeyError: 'offset' ("),
    ],
)
def test_a_function_that_returns_something_else_is_refused(user_code: str, function: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        build_one(f"{user_code}:{function}")
    assert str(caught.value).startswith(f"{WHERE}.network: {user_code}:{function}")
    assert text in str(caught.value)


@pytest.mark.parametrize("code", ["1 / 0", "raise KeyError('x')", "def build(:", "import nowhere"])
def test_code_that_fails_when_it_is_imported_is_refused(user_code: str, code: str) -> None:
    Path(f"{user_code}_fails.py").write_text(code, encoding="utf-8")
    expect_refusal("cannot be loaded: ", f"{user_code}_fails:build")


@pytest.mark.parametrize("module", ["json", "sys", "os.path", "torchvision.models", "elsewhere"])
def test_code_that_lies_elsewhere_is_not_imported(
    module: str, user_code: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that a stranger wrote call nothing but what their reader has put into the folder."""
    place = tmp_path_factory.mktemp("other")
    (place / "elsewhere.py").write_text("raise SystemExit('it was imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(place)
    assert Path(f"{user_code}.py").is_file()
    expect_refusal(f"; only modules in {Path.cwd()} are: import it in one", f"{module}:loads")


def test_lazy_layers_take_their_shape_before_training_and_from_the_seed_alone(user_code: str) -> None:
    one, other = (build_one(f"{user_code}:lazy", frozen=True) for _ in range(2))
    assert one.get_submodule("trunk.1").in_features == 3 * 32 * 32
    assert all(torch.equal(*pair) for pair in zip(one.parameters(), other.parameters(), strict=True))


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


def test_weights_that_are_published_at_no_plain_address_are_asked_for_as_a_file() -> None:
    """What a classifier takes, and not what a backbone takes."""
    expect_refusal("no file with a checksum", "vit_tiny_patch16_224", weights="imagenet")
    expect_refusal(
        f"; choose {WHERE}.weights: a file, a folder that has it, or none", "vgg11.tv_in1k", weights="imagenet"
    )


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


WRAPPED: dict[str, Callable[[dict[str, Tensor]], dict[str, object]]] = {
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "module.": lambda state: {f"module.{key}": value for key, value in state.items()},
    "both": lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
}


@pytest.mark.parametrize("wrapper", WRAPPED)
@pytest.mark.parametrize("network", ["mnist_cnn", "resnet18"])
def test_what_a_training_saved_is_unwrapped(network: str, wrapper: str, tmp_path: Path) -> None:
    state = make_state(network, 4)
    torch.save(WRAPPED[wrapper](state), tmp_path / "w.pt")
    built = build_one(network, weights=str(tmp_path / "w.pt"))
    assert same_tensors(built, state) == {*state}


def make_state(network: str, classes: int) -> dict[str, Tensor]:
    """Return weights with a last layer of so many classes, under the names that the publisher gives them."""
    torch.manual_seed(11)
    made = models.resnet18(num_classes=classes) if network == "resnet18" else build_network(network, SHAPE, classes)
    return dict(made.state_dict())


def same_tensors(built: nn.Module, state: dict[str, Tensor]) -> set[str]:
    """Return the names of the tensors that stand in a network as they stand in a file."""
    own = {key.removeprefix("trunk.network."): value for key, value in built.state_dict().items()}
    own |= {key.replace("head.", "fc."): value for key, value in own.items() if key.startswith("head.")}
    return {key for key, value in state.items() if key in own and torch.equal(own[key], value)}


@pytest.mark.parametrize("network", ["mnist_cnn", "resnet18"])
def test_of_a_file_with_another_last_layer_or_none_all_others_are_read(network: str, tmp_path: Path) -> None:
    """A fitting one is read, too; a layer below it has to be there."""
    state = make_state(network, 7)
    [last] = {key.rsplit(".", 1)[0] + "." for key, value in state.items() if value.shape[:1] == (7,)}
    below = {key: value for key, value in state.items() if not key.startswith(last)}
    drawn = build_one(network)
    for saved in (state, below):
        save_file(saved, tmp_path / "w.safetensors")
        built = build_one(network, weights=str(tmp_path / "w.safetensors"))
        assert same_tensors(built, saved) == {*below}
        assert torch.equal([*built.parameters()][-2], [*drawn.parameters()][-2])
    fitting = make_state(network, 4)
    save_file(fitting, tmp_path / "w.safetensors")
    assert same_tensors(build_one(network, weights=str(tmp_path / "w.safetensors")), fitting) == {*fitting}
    for wrong in ({"more": torch.zeros(1)}, {next(iter(below)): torch.zeros(1)}):
        save_file(below | wrong, tmp_path / "w.safetensors")
        with pytest.raises(UserError, match=f"w.safetensors: not weights of {network}: "):
            build_one(network, weights=str(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("network", ["resnet18", "mnist_cnn"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"<!DOCTYPE html><html></html>", "it is a web page"), (b"garbage", "it is something else, or holds more")],
)
def test_a_file_that_holds_no_weights_is_told(network: str, content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        build_one(network, weights=str(path))
    assert str(caught.value).startswith(f"{path}: not weights of {network}: no tensors by name in a ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin", "NETWORK.safetensors", "NETWORK.pth"])
def test_a_folder_with_a_file_of_a_customary_name_will_do(file: str, user_code: str, tmp_path: Path) -> None:
    for network, own in (("resnet18", "resnet18"), ("mnist_cnn", "mnist_cnn"), (f"{user_code}:build", "build")):
        state = build_one(network, seed=5).state_dict() if ":" in network else make_state(network, 4)
        folder = tmp_path / own
        folder.mkdir()
        path = folder / file.replace("NETWORK", own)
        if path.suffix == ".safetensors":
            save_file(dict(state), path)
        else:
            torch.save(dict(state), path)
        config = configure(network, weights=str(folder))
        check_classifier(config, WHERE)
        assert same_tensors(build_classifier(config, SHAPE, 4, 0, WHERE), dict(state)) == {*state}
        assert hash_network(config, WHERE)[0] == hash_file(path)


def test_a_folder_without_a_file_is_refused_with_the_names_that_will_do(user_code: str, tmp_path: Path) -> None:
    for network, own in (("mnist_cnn", "mnist_cnn"), (f"{user_code}:build", "build")):
        expect_refusal(
            f"weights: no file for {own} in {tmp_path}/; one of {own}.safetensors, ", network, weights=str(tmp_path)
        )


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
    """Nor one without a dense layer, or with another one."""
    for function in ("softmax", "convolution"):
        with pytest.raises(
            UserError, match=r"classifiers\.pets\.network: .*; frozen: true trains a last dense layer of 4"
        ):
            build_one(f"{user_code}:{function}", frozen=True)


def test_of_a_frozen_network_the_layer_that_makes_the_logits_is_trained(user_code: str) -> None:
    frozen = build_one(f"{user_code}:HeadFirst", frozen=True)
    assert [name for name, own in frozen.named_parameters() if own.requires_grad] == ["head.0.weight", "head.0.bias"]
    assert frozen.get_submodule("head.0").in_features == 6


@pytest.mark.parametrize(
    ("function", "reason"), [("softmax", "what the dense layer '0.2' makes is not what"), ("convolution", "no dense")]
)
def test_a_recipe_that_needs_a_dense_end_is_refused_another_network(user_code: str, function: str, reason: str) -> None:
    config = configure(f"{user_code}:{function}")
    check_built(config, SHAPE, 4, ["plain", "linear_probe"], WHERE)
    with pytest.raises(UserError) as caught:
        check_built(config, SHAPE, 4, ["plain", "ldam_drw"], WHERE)
    message = str(caught.value)
    assert message.startswith(f"{WHERE}.network: {config.network}: ")
    assert reason in message
    assert message.endswith("leave ldam_drw out of table.recipes and classify.generator_recipes")


def test_packaged_weights_need_no_network_connection() -> None:
    config = configure("efficientnet_lite0", weights="imagenet", frozen=True)
    check_classifier(config, WHERE)
    frozen = build_classifier(config, (1, 28, 28), 4, 0, WHERE)
    assert isinstance(frozen, Frozen)
    features = represent_frozen(frozen, make_images(3, (1, 28, 28)))
    assert features.shape == (3, 1280)
    assert np.isfinite(features.numpy()).all()
