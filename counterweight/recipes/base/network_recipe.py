"""Recipes that train a network by batches: plain training, of which a recipe changes one thing."""

import math
from typing import ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.batches import draw_batches, send_batches
from counterweight.core.devices import OPTIMISERS
from counterweight.core.errors import UserError
from counterweight.core.schema import Settings
from counterweight.core.tensors import Labelled, to_network_input
from counterweight.networks.layers import use_rng
from counterweight.recipes.base.optimization import augment_images, build_optimizer, set_learning_rate
from counterweight.recipes.base.recipe import Classifier, Recipe
from counterweight.settings.classify import ClassifierConfig

CHUNK = 1024  # images that a network labels at a time
SettingsType = TypeVar("SettingsType", bound=Settings)


class NetworkRecipe(Recipe[SettingsType]):
    """Shuffled batches, the mean cross-entropy, the most likely class, unless a recipe says otherwise."""

    libraries: ClassVar[tuple[str, ...]] = (OPTIMISERS,)
    changes_images: ClassVar[bool] = False
    """Whether it changes images or mixes them, so that a frozen network has to see them anew in every step."""

    def prepare(self, network: nn.Module, images: Tensor) -> nn.Module:
        """Return the network that is trained; it may have another last layer.

        Args:
            images: two of those that it sees (B, ...), on its device.
        """
        return network

    def draw_batches(self, labels: Tensor, size: int, rng: torch.Generator) -> list[Tensor]:
        """Return the batches of an epoch as indices into the labels (N,), each int64 (B,); all on the CPU."""
        return draw_batches(labels, size, False, rng)

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return a batch of images, uint8 (B, C, H, W), changed at random."""
        return images

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        """Return the scalar that a batch's step makes smaller.

        Args:
            images: float32 (B, C, H, W) in [-1, 1].
            labels: int64 (B,).
            progress: fraction of the epochs that are done, 0 <= progress < 1.
            rng: source of all randomness, on the CPU.
        """
        return functional.cross_entropy(network(images), labels, self.weights(progress))

    def weights(self, progress: float) -> Tensor | None:
        """Return a weight for each class (K,); None: all weigh the same."""
        return None

    def adjust(self, logits: Tensor) -> Tensor:
        """Return the logits (N, K) by which classes are chosen."""
        return logits

    def fit(
        self, fitted: Labelled, validation: Labelled, network: nn.Module, config: ClassifierConfig, seed: int
    ) -> Classifier:
        """Train a network and return it with the weights of the epoch that did best on `validation`.

        Best means the lowest cross-entropy averaged over classes, so that a small class counts as much as a
        large one in the choice.
        """
        device = fitted.images.device
        network = self.prepare(network, show(fitted.images[:2]))
        network = network.to(memory_format=torch.channels_last)  # a fifth faster on CPUs, more on GPUs
        use_rng(network, torch.Generator(device).manual_seed(seed))
        optimizer = build_optimizer(config, network.parameters())
        rng = torch.Generator().manual_seed(seed)  # Batches are drawn on the CPU: the same on any device.
        best, kept = float("inf"), {}
        for epoch in range(config.epochs):
            self.run_epoch(network, optimizer, fitted, config, epoch, rng)
            logits = self.adjust(predict(network, validation.images))
            score = float(compute_balanced_loss(logits, validation.labels))
            if not math.isfinite(score):  # NaN is below nothing, so no weights would ever be kept.
                advice = "a lower learning rate may help"
                raise UserError(f"classifier: the loss is {score} after epoch {epoch + 1}; {advice}")
            if score < best:  # Of equal epochs the first is kept.
                # A state dict is a view: training would go on in it.
                best, kept = score, {key: value.clone() for key, value in network.state_dict().items()}
        network.load_state_dict(kept)
        return lambda images: self.adjust(predict(network, images))

    def run_epoch(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        fitted: Labelled,
        config: ClassifierConfig,
        epoch: int,
        rng: torch.Generator,
    ) -> None:
        """Take a step on every batch of an epoch."""
        network.train()
        batches = self.draw_batches(fitted.labels.cpu(), config.batch_size, rng)
        for at, place in enumerate(send_batches(batches, fitted.labels.device)):
            images = self.augment(augment_images(fitted.images[place], config.augmentation, rng), rng)
            set_learning_rate(optimizer, config, (epoch + at / len(batches)) / config.epochs)
            loss = self.loss(network, show(images), fitted.labels[place], epoch / config.epochs, rng)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def invert_counts(counts: Tensor) -> Tensor:
    """Return N / (K n_c) for classes of n_c images each (K,), and 0 for a class without any."""
    # The clamp keeps the branch not taken finite.
    return torch.where(counts > 0, counts.sum() / (len(counts) * counts.clamp(min=1)), 0.0)


def weigh_effective_numbers(counts: Tensor, beta: float) -> Tensor:
    """Return (1 - beta) / (1 - beta^n_c), scaled to a mean of 1 over the classes (K,); 0 for a class without images.

    At beta 0 all classes weigh the same; as beta nears 1, they do by the inverse of their sizes.
    Cui et al. 2019, Class-Balanced Loss Based on Effective Number of Samples, section 4,
    https://arxiv.org/abs/1901.05555.
    """
    sizes = counts.double()
    present = sizes > 0
    # expm1: of 1 - 0.9999 little is left in float32. The numerator is the same for all classes.
    raw = torch.where(present, -1 / torch.expm1(sizes * torch.tensor(beta, dtype=torch.float64).log()), 0.0)
    return (raw * present.sum() / raw.sum()).float()


def compute_balanced_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy, averaged inside each class and then over the classes."""
    counts = torch.bincount(labels, minlength=logits.shape[1]).float()
    # torch divides by the sum of the weights, so with weights 1 / n_c this is the mean of the classes' means.
    return functional.cross_entropy(logits, labels, invert_counts(counts))


@torch.inference_mode()
def predict(network: nn.Module, images: Tensor, chunk: int = CHUNK) -> Tensor:
    """Return logits (N, K) of uint8 images (N, C, H, W), or of their features, in evaluation mode."""
    network.eval()
    return torch.cat([network(show(part)) for part in images.split(chunk)])


def show(images: Tensor) -> Tensor:
    """Return what a network sees of uint8 images (B, C, H, W); features, float32 (B, D), as they are."""
    return images if images.is_floating_point() else to_network_input(images)
