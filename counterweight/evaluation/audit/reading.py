"""The two sets of an audit read from folders or image tables: as they are, and made the same where they differ."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.images import read_images
from counterweight.core.seeds import derive_seed
from counterweight.data.besides.compression import compare_sides, use_range
from counterweight.data.besides.following import part_following
from counterweight.data.besides.mix import compare_mix, describe_same_mix
from counterweight.data.besides.same import Besides, KnownSide, choose_common_size, make_same
from counterweight.data.besides.sides import FileSide
from counterweight.data.decode.images import find_image_files
from counterweight.data.decode.pool import Workers
from counterweight.data.findings import Findings
from counterweight.data.inspection import inspect_pair
from counterweight.data.pairs.base import make_side, scale_greys
from counterweight.data.sources.base.class_folders import SharedClasses, find_shared_classes
from counterweight.data.sources.base.file_settings import FileSettings, parse_range
from counterweight.data.sources.base.lazy_images import strip_root
from counterweight.data.split.accounts import report_account, say
from counterweight.data.split.reading import choose_all, read_into_memory
from counterweight.evaluation.audit.sides import ITEM, Sides, check_sides
from counterweight.evaluation.audit.tables import check_table

WORDS = ("real", "synthetic")
MIX_ALONE = "folders of classes count for their mix alone; whether an image shows the class of its folder is not judged"


class Folders(NamedTuple):
    """Both folders, what they hold, and how their images are read."""

    paths: tuple[Path, Path]
    found: tuple[Findings, Findings]
    settings: FileSettings


def read_sides(
    real: Path, synthetic: Path, size: int | None, seed: int, ends: Mapping[str, object] | None = None
) -> Sides:
    """Read two folders of images, or two image tables.

    Args:
        size: side in pixels to which images of folders are brought; None: see `choose_common_size`.
        seed: the project's, of what is drawn to make both the same.
        ends: `black` and `white` of images of folders, as in `RangeSettings`; None: as these are.

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
    if all(tables) and ends:
        raise UserError(f"--set {next(iter(ends))}: of files in folders alone; the images of tables are bytes")
    sides = read_tables(real, synthetic) if all(tables) else read_folders(real, synthetic, size, seed, ends or {})
    return check_sides(sides, str(real), str(synthetic))


def read_tables(real: Path, synthetic: Path) -> Sides:
    """Read two image tables, whose images stay as they are; as many of each class are compared whatever the mix."""
    for path in (real, synthetic):
        check_table(path)
    sides = Sides(read_images(real), read_images(synthetic))
    if sides.real.shape != sides.synthetic.shape:
        raise UserError(f"{synthetic}: images {sides.synthetic.shape}, but {sides.real.shape} in {real}")
    if sides.real.class_names != sides.synthetic.class_names:
        raise UserError(f"{synthetic}: other classes than in {real}; both need the same")
    mix = compare_mix(SharedClasses(sides.real.class_names, sides.real.labels, sides.synthetic.labels))
    return sides._replace(mix=mix, equalised=None if mix is None else describe_same_mix(mix, []))


def read_folders(real: Path, synthetic: Path, size: int | None, seed: int, ends: Mapping[str, object]) -> Sides:
    """Read two folders of images at any depth: as they are, and made the same where they differ besides pictures.

    Sub-folders are looked at as classes for their mix alone.
    """
    asked = parse_range(ends)
    found = inspect_pair(real, synthetic, asked.ends)
    settings = asked.model_copy(
        update={
            "size": size or choose_common_size([each.shorter_sides for each in found]),
            "channels": 3 if any(each.has_colours for each in found) else 1,
            "bad_files": "skip",
        }
    )
    folders = Folders((real, synthetic), found, settings)
    with Workers() as workers:
        files = compare_sides((FileSide(found[0].files, found[0].facts), FileSide(found[1].files, found[1].facts)))
        files = use_range(files, settings)
        parts = [
            scale_greys(make_side(find_image_files(path, path), path, settings, "folder"), settings, own.white)
            for path, own in zip(folders.paths, (files.real, files.synthetic), strict=True)
        ]
        read = [
            read_into_memory(choose_all(part), str(path), word, workers)
            for part, path, word in zip(parts, folders.paths, WORDS, strict=True)
        ]
        for part, own, path, word in zip(parts, read, folders.paths, WORDS, strict=True):
            report_account({word: part}, str(path), broken=len(part) - len(own))
        sides = Sides(read[0], read[1], files)
        return equalise(sides, folders, size is None, np.random.default_rng(derive_seed(seed, ITEM, "same")), workers)


def equalise(sides: Sides, folders: Folders, any_size: bool, rng: np.random.Generator, workers: Workers) -> Sides:
    """Return two sets that were read as they are with those that are made of the same files, if these are others.

    Args:
        any_size: whether no size was asked for.
    """
    assert sides.files is not None, "folders have files"
    inner = [strip_root(path, found.files) for path, found in zip(folders.paths, folders.found, strict=True)]
    classes = find_shared_classes(inner[0], inner[1])
    if classes is not None:
        say([MIX_ALONE], str(folders.paths[1]))
    facts = {"source": "folder", "settings": folders.settings.model_dump()}
    known = [
        KnownSide(FileSide(found.files, found.facts), own, facts)
        for found, own in zip(folders.found, inner, strict=True)
    ]
    both = (known[0].files, known[1].files)
    files, mix = part_following(sides.files, compare_mix(classes), both, classes, rng.spawn(1)[0])
    besides = Besides(files, mix, classes)
    if not besides.differ:
        return sides
    same = make_same((known[0], known[1]), besides, folders.settings, any_size, rng)
    sides = sides._replace(files=files, mix=mix, equalised=same.how)
    if same.parts is None:
        return sides
    read = [
        read_into_memory(choose_all(part), str(path), f"{word}, made the same", workers)
        for part, path, word in zip(same.parts, folders.paths, WORDS, strict=True)
    ]
    return sides._replace(same=(read[0], read[1]))
