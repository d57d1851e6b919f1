"""Images of a dataset that are the same picture: they are a group, as those of one patient are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterweight.core.groups import Indices, join_numbers, number_names
from counterweight.core.image_file import ImageFile
from counterweight.core.images import GROUPED_REPEATS, ImageWriter
from counterweight.core.outputs import atomic_output
from counterweight.core.twins import part_copies
from counterweight.data.split.pictures import Written

BATCH = 1024
"""Images that are written together."""

Names = npt.NDArray[np.str_]


def group_repeats(pictures: Indices, parts: Sequence[Written], paths: Sequence[Path]) -> None:
    """Give the image tables of a dataset's parts groups of the same picture; a part without such stays as it is.

    A reference set in which a few images are there twice is told from any that has them once, whatever they show. Where
    the dataset has groups of its own, those of the same picture are one; where it has none, the table says so.

    Args:
        pictures: numbers that images of all parts share which are the same picture, int64 (N,); a class all of whose
            images are is left as it is.
        parts: what is known of these images, no two of which have the same origin.
        paths: the tables of the parts.
    """
    tables = [ImageFile(path) for path in paths]
    grouped = all(table.groups is not None for table in tables)
    known = np.concatenate(
        [
            table.read_group_names() if grouped else np.array(part.origins, dtype=np.str_)
            for table, part in zip(tables, parts, strict=True)
        ]
    )
    pictures = part_copies(np.concatenate([part.labels for part in parts]), pictures)
    names, start = name_groups(known, pictures), 0
    for path, table in zip(paths, tables, strict=True):
        own = slice(start, start := start + len(table))
        if (names[own] != known[own]).any():
            write_groups(names[own], path, {} if grouped else {GROUPED_REPEATS: True})


def name_groups(known: Names, pictures: Indices) -> Names:
    """Return names of groups (N,), in each of which the same picture is, by the name of its first image."""
    numbers = join_numbers(number_names(known), pictures)
    _, first, places = np.unique(numbers, return_index=True, return_inverse=True)
    return known[first[places]]


def write_groups(names: Names, path: Path, facts: dict[str, Any] | None = None) -> None:
    """Write an image table anew, with these names of groups (N,); memory holds but a few of its images.

    Args:
        facts: that its provenance says then, too.
    """
    table = ImageFile(path)
    # Which images are the same is not known before the last of them is read, and then they are in the table.
    with atomic_output(path) as again, ImageWriter(again, table.shape, table.class_names, True) as writer:
        for places in (range(start, min(start + BATCH, len(table))) for start in range(0, len(table), BATCH)):
            some = table.take(np.array(places))
            own = names[places.start : places.stop].tolist()
            writer.add(some.images, some.labels, some.origins.tolist(), groups=own)
        writer.finish({**table.provenance, **(facts or {})})
