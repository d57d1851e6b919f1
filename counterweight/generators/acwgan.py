"""Auxiliary classifier Wasserstein GAN.

GAN-vs-VAE report (Generating Realistic Images using Deep Learning), sections III.B and III.C, used on Chars74K (V.A.2):
the critic of a Wasserstein GAN, which is trained more often and has no final activation, with AC-GAN's second task. As
in `acgan`, a label becomes a vector that multiplies the latent. The critic's slope is bounded by the gradient penalty
of Gulrajani et al., https://arxiv.org/abs/1704.00028, or, as in the report, by clipped weights (Arjovsky et al.,
https://arxiv.org/abs/1701.07875).
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from counterweight.generators.base import gan
from counterweight.generators.base.gan import AdversarialGenerator
from counterweight.networks.generative.dcgan import dcgan_features, dcgan_generator, head
from counterweight.networks.generative.diffaugment import Augment
from counterweight.networks.generative.gan_losses import discriminator_loss, generator_loss, gradient_penalty


class Settings(gan.Settings):
    """Settings of the AC-WGAN; with Adam's defaults of WGAN-GP, where the report takes DCGAN's (0.0002, 0.5, 0.999)."""

    bound: Literal["penalty", "clip"] = "penalty"
    """What bounds the critic's slope: a gradient penalty, or clipped weights, which are the report's."""
    clip: Annotated[float, Gt(0)] = 0.01
    """Under `clip`: largest absolute value of a weight of the critic; the classifier's own layer is left alone."""
    learning_rate: Annotated[float, Gt(0)] = 1e-4
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Adam's decay of the first moment: none."""
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Adam's decay of the second moment."""
    n_critic: Annotated[int, Ge(1)] = 5
    """Steps of the critic for each of the generator."""
    penalty: Annotated[float, Gt(0)] = 10.0
    """Under `penalty`: its factor."""
    classify_fakes: bool = True
    """Let the critic learn the classes from fake images, too (equation 7). Where a class has few real images it then
    takes for that class whatever the generator offers; false: it learns them from real images alone."""
    class_weight: Annotated[float, Ge(0)] = 1.0
    """Factor of the class's cross-entropy, for both players."""


class ACWGAN(AdversarialGenerator):
    """Generator of images under their labels, and a critic that also names the class."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        self.augment = Augment()
        self.embedding = nn.Embedding(len(class_names), settings.latent_dim)
        self.generator = dcgan_generator(settings.latent_dim, shape, settings.width, settings.upsampling)
        self.features, size = dcgan_features(shape, settings.width, "layer")
        self.score = head(size, 1)
        self.classifier = head(size, len(class_names))

    def players(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return the modules of each update."""
        return {
            "discriminator": (self.features, self.score, self.classifier),
            "generator": (self.embedding, self.generator),
        }

    def compilable(self) -> list[nn.Module]:
        """Return all networks but the one whose gradient is penalised."""
        return [self.embedding, self.generator]

    def discriminator_losses(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the critic's loss: distance, penalty if there is one, and the cross-entropy of the classes."""
        s, wanted = self.settings, self.any_labels(len(images), rng)
        # The critic's turn: nothing of the generator is to be kept for a backward pass.
        with torch.no_grad():
            fakes = self.make(wanted, rng)
        (real, real_class), (fake, fake_class) = self.judge(images), self.judge(fakes)
        distance = -discriminator_loss("wasserstein", real, fake)
        named = functional.cross_entropy(real_class, labels)
        if s.classify_fakes:
            named = named + functional.cross_entropy(fake_class, wanted)
        parts = {"loss": s.class_weight * named - distance, "distance": distance, "class": named}
        if s.bound == "clip":
            return parts
        # Of the score alone: classes need no bounded slope.
        penalty = gradient_penalty(lambda mixed: self.judge(mixed)[0], images, fakes, rng)
        return parts | {"loss": parts["loss"] + s.penalty * penalty, "penalty": penalty}

    @torch.no_grad()
    def after_step(self, update: str) -> None:
        """Clip the weights that a score depends on after each of the critic's steps, if that is to bound its slope."""
        if update == "discriminator" and self.settings.bound == "clip":
            for parameter in (*self.features.parameters(), *self.score.parameters()):
                parameter.clamp_(-self.settings.clip, self.settings.clip)

    def generator_losses(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the generator's loss: high scores, and images that are named as wanted."""
        wanted = self.any_labels(count, rng)
        fake, fake_class = self.judge(self.make(wanted, rng))
        named = functional.cross_entropy(fake_class, wanted)
        return {"loss": generator_loss("wasserstein", fake) + self.settings.class_weight * named, "class": named}

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return a score (B,) and logits of the classes (B, K)."""
        features = self.features(self.augment(images))
        return self.score(features).squeeze(1), self.classifier(features)  # (B, 1) -> (B,)

    def make(self, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the classes."""
        images: Tensor = self.generator(self.noise(len(labels), rng) * self.embedding(labels))
        return images
