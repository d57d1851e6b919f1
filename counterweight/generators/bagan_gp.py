"""BAGAN with a gradient penalty.

Huang and Jafari, Enhanced Balancing GAN: Minority-class Image Generation, https://arxiv.org/abs/2011.00189, and its
code, https://github.com/GH920/improved-bagan-gp, where numbers and layers come from.

Two phases: an autoencoder is told the labels, since a vector for each class multiplies the latent; decoder and vectors
start the generator, the encoder's convolutions the discriminator, which judges whether an image fits a label; then both
play. Three things are to be told from real images under their labels: fakes, and real images under wrong labels. Where
this differs from the code: a wrong label is never the right one, fakes have the labels of the batch (so both ends of
the penalty's lines belong to one label), and points between real and fake are drawn evenly from the line as in
WGAN-GP, where the code draws from a normal distribution, beyond the ends.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.networks.generative.dcgan import initialise
from counterweight.networks.generative.diffaugment import Augment
from counterweight.networks.generative.gan_losses import discriminator_loss, generator_loss, gradient_penalty
from counterweight.networks.layers import Crop, halve_size

COARSEST = 4  # side of the smallest map at most, as in the code's networks for 64 pixels
SLOPE = 0.2


class Settings(schema.Settings):
    """Settings of BAGAN-GP; the defaults are those of the authors' code."""

    latent_dim: Annotated[int, Ge(1)] = 128
    width: Annotated[int, Ge(1)] = 64
    """Channels of the finest inner map; the coarsest has four times as many, those between them twice."""
    label_dim: Annotated[int, Ge(1)] = 512
    """Size of the vector that tells the discriminator the label, and of its last hidden layer."""
    loss: Literal["non_saturating", "wasserstein"] = "non_saturating"
    """What both players minimise besides the penalty: the authors' cross-entropy (as in DRAGAN), or WGAN-GP's
    difference of scores."""
    penalty: Annotated[float, Gt(0)] = 10.0
    """Factor of the gradient penalty."""
    n_critic: Annotated[int, Ge(1)] = 5
    """Steps of the discriminator for each of the generator."""
    autoencoder_epochs: Annotated[int, Ge(1)] = 30
    epochs: Annotated[int, Ge(1)] = 100
    """Epochs of the adversarial phase."""
    batch_size: Annotated[int, Ge(2)] = 128
    autoencoder_learning_rate: Annotated[float, Gt(0)] = 2e-4
    learning_rate: Annotated[float, Gt(0)] = 2e-4
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Adam's decay of the first moment."""
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Adam's decay of the second moment."""


def channels_of(shape: tuple[int, int, int], width: int) -> list[int]:
    """Return the channels of each map that halves the image's sides until none is longer than COARSEST."""
    times = 1
    while max(halve_size(side, times) for side in shape[1:]) > COARSEST:
        times += 1
    return [width * factor for factor in (1, *[2] * (times - 2), 4)[-times:]]


def features(shape: tuple[int, int, int], width: int) -> tuple[nn.Sequential, int]:
    """Return the convolutions that encoder and discriminator share, images to features (B, F), and F."""
    outputs, layers = channels_of(shape, width), list[nn.Module]()
    for before, after in zip([shape[0], *outputs[:-1]], outputs, strict=True):
        # A kernel of 3 where the code has 4: with odd sides it halves as Keras's 'same' does.
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
    network = nn.Sequential(*layers, nn.Flatten())
    network.apply(initialise)
    times = len(outputs)
    return network, outputs[-1] * halve_size(shape[1], times) * halve_size(shape[2], times)


def decoder(shape: tuple[int, int, int], width: int, latents: int) -> nn.Sequential:
    """Return the network from labelled latents (B, D) to images (B, C, H, W) in [-1, 1]."""
    channels, height, columns = shape
    maps = channels_of(shape, width)[::-1]
    coarsest = (maps[0], halve_size(height, len(maps)), halve_size(columns, len(maps)))
    layers: list[nn.Module] = [
        nn.Linear(latents, coarsest[0] * coarsest[1] * coarsest[2]),
        nn.LeakyReLU(SLOPE),
        nn.Unflatten(1, coarsest),
    ]
    for before, after in pairwise(maps):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after)]
        layers.append(nn.LeakyReLU(SLOPE))
    layers += [nn.ConvTranspose2d(maps[-1], channels, 4, stride=2, padding=1), nn.Tanh(), Crop(height, columns)]
    network = nn.Sequential(*layers)
    for layer in network[1:]:
        initialise(layer)
    return network


