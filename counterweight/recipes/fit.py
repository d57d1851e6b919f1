"""Training of an evaluation classifier."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.batches import draw_batches
from counterweight.core.errors import UserError
from counterweight.core.tensors import Labelled, to_network_input
from counterweight.networks.classifiers.base import build_network
from counterweight.networks.layers import use_rng
from counterweight.settings.classify import ClassifierConfig


def build_classifier(name: str, shape: tuple[int, int, int], classes: int, seed: int) -> nn.Module:
    """Return an untrained classifier for images of `shape`, its weights drawn from `seed`; not from threads."""
    with torch.random.fork_rng([]):  # torch initialises layers from a generator that all threads share
        torch.manual_seed(seed)
        return build_network(name, shape, classes)


def fit_classifier(
    network: nn.Module,
    classes: int,
    train: Labelled,
    validation: Labelled,
    config: ClassifierConfig,
    seed: int,
    reweighted: bool = False,
) -> None:
    """Train `network`, in place, and leave it with the weights of the epoch that did best on `validation`.

    Best means the lowest cross-entropy averaged over classes, so that a small class counts as much as a
    large one in the choice. Both sets lie on the network's device. `seed` sets the batches and dropout.

    Args:
        reweighted: weight each class in the loss by the inverse of its fraction of the training images.

    Raises:
        UserError: the loss is not finite.
    """
    device = next(network.parameters()).device
    network.to(memory_format=torch.channels_last)  # a fifth faster on CPUs, more on GPUs
    use_rng(network, torch.Generator(device).manual_seed(seed))
    weights = compute_class_weights(train.labels, classes) if reweighted else None
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate, fused=True)
    rng = torch.Generator().manual_seed(seed)  # Batches are drawn on the CPU: the same on any device.
    labels = train.labels.cpu()  # Once, not for every batch.
    best, kept = float("inf"), {}
    for epoch in range(config.epochs):
        network.train()
        for index in draw_batches(labels, config.batch_size, False, rng):
            place = index.to(device)
            logits = network(to_network_input(train.images[place]))
            loss = functional.cross_entropy(logits, train.labels[place], weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        score = float(compute_balanced_loss(predict(network, validation.images), validation.labels))
        if not math.isfinite(score):  # NaN is below nothing, so no weights would ever be kept.
            raise UserError(f"classifier: the loss is {score} after epoch {epoch + 1}; a lower learning rate may help")
        if score < best:  # Of equal epochs the first is kept.
            # A state dict is a view: training would go on in it.
            best, kept = score, {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(kept)


def compute_class_weights(labels: Tensor, classes: int) -> Tensor:
    """Return N / (K n_c) for each class (K,), and 0 for a class without images."""
    counts = torch.bincount(labels, minlength=classes).float()
    # The clamp keeps the branch not taken finite.
    return torch.where(counts > 0, len(labels) / (classes * counts.clamp(min=1)), 0.0)


def compute_balanced_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy, averaged inside each class and then over the classes."""
    # torch divides by the sum of the weights, so with weights 1 / n_c this is the mean of the classes' means.
    return functional.cross_entropy(logits, labels, compute_class_weights(labels, logits.shape[1]))


@torch.inference_mode()
def predict(network: nn.Module, images: Tensor, chunk: int = 1024) -> Tensor:
    """Return logits (N, K) of uint8 images (N, C, H, W), in evaluation mode."""
    network.eval()
    return torch.cat([network(to_network_input(part)) for part in images.split(chunk)])
