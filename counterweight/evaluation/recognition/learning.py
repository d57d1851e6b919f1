"""How a network learns to recognise things by triplets (log-ends thesis, 5.4)."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchEasyHardMiner
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.batches import draw_batches
from counterweight.core.errors import UserError
from counterweight.evaluation.triplets.views import change_views
from counterweight.networks.embedding import Embedder
from counterweight.networks.layers import use_rng
from counterweight.settings.recognize import Recognize
from counterweight.statistics.recognition import Found, score_triplets

CHUNK = 64
"""Images that a backbone sees at once where nothing is learned."""


class Shown(NamedTuple):
    """Triplets as images, uint8 (T, 3, C, H, W), and what they show, int64 (T,): anchors and positives, negatives."""

    images: Tensor
    identity: Tensor
    other: Tensor


class Look(ABC):
    """What the dense layer sees of triplets."""

    def __init__(self, shown: Shown, trunk: nn.Module) -> None:
        self.shown, self.trunk = shown, trunk

    @abstractmethod
    def view(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """Return the features (B, 3, F) of some triplets, their images changed at random."""

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """Return what learns beside the dense layer."""

    @abstractmethod
    def plain(self) -> Tensor:
        """Return the features (T, 3, F) of all triplets as they are."""


class LiveLook(Look):
    """Through a backbone that learns, too."""

    def __init__(self, shown: Shown, trunk: nn.Module, settings: Recognize) -> None:
        super().__init__(shown, trunk)
        self.settings = settings

    def view(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """Return features through which gradients reach the backbone."""
        images = self.shown.images[index].flatten(0, 1)
        changed = change_views(images, self.settings.augmentation, rng)
        device = next(self.trunk.parameters()).device
        features: Tensor = self.trunk.train()(changed.to(device))
        unfolded: Tensor = features.unflatten(0, (-1, 3))
        return unfolded

    def plain(self) -> Tensor:
        """Return features as the backbone now sees them."""
        return see(self.trunk, self.shown.images)

    def parameters(self) -> list[nn.Parameter]:
        """Return the backbone's."""
        return list(self.trunk.parameters())


