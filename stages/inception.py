"""Inception-v3 as FID is computed with in the literature: torch-fidelity's port of the original network and weights.

Heusel et al. 2017, https://arxiv.org/abs/1706.08500; Binkowski et al. 2018, https://arxiv.org/abs/1801.01401. In this
space the Frechet distance is the FID and the kernel distance the KID, but for the number of images: the literature has
10,000 and more.
"""

from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

from stages.errors import UserError
from stages.weights import UNREADABLE, imagenet_file, read_weights

INCEPTION = "inception_v3"
SIDE = 299  # pixels to which it brings images itself


def inception_file() -> Path:
    """Return the published weights, downloaded if they are not in torch's cache, their hash checked.

    Raises:
        UserError: they are not there and cannot be downloaded, or are damaged.
    """
    return imagenet_file(URL_INCEPTION_V3, f"params.yaml: extract.backbones: without {INCEPTION}")


class Inception(nn.Module):
    """Map uint8 images (B, 3, H, W) of any size to features (B, 2048)."""

    def __init__(self, path: Path) -> None:
        """Read the weights.

        Raises:
            UserError: the file holds something else.
        """
        super().__init__()
        try:
            content = BytesIO()
            torch.save(read_weights(path), content)  # torch-fidelity would execute what stands in the file itself
            content.seek(0)
            self.network = FeatureExtractorInceptionV3(INCEPTION, ["2048"], feature_extractor_weights_path=content)
        except UNREADABLE as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{path}: not torch-fidelity's weights of Inception: {reason}") from error

    def forward(self, images: Tensor) -> Tensor:
        """Return features."""
        features: Tensor = self.network(images)[0]
        return features
