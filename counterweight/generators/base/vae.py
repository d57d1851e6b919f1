"""What all variational autoencoders share: their loss, and the ways of sampling images of a wanted class from them."""

from abc import abstractmethod
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from counterweight.core import schema
from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.base.generator import LearnedGenerator, NotApplicable, Phase, Update
from counterweight.networks.generative.latents import draw_from_posteriors, slerp
from counterweight.networks.layers import kl_to_standard_normal, reparametrize


class CommonSettings(schema.Settings):
    """Settings that every variational autoencoder has, even one whose number of latents follows from the images."""

    kl_weight: Annotated[float, Ge(0)] = 1.0
    """Factor of the KL term, which is summed over latents and averaged over the batch."""
    sampling: Literal["prior", "class_gaussian", "linear", "spherical", "jitter"] = "class_gaussian"
    """Where latents of a class come from: the prior (which needs a model that knows the label), a Gaussian fitted to
    the latents of its real images, the way between two of them (straight or along the sphere), or near one of them."""
    jitter: Annotated[float, Gt(0)] = 1.0
    """Under `jitter`: how many of its posterior standard deviations a latent is moved from that of a real image."""
    epochs: Annotated[int, Ge(1)] = 100
    batch_size: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0)] = 1e-3


class Settings(CommonSettings):
    """Settings of an autoencoder with so many latents."""

    latent_dim: Annotated[int, Ge(1)] = 300


class VariationalAutoencoder(LearnedGenerator):
    """An encoder to a diagonal Gaussian of latents, a decoder, and the evidence lower bound.

    Kingma and Welling, Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114.
    """

    settings: CommonSettings

    @property
    def latent_dim(self) -> int:
        """The number of latents, D."""
        assert isinstance(self.settings, Settings), "an autoencoder with other settings has its own way"
        return self.settings.latent_dim

    @abstractmethod
    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, each (B, D), of the latents of images (B, C, H, W) in [-1, 1]."""

    @abstractmethod
    def decode(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] from latents (B, D)."""

    @abstractmethod
    def reconstruction(self, images: Tensor, latents: Tensor, labels: Tensor) -> Tensor:
        """Return how badly latents decode to their images, summed over pixels and averaged over the batch."""

    def networks(self) -> tuple[nn.Module, ...]:
        """Return what is trained: everything, unless a part is frozen."""
        return (self,)

    def phases(self) -> list[Phase]:
        """Train all networks together with Adam."""
        adam = partial(torch.optim.Adam, lr=self.settings.learning_rate, fused=True)
        update = Update("autoencoder", self.networks(), adam)
        return [Phase("autoencoder", self.settings.epochs, self.settings.batch_size, (update,))]

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the negative evidence lower bound per image; both terms are sums, averaged over the batch."""
        mean, log_variance = self.encode(images, labels)
        reconstruction = self.reconstruction(images, self.reparametrise(mean, log_variance, rng), labels)
        kl = kl_to_standard_normal(mean, log_variance)
        return {"loss": reconstruction + self.settings.kl_weight * kl, "reconstruction": reconstruction, "kl": kl}

    def reparametrise(self, mean: Tensor, log_variance: Tensor, rng: torch.Generator) -> Tensor:
        """Draw latents from their posterior so that gradients reach both of its parameters."""
        return reparametrize(mean, log_variance, rng)

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Decode latents that are drawn as `sampling` says."""
        if self.settings.sampling == "prior":
            latents = torch.randn((len(labels), self.latent_dim), generator=rng).to(self.device)
        else:
            latents = torch.empty((len(labels), self.latent_dim), device=self.device)
            for label in labels.unique().tolist():
                place = labels == label
                latents[place.to(self.device)] = self.latents_of(label, int(place.sum()), real, rng)
        return self.decode(latents, labels.to(self.device))

    def latents_of(self, label: int, count: int, real: Labelled, rng: torch.Generator) -> Tensor:
        """Draw latents (N, D) of one class near those of its real images."""
        own = real.images[real.labels == label]
        if len(own) == 0:  # A class may need images and have none.
            raise NotApplicable(f"class '{self.class_names[label]}' has no image to encode")
        if self.settings.sampling == "class_gaussian":
            means, log_variances = self.posteriors(own, label)
            return draw_from_posteriors(means, log_variances, count, rng)
        # With replacement: a class of one image has a pair, too.
        first, second = (torch.randint(len(own), (count,), generator=rng) for _ in range(2))
        if self.settings.sampling == "jitter":
            mean, log_variance = self.posteriors(own[first], label)
            noise = torch.randn(mean.shape, generator=rng).to(self.device)
            return mean + self.settings.jitter * (log_variance / 2).exp() * noise
        start, end = (self.posteriors(own[chosen], label)[0] for chosen in (first, second))
        fraction = torch.rand((count, 1), generator=rng).to(self.device)
        return (
            slerp(start, end, fraction) if self.settings.sampling == "spherical" else start + fraction * (end - start)
        )

    def posteriors(self, images: Tensor, label: int) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (N, D) of the latents of uint8 images (N, C, H, W) of one class."""
        parts = [
            self.encode(to_unit(part.to(self.device)), torch.full((len(part),), label, device=self.device))
            for part in images.split(512)
        ]
        means, log_variances = (torch.cat(values) for values in zip(*parts, strict=True))
        return means, log_variances
