"""Image files of a part with their classes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.data.decode.tree import LeftOut, collect, find_ending
from counterweight.data.sources.base.layout_parts import Part

OTHER_CLASS = "a class of one part only"


class Listing(NamedTuple):
    """The image files of a part in the order of their paths, their classes, and the names of their folders."""

    files: list[Path]
    classes: list[str]
    places: list[str]

    @property
    def counts(self) -> Counter[str]:
        """How many images each class has."""
        return Counter(self.classes)

    def join(self, other: "Listing") -> "Listing":
        """Return the images of both."""
        return Listing(self.files + other.files, self.classes + other.classes, self.places + other.places)

    def take(self, kept: Sequence[int]) -> "Listing":
        """Return the images at some places."""
        return Listing(
            [self.files[place] for place in kept],
            [self.classes[place] for place in kept],
            [self.places[place] for place in kept],
        )

    def group(self) -> dict[str, list[Path]]:
        """Return the files of each class."""
        found: dict[str, list[Path]] = {}
        for name, file in zip(self.classes, self.files, strict=True):
            found.setdefault(name, []).append(file)
        return found


def list_part(parts: Sequence[Part], masks: bool, left_out: Counter[LeftOut]) -> Listing:
    """List the image files of every class of some folders; what else is there joins the account.

    Args:
        masks: whether masks and thumbnails are left out.
    """
    listing = Listing([], [], [])
    for folder in (folder for part in parts for folder in part.classes):
        found = collect(folder.tree, folder.place, masks)
        listing.files.extend(found.files)
        listing.classes.extend([folder.name] * len(found.files))
        listing.places.extend([folder.place] * len(found.files))
        left_out.update(found.left_out)
    return listing


def keep_classes(listing: Listing, names: Sequence[str], left_out: Counter[LeftOut]) -> Listing:
    """Return the images of some classes; the others join the account."""
    kept = [place for place, name in enumerate(listing.classes) if name in names]
    for file, name, place in zip(*listing, strict=True):
        if name not in names:
            left_out[LeftOut(OTHER_CLASS, find_ending(str(file)), place)] += 1
    return listing.take(kept)
