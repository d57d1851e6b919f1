"""Variational autoencoder on a network made for ImageNet.

Distributions thesis (Efficient generation of complex data distributions), section 4.2.1 and figure 4.9: a
pretrained encoder and its mirror, a learning rate that cycles between 1e-5 and 1e-2 every 1000 steps of Adam, and 200
epochs. The thesis names no reconstruction error: here, the squared. It starts from ImageNet's weights and goes on
training them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, MultipleOf

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.core.weight_files import fetch_weight_file, read_weights
from counterweight.generators.base import cyclic_vae, vae
from counterweight.generators.base.cyclic_vae import CyclicVariationalAutoencoder
from counterweight.networks.generative.pretrained_vae import URLS, Backbone, Decoder, Encoder


class Settings(cyclic_vae.Settings, vae.Settings):
    """Settings of the VAE on a backbone; the thesis gives no batch size and no weight of the KL term."""

    latent_dim: Annotated[int, Ge(1)] = 512
    backbone: Backbone = "vgg11_bn"
    """The convolutions that the encoder begins with."""
    weights: Literal["imagenet", "random"] = "imagenet"
    """What they start from: torchvision's file for ImageNet, which is downloaded once, or numbers drawn at random."""
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


def fetch_imagenet_weights(settings: Settings) -> Path:
    """Return the file of ImageNet's weights, downloaded if need be; errors do not know the block.

    Raises:
        UserError: it cannot be had.
    """
    return fetch_weight_file(URLS[settings.backbone], "weights: imagenet", "weights: random")


class PretrainedVAE(CyclicVariationalAutoencoder):
    """Autoencoder whose encoder begins with the convolutions of VGG11 or ResNet152."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        hidden = settings.hidden, settings.hidden // 2
        pretrained = settings.weights == "imagenet"
        self.encoder = Encoder(settings.backbone, settings.input_size, hidden, settings.latent_dim, pretrained)
        self.decoder = Decoder(shape, hidden, settings.latent_dim)

    @classmethod
    def precheck(cls, settings: schema.Settings, class_names: Sequence[str]) -> None:
        """Fetch ImageNet's weights now: hours later their absence would be bad news."""
        assert isinstance(settings, Settings)
        if settings.weights == "imagenet":
            fetch_imagenet_weights(settings)

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Let the encoder start from ImageNet's weights, and the decoder from the mean image."""
        super().on_phase_start(phase, real)
        if self.settings.weights == "imagenet":
            assert isinstance(self.encoder, Encoder)
            self.encoder.take_over(read_weights(fetch_imagenet_weights(self.settings)))
