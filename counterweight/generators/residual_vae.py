"""Variational autoencoder with residual connections.

Distributions thesis (Efficient generation of complex data distributions), section 4.2.2: residual
blocks in encoder and decoder, a learning rate that cycles between 1e-7 and 1e-4 every 2000 steps of Adam, 100 epochs,
and latents whose variance is one instead of learned, as in Liu, Breuel and Kautz, Unsupervised Image-to-Image
Translation Networks, https://arxiv.org/abs/1703.00848. The thesis names no reconstruction error: here, the squared.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from counterweight.generators.base import cyclic_vae
from counterweight.generators.base.cyclic_vae import CyclicVariationalAutoencoder
from counterweight.networks.generative.diffaugment import colour
from counterweight.networks.generative.residual_vae import Decoder, Encoder, latent_shape


class Settings(cyclic_vae.Settings):
    """Settings of the residual VAE; the number of latents is that of a block's channels times an eighth of each side.

    The thesis gives no batch size and no weight of the KL term.
    """

    block_channels: Annotated[int, Ge(1)] = 64
    """Channels of the residual blocks and of the map that the latents are: 16, 32 or 64 in the thesis."""
    filters: Annotated[int, Ge(1)] = 32
    """Channels of the first convolution; the next two have two and four times as many."""
    reparametrisation: Literal["unit_variance", "classic"] = "unit_variance"
    """Latents are drawn from N(mean, I), or from N(mean, variance) with a variance that is learned."""
    learning_rate: Annotated[float, Gt(0)] = 1e-4
    colour: Annotated[float, Ge(0), Le(1)] = 0.0
    """How far brightness, saturation and contrast of the images that it learns from are changed at random. The thesis
    trained its network of 64 channels under 'more stringent colour augmentations' and says no more; 1: as
    differentiable augmentation does, by up to a quarter of the range, to none or twice the saturation and to half or
    one and a half times the contrast; 0: not at all."""


class ResidualVAE(CyclicVariationalAutoencoder):
    """Autoencoder of residual blocks, whose latents keep their place in the image."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        sizes = settings.filters, settings.block_channels
        self.encoder = Encoder(shape, *sizes, settings.reparametrisation == "unit_variance")
        self.decoder = Decoder(shape, *sizes)

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the negative evidence lower bound of images whose colours were changed, each by itself."""
        return super().losses(update, self.change_colours(images, rng), labels, rng)

    def change_colours(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Go from images (B, C, H, W) in [-1, 1] towards others with changed colours, as far as `colour` says."""
        if self.settings.colour == 0:
            return images
        changed = colour(images, lambda batch: torch.rand((len(batch), 1, 1, 1), generator=rng, device=batch.device))
        return (images + self.settings.colour * (changed - images)).clamp(-1, 1)

    @property
    def latent_dim(self) -> int:
        """The number of latents, D, which follows from the size of the images."""
        return math.prod(latent_shape(self.shape, self.settings.block_channels))
