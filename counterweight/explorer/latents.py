"""The latent vectors that generators make images of, all of them under one interface.

A generator's own `generate` draws latents and turns them into images in one go; here both halves are apart, and
`decode(draw(...))` gives what `generate` gives, bit by bit.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.acgan import ACGAN
from counterweight.generators.acwgan import ACWGAN
from counterweight.generators.bagan import BAGAN
from counterweight.generators.bagan_gp import BAGANGP
from counterweight.generators.base.flow import FlowGenerator
from counterweight.generators.base.gan import OneClassGenerator
from counterweight.generators.base.generator import Generator, LearnedGenerator
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.generators.cgan import CGAN
from counterweight.generators.cvae_gan import CVAEGAN
from counterweight.networks.generative.flows import LEVELS
from counterweight.networks.generative.latents import draw_from_classes
from counterweight.networks.layers import one_hot

CHUNK = 256
Decode = Callable[[Tensor, Tensor], Tensor]


class LatentSpace(ABC):
    """Latents (N, D) of a generator of K classes; labels are int64 (N,), images float32 (N, C, H, W) in [-1, 1]."""

    def __init__(self, dim: int, classes: int) -> None:
        self.dim = dim
        self.classes = classes

    @property
    def has_encoder(self) -> bool:
        """Whether real images have latents."""
        return False

    @abstractmethod
    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the images of latents."""

    @abstractmethod
    def draw(self, labels: Tensor, real: Labelled | None, rng: torch.Generator) -> Tensor:
        """Draw latents as the generator does; without the real images that it wants for that, from the prior."""

    def encode(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the latents of uint8 images (N, C, H, W): means, where they have a distribution."""
        raise NotImplementedError("a generator without an encoder")

    def centres(self, real: Labelled | None) -> Tensor:
        """Return the mean (K, D) of what is drawn of each class."""
        return torch.zeros(self.classes, self.dim)

    def is_told_the_label(self, latents: Tensor) -> bool:
        """Say whether the same latents (1, D) are another image under another label."""
        if self.classes < 2:
            return False
        first, last = (self.decode(latents, torch.tensor([label])) for label in (0, self.classes - 1))
        return not torch.equal(first, last)


class PriorSpace(LatentSpace):
    """Standard normal noise, which the label joins on the way to the image."""

    def __init__(self, dim: int, classes: int, decode: Decode) -> None:
        super().__init__(dim, classes)
        self.decoder = decode

    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the images of latents."""
        return self.decoder(latents, labels)

    def draw(self, labels: Tensor, real: Labelled | None, rng: torch.Generator) -> Tensor:
        """Draw from the standard normal."""
        return torch.randn((len(labels), self.dim), generator=rng)


class EncodedPriorSpace(PriorSpace):
    """Standard normal noise, with an encoder that leads images to it."""

    def __init__(self, model: CVAEGAN) -> None:
        super().__init__(model.settings.latent_dim, len(model.class_names), model.generator)
        self.model = model

    @property
    def has_encoder(self) -> bool:
        """Whether real images have latents."""
        return True

    def encode(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the means of the latents' distributions."""
        pairs = zip(images.split(CHUNK), labels.split(CHUNK), strict=True)
        return torch.cat([self.model.encoder(to_unit(part), own)[0] for part, own in pairs])


class AutoencoderSpace(LatentSpace):
    """Latents of a variational autoencoder, drawn from where its setting `sampling` says."""

    def __init__(self, model: VariationalAutoencoder) -> None:
        super().__init__(model.latent_dim, len(model.class_names))
        self.model = model

    @property
    def has_encoder(self) -> bool:
        """Whether real images have latents."""
        return True

    def draws_from_prior(self, real: Labelled | None) -> bool:
        """Say whether latents come from the prior: as set, as of a model of all classes, or for want of images."""
        settings = self.model.settings
        return real is None or settings.sampling == "prior" or type(self.model).is_unconditional(settings)

    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the images of latents."""
        return self.model.decode(latents, labels)

    def draw(self, labels: Tensor, real: Labelled | None, rng: torch.Generator) -> Tensor:
        """Draw from the prior, or near the latents of a class's real images."""
        if real is None or self.draws_from_prior(real):
            return torch.randn((len(labels), self.dim), generator=rng)
        latents = torch.empty((len(labels), self.dim))
        for label in labels.unique().tolist():
            place = labels == label
            latents[place] = self.model.latents_of(label, int(place.sum()), real, rng)
        return latents

    def encode(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the means of the latents' distributions."""
        latents = torch.empty((len(labels), self.dim))
        for label in labels.unique().tolist():
            latents[labels == label] = self.model.posteriors(images[labels == label], label)[0]
        return latents

    def centres(self, real: Labelled | None) -> Tensor:
        """Return 0 for the prior, else the mean latents of each class, of all where a class has no image."""
        if real is None or self.draws_from_prior(real) or len(real.labels) == 0:
            return super().centres(real)
        latents = self.encode(real.images, real.labels)
        own = [latents[real.labels == label] for label in range(self.classes)]
        return torch.stack([(part if len(part) else latents).mean(dim=0) for part in own])


class ClassGaussianSpace(LatentSpace):
    """BAGAN's latents: a Gaussian for each class, fitted to what the encoder made of its images."""

    def __init__(self, model: BAGAN) -> None:
        super().__init__(model.settings.latent_dim, len(model.class_names))
        self.model = model

    @property
    def has_encoder(self) -> bool:
        """Whether real images have latents."""
        return True

    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the images of latents, which alone say what class they are of."""
        images: Tensor = self.model.generator(latents)
        return images

    def draw(self, labels: Tensor, real: Labelled | None, rng: torch.Generator) -> Tensor:
        """Draw from the classes' Gaussians."""
        return draw_from_classes(self.model.class_means, self.model.class_factors, labels, rng)

    def encode(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the latents of images."""
        return torch.cat([self.model.encoder(to_unit(part)) for part in images.split(CHUNK)])

    def centres(self, real: Labelled | None) -> Tensor:
        """Return the Gaussians' means."""
        return self.model.class_means


class FlowSpace(LatentSpace):
    """Latents of a normalizing flow, as many as its images have values, of all scales in a row, the coarsest first."""

    def __init__(self, model: FlowGenerator) -> None:
        self.model = model
        self.shapes = [tuple(prior.mean.shape[1:]) for prior in model.flow.q0]
        self.sizes = [math.prod(shape) for shape in self.shapes]
        super().__init__(sum(self.sizes), len(model.class_names))

    @property
    def has_encoder(self) -> bool:
        """Whether real images have latents."""
        return True

    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Run the flow backwards."""
        if len(latents) == 0:  # normflows' checkerboards need an image
            return torch.empty((0, *self.model.shape))
        parts = zip(latents.split(self.sizes, dim=1), self.shapes, strict=True)
        intensities, _ = self.model.flow.forward_and_log_det([part.reshape(-1, *shape) for part, shape in parts])
        levels = (intensities * LEVELS).floor().clamp(0, LEVELS - 1)
        images: Tensor = levels[..., : self.model.shape[1], : self.model.shape[2]] / 127.5 - 1
        return images

    def draw(self, labels: Tensor, real: Labelled | None, rng: torch.Generator) -> Tensor:
        """Draw from the Gaussians of every scale."""
        temperature = self.model.settings.temperature
        return self.flatten([prior.draw(labels, temperature, rng) for prior in self.model.flow.q0])

    def encode(self, images: Tensor, labels: Tensor) -> Tensor:
        """Run the flow forwards, with the same noise below the bytes for any image."""
        found = [torch.empty(0, self.dim)]
        for part in images.split(CHUNK) if len(images) else ():  # normflows' checkerboards need an image
            rng = torch.Generator().manual_seed(0)
            latents, _ = self.model.flow.inverse_and_log_det(self.model.dequantize(to_unit(part), rng) / LEVELS)
            found.append(self.flatten(latents))
        return torch.cat(found)

    def centres(self, real: Labelled | None) -> Tensor:
        """Return the Gaussians' means."""
        return self.flatten([prior.mean for prior in self.model.flow.q0])

    def flatten(self, parts: list[Tensor]) -> Tensor:
        """Return the scales' latents (N, C, H, W) in a row (N, D)."""
        return torch.cat([part.flatten(1) for part in parts], dim=1)


def find_space(model: Generator) -> LatentSpace | None:
    """Return the latents of a generator; None for one that has no latent vector, or a model for each class."""
    if isinstance(model, VariationalAutoencoder):
        return AutoencoderSpace(model)
    if isinstance(model, FlowGenerator):
        return FlowSpace(model)
    if isinstance(model, BAGAN):
        return ClassGaussianSpace(model)
    if isinstance(model, CVAEGAN):
        return EncodedPriorSpace(model)
    if isinstance(model, OneClassGenerator | CGAN | ACGAN | ACWGAN | BAGANGP):
        return PriorSpace(model.settings.latent_dim, len(model.class_names), find_decoder(model))
    return None


def find_decoder(model: LearnedGenerator) -> Decode:
    """Return what a generator without an encoder makes of noise (N, D) and labels (N,)."""
    if isinstance(model, CGAN):
        return lambda latents, labels: model.generator(torch.cat([latents, one_hot(labels, len(model.class_names))], 1))
    if isinstance(model, ACGAN | ACWGAN | BAGANGP):
        return lambda latents, labels: model.generator(latents * model.embedding(labels))
    assert isinstance(model, OneClassGenerator)
    return lambda latents, labels: model.generator(latents)
