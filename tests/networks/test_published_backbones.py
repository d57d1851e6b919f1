"""Backbones by a name of torchvision or timm, and EfficientNet-Lite0 with the weights of its package."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torchvision import models

from counterweight.core.errors import UserError
from counterweight.core.weight_files import find_packaged_file, read_weights
from counterweight.features.weights import check_backbones, load_backbone
from counterweight.networks.backbones import efficientnet_lite0
from counterweight.networks.backbones.base.backbone import Cut, normalize
from counterweight.networks.backbones.base.published import (
    FOLDER,
    find_backbone,
    find_in_timm,
    find_in_torchvision,
    find_published,
)
from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone
from counterweight.settings.extract import Extract

SMALL = Extract(input_size=64)
# Their own first weights take a minute.
SEEDED: dict[str, dict[str, object]] = {name: {"init_weights": False} for name in ("googlenet", "inception_v3")}


def photograph(side: int) -> Tensor:
    """A uint8 image (1, 3, side, side) of two colours that meet softly."""
    ramp = torch.linspace(20, 230, side).expand(side, side)
    return torch.stack([ramp, ramp.T, (ramp + ramp.T) / 2])[None].to(torch.uint8)


@pytest.mark.parametrize(
    ("name", "dimension", "size"),
    [
        ("resnet18", 512, None),
        ("shufflenet_v2_x0_5", 1024, None),
        ("squeezenet1_1", 512, None),
        ("regnet_y_400mf", 440, None),
        ("vit_b_32", 768, 224),
        ("resnet10t", 512, None),
        ("mobilenetv3_small_050", 1024, None),
        ("vit_tiny_patch16_224", 192, 224),
    ],
)
def test_a_name_of_a_library_is_a_backbone(name: str, dimension: int, size: int | None) -> None:
    assert find_backbone(name).own_size == size
    network = load_backbone(name, SMALL, 0)
    with torch.inference_mode():
        features = network(photograph(size or 64))
    assert features.shape == (1, dimension)
    assert not any(module.training for module in network.modules())


def test_a_file_of_the_folder_wins_over_a_name_of_a_library() -> None:
    assert isinstance(find_backbone("alexnet"), TorchvisionBackbone)
    assert find_in_torchvision("alexnet") is not None
    assert find_in_timm("efficientnet_lite0") is not None
    assert find_backbone("efficientnet_lite0") is efficientnet_lite0.BACKBONE


def test_features_of_a_library_are_what_the_last_layer_looks_at() -> None:
    network = load_backbone("resnet18", SMALL, 3)
    whole = models.resnet18(weights=None).eval()
    whole.load_state_dict(network.get_submodule("network").state_dict(), strict=False)
    seen: list[Tensor] = []
    whole.fc.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        whole(normalize(photograph(64)))
        assert torch.equal(network(photograph(64)), seen[0])


@pytest.mark.parametrize("name", ["resnet18", "resnet10t"])
def test_first_weights_of_a_library_depend_on_the_seed_alone_and_leave_torchs_generator(name: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (find_backbone(name).untrained(seed, Cut()).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_weights_of_a_library_are_those_for_the_size_that_it_is_built_for() -> None:
    """vit_h_14 has weights for 518 pixels, too, which do not fit."""
    assert find_backbone("vit_h_14").url == models.ViT_H_14_Weights.IMAGENET1K_SWAG_LINEAR_V1.url
    assert find_backbone("resnet18").url == models.ResNet18_Weights.IMAGENET1K_V1.url


def test_all_names_of_torchvision_are_there() -> None:
    """The second Swin's weights are for 256 pixels, which the network itself does not insist on."""
    found = {name: find_in_torchvision(name) for name in models.list_models(module=models)}
    assert all(backbone is not None and backbone.url is not None for backbone in found.values())
    assert {name for name, backbone in found.items() if backbone and backbone.own_size not in (None, 224)} == set()


def test_what_timm_says_of_pixels_counts() -> None:
    found = find_backbone("vit_tiny_patch16_224")
    assert (found.mean, found.deviation) == ((0.5,) * 3, (0.5,) * 3)  # type: ignore[attr-defined]
    assert found.url is None, "an npz without a checksum"
    hashed = find_backbone("resnet18.a1_in1k").url
    assert hashed is not None
    assert hashed.endswith("resnet18_a1_0-d63eafa0.pth")