class FrozenLook(Look):
    """Through a backbone that sees every image once, and some views of those that are learned from."""

    def __init__(self, shown: Shown, trunk: nn.Module, settings: Recognize, seed: int) -> None:
        super().__init__(shown, trunk)
        self.settings, self.seed = settings, seed

    @cached_property
    def seen(self) -> Tensor:
        """What it sees of the images as they are, (T, 3, F)."""
        return see(self.trunk, self.shown.images)

    @cached_property
    def views(self) -> Tensor:
        """What it sees of views of them, (T, 3, V, F)."""
        images, change = self.shown.images.flatten(0, 1), self.settings.augmentation
        rng = torch.Generator().manual_seed(self.seed)
        made = [change_views(images, change, rng).unflatten(0, (-1, 3)) for _ in range(self.settings.views)]
        return torch.stack([see(self.trunk, images) for images in made], dim=2)

    def view(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """Return the features of one of the views of each image."""
        chosen = torch.randint(self.views.shape[2], (len(index), 3), generator=rng)
        places = index[:, None], torch.arange(3)[None], chosen
        views: Tensor = self.views[tuple(place.to(self.views.device) for place in places)]
        return views

    def plain(self) -> Tensor:
        """Return what it saw."""
        return self.seen

    def parameters(self) -> list[nn.Parameter]:
        """Return nothing."""
        return []


@torch.no_grad()
def see(trunk: nn.Module, images: Tensor) -> Tensor:
    """Return the features (T, 3, F) of images, uint8 (T, 3, C, H, W), on the backbone's device."""
    trunk.eval()
    device = next(trunk.parameters()).device
    parts = [trunk(part.to(device)).float() for part in images.flatten(0, 1).split(CHUNK)]
    features: Tensor = torch.cat(parts).unflatten(0, (-1, 3))
    return features


def learn(
    embedder: Embedder, look: Look, validation: Look, settings: Recognize, seed: int, device: torch.device
) -> int:
    """Train a network on triplets, until the validation triplets are recognised no better for some epochs.

    The epoch is chosen by rank-1, of equal ones by the accuracy of triplets, of equal ones the first; the network gets
    its weights.

    Returns:
        The epoch, from 1.

    Raises:
        UserError: a loss is not finite.
    """
    rng = torch.Generator().manual_seed(seed)  # on the CPU: the same batches and views on any device
    use_rng(look.trunk, torch.Generator(device).manual_seed(seed))
    learning = [*embedder.parameters(), *look.parameters()]
    optimizer = torch.optim.Adam(learning, lr=settings.learning_rate, fused=True)
    mine, best, kept, chosen = make_loss(settings), (-1.0, -1.0), {}, 0
    networks = nn.ModuleDict({"dense": embedder, "trunk": look.trunk}) if look.parameters() else embedder
    for epoch in range(1, settings.epochs + 1):
        embedder.train()
        for step, index in enumerate(draw_batches(look.shown.identity, settings.batch_size, False, rng), 1):
            loss = mine(embedder(look.view(index, rng)), look.shown.identity[index], look.shown.other[index])
            if loss is None:
                continue  # nothing in this batch to learn from
            value = float(loss.detach())
            if not math.isfinite(value):
                where = f"epoch {epoch}, step {step}"
                raise UserError(f"the triplet loss is {value} in {where}; a lower learning rate is the remedy")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found = evaluate(embedder, validation, settings.margin)
        score = float(found.rank1.mean()), float(found.triplet.mean())
        if score > best:
            best, chosen = score, epoch
            kept = {key: value.clone() for key, value in networks.state_dict().items()}
        if epoch - chosen >= settings.patience:
            break
    networks.load_state_dict(kept)
    return chosen


Loss = Callable[[Tensor, Tensor, Tensor], Tensor | None]
"""From embeddings (B, 3, D) and the identities of anchors and negatives (B,) to a scalar, None without a triplet."""


def make_loss(settings: Recognize) -> Loss:
    """Return the triplet loss on squared distances, over the triplets that the settings choose."""
    if settings.mining == "given":
        return lambda embeddings, identity, other: semi_hard_loss(embeddings, settings.margin)
    distance = LpDistance(power=2, normalize_embeddings=False)  # they have length 1
    miner = BatchEasyHardMiner(pos_strategy="hard", neg_strategy="semihard", distance=distance)
    loss = TripletMarginLoss(margin=settings.margin, distance=distance)

    def mine(embeddings: Tensor, identity: Tensor, other: Tensor) -> Tensor | None:
        labels = torch.stack([identity, identity, other], dim=1).flatten().to(embeddings.device)
        flat = embeddings.flatten(0, 1)
        found = miner(flat, labels)
        return loss(flat, labels, found) if len(found[0]) else None

    return mine


def semi_hard_loss(embeddings: Tensor, margin: float) -> Tensor | None:
    """Return the mean loss of the semi-hard ones of triplets (B, 3, D), None if there is none."""
    anchors, positives, negatives = embeddings.unbind(1)
    near, far = ((anchors - others).square().sum(dim=1) for others in (positives, negatives))
    chosen = (near < far) & (far < near + margin)
    return functional.relu(near - far + margin)[chosen].mean() if bool(chosen.any()) else None


@torch.no_grad()
def embed(embedder: Embedder, features: Tensor) -> npt.NDArray[np.float32]:
    """Return the embeddings (T, 3, D) of features (T, 3, F)."""
    made: npt.NDArray[np.float32] = embedder.eval()(features.flatten(0, 1)).unflatten(0, (-1, 3)).cpu().numpy()
    return made


def evaluate(embedder: Embedder, look: Look, margin: float) -> Found:
    """Return what is right of triplets."""
    made = embed(embedder, look.plain())
    return score_triplets(made[:, 0], made[:, 1], made[:, 2], look.shown.identity.numpy(), margin)
