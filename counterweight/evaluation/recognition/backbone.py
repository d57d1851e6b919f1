"""The network that turns images into features, and the dense layer behind it, as they are before they learn."""

import torch
from torch import nn

from counterweight.core.errors import UserError
from counterweight.features.weights import load_backbone
from counterweight.networks.embedding import Embedder, Resized, SmallCNN, pool_by_maximum
from counterweight.settings.extract import Extract
from counterweight.settings.recognize import SMALL, Recognize


def build_trunk(settings: Recognize, seed: int, where: str) -> nn.Module:
    """Return a backbone in evaluation mode, from uint8 images (B, 1 or 3, H, W) to features (B, F).

    Raises:
        UserError: there is no such backbone, its weights cannot be had, or it has no last map.
    """
    if settings.backbone == SMALL:
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return Resized(SmallCNN().to(memory_format=torch.channels_last), settings.input_size).eval()
    size = settings.input_size or 224
    loaded = load_backbone(settings.backbone, Extract(weights=settings.weights, input_size=max(63, size)), seed)
    try:
        inner = loaded.network
        if not isinstance(inner, nn.Module):
            raise TypeError("it is no network of torchvision or timm")
        loaded.network = pool_by_maximum(inner)
        with torch.no_grad():
            loaded.eval()(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{where}.backbone: {settings.backbone} is not allowed: {error}") from error
    return Resized(loaded, settings.input_size).eval()


def build_embedder(trunk: nn.Module, settings: Recognize, seed: int) -> Embedder:
    """Return the untrained dense layer for a backbone's features."""
    side = settings.input_size or 224
    with torch.no_grad():
        features = trunk(torch.zeros(1, 3, side, side, dtype=torch.uint8)).shape[1]
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Embedder(features, settings.embedding_dim)
