"""Synthetic sets: what a generator makes of a training set's gaps."""

import sys

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import Generator, NotApplicable


def synthesize(
    generator: Generator, images: ImageSet, per_class: int | None, item: str, rng: torch.Generator
) -> ImageSet:
    """Let a generator make the images that are wanted; a set of none says why it could not.

    Args:
        images: the training set that the imbalance stage wrote.
        per_class: images of every class that needs some; None: as many as restore the balance.
        item: name of the set, as in `digits/drop75/bagan`.
    """
    wanted, facts = choose_labels(images, per_class), {"item": item}
    try:
        real = to_labelled(images.images, images.labels)
        made = generator.sample(torch.from_numpy(wanted), real, rng).numpy()
    except NotApplicable as error:  # an answer, too: the table shows it, and the other rows are made
        print(f"{item}: not applicable: {error}", file=sys.stderr)
        facts["not_applicable"] = str(error)
        made, wanted = np.empty((0, *images.shape), dtype=np.uint8), wanted[:0]
    origins = np.asarray([f"{item}/{index}" for index in range(len(wanted))], dtype=np.str_)
    return ImageSet(made, wanted, images.class_names, origins, facts)


def choose_labels(images: ImageSet, per_class: int | None) -> npt.NDArray[np.int64]:
    """Return the labels (N,) of the images to be made, class by class.

    Raises:
        UserError: no class needs an image.
    """
    wanted = np.asarray(images.read_fact("wanted"), dtype=np.int64)
    if per_class is not None:
        wanted = np.where(wanted > 0, per_class, 0)
    if not wanted.any():
        raise UserError(f"{images.item}: no class needs an image: there is nothing to balance")
    return np.repeat(np.arange(len(wanted)), wanted)
