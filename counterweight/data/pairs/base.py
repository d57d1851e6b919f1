"""What pairs share: a real and a synthetic set that were collected elsewhere, and how the files of one are found."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from counterweight.core.errors import UserError
from counterweight.data.decode.account import to_json
from counterweight.data.decode.facts import Facts, inspect
from counterweight.data.decode.images import BadFile, find_image_files, try_image
from counterweight.data.decode.tree import Collected, LeftOut, find_ending
from counterweight.data.sources.base.file_settings import FileSettings
from counterweight.data.sources.base.lazy_images import LazyImages, make_fetch, wrap_files
from counterweight.data.sources.base.patterns import find_all

ONE_CLASS = ("image",)
NOT_PUBLISHED = "not of the published set"
SAMPLE = 9  # files of a published set that are looked at before any work


class ImagePair(NamedTuple):
    """Real and synthetic images, all of one class."""

    real: LazyImages
    synthetic: LazyImages


class Collection(NamedTuple):
    """A published set of images that people have to fetch themselves.

    `pattern` matches, as a whole, the path of each of its images below the folder into which it was unpacked, with `/`
    between folders; what else lies there (label maps, say) is left alone.
    """

    title: str
    get: str
    pattern: str


def list_side_files(folder: Path, where: str, follow_links: bool, collection: Collection | None = None) -> Collected:
    """Return the image files of one side of a pair, or of one collection on it, and what else lies there.

    Raises:
        UserError: there is no such folder, it has no such images, or a link leads out of it.
    """
    wanted = f"{collection.title}: {collection.get}" if collection else "it must hold images"
    if not folder.is_dir():
        raise UserError(f"{where}: {folder}: no such folder; {wanted}")
    try:
        found = find_image_files(folder, folder, follow_links)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    if collection:
        found = choose_published(found, folder, collection.pattern)
    if not found.files:
        raise UserError(f"{where}: {folder}: no images there; {wanted}")
    return found


def choose_published(found: Collected, folder: Path, pattern: str) -> Collected:
    """Return the files of a folder whose paths match a pattern, and all others as left out."""
    chosen = [path for path in found.files if re.fullmatch(pattern, path.relative_to(folder).as_posix())]
    others = Counter(
        LeftOut(NOT_PUBLISHED, find_ending(path.name), path.relative_to(folder).parent.as_posix())
        for path in sorted({*found.files} - {*chosen})
    )
    return Collected(chosen, found.left_out + others)


def check_sample(files: Sequence[Path], where: str, complaint: Callable[[Facts], str | None]) -> None:
    """Look at some files, evenly spread, and refuse what cannot be read or is not as published.

    Args:
        complaint: says what is wrong with an image, or None.

    Raises:
        UserError: something is wrong with one of them.
    """
    # A set: of few files several places are one.
    for place in sorted({round(fraction * (len(files) - 1)) for fraction in np.linspace(0, 1, SAMPLE)}):
        found = try_image(inspect, files[place])
        wrong = f"{found.fault}: {found.details}" if isinstance(found, BadFile) else complaint(found)
        if wrong:
            raise UserError(f"{where}: {files[place]}: {wrong}")


def make_side(
    found: Collected, root: Path, settings: FileSettings, source: str, groups: str | None = None
) -> LazyImages:
    """Return image files as one side of a pair; origins are their paths below `root`.

    Args:
        found: the files, and what is left out beside them, of which the account is kept.
        groups: regular expression that captures of an origin the name of its group; all match.
    """
    own, files = settings.model_dump(exclude={"mirror", "real", "synthetic"}), found.files
    account = {"left_out": to_json(found.left_out), "notes": []}
    side = wrap_files(
        fetch=make_fetch(files),
        labels=np.zeros(len(files), dtype=np.int64),
        class_names=ONE_CLASS,
        origins=[path.relative_to(root).as_posix() for path in files],
        provenance={"source": source, "settings": own, **account},
        settings=settings,
    )
    if groups is None:
        return side
    names = find_all(re.compile(groups), side.origins, source)
    assert all(names), "what names groups of published images lets others stand alone"
    return replace(side, groups=names)


def scale_greys(side: LazyImages, settings: FileSettings, white: float | None) -> LazyImages:
    """Return one side of which a grey of more than 8 bits becomes white in all files alike; None: none has such."""
    if white is None:
        return side
    assert side.fetch is not None, "pairs are files"
    scaled = wrap_files(side.fetch, side.labels, side.class_names, side.origins, side.provenance, settings, white)
    return replace(scaled, groups=side.groups)
