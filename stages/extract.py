"""Extract features of a set of images with every backbone; the images are resized once for all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

from stages.errors import UserError
from stages.features import FeatureSet, write_features
from stages.imageset import read_images
from stages.networks.backbones import BACKBONES, normalised, without_classifier
from stages.process import run, stage_parser, writing
from stages.settings import derived_seed, load_params
from stages.training.devices import choose_device, side_by_side
from stages.weights import backbone, provenance, weight_file


def main(argv: Sequence[str]) -> None:
    """Read images, write a folder with a feature table per backbone."""
    parser = stage_parser(__doc__)
    parser.add_argument("--images", type=Path, required=True, help="image table")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    settings = params.extract
    device = choose_device(params.device)
    images = read_images(arguments.images)
    if settings.images is not None and len(images) > settings.images:
        rng = np.random.default_rng(derived_seed(params.seed, images.item, "extract"))
        images = images.take(np.sort(rng.permutation(len(images))[: settings.images]))
    if images.not_applicable is not None:
        with writing(arguments.out) as partial:
            partial.mkdir()
            (partial / "not_applicable.txt").write_text(images.not_applicable + "\n", encoding="utf-8")
        return
    pixels = resized(torch.from_numpy(images.images.copy()), settings.input_size)
    with writing(arguments.out) as partial:
        partial.mkdir()

        def one_backbone(name: str) -> None:
            seed = derived_seed(params.seed, "backbone", name)
            network = without_classifier(name, backbone(name, settings.weights, seed)).to(device)
            features = extract(network, pixels, settings.batch_size, device)
            if not np.isfinite(features).all():
                raise UserError(f"{name}: some features are not finite; params.yaml: extract.weights: other weights")
            origin = provenance(weight_file(name, settings.weights), settings.weights)
            facts = {"backbone": name, **origin, "input_size": settings.input_size}
            write_features(FeatureSet(features, images.labels, facts), partial / f"{name}.parquet")

        # The costly ones first, so that no thread is left alone with one at the end.
        by_cost = sorted(settings.backbones, key=lambda name: -BACKBONES[name].gflops)
        side_by_side(one_backbone, by_cost, device, "extract")


def resized(images: Tensor, side: int, chunk: int = 1024) -> Tensor:
    """Return uint8 images (N, 3, side, side): grey ones three times, bilinear with antialiasing."""
    parts = [functional.resize(part, [side, side], antialias=True) for part in images.split(chunk)]
    square = torch.cat(parts) if parts else images.new_empty((0, images.shape[1], side, side))
    return square.expand(-1, 3, -1, -1)


@torch.inference_mode()
def extract(network: nn.Module, pixels: Tensor, batch_size: int, device: torch.device) -> np.ndarray:
    """Return the features float32 (N, D) of uint8 images (N, 3, S, S)."""
    network = network.to(memory_format=torch.channels_last)  # up to twice as fast on CPUs, and no slower on GPUs
    parts = []
    for part in pixels.split(batch_size):
        batch = normalised(part.to(device)).contiguous(memory_format=torch.channels_last)
        parts.append(network(batch).float().cpu().numpy())
    return np.concatenate(parts)


if __name__ == "__main__":
    run(main)
