"""What the adversarial generators share: settings, two players that take turns, and noise turned into images."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.networks.generative.dcgan import Norm, Upsampling, dcgan_features, dcgan_generator, head
from counterweight.networks.generative.diffaugment import Augment
from counterweight.networks.generative.gan_losses import Loss, generator_loss


class Settings(schema.Settings):
    """Settings that every adversarial generator has; Adam as in DCGAN."""

    latent_dim: Annotated[int, Ge(1)] = 100
    width: Annotated[int, Ge(1)] = 64
    """Channels of the finest inner map of generator and discriminator; coarser maps have more."""
    upsampling: Upsampling = "transposed"
    """How the generator enlarges maps: transposed convolutions, or repeated pixels and convolutions (nearest)."""
    balanced: bool = False
    """Draw batches with all classes equally likely, so that a small class is not drowned by the large ones."""
    epochs: Annotated[int, Ge(1)] = 100
    batch_size: Annotated[int, Ge(2)] = 64
    learning_rate: Annotated[float, Gt(0)] = 2e-4
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Adam's decay of the first moment."""
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999
    """Adam's decay of the second moment."""
    n_critic: Annotated[int, Ge(1)] = 1
    """Steps of the discriminator for each of the generator."""


class OneClassSettings(Settings):
    """Settings of a generator that knows no labels."""

    unconditional: bool = False
    """Train one model on the images of all classes, instead of one for each, as the GAN-vs-VAE report does (figure 5b).
    A table, which needs images of a wanted class, refuses it; `counterweight gallery` shows it."""


class AdversarialGenerator(LearnedGenerator):
    """A generator and a discriminator that train on every batch, the generator on every k-th."""

    settings: Settings
    generator: nn.Module

    def players(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the modules of each update."""
        # `augment` has nothing to train.
        others = tuple(module for name, module in self.named_children() if name not in ("generator", "augment"))
        return {"discriminator": others, "generator": (self.generator,)}

    def phases(self) -> list[Phase]:
        """Let the discriminator and then the generator take their steps."""
        s = self.settings
        adam = partial(torch.optim.Adam, lr=s.learning_rate, betas=(s.beta1, s.beta2), fused=True)
        players = self.players()
        updates = [
            Update("discriminator", players["discriminator"], adam),
            Update("generator", players["generator"], adam, every=s.n_critic),
        ]
        return [Phase("adversarial", s.epochs, s.batch_size, updates, balanced=s.balanced)]

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the loss of the player whose turn it is."""
        if update == "discriminator":
            return self.discriminator_losses(images, labels, rng)
        return self.generator_losses(2 * len(images), rng)  # as many as the discriminator sees (report, III)

    @abstractmethod
    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of the discriminator on real images and as many fake ones."""

    @abstractmethod
    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of the generator on `count` new images."""

    @abstractmethod
    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images (B, C, H, W) in [-1, 1] of the classes (B,)."""

    def noise(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw latents (N, D) from the standard normal."""
        return torch.randn((count, self.settings.latent_dim), generator=rng, device=rng.device).to(self.device)

    def any_labels(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw labels (N,), every class equally likely."""
        return torch.randint(len(self.class_names), (count,), generator=rng, device=rng.device).to(self.device)

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the wanted classes."""
        return self.make(labels.to(self.device), rng)


class OneClassGenerator(AdversarialGenerator):
    """Generator and discriminator by the rules of DCGAN, both of the images of one class alone, or of all together."""

    settings: OneClassSettings
    norm: Norm = "batch"
    """Normalisation in the discriminator."""

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        self.generator = dcgan_generator(settings.latent_dim, shape, settings.width, settings.upsampling)
        features, size = dcgan_features(shape, settings.width, self.norm)
        self.discriminator = nn.Sequential(Augment(), features, head(size, 1), nn.Flatten(0))

    @property
    def loss(self) -> Loss:
        """What both players minimise."""
        return "wasserstein"

    @classmethod
    def knows_labels(cls, settings: schema.Settings) -> bool:
        """Say that it does not."""
        return False

    @classmethod
    def is_unconditional(cls, settings: schema.Settings) -> bool:
        """Say what the settings say."""
        return isinstance(settings, OneClassSettings) and settings.unconditional

    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the generator's loss."""
        fakes = self.make(self.any_labels(count, rng), rng)
        return {"loss": generator_loss(self.loss, self.discriminator(fakes))}

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images; there is one class."""
        images: Tensor = self.generator(self.noise(len(labels), rng))
        return images
