"""The backbones of the folder: where they are cut, what size their features have, how they are initialised."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from counterweight.core.errors import UserError
from counterweight.core.features import FeatureSet
from counterweight.core.images import ImageSet
from counterweight.core.tensors import IMAGENET_DEVIATION, IMAGENET_MEAN, resize_square
from counterweight.features.extractor import (
    Extractor,
    build_extractors,
    extract_features,
    run_extractor,
)
from counterweight.networks.backbones.base.backbone import Cut, normalize
from counterweight.networks.backbones.base.published import find_backbone
from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone
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
CUT = Cut()
EXTRACT = Extract(backbones=FAST, input_size=64)


def found_backbone(name: str) -> TorchvisionBackbone:
    backbone = find_backbone(name)
    assert isinstance(backbone, TorchvisionBackbone)
    return backbone


def hollow(name: str) -> nn.Module:
    """A backbone without memory for its weights, to look at its layers."""
    with torch.device("meta"):
        return models.get_model(found_backbone(name).name, weights=None).eval()


@pytest.mark.parametrize("name", DIMENSIONS)
def test_addresses_are_torchvisions(name: str) -> None:
    """They are written out, since asking torchvision for them takes seconds."""
    assert found_backbone(name).name == name
    assert found_backbone(name).url == models.get_model_weights(name)["IMAGENET1K_V1"].url


def pixels(count: int, side: int = 64) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8)


def image_set(images: Tensor) -> ImageSet:
    labels = np.zeros(len(images), dtype=np.int64)
    return ImageSet(images.contiguous().numpy(), labels, ("image",), labels.astype(np.str_), {})


def found(name: str, images: ImageSet, batch_size: int) -> npt.NDArray[np.float32]:
    settings = EXTRACT.model_copy(update={"batch_size": batch_size})
    return features_of(images, [name], settings)[name].features


def features_of(images: ImageSet, names: list[str], settings: Extract) -> dict[str, FeatureSet]:
    device = torch.device("cpu")
    return extract_features(images, build_extractors(names, settings, 0, device), settings.batch_size, device)


def weights(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.state_dict())


@pytest.mark.parametrize("name", DIMENSIONS)
@pytest.mark.parametrize("side", [63, 224])
def test_the_eight_of_the_thesis_have_its_dimensions(name: str, side: int) -> None:
    features = found_backbone(name).without_classifier(hollow(name), CUT)(torch.empty(2, 3, side, side, device="meta"))
    assert features.shape == (2, DIMENSIONS[name])


@pytest.mark.parametrize(("name", "positions"), [("mobilenet_v2", 49), ("mnasnet1_0", 49), ("resnet152", 1)])
def test_whole_maps_have_all_positions(name: str, positions: int) -> None:
    """But for ResNets, of which the thesis's percentages tell the average."""
    network = found_backbone(name).without_classifier(hollow(name), Cut(whole_maps=True))
    assert network(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, positions * DIMENSIONS[name])


def test_averaged_maps_are_the_means_of_whole_ones() -> None:
    images = normalize(pixels(2))
    backbone = found_backbone("mobilenet_v2")
    whole, averaged = (
        backbone.without_classifier(backbone.with_random_weights(0), Cut(whole_maps=choice))(images)
        for choice in (True, False)
    )
    torch.testing.assert_close(whole.view(2, 1280, -1).mean(2), averaged)


def test_dense_features_after_their_relu_are_those_before_it_without_what_is_negative() -> None:
    backbone = found_backbone("alexnet")
    images = normalize(pixels(1))
    with torch.no_grad():
        before, after = (
            backbone.without_classifier(backbone.with_random_weights(0), Cut(after_relu=choice))(images)
            for choice in (False, True)
        )
    assert torch.equal(before.relu(), after)
    assert backbone.describe_layer(Cut(after_relu=True)) == "second dense layer, after its ReLU"


