"""Batch normalisation in the weights of convolutions: the same features, and networks for which it is wrong."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.features.extractor import build_extractor, extract_features
from counterweight.features.folding import find_pairs, fold_normalization
from counterweight.features.weights import load_backbone
from counterweight.networks.backbones.base.backbone import Normalised
from counterweight.networks.backbones.base.natural_images import draw_natural_images
from counterweight.networks.backbones.base.untrained import calibrate
from counterweight.settings.extract import Extract

CPU = torch.device("cpu")
LEFT = {"densenet121": 62}
"""Normalisations that follow no convolution."""


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mnasnet0_5", "resnet18", "efficientnet_b0", "densenet121"])
def test_folded_networks_make_the_same_features(name: str) -> None:
    """Of torchvision's and of timm's, whose normalisations have activations in them."""
    network, images = load_backbone(name, Extract(input_size=64), 0), draw_natural_images(8, 64)
    if name == "efficientnet_lite0":
        images = draw_natural_images(4, 224)
    with torch.inference_mode():
        before = network(images)
        fold_normalization(name, network, images.shape[-1])
        after = network(images)
    left = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert left == LEFT.get(name, 0)
    # float32 rounds by 6e-8, and a hundred layers enlarge that.
    assert (after - before).square().mean() <= (1e-3**2) * before.square().mean()
    assert not torch.equal(before, after)


class Peeking(nn.Module):
    """A network that looks at a convolution's outputs once more, without the normalisation."""

    def __init__(self, peeks: bool) -> None:
        super().__init__()
        self.first, self.norm, self.peeks = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), peeks

    def forward(self, images: Tensor) -> Tensor:
        found = self.first(images)
        other = found if self.peeks else 0
        return (self.norm(found) + other).mean(dim=(2, 3))


class Twice(nn.Module):
    """A network whose one convolution is followed by two normalisations in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.same, self.first, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.same(self.first(self.same(images)))).mean(dim=(2, 3))


def calibrated(network: nn.Module) -> Normalised:
    found = Normalised(network).eval()
    calibrate(found, 64)
    return found


def test_outputs_that_are_looked_at_elsewhere_are_refused() -> None:
    fold_normalization("plain", calibrated(Peeking(False)), 64)
    with pytest.raises(UserError, match=r"extract\.fold: true changes what peeking makes of images; set false"):
        fold_normalization("peeking", calibrated(Peeking(True)), 64)


def test_a_convolution_that_works_in_two_places_keeps_its_weights() -> None:
    network = calibrated(Twice())
    with torch.inference_mode():
        assert find_pairs(network, draw_natural_images(2, 64))[0] == []


def test_settings_choose_the_way_and_tables_say_the_precision() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 3, 64, 64), dtype=np.uint8)
    images = ImageSet(pixels, np.zeros(16, np.int64), ("a",), np.arange(16).astype(np.str_), {})

    def extract(**settings: object) -> np.ndarray:
        own = Extract.model_validate({"input_size": 64, **settings})
        found = extract_features(images, [build_extractor("mnasnet0_5", own, 0, CPU)], 16, CPU)["mnasnet0_5"]
        assert found.provenance["precision"] == own.precision
        return found.features

    plain, folded, coarse = extract(fold=False), extract(), extract(precision="bfloat16")
    deviation = plain.std()
    assert 0 < np.abs(folded - plain).max() < 1e-3 * deviation
    # bfloat16 has 8 bits: each of some fifty layers rounds by up to 0.4 %.
    assert 1e-3 * deviation < np.abs(coarse - plain).max() < deviation
