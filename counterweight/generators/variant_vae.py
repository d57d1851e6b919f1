"""Variant variational autoencoder of the log-ends thesis: a network of its own for every latent variable.

Image generation through feature extraction and learning, section 5.2.2, figures 5.14 and 5.15; otherwise `vanilla_vae`,
with the loss of equations 17 to 19, of which 19 is corrected: the KL term is summed over latents and averaged over the
batch, and so is the squared error, over pixels. The decoder ends in a sigmoid instead of a ReLU, see `log_ends_vae`.
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge

from counterweight.generators.base import vae
from counterweight.generators.base.plain_vae import PlainVariationalAutoencoder
from counterweight.networks.generative.log_ends_vae import Decoder, Encoder, SubNetworks


class Settings(vae.Settings):
    """Settings of the variant VAE; the thesis has 256, 512 or 1024 latents, and 400 epochs for 80,000 images.

    Its learning rate and batch size are not given; the rate is Keras's default.
    """

    latent_dim: Annotated[int, Ge(1)] = 1024
    epochs: Annotated[int, Ge(1)] = 400
    filters: Annotated[int, Ge(1)] = 32
    """Channels of the first convolution; the others have 2, 4, 8 and 16 times as many."""


class VariantVAE(PlainVariationalAutoencoder):
    """Autoencoder in which a small network leads to the mean and the log variance of each latent variable."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        latents = SubNetworks(settings.latent_dim)
        self.encoder = Encoder(shape, settings.filters, latents, settings.latent_dim)
        self.decoder = Decoder(shape, settings.filters, settings.latent_dim)
