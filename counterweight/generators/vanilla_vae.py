"""Vanilla variational autoencoder of the log-ends thesis.

Image generation through feature extraction and learning, section 5.2.1, tables 5.2 and 5.3. The decoder ends in a
sigmoid instead of a ReLU, see `log_ends_vae`.

Loss: equations 17 to 19, divided by the batch size, which changes nothing for Adam. Equation 18 sums the squared error
over pixels and over the batch, equation 19 averages the KL term over it, so for an image that term has a weight of one
over the batch size. That is 32: the 9,372.83 of table 6.10 are 28 dB for each of 32 images of 3 x 256 x 256, and their
reconstructions show dots and laser points (6.1.3); of one image they would be 13 dB, at which nothing so small is seen.
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge

from counterweight.generators.base import vae
from counterweight.generators.base.plain_vae import PlainVariationalAutoencoder
from counterweight.networks.generative.log_ends_vae import Decoder, Dense, Encoder


class Settings(vae.Settings):
    """Settings of the vanilla VAE; the thesis has 256, 512 or 1024 latents, and 400 epochs for 80,000 images.

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


class VanillaVAE(PlainVariationalAutoencoder):
    """Autoencoder whose means and log variances are two dense layers."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        latents = Dense(settings.latent_dim)
        self.encoder = Encoder(shape, settings.filters, latents, settings.latent_dim)
        self.decoder = Decoder(shape, settings.filters, settings.latent_dim)
