"""The two sets of an audit, read from folders or image tables and brought to one shape."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, read_images
from counterweight.data.decode.images import find_image_files
from counterweight.data.decode.pool import Workers
from counterweight.data.file_facts import compare_files
from counterweight.data.inspection import Findings, inspect_folder
from counterweight.data.pairs.base import make_side
from counterweight.data.sources.base.lazy_images import FileSettings
from counterweight.data.split import choose_all, read_into_memory
from counterweight.evaluation.style.network import SMALLEST_SIZE
from counterweight.results.files import FileFacts

LARGEST_SIZE = 224  # pixels; what the backbones and the largest style classifier look at
FEWEST = 2
ITEM = "audit"
"""The name that random draws are derived from, whatever a set is called and wherever it lies."""


class Sides(NamedTuple):
    """Both sets, brought to one shape, and what their files differ in, where they come from files."""

    real: ImageSet
    synthetic: ImageSet
    files: FileFacts | None


def read_sides(real: Path, synthetic: Path, size: int | None) -> Sides:
    """Read two folders of images, or two image tables.

    Args:
        size: side in pixels to which images of folders are brought; None: see `choose_common_size`.

    Raises:
        UserError: one is missing or empty, or they do not fit together.
    """
    for path in (real, synthetic):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; two folders of images or two image tables are compared")
    one, other = real.resolve(), synthetic.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(f"{synthetic}: the real images, too, or some of them; two separate sets are compared")
    tables = [path.is_file() and path.suffix == ".parquet" for path in (real, synthetic)]
    if any(tables) and not all(tables):
        raise UserError(f"{real}, {synthetic}: two folders or two image tables wanted, not one of each")
    sides = read_tables(real, synthetic) if all(tables) else read_folders(real, synthetic, size)
    return check_sides(sides, str(real), str(synthetic))


def read_tables(real: Path, synthetic: Path) -> Sides:
    """Read two image tables, whose images stay as they are."""
    sides = Sides(read_images(real), read_images(synthetic), None)
    if sides.real.shape != sides.synthetic.shape:
        raise UserError(f"{synthetic}: images {sides.synthetic.shape}, but {sides.real.shape} in {real}")
    if sides.real.class_names != sides.synthetic.class_names:
        raise UserError(f"{synthetic}: other classes than in {real}; both need the same")
    return sides


def read_folders(real: Path, synthetic: Path, size: int | None) -> Sides:
    """Read two folders of images at any depth, whose sub-folders are not looked at as classes."""
    words = ((real, "real"), (synthetic, "synthetic"))
    found = [inspect_folder(path, word) for path, word in words]
    settings = FileSettings(
        size=size or choose_common_size(found),
        channels=3 if any(each.has_colours for each in found) else 1,
        bad_files="skip",
    )
    read = []
    with Workers() as workers:
        for path, word in words:
            part = make_side(find_image_files(path, path).files, path, settings, "folder")
            read.append(read_into_memory(choose_all(part), str(path), word, workers))
    return Sides(read[0], read[1], compare_files(found[0], found[1]))


def choose_common_size(found: Sequence[Findings]) -> int:
    """Return the side in pixels to which images are brought: the smaller of both sets' medians, 224 at most."""
    # The smaller one: enlarged images lack what sharp ones have.
    return min(LARGEST_SIZE, *(int(np.median(each.shorter_sides)) for each in found))


def check_sides(sides: Sides, real: str, synthetic: str) -> Sides:
    """Return both sets under the name that draws are derived from.

    Args:
        real, synthetic: what the sets are called in an error's message.

    Raises:
        UserError: images are too small or too few.
    """
    height, width = sides.real.shape[1:]
    if min(height, width) < SMALLEST_SIZE:
        raise UserError(f"{real}: images of {height} x {width} pixels; sides of {SMALLEST_SIZE} at least are needed")
    for name, images in ((real, sides.real), (synthetic, sides.synthetic)):
        if len(images) < FEWEST:
            raise UserError(f"{name}: {len(images)} images that can be read; at least {FEWEST} are needed")
    return Sides(rename_set(sides.real), rename_set(sides.synthetic), sides.files)


def rename_set(images: ImageSet) -> ImageSet:
    """Return a set under the name that its random draws are derived from, whatever folder it lies in."""
    return replace(images, provenance={**images.provenance, "item": ITEM})
