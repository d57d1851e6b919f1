"""BAGAN, a balancing generative adversarial network.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), sections 3.3 and 4.3, layer
tables B.5 (generator), B.6 (discriminator), B.7 (encoder); Mariani et al., BAGAN: Data Augmentation with
Balancing GAN, https://arxiv.org/abs/1803.09655.

Three phases: an autoencoder learns all classes; its weights start generator and discriminator, and a
Gaussian is fitted to the latents of each class; then both play, over all classes equally.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core import schema
from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.networks.generative.diffaugment import Augment
from counterweight.networks.generative.latents import draw_from_classes, factorize_covariances
from counterweight.networks.layers import Crop, Dropout, halve_size, start_at_mean


class Settings(schema.Settings):
    """Settings of BAGAN; the defaults are the thesis's for MNIST (4.3)."""

    latent_dim: Annotated[int, Ge(1)] = 10
    autoencoder_epochs: Annotated[int, Ge(1)] = 300
    epochs: Annotated[int, Ge(1)] = 800
    """Epochs of the adversarial phase."""
    batch_size: Annotated[int, Ge(2)] = 275
    """In the adversarial phase, all that the discriminator judges: of n classes, one of n + 1 is a fake. The thesis's
    275 are 250 real images and 25 fakes of ten classes, its 220 for Vehicles 165 and 55 of three."""
    optimizer: Literal["adam", "rmsprop"] = "adam"
    """The thesis takes RMSprop at 0.0002 for its Vehicles, Adam at 0.00005 otherwise."""
    autoencoder_learning_rate: Annotated[float, Gt(0)] = 5e-5
    learning_rate: Annotated[float, Gt(0)] = 5e-5
    shrinkage: Annotated[float, Ge(0)] = 0.0
    """How far the covariance of a class of few images is drawn to that of all classes: with weight s D / (n - 1 + s D)
    for n images and D latents. 0, the papers': not at all, and images of a class lie between its few real ones."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.3
    negative_slope: Annotated[float, Ge(0)] = 0.3
    """Slope of the leaky ReLUs for negative values."""


def features(shape: tuple[int, int, int], settings: Settings) -> nn.Sequential:
    """Return the convolutions that encoder and discriminator share by shape (tables B.6, B.7, rows 1 to 13)."""
    layers: list[nn.Module] = []
    inputs = shape[0]
    for outputs in (32, 64, 128, 256):
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1),
            nn.LeakyReLU(settings.negative_slope),
            Dropout(settings.dropout),
        ]
        inputs = outputs
    return nn.Sequential(*layers, nn.Flatten())


def generator(shape: tuple[int, int, int], settings: Settings) -> nn.Sequential:
    """Return the network of table B.5: latents (B, D) to images (B, C, H, W) in [-1, 1]; also the decoder."""
    channels, height, width = shape
    rows, columns = halve_size(height, 2), halve_size(width, 2)
    return nn.Sequential(
        nn.Linear(settings.latent_dim, 64 * rows * columns),
        nn.ReLU(),
        nn.Unflatten(1, (64, rows, columns)),
        nn.ConvTranspose2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(16, channels, 5, padding=2),
        nn.Tanh(),
        Crop(height, width),
    )


class BAGAN(LearnedGenerator):
    """Autoencoder-initialised GAN whose discriminator names the class of an image or calls it fake."""

    settings: Settings
    class_means: Tensor
    class_factors: Tensor
    fitted: Tensor

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        classes, latents = len(class_names), settings.latent_dim
        flat = 256 * halve_size(shape[1], 4) * halve_size(shape[2], 4)
        self.encoder = nn.Sequential(features(shape, settings), nn.Linear(flat, latents))
        self.generator = generator(shape, settings)
        self.augment = Augment()
        # Table B.6 prints a sigmoid; text and loss (4.3) need a softmax over the classes and 'fake',
        # which the cross-entropy contains, so the network ends in logits.
        self.discriminator = nn.Sequential(features(shape, settings), nn.Linear(flat, classes + 1))
        self.register_buffer("class_means", torch.zeros(classes, latents))
        self.register_buffer("class_factors", torch.zeros(classes, latents, latents))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def phases(self) -> list[Phase]:
        """First the autoencoder on all images, then the game on batches with all classes equally likely."""
        s = self.settings
        # Keras's decay, the library of the thesis; torch's is 0.99.
        adam, rmsprop = partial(torch.optim.Adam, fused=True), partial(torch.optim.RMSprop, alpha=0.9)
        optimizer: Callable[..., torch.optim.Optimizer] = adam if s.optimizer == "adam" else rmsprop
        coder = Update(
            "autoencoder", (self.encoder, self.generator), partial(optimizer, lr=s.autoencoder_learning_rate)
        )
        players = (
            Update("discriminator", (self.discriminator,), partial(optimizer, lr=s.learning_rate)),
            Update("generator", (self.generator,), partial(optimizer, lr=s.learning_rate)),
        )
        fakes = max(1, round(s.batch_size / (len(self.class_names) + 1)))
        return [
            Phase("autoencoder", s.autoencoder_epochs, s.batch_size, (coder,)),
            Phase("adversarial", s.epochs, s.batch_size - fakes, players, balanced=True),
        ]

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Before the game: the discriminator takes the encoder's convolutions, and latents get their Gaussians.

        Before the autoencoder its last layer gets the mean intensity, which the thesis does not say: else at learning
        rates from 0.001 all ReLUs die on MNIST, and every image is black.
        """
        if phase == "autoencoder":
            last = self.generator[-3]  # Before the tanh and the crop.
            assert isinstance(last, nn.ConvTranspose2d)
            start_at_mean(last, real.images, tanh=True)
        if phase == "adversarial":
            # The convolutions alone: the last layers have other outputs.
            self.discriminator[0].load_state_dict(self.encoder[0].state_dict())
            means, factors = self.class_gaussians(real)
            self.class_means.copy_(means)
            self.class_factors.copy_(factors)
            self.fitted.fill_(True)

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the loss of one update, a mean over images (and pixels, for the autoencoder)."""
        if update == "autoencoder":
            return {"loss": functional.mse_loss(self.generator(self.encoder(images)), images)}
        if update == "discriminator":
            return self.discriminator_loss(images, labels, rng)
        # As many as the discriminator judged, whose batch is not to be larger than the generator's (3.3.1).
        wanted = self.even_labels(len(images) + self.count_fakes(len(images)), rng)
        opinion = self.discriminator(
            self.augment(self.generator(draw_from_classes(self.class_means, self.class_factors, wanted, rng)))
        )
        return {"loss": functional.cross_entropy(opinion, wanted), "fooled": measure_accuracy(opinion, wanted)}

    def discriminator_loss(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the cross-entropy over n classes and 'fake', 1/(n+1) of what is judged being fakes (3.3.1)."""
        classes = len(self.class_names)
        wanted = self.even_labels(self.count_fakes(len(images)), rng)
        with torch.no_grad():
            fakes = self.generator(draw_from_classes(self.class_means, self.class_factors, wanted, rng))
        opinion = self.discriminator(self.augment(torch.cat([images, fakes])))
        targets = torch.cat([labels, torch.full_like(wanted, classes)])
        real, fake = opinion.split([len(images), len(fakes)])  # (B + F, K + 1) -> (B, K + 1), (F, K + 1)
        return {
            "loss": functional.cross_entropy(opinion, targets),
            "real_accuracy": measure_accuracy(real, labels),
            "fake_accuracy": measure_accuracy(fake, targets[len(images) :]),
        }

    def shares(self, phase: str, images: int) -> tuple[int, ...]:
        """Return the size of a batch, and in the game that of the fakes beside it."""
        return (images,) if phase == "autoencoder" else (images, self.count_fakes(images))

    def count_fakes(self, images: int) -> int:
        """Return how many fakes go with so many real images: as many as a class has of these in a balanced batch."""
        return max(1, round(images / len(self.class_names)))

    def even_labels(self, count: int, rng: torch.Generator) -> Tensor:
        """Return `count` labels in which every class stands equally often, give or take one."""
        # Modulo K, any K consecutive numbers are all classes; the offset says which classes get one more.
        shuffled = torch.randperm(count, generator=rng, device=rng.device)
        offset = torch.randint(len(self.class_names), (), generator=rng, device=rng.device)
        return (shuffled + offset) % len(self.class_names)

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Decode latents drawn from the classes' Gaussians, which a preview during the first phase fits for itself."""
        means, factors = (self.class_means, self.class_factors) if self.fitted else self.class_gaussians(real)
        images: Tensor = self.generator(draw_from_classes(means, factors, labels, rng))
        return images

    @torch.no_grad()
    def class_gaussians(self, real: Labelled) -> tuple[Tensor, Tensor]:
        """Return the mean (K, D) of each class's latents and a Cholesky factor (K, D, D) of their covariance.

        A class of n images has a covariance of rank n - 1 at most. Under `shrinkage` s its estimate is drawn to
        the pooled within-class covariance with weight s D / (n - 1 + s D), which vanishes for large classes and
        leaves a class of one image with the pooled one (regularised discriminant analysis: Friedman
        1989, https://doi.org/10.1080/01621459.1989.10478752).
        """
        training = self.training
        self.eval()  # Without dropout, the same image has the same latents.
        # In chunks, which bound the memory; in float64 from here on, since the covariance is factorised.
        latents = torch.cat([self.encoder(to_unit(part.to(self.device))) for part in real.images.split(512)]).double()
        self.train(training)
        labels, dim, classes = real.labels.to(self.device), self.settings.latent_dim, len(self.class_names)
        counts = torch.bincount(labels, minlength=classes).double()
        sums = torch.zeros(classes, dim, dtype=torch.double, device=self.device).index_add_(0, labels, latents)
        means = sums / counts.clamp(min=1)[:, None]  # 0 for a class without images.
        centred = latents - means[labels]
        # (K, D, D), undivided.
        scatter = torch.stack([centred[labels == c].T @ centred[labels == c] for c in range(classes)])
        pooled = scatter.sum(dim=0) / max(1, len(latents) - classes)  # Each class's mean takes a degree of freedom.
        # (K, D, D); 0 for a class of one image, which leaves it with its mean where nothing is shrunk.
        own = scatter / (counts - 1).clamp(min=1)[:, None, None]
        strength = self.settings.shrinkage * dim
        # The last clamp is for no shrinkage of a class of one image: 0 / 0 is to be 0.
        weight = (strength / ((counts - 1).clamp(min=0) + strength).clamp(min=1e-12))[:, None, None]
        covariance = (1 - weight) * own + weight * pooled
        return means.float(), factorize_covariances(covariance)


def measure_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the fraction of logits (B, K) whose largest is that of the label (B,)."""
    return (logits.argmax(dim=1) == labels).float().mean()
