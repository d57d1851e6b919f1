"""Synthetic sets: what a generator makes of a training set's gaps, a piece at a time."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.devices import iterate_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, ImageWriter, write_images
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import Generator, NotApplicable

PIECE_BYTES = 2**24
"""Pixels that are made at once, about: what is in memory grows with the cores, and not with the number of images."""
FEWEST = 256
"""Images of a piece, at least."""


class Piece(NamedTuple):
    """Synthetic images of a draw, some of them or all."""

    draw: int
    images: ImageSet


def write_synthetic(
    generators: Sequence[Generator],
    sets: Sequence[ImageSet],
    per_class: int | None,
    item: str,
    seeds: Sequence[int],
    device: torch.device,
    path: Path,
) -> None:
    """Write the images of all draws; if a draw's generator cannot work, none, and why: the first such draw's reason.

    Arguments as of `synthesize_pieces`.
    """
    first = sets[0]
    try:
        with ImageWriter(path, first.shape, first.class_names) as writer:
            for draw, made in synthesize_pieces(generators, sets, per_class, item, seeds, device):
                writer.add(made.images, made.labels, made.origins.tolist(), draw)
            writer.finish({"item": item})
    except NotApplicable as error:  # an answer, too: the table shows it, and the other rows are made
        print(f"{item}: not applicable: {error}", file=sys.stderr)
        write_images(describe_nothing(first, item, str(error)), path)


def synthesize_pieces(
    generators: Sequence[Generator],
    sets: Sequence[ImageSet],
    per_class: int | None,
    item: str,
    seeds: Sequence[int],
    device: torch.device,
) -> Iterator[Piece]:
    """Yield the images that are wanted, those of the first draw first; draws and pieces are made side by side.

    Args:
        sets: the images that each generator was fitted to.
        per_class: images of every class that needs some; None: as many as restore the balance.
        item: name of the set, as in `digits/drop75/bagan`.
        seeds: of the draws.

    Raises:
        NotApplicable: a generator cannot work on its images.
    """
    wanted = choose_labels(sets[0], per_class)
    step = max(FEWEST, PIECE_BYTES // int(np.prod(sets[0].shape))) if generators[0].in_pieces else len(wanted)

    def make(place: tuple[int, int]) -> Piece:
        draw, start = place
        images, labels = sets[draw], wanted[start : start + step]
        seed = derive_seed(seeds[draw], str(start)) if start else seeds[draw]
        real = to_labelled(images.images, images.labels)
        made = generators[draw].sample(torch.from_numpy(labels), real, torch.Generator().manual_seed(seed)).numpy()
        origins = name_images(f"{item}/{draw}", start, len(labels))
        return Piece(draw, ImageSet(made, labels, images.class_names, origins, {"item": item}))

    places = [(draw, start) for draw in range(len(sets)) for start in range(0, len(wanted), step)]
    yield from iterate_in_parallel(make, places, device, "synthesize", imports=generators[0].libraries)


def describe_nothing(like: ImageSet, item: str, reason: str) -> ImageSet:
    """Return a set of no images that says why there are none."""
    facts = {"item": item, "not_applicable": reason}
    return ImageSet(like.images[:0], like.labels[:0], like.class_names, name_images(item, 0, 0), facts)


def name_images(item: str, start: int, count: int) -> npt.NDArray[np.str_]:
    """Return where so many images of a set came from, the first of which has a number."""
    return np.asarray([f"{item}/{index}" for index in range(start, start + count)], dtype=np.str_)


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