@pytest.mark.parametrize(
    ("name", "size"),
    [("googlenet", 64), ("inception_v3", 96), ("densenet121", 64), ("resnet18", 64), ("vit_b_32", 224)],
)
def test_weights_are_used_as_torchvision_s_own_constructor_uses_them(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of its constructors set another input, or rename what the published file holds."""
    torch.manual_seed(2)
    published = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", key): value
        for key, value in models.get_model(name, weights=None, **SEEDED.get(name, {})).state_dict().items()
        if not key.endswith("num_batches_tracked")  # as in the older files
    }
    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", lambda self, *args, **kwargs: dict(published))
    theirs = models.get_model(name, weights="DEFAULT").eval()
    ours = find_published(name, "here", FOLDER).pretrained(published, Cut())
    seen: list[Tensor] = []
    last = [module for module in theirs.modules() if isinstance(module, nn.Linear)][-1]
    last.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        theirs(normalize(photograph(size)))
        assert torch.equal(ours(photograph(size)), seen[0])


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "resnet10t", "squeezenet1_1"])
def test_the_last_layer_of_a_file_does_not_matter_to_features(name: str) -> None:
    backbone = find_published(name, "here", FOLDER)
    whole = dict(backbone.initialised(3).state_dict())
    heads = {key for key in whole if key.startswith(tuple(f"{head}." for head in backbone.heads))}
    assert heads
    headless = {key: value for key, value in whole.items() if key not in heads}
    other = whole | {key: torch.zeros(3) for key in heads}
    networks = [backbone.pretrained(state, Cut()) for state in (whole, headless, other)]
    with torch.inference_mode():
        first, *others = [network(photograph(64)) for network in networks]
    assert all(torch.equal(first, features) for features in others)
    for wrong in (dict(list(headless.items())[1:]), headless | {"more": torch.zeros(1)}):
        with pytest.raises(RuntimeError):
            backbone.pretrained(wrong, Cut())


@pytest.mark.parametrize(("name", "hint"), [("alexnett", "'alexnet'"), ("resnet18.of_mine", "'resnet18'"), ("qq", "")])
def test_a_name_that_there_is_not_is_told_before_any_download(name: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        check_backbones(["resnet18", name], "imagenet", "extract.backbones")
    message = str(caught.value)
    assert message.startswith(f"params.yaml: extract.backbones: there is no '{name}' in ")
    assert hint in message
    assert len(message) < 250
    assert "\n" not in message


def test_a_size_that_a_network_cannot_work_on_is_told() -> None:
    with pytest.raises(UserError, match=r"extract\.input_size: inception_v4 cannot work on 64 pixels: "):
        load_backbone("inception_v4", SMALL, 0)


def test_timm_is_not_imported_where_no_name_of_it_is_used() -> None:
    code = (
        "import sys; from counterweight.features.weights import check_backbones;"
        "check_backbones(['alexnet', 'resnet18'], 'random', 'extract.backbones'); print('timm' in sys.modules)"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# EfficientNet-Lite0.


def packaged_state() -> dict[str, Tensor]:
    packaged = efficientnet_lite0.BACKBONE.packaged
    assert packaged is not None
    return read_weights(find_packaged_file(packaged, "test"))


def test_every_tensor_of_the_package_is_in_its_place() -> None:
    """Names tell: a block's and a layer's number, and what the tensor is."""
    network = efficientnet_lite0.BACKBONE.build()
    renamed = {"conv_stem": "_conv_stem", "conv_head": "_conv_head", "classifier": "_fc"}
    pairs = list(zip(network.state_dict(), packaged_state(), strict=True))
    assert len(pairs) == 296
    for ours, theirs in pairs:
        assert ours.rsplit(".", 1)[1] == theirs.rsplit(".", 1)[1]
        if ours.startswith(tuple(renamed)):
            assert renamed[ours.split(".")[0]] == theirs.split(".")[0]
        assert ("bn" in ours) == ("_bn" in theirs)
        assert ("conv_dw" in ours) == ("depthwise" in theirs)


def test_a_white_and_a_grey_image_are_what_the_original_network_sees() -> None:
    """(x - 127) / 128."""
    seen: list[Tensor] = []
    network = load_backbone("efficientnet_lite0", SMALL, 0)
    network.get_submodule("network").register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    levels = torch.tensor([0, 127, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, 224, 224)
    with torch.inference_mode():
        network(levels)
    torch.testing.assert_close(seen[0][:, 0, 0, 0], torch.tensor([-127 / 128, 0, 1.0]), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("file", "number"), [("china.jpg", 698), ("flower.jpg", 985)])
def test_it_names_what_it_learned(file: str, number: int) -> None:
    """A palace and a daisy of ImageNet's classes, in scikit-learn's two photographs."""
    network = efficientnet_lite0.BACKBONE.build()
    network.load_state_dict(dict(zip(network.state_dict(), packaged_state().values(), strict=True)))
    square = Image.fromarray(load_sample_image(file)).crop((107, 0, 533, 426))
    pixels = np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC)).astype(np.float32)
    with torch.inference_mode():
        logits = network.eval()((torch.from_numpy(pixels).permute(2, 0, 1)[None] - 127) / 128)
    assert int(logits.argmax()) == number


def test_it_has_its_own_weights_and_size_whatever_the_settings_say(tmp_path: Path) -> None:
    with torch.inference_mode():
        random, folder = (
            load_backbone("efficientnet_lite0", Extract(weights=weights, input_size=64), seed)(photograph(224))
            for seed, weights in enumerate(("random", str(tmp_path)))
        )
    assert torch.equal(random, folder)
    assert random.shape == (1, 1280)
    with pytest.raises(ValueError, match="has its published weights, always"):
        efficientnet_lite0.BACKBONE.untrained(0, Cut())


def test_a_file_of_fewer_tensors_is_refused() -> None:
    state = dict(list(packaged_state().items())[1:])
    with pytest.raises(RuntimeError, match="295 tensors instead of 296"):
        efficientnet_lite0.BACKBONE.pretrained(state, Cut())


def test_timm_knows_the_network() -> None:
    assert isinstance(timm.create_model("tf_efficientnet_lite0", pretrained=False), nn.Module)
