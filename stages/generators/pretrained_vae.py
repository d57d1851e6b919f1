"""Variational autoencoder on a network made for ImageNet.

Distributions thesis (Efficient generation of complex data distributions), section 4.2.1 and figure 4.9: a
pretrained encoder and its mirror, a learning rate that cycles between 1e-5 and 1e-2 every 1000 steps of Adam, and 200
epochs. The thesis names no reconstruction error: here, the squared. It starts from ImageNet's weights and goes on
training them; here, the first weights are random, since a generator is built from its settings alone.
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Gt, MultipleOf

from stages.generators import base_cyclic_vae, base_vae
from stages.generators.base_cyclic_vae import CyclicVariationalAutoencoder
from stages.networks.generative.pretrained_vae import Backbone, Decoder, Encoder


class Settings(base_cyclic_vae.Settings, base_vae.Settings):
    """Settings of the VAE on a backbone; the thesis gives no batch size and no weight of the KL term."""

    latent_dim: Annotated[int, Ge(1)] = 512
    backbone: Backbone = "vgg11_bn"
    """The convolutions that the encoder begins with."""
    input_size: Annotated[int, Ge(32)] = 224
    """Pixels of the side to which images are resized for the backbone, which halves it five times; ResNet152 needs
    33 or more where it learns from a single image, since its normalisation takes no single value."""
    hidden: Annotated[int, Ge(64), MultipleOf(64)] = 4096
    """Units of the larger dense layers, which become maps of 8 x 8 positions; the smaller have half as many."""
    epochs: Annotated[int, Ge(1)] = 200
    learning_rate: Annotated[float, Gt(0)] = 1e-2
    lowest_rate: Annotated[float, Gt(0)] = 1e-5
    """Learning rate at both ends of a cycle."""
    cycle: Annotated[int, Ge(1)] = 1000
    """Steps from one end of a cycle to the other: half of them up, half of them down."""


class PretrainedVAE(CyclicVariationalAutoencoder):
    """Autoencoder whose encoder begins with the convolutions of VGG11 or ResNet152."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        hidden = settings.hidden, settings.hidden // 2
        self.encoder = Encoder(settings.backbone, settings.input_size, hidden, settings.latent_dim)
        self.decoder = Decoder(shape, hidden, settings.latent_dim)
