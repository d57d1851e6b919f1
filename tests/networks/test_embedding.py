"""The recognition network beside table 5.5 of the log-ends thesis, and that maxima are taken over all positions."""

import pytest
import torch
from torch import nn

from counterweight.core.errors import UserError
from counterweight.evaluation.recognition.backbone import build_embedder, build_trunk
from counterweight.networks.embedding import Embedder, Resized, SmallCNN, pool_by_maximum
from counterweight.networks.layers import parameter_count
from counterweight.settings.recognize import Recognize


def test_the_dense_layer_is_the_thesis_s() -> None:
    assert parameter_count(Embedder(1280, 1024)) == 1_311_744


@pytest.mark.slow
def test_efficientnet_b0_is_the_thesis_s_but_for_the_values_of_its_normalisation() -> None:
    trunk = build_trunk(Recognize(backbone="efficientnet_b0", weights="random", input_size=64), 0, "here")
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 4_007_548
    assert parameter_count(trunk) == 4_007_548 + 42_016
    assert build_embedder(trunk, Recognize(input_size=64), 0).dense.in_features == 1280


@pytest.mark.slow
def test_maxima_of_the_last_map_are_what_the_dense_layer_sees() -> None:
    """Of one position, the maximum is the value: as ImageNet's own features there. Of more it is larger."""
    from counterweight.features.weights import load_backbone
    from counterweight.settings.extract import Extract

    images = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    trunk = build_trunk(Recognize(input_size=None), 0, "here")
    plain = load_backbone("efficientnet_lite0", Extract(), 0)
    with torch.no_grad():
        assert torch.equal(trunk(images[:, :, :32, :32]), plain(images[:, :, :32, :32]))
        assert bool((trunk(images) >= plain(images) - 1e-5).all())
        assert not torch.allclose(trunk(images), plain(images))


def test_embeddings_have_length_one() -> None:
    made = Embedder(8, 4)(torch.randn(5, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(made.norm(dim=1), torch.ones(5), atol=1e-6)


def test_grey_images_of_another_size_are_seen() -> None:
    images = torch.randint(0, 256, (2, 1, 30, 20), dtype=torch.uint8)
    assert Resized(SmallCNN().eval(), 32)(images).shape == (2, 256)
    assert Resized(SmallCNN().eval(), None)(images).shape == (2, 256)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "vit_b_16"])
def test_a_backbone_whose_maps_are_not_averaged_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"here.backbone: {name} is not allowed"):
        build_trunk(Recognize(backbone=name, weights="random", input_size=224), 0, "here")


def test_a_network_without_maps_is_refused() -> None:
    with pytest.raises(ValueError, match="no last map"):
        pool_by_maximum(nn.Linear(3, 3))
