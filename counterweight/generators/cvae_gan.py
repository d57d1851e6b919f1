"""CVAE-GAN: a conditional variational autoencoder whose decoder is the generator of a GAN, and a classifier.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), sections 3.2 and 4.2, equations 3.1 to 3.6,
layer tables B.1 to B.4; Bao et al., CVAE-GAN: Fine-Grained Image Generation through Asymmetric Training,
https://arxiv.org/abs/1703.10155.

Four networks, each with an optimiser of its own, take turns on every batch of real images x_r: the classifier names
x_r; the discriminator tells x_r from reconstructions x_f and from images x_p that are made of noise and random labels;
the encoder keeps latents near the prior and x_f near x_r; the generator keeps x_f near x_r and the mean features of x_p
near those of x_r. Every loss is a sum over pixels, features or latents and a mean over images, so that all terms of
equation 3.6 are on one scale. The KL term is the correct form of equation 1.2 (`kl_to_standard_normal`).

**Lambda 1.** On that scale a direction of the latents carries something only if the images vary along it by more than
`kl_weight` (half a squared distance plus w KL is the bound of a linear decoder of variance w, which drops principal
components of less: Lucas et al. 2019, Don't Blame the ELBO, https://arxiv.org/abs/1911.02469). The thesis's 300, 50
and 100 cannot be meant so: in [-1, 1] the largest variance within a class of MNIST is 12.3 over all classes and 34.9
in one, the zeros. All its images of a class would be alike, with an SSIM of 1; for fours it prints 0.206 and 0.209,
for real ones 0.168 (C.1, C.2). So some of its terms are averages, which it does not say, and the weight taken is the
one by which fours are most nearly as alike here (`python -m benchmarks.cvae_gan_weight`, the last three with
`--images 36000`: presets/mnist_cpu.yaml; pixels from -1 to 1, standard errors of 0.004 to 0.006, real fours at 0.168):

| weight | images | SSIM of fours | KL in nats |
| ------ | ------ | ------------- | ---------- |
| 0.05   | 11,408 | 0.253         | 110        |
| 0.2    | 11,408 | 0.217, 0.234  | 52, 48     |
| 0.5    | 11,408 | 0.210, 0.214  | 30, 29     |
| 1      | 11,408 | 0.246, 0.245  | 19, 18     |
| 2      | 11,408 | 0.330, 0.362  | 10, 10     |
| 5.5    | 11,408 | 0.487         | 3          |
| 0.5    | 34,246 | 0.164         | 32         |
| 1      | 34,246 | 0.197         | 22         |
| 2      | 34,246 | 0.237         | 14         |

Commas part seeds; none of these trainings failed. The longer one trains, the less alike the fours: after a third of the
steps 0.5 is nearest, on as many images as table C.1 has 1. That is lambda over the batch size m: a squared distance
summed over the batch and a KL averaged over it, as in the log-ends thesis; so CIFAR-10 and Vehicles have 50 / 256 and
100 / 200. Neither was measured, nor were the thesis's width and epochs.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor
from torch.nn import functional

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.networks.generative.cvae_gan import (
    Centres,
    Decoder,
    Encoder,
    centre_distance,
    classifier,
    discriminator,
    initialize_as_keras,
)
from counterweight.networks.layers import kl_to_standard_normal, reparametrize


class Settings(schema.Settings):
    """Settings of CVAE-GAN; the defaults are the thesis's for MNIST (4.2)."""

    latent_dim: Annotated[int, Ge(1)] = 55
    width: Annotated[int, Ge(2)] = 32
    """Channels of the first convolution of encoder and classifier; all other numbers of channels follow from it."""
    kl_weight: Annotated[float, Ge(0)] = 1.0
    """Factor of the encoder's KL term, a sum over latents, where squares are summed over pixels: the one that makes
    MNIST's fours as alike as the thesis's, see above. That is its lambda 1 (300 for MNIST, 50 for CIFAR-10, 100 for
    Vehicles) over its batch size (300, 256, 200). With a higher one images of a class are more alike; at 300 no latent
    would carry anything. With a lower one latents carry more and are less normal."""
    reconstruction_weight: Annotated[float, Ge(0)] = 1.0
    """Factor of the distance of reconstructions in pixels and features (lambda 2)."""
    discriminator_centre_weight: Annotated[float, Ge(0)] = 1e-3
    """Factor of the distance between mean features of the discriminator (lambda 3)."""
    classifier_centre_weight: Annotated[float, Ge(0)] = 1e-3
    """Factor of the distance between mean features of the classifier, class by class (lambda 4)."""
    centre_decay: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Weight of the earlier batches in the moving averages of mean features, which neither source gives: a longer
    memory would hold features of networks that have since learned better."""
    balanced: bool = False
    """Draw batches with all classes equally likely, so that a small class is not drowned by the large ones."""
    epochs: Annotated[int, Ge(1)] = 1500
    batch_size: Annotated[int, Ge(2)] = 300
    learning_rate: Annotated[float, Gt(0)] = 2e-4
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.3
    """Fraction dropped before the last layer of discriminator and classifier."""
    discriminator_dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Fraction dropped after each convolution of the discriminator. The thesis has 'a few' such layers for CIFAR-10 and
    Vehicles (4.2) and says neither where nor how much; 0.3 is that of its other networks."""
    negative_slope: Annotated[float, Ge(0)] = 0.3
    """Slope of the leaky ReLUs for negative values, in discriminator and encoder."""


