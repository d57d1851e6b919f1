"""Variant variational autoencoder of the log-ends thesis: a network of its own for every latent variable.

Image generation through feature extraction and learning, section 5.2.2, figures 5.14 and 5.15; otherwise `vanilla_vae`,
with the loss of equations 17 to 19, divided by the batch size of 32: `vanilla_vae` says how that is known. The decoder
ends in a sigmoid instead of a ReLU, see `log_ends_vae`.
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge

from counterweight.generators.base import vae
from counterweight.generators.base.plain_vae import PlainVariationalAutoencoder
from counterweight.networks.generative.log_ends_vae import Decoder, Encoder, SubNetworks


class Settings(vae.Settings):
    """Settings of the variant VAE; the thesis has 256, 512 or 1024 latents, and 400 epochs for 80,000 images.

    Its learning rate is not given, and is Keras's default; nor is its batch size, which its losses tell: see above.
    """

    kl_weight: Annotated[float, Ge(0)] = 1 / 32
    """Factor of the KL term beside an image's squared error. It is one over the thesis's batch size: `batch_size`
    can change without it."""
    batch_size: Annotated[int, Ge(1)] = 32
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
