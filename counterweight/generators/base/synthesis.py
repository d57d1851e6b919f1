"""Synthetic sets: what a generator makes of a training set's gaps."""

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.devices import map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import Generator, NotApplicable


def synthesize_draws(
    generators: Sequence[Generator],
    sets: Sequence[ImageSet],
    per_class: int | None,
    item: str,
    seeds: Sequence[int],
    device: torch.device,
) -> list[ImageSet]:
    """Let the generator of each draw make the images that are wanted; if one cannot, no draw has any, which say why.

    Args:
        sets: the images that each was fitted to.
        per_class: images of every class that needs some; None: as many as restore the balance.
        item: name of the set, as in `digits/drop75/bagan`.
        seeds: of the draws.
    """
    first = sets[0]
    wanted = choose_labels(first, per_class)

    def make(draw: int) -> npt.NDArray[np.uint8] | NotApplicable:
        images, rng = sets[draw], torch.Generator().manual_seed(seeds[draw])
        real = to_labelled(images.images, images.labels)
        try:
            return generators[draw].sample(torch.from_numpy(wanted), real, rng).numpy()
        except NotApplicable as error:  # an answer, too: the table shows it, and the other rows are made
            return error  # Not raised: which draw is the first to fail differs from run to run.

    made = map_in_parallel(make, range(len(sets)), device, "synthesize", imports=generators[0].libraries)
    if reasons := [str(found) for found in made if isinstance(found, NotApplicable)]:
        print(f"{item}: not applicable: {reasons[0]}", file=sys.stderr)
        return [describe_nothing(first, item, reasons[0])]
    return [
        ImageSet(images, wanted, first.class_names, name_images(f"{item}/{draw}", len(wanted)), {"item": item})
        for draw, images in enumerate(made)
        if not isinstance(images, NotApplicable)
    ]


def describe_nothing(like: ImageSet, item: str, reason: str) -> ImageSet:
    """Return a set of no images that says why there are none."""
    facts = {"item": item, "not_applicable": reason}
    return ImageSet(like.images[:0], like.labels[:0], like.class_names, name_images(item, 0), facts)


def name_images(item: str, count: int) -> npt.NDArray[np.str_]:
    """Return where so many images of a set came from."""
    return np.asarray([f"{item}/{index}" for index in range(count)], dtype=np.str_)


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
