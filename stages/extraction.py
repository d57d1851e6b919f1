"""What the backbones make of a set of images, which is resized once for all of them."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

from stages.errors import UserError
from stages.features import FeatureSet
from stages.imageset import ImageSet
from stages.inception import INCEPTION, SIDE, Inception, inception_file
from stages.networks.backbones import BACKBONES, normalised, without_classifier
from stages.settings import Extract, derived_seed
from stages.training.devices import side_by_side
from stages.weights import backbone, provenance, weight_file

FEWEST = 16
"""Images of a batch, at least: CPUs have other kernels for fewer, which round otherwise."""


def drawn(images: ImageSet, most: int | None, seed: int) -> ImageSet:
    """Return all images, or as many as are wanted at most, drawn at random; `seed` is that of the whole project."""
    if most is None or len(images) <= most:
        return images
    rng = np.random.default_rng(derived_seed(seed, images.item, "extract"))
    return images.take(np.sort(rng.permutation(len(images))[:most]))


def extracted(
    images: ImageSet,
    backbones: Sequence[str],
    settings: Extract,
    seed: int,
    device: torch.device,
    keep: Callable[[str, FeatureSet], None],
) -> None:
    """Let backbones look at images, and hand each one's features to `keep` as soon as they are there, in any order.

    Args:
        seed: that of the whole project, on which random weights depend.

    Raises:
        UserError: weights are missing or damaged, or features are not finite.
    """
    own = torch.from_numpy(images.images.copy())
    pixels, rgb = resized(own, settings.input_size), own.expand(-1, 3, -1, -1)

    def one_backbone(name: str) -> None:
        file = file_of(name, settings.weights)
        if name == INCEPTION:
            assert file is not None
            features = bare(Inception(file).to(device), rgb, settings.batch_size, device)
        else:
            network = without_classifier(name, backbone(name, settings.weights, derived_seed(seed, "backbone", name)))
            features = extract(network.to(device), pixels, settings.batch_size, device)
        if not np.isfinite(features).all():
            raise UserError(f"{name}: some features are not finite; params.yaml: extract.weights: other weights")
        side = SIDE if name == INCEPTION else settings.input_size
        facts = {"backbone": name, **provenance(file, settings.weights), "input_size": side}
        keep(name, FeatureSet(features, images.labels, facts))

    # The costly ones first, so that no thread is left alone with one at the end.
    by_cost = sorted(backbones, key=lambda name: -BACKBONES[name].gflops if name in BACKBONES else -math.inf)
    side_by_side(one_backbone, by_cost, device, "extract")


def file_of(name: str, weights: str) -> Path | None:
    """Return the file with a backbone's weights, as `weight_file` does; that of Inception is always its own."""
    return inception_file() if name == INCEPTION else weight_file(name, weights)


def features_of(
    images: ImageSet, backbones: Sequence[str], settings: Extract, seed: int, device: torch.device
) -> dict[str, FeatureSet]:
    """Return the features of every backbone; arguments and errors as of `extracted`."""
    found: dict[str, FeatureSet] = {}
    extracted(images, backbones, settings, seed, device, found.__setitem__)
    return found


def resized(images: Tensor, side: int, chunk: int = 1024) -> Tensor:
    """Return uint8 images (N, 3, side, side): grey ones three times, bilinear with antialiasing."""
    parts = [functional.resize(part, [side, side], antialias=True) for part in images.split(chunk)]
    square = torch.cat(parts) if parts else images.new_empty((0, images.shape[1], side, side))
    return square.expand(-1, 3, -1, -1)


@torch.inference_mode()
def bare(network: nn.Module, images: Tensor, batch_size: int, device: torch.device) -> np.ndarray:
    """Return the features float32 (N, D) that a network makes of uint8 images (N, 3, H, W) as they are."""
    return np.concatenate([network(part.to(device)).float().cpu().numpy() for part in images.split(batch_size)])


@torch.inference_mode()
def extract(network: nn.Module, pixels: Tensor, batch_size: int, device: torch.device) -> np.ndarray:
    """Return the features float32 (N, D) of uint8 images (N, 3, S, S).

    On a CPU equal images have equal features, however many others there are: a last batch of few is filled up.
    """
    network = network.to(memory_format=torch.channels_last)  # up to twice as fast on CPUs, and no slower on GPUs
    parts = []
    for part in pixels.split(batch_size):
        missing = max(0, min(FEWEST, batch_size) - len(part))
        filled = torch.cat([part, part.new_zeros((missing, *part.shape[1:]))])
        batch = normalised(filled.to(device)).contiguous(memory_format=torch.channels_last)
        parts.append(network(batch)[: len(part)].float().cpu().numpy())
    return np.concatenate(parts)
