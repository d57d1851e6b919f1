"""Classes of folders: which names they have, and that each has images."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from counterweight.data.decode import account
from counterweight.data.decode.tree import Tree, collect
from counterweight.data.sources.base.labels import describe_written, merge_labels, order_names
from counterweight.data.sources.base.layout_parts import Layout, Part
from counterweight.data.sources.base.lazy_images import check_counts
from counterweight.data.sources.base.written_names import write_patterns

UNLABELLED = re.compile(
    r"(?:un|not?[ _-]?)(?:labell?ed|labels?|class(?:ified)?|annotated|sorted|assigned)(?:[ _-]?(?:images|data))?",
    re.IGNORECASE,
)
LAYOUT = "expected sub-folders of images, one per class, or train and test above them"


def name_classes(layout: Layout, masks: bool, merge: bool) -> tuple[Layout, list[str]]:
    """Return a layout whose classes have their last names, and a note for each that several folders are of.

    Args:
        masks: whether masks and thumbnails are left out.
        merge: whether those that differ by case only are one.
    """
    folders = [folder for part in (*layout.train, *layout.test) for folder in part.classes]
    written: dict[str, set[str]] = {}
    for folder in folders:
        written.setdefault(folder.name, set()).add(folder.written)
    notes = describe_written(written, "folders") + describe_unlabelled({folder.written for folder in folders})
    if not merge:
        return layout, notes
    counts: Counter[str] = Counter()
    for folder in folders:
        counts[folder.name] += len(collect(folder.tree, folder.place, masks).files)
    names, merged = merge_labels(counts)

    def rename(part: Part) -> Part:
        return part._replace(classes=[own._replace(name=names[own.name]) for own in part.classes])

    train, test = (list(map(rename, parts)) for parts in (layout.train, layout.test))
    return layout._replace(train=train, test=test), notes + merged


def describe_unlabelled(names: Iterable[str]) -> list[str]:
    """Return a note of folders beside others that are called as those of images without a label are."""
    every = order_names(names)
    found = [name for name in every if UNLABELLED.fullmatch(name.strip())]
    said = f"folders {', '.join(found)} may be of images without a label, and count as classes"
    return [f"{said}; set leave_out: {write_patterns(found)} leaves them out"] if 0 < len(found) < len(every) else []


def check_empty(tree: Tree, layout: Layout, classes: Sequence[str], where: str, masks: bool) -> None:
    """Refuse classes that have no image in any part; pictures that are not read are told of.

    Args:
        masks: whether some were left out, which a list of what is to be left out would have to name.
    """
    names = order_names({folder.name for part in (*layout.train, *layout.test) for folder in part.classes})
    places = {name: place for place, name in enumerate(names)}
    labels = np.array([places[name] for name in classes], dtype=np.int64)
    empty = order_names({*names} - {*classes})
    leave = f"set leave_out: {write_patterns(empty)} goes on without"
    ways = "remove its folder" if masks else f"{leave}, or remove its folder"
    check_counts(names, labels, where, LAYOUT, f"{ways}{account.describe_unread(tree)}")
