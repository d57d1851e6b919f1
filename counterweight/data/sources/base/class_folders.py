"""Classes that two folders of images have in common, by the names of their sub-folders."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.data.sources.base.labels import fold_label, normalize_label, order_names
from counterweight.data.sources.base.layout_doubts import is_kind
from counterweight.data.sources.base.part_names import guess_part_name

IN_NO_FOLDER = "beside the folders"
"""What images are called that lie in no folder of a class."""


class SharedClasses(NamedTuple):
    """Classes, and the labels of real and of synthetic images, int64 (N,) and (M,), which index their names."""

    names: tuple[str, ...]
    real: npt.NDArray[np.int64]
    synthetic: npt.NDArray[np.int64]

    def count_images(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many images of each class both sides have, of those that have any."""
        sides = [np.bincount(labels, minlength=len(self.names)).tolist() for labels in (self.real, self.synthetic)]
        found = [{name: count for name, count in zip(self.names, own, strict=True) if count} for own in sides]
        return found[0], found[1]


def find_shared_classes(real: Sequence[str], synthetic: Sequence[str]) -> SharedClasses | None:
    """Take folders for classes that are called the same on both sides, but for case; None where none are.

    Folders around all others, and those of parts such as `train`, are not looked at on either side.

    Args:
        real, synthetic: paths of images, each below its own root, with `/` between folders.
    """
    found: tuple[int, list[str], list[str]] = (0, [], [])
    for levels in product(list_levels(real), list_levels(synthetic)):
        folded = [{fold_label(name) for name in names if name} for names in levels]
        common = folded[0] & folded[1]
        # One name in common says little: so may be called what holds all images of either side.
        known = len(common) > 1 or (len(common) == 1 and 1 in map(len, folded) and not any(map(is_kind, common)))
        if known and len(folded[0] | folded[1]) > 1 and len(common) > found[0]:
            found = (len(common), *levels)
    return number_classes(found[1], found[2]) if found[0] else None


def list_levels(paths: Sequence[str]) -> Iterator[list[str]]:
    """Yield the name of each image's folder, from the root down as long as folders are no classes; empty for none."""
    folders = [path.split("/")[:-1] for path in paths]
    for depth in range(max(map(len, folders), default=0)):
        names = [own[depth] if len(own) > depth else "" for own in folders]
        parts = all(guess_part_name(name) for name in {*names})
        if not parts:
            yield names
        if not parts and len({*names}) > 1:
            return


def number_classes(real: Sequence[str], synthetic: Sequence[str]) -> SharedClasses:
    """Return the classes of images of which the names of folders are given."""
    spelled: dict[str, str] = {}
    for name in Counter([*real, *synthetic]):  # As the real images' folders are spelled, where both are there.
        spelled.setdefault(fold_label(name), normalize_label(name) or IN_NO_FOLDER)
    names = tuple(order_names(spelled.values()))
    places = {key: names.index(name) for key, name in spelled.items()}
    labels = [np.array([places[fold_label(name)] for name in own], dtype=np.int64) for own in (real, synthetic)]
    return SharedClasses(names, labels[0], labels[1])
