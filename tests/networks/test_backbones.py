"""The eight backbones: where they are cut, what size their features have, and how they are initialised."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.registry import names_in
from counterweight.core.tensors import IMAGENET_DEVIATION, IMAGENET_MEAN
from counterweight.features.extractor import Extractor, extract_features, resize_images, run_extractor
from counterweight.networks.backbones.base import (
    TorchvisionBackbone,
    find_backbone,
    normalize_imagenet,
)
from counterweight.settings.extract import Extract

DIMENSIONS = {
    "alexnet": 4096,
    "mobilenet_v2": 1280,
    "vgg13_bn": 4096,
    "vgg16_bn": 4096,
    "mnasnet1_0": 1280,
    "mnasnet0_5": 1280,
    "resnet152": 2048,
    "resnext101_32x8d": 2048,
}
FAST = ["mnasnet0_5", "mobilenet_v2"]
BACKBONES = names_in("networks/backbones")
EXTRACT = Extract(backbones=FAST, input_size=64)


def found_backbone(name: str) -> TorchvisionBackbone:
    backbone = find_backbone(name)
    assert isinstance(backbone, TorchvisionBackbone)
    return backbone


def hollow(name: str) -> nn.Module:
    """A backbone without memory for its weights, to look at its layers."""
    with torch.device("meta"):
        return found_backbone(name).build(weights=None).eval()


def pixels(count: int, side: int = 64) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8)


def image_set(images: Tensor) -> ImageSet:
    labels = np.zeros(len(images), dtype=np.int64)
    return ImageSet(images.contiguous().numpy(), labels, ("image",), labels.astype(np.str_), {})


def found(name: str, images: ImageSet, batch_size: int) -> npt.NDArray[np.float32]:
    settings = EXTRACT.model_copy(update={"batch_size": batch_size})
    return extract_features(images, [name], settings, 0, torch.device("cpu"))[name].features


def weights(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.state_dict())


def test_the_eight_of_the_thesis_have_its_dimensions() -> None:
    assert {name: find_backbone(name).dimension for name in DIMENSIONS} == DIMENSIONS


@pytest.mark.parametrize("name", [name for name in BACKBONES if isinstance(find_backbone(name), TorchvisionBackbone)])
@pytest.mark.parametrize("side", [63, 224])
def test_features_have_the_dimension_that_is_promised(name: str, side: int) -> None:
    """Of every file of the folder that takes its network from torchvision."""
    features = found_backbone(name).without_classifier(hollow(name))(torch.empty(2, 3, side, side, device="meta"))
    assert features.shape == (2, found_backbone(name).dimension)


@pytest.mark.parametrize("name", ["alexnet", "vgg13_bn", "vgg16_bn"])
def test_dense_networks_end_in_their_second_dense_layer_before_its_relu(name: str) -> None:
    network = hollow(name)
    classifier = network.get_submodule("classifier")
    dense = [layer for layer in classifier.children() if isinstance(layer, nn.Linear)]
    left = list(found_backbone(name).without_classifier(network).get_submodule("classifier").children())
    assert len(dense) == 3
    assert left[-1] is dense[1]


@pytest.mark.parametrize("name", sorted(set(DIMENSIONS) - {"alexnet", "vgg13_bn", "vgg16_bn"}))
def test_other_networks_lose_their_only_dense_layer(name: str) -> None:
    network = hollow(name)
    assert sum(isinstance(layer, nn.Linear) for layer in network.modules()) == 1
    cut = found_backbone(name).without_classifier(network)
    assert not any(isinstance(layer, nn.Linear | nn.Dropout) for layer in cut.modules())


def test_dense_features_are_the_input_of_the_relu() -> None:
    network, seen = found_backbone("alexnet").with_random_weights(0), []
    network.get_submodule("classifier.5").register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].clone())  # the ReLU works in place
    )
    images = normalize_imagenet(pixels(2))
    with torch.inference_mode():
        network(images)
        features = found_backbone("alexnet").without_classifier(network)(images)
    assert torch.equal(features, seen[0])
    assert features.min() < 0 < features.max()


@pytest.mark.parametrize("name", FAST)
def test_convolutional_features_are_averages_of_the_last_map(name: str) -> None:
    network, seen = found_backbone(name).with_random_weights(0), []
    last = {"mnasnet0_5": "layers", "mobilenet_v2": "features"}[name]
    network.get_submodule(last).register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.inference_mode():
        features = found_backbone(name).without_classifier(network)(normalize_imagenet(pixels(2)))
    assert torch.allclose(features, seen[0].mean(dim=(2, 3)), rtol=1e-5, atol=1e-6)
    assert features.min() >= 0


@pytest.mark.parametrize("name", FAST)
def test_random_weights_depend_on_the_seed_alone_and_leave_torchs_generator(name: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (weights(found_backbone(name).with_random_weights(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    convolutions = [key for key in first if first[key].dim() == 4]
    assert not any(torch.equal(first[key], other[key]) for key in convolutions)


def test_random_weights_have_variance_two_over_fan_in_and_zero_biases() -> None:
    network = found_backbone("alexnet").with_random_weights(0)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            expected = (2 / layer.weight[0].numel()) ** 0.5
            assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.02)
            assert layer.bias is not None
            assert not layer.bias.any()


def test_layers_of_one_size_get_different_weights() -> None:
    state = weights(found_backbone("mnasnet0_5").with_random_weights(0))
    convolutions = [value.flatten() for value in state.values() if value.dim() == 4]
    pairs = [(a, b) for a in convolutions for b in convolutions if a is not b and len(a) == len(b)]
    assert pairs
    assert not any(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", FAST)
def test_random_backbones_are_whole_and_in_evaluation_mode(name: str) -> None:
    network = found_backbone(name).with_random_weights(0)
    assert not any(module.training for module in network.modules())
    assert all(value.isfinite().all() for value in network.state_dict().values())
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all((norm.running_mean == 0).all() and (norm.running_var == 1).all() for norm in norms)


@pytest.mark.parametrize("name", ["alexnet", *FAST])
def test_features_do_not_depend_on_the_size_of_the_batch(name: str) -> None:
    images = image_set(pixels(21))
    together, alone = (found(name, images, size) for size in (21, 2))
    assert together.shape == (21, DIMENSIONS[name])
    assert abs(together - alone).max() <= 1e-4 * abs(together).max()


@pytest.mark.parametrize("name", ["alexnet", *FAST])
def test_equal_images_have_equal_features_however_many_others_there_are(name: str) -> None:
    """A batch of a few images is computed by other kernels, if nothing is done about it."""
    images = pixels(1).expand(21, -1, -1, -1)
    expected = found(name, image_set(images[:16]), 16)[:1]
    for count in (1, 5, 16, 21):
        assert (found(name, image_set(images[:count]), 16) == expected).all()


def test_all_backbones_see_every_image_in_its_place() -> None:
    images = image_set(pixels(40))
    settings = EXTRACT.model_copy(update={"batch_size": 16})
    together = extract_features(images, FAST, settings, 0, torch.device("cpu"))
    assert list(together) == FAST
    for name, features in together.items():
        assert features.provenance["backbone"] == name
        assert (features.features[17:18] == found(name, images.take(np.array([17])), 16)).all()


def test_features_that_are_not_finite_are_refused() -> None:
    broken = Extractor("mobilenet_v2", lambda images: images.float().mean((2, 3)) / 0, {})
    with pytest.raises(UserError, match=r"mobilenet_v2: some features are not finite; params\.yaml: extract\.weights"):
        run_extractor(broken, pixels(2))


def test_given_weights_are_used_and_must_fit() -> None:
    given = weights(found_backbone("mnasnet0_5").with_random_weights(3))
    loaded = found_backbone("mnasnet0_5").with_weights(given)
    assert all(torch.equal(value, given[key]) for key, value in loaded.state_dict().items())
    assert not loaded.training
    key = next(iter(given))
    for wrong in ({**given, "more": given[key]}, {**given, key: given[key][:1]}, dict(list(given.items())[1:])):
        with pytest.raises(RuntimeError, match="MNASNet"):
            found_backbone("mnasnet0_5").with_weights(wrong)


def test_pixels_are_normalised_as_imagenet_was() -> None:
    made = normalize_imagenet(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1)).view(2, 3)
    for level in (0, 1):
        expected = [(level - mean) / dev for mean, dev in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)]
        assert made[level].tolist() == pytest.approx(expected, rel=1e-5)


def test_images_are_resized_and_grey_is_repeated() -> None:
    grey = pixels(5, 20)[:, :1]
    assert resize_images(grey, 64).shape == (5, 1, 64, 64)
    assert torch.equal(resize_images(pixels(2), 64), pixels(2))
    assert resize_images(grey[:0], 64).shape == (0, 1, 64, 64)
    of_grey, of_colour = (found("mnasnet0_5", image_set(images), 16) for images in (grey, grey.expand(-1, 3, -1, -1)))
    assert (of_grey == of_colour).all()
