"""Write photographs twice, as they are and as a trained autoencoder renders them again, to audit one by the other.

    python -m benchmarks.rerender ~/clothing rerendered
    counterweight audit rerendered/real rerendered/synthetic

The residual autoencoder of the distributions thesis learns all photographs of a folder, brought to one size, and
decodes each from the mean of its latents. Both copies have the same file names, so that no image is compared with its
own.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from counterweight.core.images import ImageSet
from counterweight.core.outputs import atomic_output
from counterweight.core.schema import parse_settings
from counterweight.core.tensors import to_labelled
from counterweight.data.decode.images import find_image_files
from counterweight.data.decode.pool import Workers
from counterweight.data.pairs.base import make_side
from counterweight.data.sources.base.file_settings import FileSettings
from counterweight.data.split.reading import choose_all, read_into_memory
from counterweight.evaluation.latent_space.analysis import decode_latents, encode_images
from counterweight.generators.base.generator import find_generator
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.settings.train import TrainingConfig
from counterweight.training.loop import fit

SETTINGS = {
    "block_channels": 32,
    "filters": 16,
    "batch_size": 32,
    "learning_rate": 0.001,
    "lowest_rate": 0.0001,
    "cycle": 1000,
    "kl_weight": 0.1,
}


def read_photographs(folder: Path, size: int) -> ImageSet:
    """Read all images of a folder, at any depth, cut to squares."""
    settings = FileSettings(size=size, fit="crop", bad_files="skip")
    with Workers() as workers:
        found = find_image_files(folder, folder)
        return read_into_memory(
            choose_all(make_side(found, folder, settings, "folder")), str(folder), "photographs", workers
        )


def rerender(images: ImageSet, epochs: int, seed: int) -> ImageSet:
    """Return what an autoencoder makes of the images that it has learned."""
    entry = find_generator("residual_vae")
    settings = parse_settings(entry.settings, {**SETTINGS, "epochs": epochs}, "SETTINGS")
    torch.manual_seed(seed)
    model = entry.generator(images.shape, images.class_names, settings)
    assert isinstance(model, VariationalAutoencoder)
    with TemporaryDirectory() as folder:
        quiet = TrainingConfig(previews=0, checkpoint_seconds=None)
        fit(model, to_labelled(images.images, images.labels), seed, quiet, Path(folder))
    return replace(images, images=decode_latents(model.eval(), encode_images(model, images)))


def write_files(images: ImageSet, folder: Path) -> None:
    """Write images as PNG files."""
    folder.mkdir()
    for number, pixels in enumerate(images.images):
        Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(folder / f"{number:05}.png")


def main() -> None:
    """Read, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="photographs")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--size", type=int, default=64, help="side in pixels")
    parser.add_argument("--epochs", type=int, default=25)
    arguments = parser.parse_args()
    images = read_photographs(arguments.folder.expanduser(), arguments.size)
    with atomic_output(arguments.out) as folder:
        folder.mkdir()
        write_files(images, folder / "real")
        write_files(rerender(images, arguments.epochs, 0), folder / "synthetic")


if __name__ == "__main__":
    main()