def test_where_networks_are_cut_is_a_setting_and_stands_beside_the_features() -> None:
    images = image_set(pixels(2))
    whole = features_of(images, ["mnasnet0_5"], Extract(input_size=64, maps="whole"))["mnasnet0_5"]
    averaged = features_of(images, ["mnasnet0_5"], Extract(input_size=64))["mnasnet0_5"]
    assert (whole.features.shape, averaged.features.shape) == ((2, 4 * 1280), (2, 1280))
    assert whole.provenance["layer"] == "last convolution, all positions"
    assert averaged.provenance["layer"] == "last convolution, averaged over positions"


@pytest.mark.parametrize("name", ["alexnet", "vgg13_bn", "vgg16_bn"])
def test_dense_networks_end_in_their_second_dense_layer_before_its_relu(name: str) -> None:
    network = hollow(name)
    classifier = network.get_submodule("classifier")
    dense = [layer for layer in classifier.children() if isinstance(layer, nn.Linear)]
    left = list(found_backbone(name).without_classifier(network, CUT).get_submodule("classifier").children())
    assert len(dense) == 3
    assert left[-1] is dense[1]


@pytest.mark.parametrize("name", sorted(set(DIMENSIONS) - {"alexnet", "vgg13_bn", "vgg16_bn"}))
def test_other_networks_lose_their_only_dense_layer(name: str) -> None:
    network = hollow(name)
    assert sum(isinstance(layer, nn.Linear) for layer in network.modules()) == 1
    cut = found_backbone(name).without_classifier(network, CUT)
    assert not any(isinstance(layer, nn.Linear | nn.Dropout) for layer in cut.modules())


def test_dense_features_are_the_input_of_the_relu() -> None:
    network, seen = found_backbone("alexnet").with_random_weights(0), []
    network.get_submodule("classifier.5").register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].clone())  # the ReLU works in place
    )
    images = normalize(pixels(2))
    with torch.inference_mode():
        network(images)
        features = found_backbone("alexnet").without_classifier(network, CUT)(images)
    assert torch.equal(features, seen[0])
    assert features.min() < 0 < features.max()


@pytest.mark.parametrize("name", FAST)
def test_convolutional_features_are_averages_of_the_last_map(name: str) -> None:
    network, seen = found_backbone(name).with_random_weights(0), []
    last = {"mnasnet0_5": "layers", "mobilenet_v2": "features"}[name]
    network.get_submodule(last).register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.inference_mode():
        features = found_backbone(name).without_classifier(network, CUT)(normalize(pixels(2)))
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
    together = features_of(images, FAST, settings)
    assert list(together) == FAST
    for name, features in together.items():
        assert features.provenance["backbone"] == name
        assert (features.features[17:18] == found(name, images.take(np.array([17])), 16)).all()


def test_features_that_are_not_finite_are_refused() -> None:
    broken = Extractor("mobilenet_v2", lambda images: images.float().mean((2, 3)) / 0, {}, 64)
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


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (3, 3, 1, 1), (0, 3, 4, 4)])
@pytest.mark.parametrize("layout", ["planar", "channels last", "grey"])
def test_any_layout_is_normalised_alike_with_channels_last(shape: tuple[int, ...], layout: str) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    if layout == "channels last":
        images = images.contiguous(memory_format=torch.channels_last)
    if layout == "grey":
        images = images[:, :1].expand(-1, 3, -1, -1)
    means, deviations = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    made = normalize(images)
    assert torch.equal(made, images.float() * (1 / (255 * deviations)) - means / deviations)
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_pixels_are_normalised_as_imagenet_was() -> None:
    made = normalize(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1)).view(2, 3)
    for level in (0, 1):
        expected = [(level - mean) / dev for mean, dev in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)]
        assert made[level].tolist() == pytest.approx(expected, rel=1e-5)


def test_images_are_resized_and_grey_is_repeated() -> None:
    grey = pixels(5, 20)[:, :1]
    assert resize_square(grey, 64).shape == (5, 1, 64, 64)
    assert torch.equal(resize_square(pixels(2), 64), pixels(2))
    assert resize_square(grey[:0], 64).shape == (0, 1, 64, 64)
    of_grey, of_colour = (found("mnasnet0_5", image_set(images), 16) for images in (grey, grey.expand(-1, 3, -1, -1)))
    assert (of_grey == of_colour).all()
