"""Toy images, and recipes that are built and fitted by their names."""

import threading

import numpy as np
import torch
from torch import Tensor, nn

from counterweight.core.images import ImageSet
from counterweight.core.tensors import Labelled, to_labelled
from counterweight.recipes.base.classifier_network import build_classifier
from counterweight.recipes.base.network_recipe import NetworkRecipe
from counterweight.recipes.base.recipe import Context, Recipe, find_recipe
from counterweight.settings.classify import ClassifierConfig

CPU = torch.device("cpu")
CONFIG = ClassifierConfig(network="mnist_cnn", epochs=10, batch_size=16, learning_rate=3e-3)

# Settings that stand in for defaults which take long.
QUICK: dict[str, dict[str, object]] = {
    "linear_probe": {"backbone": "mobilenet_v2", "weights": "random", "input_size": 64},
}


BUILDING = threading.Lock()
"""torch draws first weights from a generator that all threads share."""


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_toy(sizes: list[int], channels: int = 1, seed: int = 0) -> ImageSet:
    """Return dark noise of 12 x 12 pixels; each class, of 16 at most, has another bright patch of 3 x 3."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    images = rng.integers(0, 60, (len(labels), channels, 12, 12))
    for image, label in zip(images, labels, strict=True):
        row, column = 3 * (label // 4), 3 * (label % 4)
        image[:, row : row + 3, column : column + 3] += 190
    names = tuple(f"class {label}" for label in range(len(sizes)))
    return ImageSet(images.astype(np.uint8), labels, names, np.array([""] * len(labels)), {})


def show(name: str, images: ImageSet) -> Labelled:
    """Return what a recipe learns from."""
    entry = find_recipe(name)
    own = to_labelled(images.images, images.labels)
    made = entry.recipe.represent(entry.settings(**QUICK.get(name, {})), images, Context(0, CPU))
    return own if made is None else Labelled(made, own.labels)


def build(name: str, counts: list[int], values: dict[str, object] | None = None) -> Recipe:
    """Return a recipe for classes of so many images."""
    entry = find_recipe(name)
    return entry.recipe(entry.settings(**(values or QUICK.get(name, {}))), torch.tensor(counts).float())


def build_network_recipe(name: str, counts: list[int], values: dict[str, object] | None = None) -> NetworkRecipe:
    recipe = build(name, counts, values)
    assert isinstance(recipe, NetworkRecipe)
    return recipe


def fit(
    recipe: Recipe, fitted: Labelled, validation: Labelled, test: Tensor, seed: int, config: ClassifierConfig = CONFIG
) -> Tensor:
    """Return the logits of the images `test` after training from the same first weights, whatever the seed."""
    shape = fitted.images.shape[1:] if fitted.images.dim() == 4 else (1, 12, 12)
    with BUILDING:
        network = build_classifier(config, shape, len(recipe.counts), 0).to(fitted.images.device)
    return recipe.fit(fitted, validation, network, config, seed)(test)


class Listed(nn.Module):
    """A network that knows each image's logits by heart: image i is the number i."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits[images.flatten().long()]


def compute_loss(recipe: NetworkRecipe, logits: Tensor, labels: Tensor, progress: float = 0.0) -> float:
    """Return the loss of a batch whose images have these logits."""
    images = torch.arange(len(logits)).float()[:, None, None, None]
    return float(recipe.loss(Listed(logits), images, labels, progress, seeded()).detach())


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities in float64, by the definition."""
    return logits - np.log(np.exp(logits.astype(np.float64)).sum(axis=1, keepdims=True))
