"""Inception-v3 as FID is computed with in the literature: torch-fidelity's port of the original network and weights.

Heusel et al. 2017, https://arxiv.org/abs/1706.08500; Binkowski et al. 2018, https://arxiv.org/abs/1801.01401. In this
space the Frechet distance is the FID and the kernel distance the KID, but for the number of images: the literature has
10,000 and more.
"""

from dataclasses import dataclass
from io import BytesIO

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

from counterweight.networks.backbones.base.backbone import Backbone, ClassifyingExtractor, Cut


@dataclass(frozen=True, kw_only=True)
class InceptionBackbone(Backbone):
    """The network of FID, which resizes images by itself, as the original did."""

    def pretrained(self, state: dict[str, Tensor], cut: Cut) -> nn.Module:
        """Return the extractor with torch-fidelity's weights."""
        # The library takes its weights from a file alone, so the tensors are handed over as one in memory.
        content = BytesIO()
        torch.save(state, content)  # torch-fidelity would execute what stands in the file itself
        content.seek(0)
        return Inception(FeatureExtractorInceptionV3("inception_v3", ["2048"], feature_extractor_weights_path=content))

    def untrained(self, seed: int, cut: Cut) -> nn.Module:
        """Refuse: an untrained Inception is not what FID is measured with."""
        raise ValueError("inception_v3 has its published weights, always")

    def describe_layer(self, cut: Cut) -> str:
        """Say what its features are."""
        return "last block, averaged over positions"


class Inception(ClassifyingExtractor):
    """Map uint8 images (B, 3, H, W) of any size to features (B, 2048)."""

    def __init__(self, network: FeatureExtractorInceptionV3) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return features."""
        features: Tensor = self.network(images)[0]  # A tuple with one entry for each layer asked for.
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (B, 1008) without the last layer's bias, of which the Inception Score is taken."""
        logits: Tensor = features.to(self.network.fc.weight.device) @ self.network.fc.weight.T
        return logits


BACKBONE = InceptionBackbone(
    library="torch_fidelity", url=URL_INCEPTION_V3, own_size=299, resizes=True, always_pretrained=True
)