class Discriminator(nn.Module):
    """Judges whether an image is a real one of a class: a vector of the label multiplies the image's features."""

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int, label_dim: int) -> None:
        super().__init__()
        self.augment = Augment()
        self.features, size = features(shape, width)
        self.label = nn.Sequential(nn.Embedding(classes, label_dim), nn.Linear(label_dim, size), nn.LeakyReLU(SLOPE))
        # Flatten(0): (B, 1) -> (B,)
        self.head = nn.Sequential(nn.Linear(size, label_dim), nn.Linear(label_dim, 1), nn.Flatten(0))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return a logit or score (B,)."""
        scores: Tensor = self.head(self.features(self.augment(images)) * self.label(labels))
        return scores


class BAGANGP(LearnedGenerator):
    """GAN that a labelled autoencoder initialises, with a discriminator of images under labels."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        s, classes = settings, len(class_names)
        convolutions, size = features(shape, s.width)
        self.encoder = nn.Sequential(convolutions, nn.Linear(size, s.latent_dim), nn.LeakyReLU(SLOPE))
        self.embedding = nn.Embedding(classes, s.latent_dim)
        self.generator = decoder(shape, s.width, s.latent_dim)
        self.discriminator = Discriminator(shape, classes, s.width, s.label_dim)

    def phases(self) -> list[Phase]:
        """First the autoencoder on all images, then the game on batches with all classes equally likely."""
        s = self.settings
        adam = partial(torch.optim.Adam, betas=(s.beta1, s.beta2), fused=True)
        coder = (self.encoder, self.embedding, self.generator)
        players = (
            Update("discriminator", (self.discriminator,), partial(adam, lr=s.learning_rate)),
            Update("generator", coder[1:], partial(adam, lr=s.learning_rate), every=s.n_critic),
        )
        return [
            Phase(
                "autoencoder",
                s.autoencoder_epochs,
                s.batch_size,
                (Update("autoencoder", coder, partial(adam, lr=s.autoencoder_learning_rate)),),
            ),
            Phase("adversarial", s.epochs, s.batch_size, players, balanced=True),
        ]

    def compilable(self) -> list[nn.Module]:
        """Return all networks but the one whose gradient is penalised."""
        return [self.encoder, self.embedding, self.generator]

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Before the game the discriminator takes the encoder's convolutions; the generator is the decoder already."""
        if phase == "adversarial":
            self.discriminator.features.load_state_dict(self.encoder[0].state_dict())

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the loss of one update, a mean over images (and pixels, for the autoencoder)."""
        if update == "autoencoder":
            rebuilt = self.generator(self.encoder(images) * self.embedding(labels))
            return {"loss": functional.l1_loss(rebuilt, images)}
        if update == "discriminator":
            return self.discriminator_losses(images, labels, rng)
        return {"loss": generator_loss(self.settings.loss, self.discriminator(self.make(labels, rng), labels))}

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the discriminator's loss, its parts and the penalty."""
        with torch.no_grad():
            fakes = self.make(labels, rng)
        wrong_labels = self.other_labels(labels, rng)
        mislabelled = images if len(self.class_names) > 1 else fakes  # one class alone has no wrong label
        # One call for all three; no layer of it mixes images, so each is judged as it would be alone.
        real, fake, wrong = self.discriminator(
            torch.cat([images, fakes, mislabelled]), torch.cat([labels, labels, wrong_labels])
        ).split(len(images))
        if self.settings.loss == "wasserstein":  # a mean over both, else the scores' common level would drift
            source = discriminator_loss("wasserstein", real, torch.cat([fake, wrong]))
        else:
            source = discriminator_loss("non_saturating", real, fake) + functional.softplus(wrong).mean()
        penalty = gradient_penalty(lambda between: self.discriminator(between, labels), images, fakes, rng)
        scores = {"real_score": real.mean(), "fake_score": fake.mean(), "wrong_score": wrong.mean()}
        return {"loss": source + self.settings.penalty * penalty, "penalty": penalty, **scores}

    def other_labels(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Draw labels (B,) that are not these, every other class equally likely."""
        classes = len(self.class_names)
        # Never 0, so never the right label; with one class there is no other, and the label stays.
        shift = torch.randint(1, max(2, classes), (len(labels),), generator=rng, device=rng.device)
        return (labels + shift.to(labels.device)) % classes

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the classes (B,)."""
        noise = torch.randn((len(labels), self.settings.latent_dim), generator=rng, device=rng.device)
        images: Tensor = self.generator(noise.to(self.device) * self.embedding(labels))
        return images

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the wanted classes."""
        return self.make(labels.to(self.device), rng)
