"""The small network that tells real images from synthetic ones by their style.

Distributions thesis (Efficient generation of complex data distributions), section 4.1.1 and figure 4.1:

    [4 conv 3x3] - [max pool 2x2] - [8 conv 3x3] - [max pool 2x2] - [dropout 0.2] - [fc 64] - [fc 1]

with ReLUs between and a sigmoid at the end, which is part of the loss here. Not said there, and chosen here: the
convolutions pad, so that sides shrink by the pooling alone, and odd sides are rounded down.
"""

from torch import Tensor, nn
from torch.nn import functional

from counterweight.networks.layers import Dropout

FEATURES = 64
SMALLEST_SIZE = 4  # pixels; of less the two poolings leave nothing


class StyleClassifier(nn.Module):
    """Map images (B, C, H, W) in [-1, 1] to logits (B,) of being synthetic; sides of at least 4 pixels."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.map_shape = (8, height // 4, width // 4)
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 8, 3, padding=1)
        self.dropout = Dropout(0.2)
        self.hidden = nn.Linear(8 * (height // 4) * (width // 4), FEATURES)
        self.last = nn.Linear(FEATURES, 1)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what both convolutions see, (B, 4, H, W) and (B, 8, H/2, W/2), after their ReLUs."""
        first = functional.relu(self.first(images))
        return first, functional.relu(self.second(functional.max_pool2d(first, 2)))

    def features(self, images: Tensor) -> Tensor:
        """Return the last hidden layer (B, 64), in which a linear classifier decides (section 4.1.3)."""
        pooled = functional.max_pool2d(self.maps(images)[1], 2)
        return functional.relu(self.hidden(self.dropout(pooled.flatten(1))))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B,)."""
        logits: Tensor = self.last(self.features(images)).squeeze(1)
        return logits
