"""Conditional variational autoencoder.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), sections II.C and II.D: four
convolutions with ReLU encode, three transposed convolutions and one convolution decode, one-hot labels
are concatenated to the latent variables, of which MNIST gets 2 and other images 300. Sohn et al.,
Learning Structured Output Representation using Deep Conditional Generative Models,
https://papers.nips.cc/paper/5775, conditions the encoder on the label too, and so does this file.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional

from stages.generators import base
from stages.generators.base import Act, Labelled, LearnedGenerator, Phase
from stages.networks.blocks import Crop, halved, kl_to_standard_normal, one_hot, reparametrised


class Settings(base.Settings):
    """Settings of the CVAE."""

    latent_dim: Annotated[int, Ge(1)] = 300
    """Latent variables; the report takes 2 for MNIST and 300 otherwise."""
    filters: Annotated[int, Ge(1)] = 64
    """Channels of the inner convolutions; the outermost have half as many."""
    hidden: Annotated[int, Ge(1)] = 256
    """Units of the dense layers between convolutions and latent variables."""
    kl_weight: Annotated[float, Ge(0)] = 1.0
    """Factor of the KL term, which is summed over latents and averaged over the batch."""
    epochs: Annotated[int, Ge(1)] = 100
    batch_size: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0)] = 1e-3


class Encoder(nn.Module):
    """Map images (B, C, H, W) in [-1, 1] and one-hot labels (B, K) to mean and log variance, each (B, D)."""

    def __init__(self, shape: tuple[int, int, int], classes: int, settings: Settings) -> None:
        super().__init__()
        channels, height, width = shape
        filters = settings.filters
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, max(1, filters // 2), 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(max(1, filters // 2), filters, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        flat = filters * halved(height, 2) * halved(width, 2)
        self.hidden = nn.Sequential(nn.Linear(flat + classes, settings.hidden), nn.ReLU())
        self.mean = nn.Linear(settings.hidden, settings.latent_dim)
        self.log_variance = nn.Linear(settings.hidden, settings.latent_dim)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latent variables."""
        hidden = self.hidden(torch.cat([self.convolutions(images), labels], dim=1))
        return self.mean(hidden), self.log_variance(hidden)


class Decoder(nn.Module):
    """Map latent variables (B, D) and one-hot labels (B, K) to logits of pixel intensities (B, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], classes: int, settings: Settings) -> None:
        super().__init__()
        channels, height, width = shape
        filters, rows, columns = settings.filters, halved(height, 2), halved(width, 2)
        self.layers = nn.Sequential(
            nn.Linear(settings.latent_dim + classes, settings.hidden),
            nn.ReLU(),
            nn.Linear(settings.hidden, filters * rows * columns),
            nn.ReLU(),
            nn.Unflatten(1, (filters, rows, columns)),
            nn.ConvTranspose2d(filters, filters, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(filters, filters, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(filters, max(1, filters // 2), 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.Conv2d(max(1, filters // 2), channels, 3, padding=1),
            Crop(height, width),
        )

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return logits; their sigmoid is the intensity in [0, 1]."""
        logits: Tensor = self.layers(torch.cat([latents, labels], dim=1))
        return logits


class CVAE(LearnedGenerator):
    """Conditional variational autoencoder whose images are decoded from the prior and the wanted label."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        self.encoder = Encoder(shape, len(class_names), settings)
        self.decoder = Decoder(shape, len(class_names), settings)

    def acts(self) -> list[Act]:
        """Train both networks together with Adam, as the report does."""
        adam = partial(torch.optim.Adam, lr=self.settings.learning_rate, fused=True)
        phase = Phase("autoencoder", (self.encoder, self.decoder), adam)
        return [Act("autoencoder", self.settings.epochs, self.settings.batch_size, (phase,))]

    def begin(self, act: str, real: Labelled) -> None:
        """Let the decoder start from the mean intensity of each channel.

        From zero, the first steps on mostly dark images push so hard that whole channels of ReLUs may die,
        after which no image can become bright.
        """
        some = real.images[:: -(-len(real.images) // 4096)]  # as floats, all of a large set might not fit
        last = self.decoder.layers[-2]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        with torch.no_grad():
            last.bias.copy_(torch.logit(some.float().mean(dim=(0, 2, 3)) / 255, eps=1e-3))

    def losses(self, phase: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the negative evidence lower bound in nats per image (report, equation 2).

        The reconstruction term is the cross-entropy between pixel intensities and their decoded
        probabilities, summed over channels and pixels and averaged over the batch, so that it and the
        KL term are on one scale.
        """
        condition = one_hot(labels, len(self.class_names))
        mean, log_variance = self.encoder(images, condition)
        logits = self.decoder(reparametrised(mean, log_variance, rng), condition)
        intensities = (images + 1) / 2
        reconstruction = functional.binary_cross_entropy_with_logits(logits, intensities, reduction="sum") / len(images)
        kl = kl_to_standard_normal(mean, log_variance)
        return {"loss": reconstruction + self.settings.kl_weight * kl, "reconstruction": reconstruction, "kl": kl}

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Decode latents of the prior N(0, I) under the wanted labels."""
        latents = torch.randn((len(labels), self.settings.latent_dim), generator=rng).to(self.device)
        logits = self.decoder(latents, one_hot(labels.to(self.device), len(self.class_names)))
        return 2 * torch.sigmoid(logits) - 1