class CVAEGAN(LearnedGenerator):
    """Encoder, generator, discriminator and classifier."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        s, classes = settings, len(class_names)
        self.encoder = Encoder(shape, classes, s.width, s.latent_dim, s.negative_slope)
        self.generator = Decoder(shape, classes, s.width, s.latent_dim)
        self.discriminator = discriminator(shape, s.width, s.dropout, s.negative_slope, s.discriminator_dropout)
        self.classifier = classifier(shape, s.width, s.dropout, classes)
        initialize_as_keras(self)
        self.real_centre, self.fake_centre = (
            Centres(1, self.discriminator.trunk.size, s.centre_decay) for _ in range(2)
        )
        self.real_class_centres, self.fake_class_centres = (
            Centres(classes, self.classifier.trunk.size, s.centre_decay) for _ in range(2)
        )

    def phases(self) -> list[Phase]:
        """Let all four networks take their steps, the judges first."""
        s = self.settings
        rmsprop = partial(torch.optim.RMSprop, lr=s.learning_rate, alpha=0.9)  # Keras's decay, the thesis's library
        names = ("classifier", "discriminator", "encoder", "generator")
        updates = [Update(name, (self.get_submodule(name),), rmsprop) for name in names]
        return [Phase("adversarial", s.epochs, s.batch_size, updates, balanced=s.balanced)]

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the part of equation 3.6 that the network whose turn it is can change."""
        if update == "classifier":
            return {"loss": functional.cross_entropy(self.classifier(images), labels)}
        if update == "discriminator":
            return self.discriminator_losses(images, labels, rng)
        if update == "encoder":
            return self.encoder_losses(images, labels, rng)
        return self.generator_losses(images, labels, rng)

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return equation 3.1; one pass over all three kinds, so that they are normalised alike."""
        with torch.no_grad():
            mean, log_variance = self.encoder(images, labels)
            rebuilt = self.generator(reparametrize(mean, log_variance, rng), labels)
            made, _ = self.generate_random(len(images), rng)
        # (3B, 1) -> three of (B, 1)
        real, fake, invented = self.discriminator(torch.cat([images, rebuilt, made])).split(len(images))
        parts = {
            "real": functional.softplus(-real).mean(),
            "reconstructed": functional.softplus(fake).mean(),
            "generated": functional.softplus(invented).mean(),
        }
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}

    def encoder_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the KL term and equation 3.4 with their weights."""
        s = self.settings
        mean, log_variance = self.encoder(images, labels)
        kl = kl_to_standard_normal(mean, log_variance)
        rebuilt = self.generator(reparametrize(mean, log_variance, rng), labels)
        parts = self.distances(images, rebuilt, self.extract_features(images))
        distance = torch.stack(list(parts.values())).sum()
        return {"loss": s.kl_weight * kl + s.reconstruction_weight * distance, "kl": kl, **parts}

    def generator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return equations 3.2, 3.3 and 3.4 with their weights."""
        s = self.settings
        with torch.no_grad():
            mean, log_variance = self.encoder(images, labels)
            real = self.extract_features(images)  # What is to be matched: no gradient.
        parts = self.distances(images, self.generator(reparametrize(mean, log_variance, rng), labels), real)
        made, wanted = self.generate_random(len(images), rng)
        centre, class_centres = self.centre_distances(real, labels, self.extract_features(made), wanted)
        loss = (
            s.reconstruction_weight * torch.stack(list(parts.values())).sum()
            + s.discriminator_centre_weight * centre
            + s.classifier_centre_weight * class_centres
        )
        return {"loss": loss, **parts, "centre": centre, "class_centres": class_centres}

    def extract_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features (B, F) of images that the discriminator and the classifier see."""
        return self.discriminator.features(images), self.classifier.features(images)

    def distances(self, images: Tensor, rebuilt: Tensor, real: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Return the three terms of equation 3.4: half the squared distances in pixels and in both judges' features.

        Args:
            images: the real ones.
            rebuilt: their reconstructions.
            real: both judges' features of the real ones.
        """
        seen, known = self.extract_features(rebuilt)
        return {
            "pixels": half_square(images, rebuilt),
            "discriminator_features": half_square(real[0], seen),
            "classifier_features": half_square(real[1], known),
        }

    def centre_distances(
        self, real: tuple[Tensor, Tensor], labels: Tensor, made: tuple[Tensor, Tensor], wanted: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return equations 3.2 and 3.3 between moving averages, to which this batch is added (`Centres`).

        Args:
            real: both judges' features of real images.
            labels: of the real images.
            made: both judges' features of images made of noise.
            wanted: labels of those.
        """
        everyone = torch.zeros_like(labels)  # One group: the discriminator's centre knows no classes.
        centres = self.real_centre(real[0], everyone), self.fake_centre(made[0], everyone)
        class_centres = self.real_class_centres(real[1], labels), self.fake_class_centres(made[1], wanted)
        return (
            centre_distance(self.real_centre, centres[0], self.fake_centre, centres[1]),
            centre_distance(self.real_class_centres, class_centres[0], self.fake_class_centres, class_centres[1]),
        )

    def generate_random(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Make images (B, C, H, W) of noise and random labels, every class equally likely, and return both."""
        labels = torch.randint(len(self.class_names), (count,), generator=rng, device=rng.device).to(self.device)
        return self.make(labels, rng), labels

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the classes."""
        noise = torch.randn((len(labels), self.settings.latent_dim), generator=rng, device=rng.device)
        images: Tensor = self.generator(noise.to(self.device), labels)
        return images

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Decode latents from the prior under the wanted labels."""
        return self.make(labels.to(self.device), rng)


def half_square(first: Tensor, second: Tensor) -> Tensor:
    """Return half the squared distance of tensors (B, ...), summed over all but the batch, over which it is a mean."""
    return 0.5 * (first - second).square().flatten(1).sum(dim=1).mean()
