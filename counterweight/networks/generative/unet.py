"""The U-Net of denoising diffusion.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, appendix B, https://arxiv.org/abs/2006.11239: residual
blocks with group normalisation, strided convolutions down and nearest neighbours up, self-attention, and the time as a
sinusoidal embedding. From Nichol and Dhariwal, https://arxiv.org/abs/2102.09672, section 3: the embedding scales and
shifts what is normalised. Here it is the sum of the time's, brought to the size of the class's by layer normalisation,
and the class's; attention is at the coarsest map alone.
Pixels may be taken in square patches, each of which becomes one position with more channels (as Hoogeboom et al.,
Simple Diffusion, section 3.3, https://arxiv.org/abs/2301.11093, save the finest maps): twice as large ones make the
network four times as quick. Images are padded to what the halvings need, and the output is cropped.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.networks.layers import Dropout

PER_GROUP = 4  # channels normalised together, at least: 32 groups of 128 channels in the paper
LONGEST = 10_000.0  # wavelength of the slowest sine, over 2 pi
FAINT = 0.01  # factor of the first weights where the paper starts from nearly zero


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a normalisation over at most 32 groups of at least four channels, or over all where there are fewer."""
    # torch wants a divisor of the channels: the largest that leaves four to a group.
    most = max(1, min(32, channels // PER_GROUP))
    return nn.GroupNorm(next(groups for groups in range(most, 0, -1) if channels % groups == 0), channels)


def shrink_weights(layer: nn.Conv2d) -> nn.Conv2d:
    """Shrink a convolution's first weights, so that the block it ends begins close to the identity."""
    with torch.no_grad():
        layer.weight.mul_(FAINT)
        if layer.bias is not None:
            layer.bias.zero_()
    return layer


def embed_times(times: Tensor, size: int) -> Tensor:
    """Return sines and cosines (B, size) of times float32 (B,), their wavelengths growing geometrically."""
    half = size // 2
    rates = torch.exp(-math.log(LONGEST) * torch.arange(half, device=times.device) / half)
    angles = times[:, None] * rates  # (B, size / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class ResidualBlock(nn.Module):
    """Add to a map (B, C, H, W) what two convolutions make of it under an embedding (B, E)."""

    def __init__(self, inputs: int, outputs: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.direct = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.first = nn.Sequential(group_norm(inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.condition = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * outputs))
        self.norm = group_norm(outputs)
        self.second = nn.Sequential(
            nn.SiLU(), Dropout(dropout), shrink_weights(nn.Conv2d(outputs, outputs, 3, padding=1))
        )

    def forward(self, values: Tensor, embedding: Tensor) -> Tensor:
        """Return a map (B, outputs, H, W)."""
        scale, shift = self.condition(embedding)[:, :, None, None].chunk(2, dim=1)  # Each (B, C, 1, 1).
        inner = self.norm(self.first(values)) * (1 + scale) + shift  # 1 +: a scale of 0 changes nothing.
        total: Tensor = self.direct(values) + self.second(inner)
        return total


class SelfAttention(nn.Module):
    """Add to every position of a map (B, C, H, W) a mixture of all positions."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels)
        self.inputs = nn.Conv2d(channels, 3 * channels, 1)
        self.outputs = shrink_weights(nn.Conv2d(channels, channels, 1))

    def forward(self, values: Tensor) -> Tensor:
        """Return a map of the same shape."""
        # (B, 3C, H, W) -> (B, 3C, HW) -> (B, 3 heads, C / heads, HW) -> (B, 3 heads, HW, C / heads)
        per_head = self.inputs(self.norm(values)).flatten(2).unflatten(1, (3 * self.heads, -1)).transpose(2, 3)
        query, key, value = (part.contiguous() for part in per_head.chunk(3, dim=1))  # (B, heads, H W, C / heads)
        mixed = functional.scaled_dot_product_attention(query, key, value).transpose(2, 3)
        total: Tensor = values + self.outputs(mixed.reshape(values.shape))  # (B, heads, C / heads, HW) -> (B, C, H, W)
        return total


def head_count(channels: int) -> int:
    """Return how many heads of 64 channels or more there are."""
    return max(heads for heads in range(1, max(1, channels // 64) + 1) if channels % heads == 0)


class Middle(nn.Module):
    """The coarsest map: a residual block, self-attention, a residual block."""

    def __init__(self, channels: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.before = ResidualBlock(channels, channels, embedding, dropout)
        self.attention = SelfAttention(channels, head_count(channels))
        self.after = ResidualBlock(channels, channels, embedding, dropout)

    def forward(self, values: Tensor, embedding: Tensor) -> Tensor:
        """Return a map of the same shape."""
        total: Tensor = self.after(self.attention(self.before(values, embedding)), embedding)
        return total


class UNet(nn.Module):
    """Map noisy images (B, C, H, W), times float32 (B,) in [0, 1] and labels int64 (B,) to values like the images.

    Args:
        channels: of the images.
        classes: K; label K stands for no class.
        width: channels of the finest map.
        multipliers: channels of each map, finest first, as multiples of `width`; each is half as fine as the last.
        blocks: residual blocks of each map, down and up alike.
        patch: side of the squares of pixels that become one position.
        dropout: fraction of values dropped inside residual blocks.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        width: int,
        multipliers: Sequence[int],
        blocks: int,
        patch: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.patch, self.blocks, self.waves = patch, blocks, 2 * width
        embedding, sizes = 4 * width, [width * multiplier for multiplier in multipliers]
        self.time = nn.Sequential(
            nn.Linear(self.waves, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.LayerNorm(embedding)
        )
        self.label = nn.Embedding(classes + 1, embedding)
        self.first = nn.Conv2d(channels * patch**2, width, 3, padding=1)
        self.down, self.narrow = nn.ModuleList(), nn.ModuleList()
        self.up, self.widen = nn.ModuleList(), nn.ModuleList()
        inputs = width
        for size in sizes:
            for _ in range(blocks):
                self.down.append(ResidualBlock(inputs, size, embedding, dropout))
                inputs = size
            if len(self.narrow) < len(sizes) - 1:  # The coarsest map is not halved again.
                self.narrow.append(nn.Conv2d(size, size, 3, stride=2, padding=1))
        self.middle = Middle(inputs, embedding, dropout)
        for size in reversed(sizes):
            for _ in range(blocks):
                # `inputs` plus the skipped map's.
                self.up.append(ResidualBlock(inputs + size, size, embedding, dropout))
                inputs = size
            if len(self.widen) < len(sizes) - 1:
                self.widen.append(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(size, size, 3, padding=1)))
        self.last = nn.Sequential(group_norm(inputs), nn.SiLU())
        self.output = shrink_weights(nn.Conv2d(inputs, channels * patch**2, 3, padding=1))

    @property
    def stride(self) -> int:
        """Pixels per position of the coarsest map."""
        return self.patch * int(2 ** len(self.narrow))

    def forward(self, images: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """Return values (B, C, H, W)."""
        height, width = images.shape[2:]
        # -n % k: up to a multiple.
        padded = functional.pad(images, (0, -width % self.stride, 0, -height % self.stride))
        # Times in [0, 1] become the paper's 0 to 1000, for which the embedding's wavelengths are made.
        embedding = self.time(embed_times(1000 * times, self.waves)) + self.label(labels)
        # One format whatever the images come in: the same weights then make the same bits.
        # (B, C, H, W) -> (B, C p^2, H / p, W / p)
        positions = functional.pixel_unshuffle(padded, self.patch).contiguous(memory_format=torch.channels_last)
        values = self.output(self.last(self.run_blocks(self.first(positions), embedding)))
        return functional.pixel_shuffle(values, self.patch)[..., :height, :width]

    def run_blocks(self, values: Tensor, embedding: Tensor) -> Tensor:
        """Take a map down to the coarsest and up again."""
        skipped: list[Tensor] = []
        for place, block in enumerate(self.down):
            if place and place % self.blocks == 0:  # After every map's blocks, none before the first.
                values = self.narrow[place // self.blocks - 1](values)
            values = block(values, embedding)
            skipped.append(values)
        values = self.middle(values, embedding)
        for place, block in enumerate(self.up):
            if place and place % self.blocks == 0:
                values = self.widen[place // self.blocks - 1](values)
            values = block(torch.cat([values, skipped.pop()], dim=1), embedding)
        return values
