"""The two sets of an audit read from folders or image tables: as they are, and made the same where they differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, read_images
from counterweight.core.seeds import derive_seed
from counterweight.data.besides.files import compare_files
from counterweight.data.besides.mix import compare_mix, describe_same_mix
from counterweight.data.decode.images import Altered, find_image_files
from counterweight.data.decode.pool import Workers
from counterweight.data.inspection import Findings, inspect_folder
from counterweight.data.pairs.base import ONE_CLASS, make_side
from counterweight.data.sources.base.class_folders import SharedClasses, find_shared_classes
from counterweight.data.sources.base.lazy_images import FileSettings, make_fetch, strip_root, wrap_files
from counterweight.data.split.reading import choose_all, read_into_memory
from counterweight.evaluation.audit.equalising import FileSide, Plan, plan_equalising
from counterweight.evaluation.audit.sides import FEWEST, ITEM, Sides, check_sides
from counterweight.results.files import Equalised
from counterweight.statistics.base.resampling import draw_matched

LARGEST_SIZE = 224  # pixels; what the backbones and the largest style classifier look at
WORDS = ("real", "synthetic")

Numbers = npt.NDArray[np.int64]


class Folders(NamedTuple):
    """Both folders, what they hold, and how their images are read."""

    paths: tuple[Path, Path]
    found: tuple[Findings, Findings]
    settings: FileSettings


class Chosen(NamedTuple):
    """Files of both sides with their labels, which index the names of classes."""

    sides: tuple[FileSide, FileSide]
    labels: tuple[Numbers, Numbers]
    names: tuple[str, ...]


def read_sides(real: Path, synthetic: Path, size: int | None, seed: int) -> Sides:
    """Read two folders of images, or two image tables.

    Args:
        size: side in pixels to which images of folders are brought; None: see `choose_common_size`.
        seed: the project's, of what is drawn to make both the same.

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
    sides = read_tables(real, synthetic) if all(tables) else read_folders(real, synthetic, size, seed)
    return check_sides(sides, str(real), str(synthetic))


def read_tables(real: Path, synthetic: Path) -> Sides:
    """Read two image tables, whose images stay as they are; as many of each class are compared whatever the mix."""
    sides = Sides(read_images(real), read_images(synthetic))
    if sides.real.shape != sides.synthetic.shape:
        raise UserError(f"{synthetic}: images {sides.synthetic.shape}, but {sides.real.shape} in {real}")
    if sides.real.class_names != sides.synthetic.class_names:
        raise UserError(f"{synthetic}: other classes than in {real}; both need the same")
    mix = compare_mix(SharedClasses(sides.real.class_names, sides.real.labels, sides.synthetic.labels))
    return sides._replace(mix=mix, equalised=None if mix is None else describe_same_mix(mix, []))


def read_folders(real: Path, synthetic: Path, size: int | None, seed: int) -> Sides:
    """Read two folders of images at any depth: as they are, and made the same where they differ besides pictures.

    Sub-folders are looked at as classes for their mix alone.
    """
    found = inspect_folder(real, "real"), inspect_folder(synthetic, "synthetic")
    settings = FileSettings(
        size=size or choose_common_size([each.shorter_sides for each in found]),
        channels=3 if any(each.has_colours for each in found) else 1,
        bad_files="skip",
    )
    folders = Folders((real, synthetic), found, settings)
    with Workers() as workers:
        parts = [make_side(find_image_files(path, path).files, path, settings, "folder") for path in folders.paths]
        read = [
            read_into_memory(choose_all(part), str(path), word, workers)
            for part, path, word in zip(parts, folders.paths, WORDS, strict=True)
        ]
        sides = Sides(read[0], read[1], compare_files(found[0].facts, found[1].facts))
        return equalise(sides, folders, size is None, np.random.default_rng(derive_seed(seed, ITEM, "same")), workers)


def choose_common_size(shorter_sides: Sequence[Numbers]) -> int:
    """Return the side in pixels to which images are brought: the smaller of both sets' medians, 224 at most.

    Args:
        shorter_sides: of the images of both sets, int64 (N,) and (M,).
    """
    # The smaller one: enlarged images lack what sharp ones have.
    return min(LARGEST_SIZE, *(int(np.median(each)) for each in shorter_sides))


def equalise(sides: Sides, folders: Folders, any_size: bool, rng: np.random.Generator, workers: Workers) -> Sides:
    """Return two sets that were read as they are with those that are made of the same files, if these are others.

    Args:
        any_size: whether no size was asked for.
    """
    assert sides.files is not None, "folders have files"
    inner = [strip_root(path, found.files) for path, found in zip(folders.paths, folders.found, strict=True)]
    classes = find_shared_classes(inner[0], inner[1])
    mix = compare_mix(classes)
    if not sides.files.differences and mix is None:
        return sides
    chosen = choose_files(folders, classes if mix else None, rng)
    plan = plan_equalising(chosen.sides, sides.files, rng)
    same_mix = mix if len(chosen.names) > 1 else None
    how = Equalised(steps=plan.steps) if same_mix is None else describe_same_mix(same_mix, plan.steps)
    sides = sides._replace(mix=mix, equalised=how)
    if not plan.steps and same_mix is None:
        return sides
    settings = adapt_settings(folders.settings, plan, any_size)
    read = [read_chosen(chosen, place, plan, settings, folders.paths[place], workers) for place in (0, 1)]
    return sides._replace(same=(read[0], read[1]))


def choose_files(folders: Folders, classes: SharedClasses | None, rng: np.random.Generator) -> Chosen:
    """Return all files, or as many of each class from both sides if that leaves enough.

    Args:
        classes: None where their mix is no matter.
    """
    one, other = (FileSide(found.files, found.facts) for found in folders.found)
    if classes is not None:
        rows = draw_matched(classes.real, classes.synthetic, rng)
        if len(rows[0]) >= FEWEST:
            labels = classes.real[rows[0]], classes.synthetic[rows[1]]
            return Chosen((one.take(rows[0]), other.take(rows[1])), labels, classes.names)
    labels = np.zeros(len(one.files), dtype=np.int64), np.zeros(len(other.files), dtype=np.int64)
    return Chosen((one, other), labels, ONE_CLASS)


def adapt_settings(settings: FileSettings, plan: Plan, any_size: bool) -> FileSettings:
    """Return how images are read that a plan makes smaller, or grey."""
    shorter = [np.array([each.shorter for each in own if each.shorter is not None]) for own in plan.changes]
    size = choose_common_size(shorter) if any_size and all(map(len, shorter)) else settings.size
    return settings.model_copy(update={"size": size, "channels": 1 if plan.grey else settings.channels})


def read_chosen(
    chosen: Chosen, place: int, plan: Plan, settings: FileSettings, root: Path, workers: Workers
) -> ImageSet:
    """Read the files of one side (0: real, 1: synthetic) as a plan changes them."""
    files, changes = chosen.sides[place].files, plan.changes[place]
    # Without a step they are what they are as they are: files that are changed are decoded whole, if slowly.
    images = [Altered(*each) for each in zip(files, changes, strict=True)] if plan.steps else files
    part = wrap_files(
        fetch=make_fetch(images),
        labels=chosen.labels[place],
        class_names=chosen.names,
        origins=strip_root(root, files),
        provenance={"source": "folder", "settings": settings.model_dump()},
        settings=settings,
    )
    return read_into_memory(choose_all(part), str(root), f"{WORDS[place]}, made the same", workers)
