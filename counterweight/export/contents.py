"""What an export takes along: the images of one draw in their splits, and what is known of each of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from counterweight.core.groups import Indices
from counterweight.core.images import ImageSet

REAL = "real"
"""In place of a generator's name, which none can have: a column of words without gaps is read alike everywhere."""
IMBALANCED, BALANCED = "imbalanced", "balanced"
COLLECTED = "collected"
"""The generator that makes nothing itself, but takes what another program made."""
DIGITS = 6
"""Of the numbers in names of files, at least: these sort as the numbers do."""


class Item(NamedTuple):
    """Which row of which table, and which of its draws, counted from 0."""

    dataset: str
    scenario: str
    method: str
    draw: int

    @property
    def has_generator(self) -> bool:
        """Whether a generator made some of the images."""
        return self.method not in (IMBALANCED, BALANCED)


class Row(NamedTuple):
    """One image: uint8 (C, H, W), its label, and where it is from."""

    pixels: npt.NDArray[np.uint8]
    label: int
    class_name: str
    method: str
    """The generator that made it, or `real`."""
    source: str
    """The image table of the pipeline that it was taken from, relative to the settings file."""
    source_index: int
    """Its row there, from 0."""
    origin: str
    """What that table says of where it came from, as the path of a file."""

    @property
    def synthetic(self) -> bool:
        """Whether a generator made it."""
        return self.method != REAL

    @property
    def key(self) -> str:
        """Its name, which no other image of its split has."""
        # Not the generator's name: readers that look for `train` or `test` in names would move its images.
        return f"{'synthetic' if self.synthetic else 'real'}_{self.source_index:0{DIGITS}}"

    def list_facts(self) -> dict[str, int | str | bool]:
        """Return all columns but the image, in the order in which they are written."""
        return {
            "label": self.label,
            "class_name": self.class_name,
            "synthetic": self.synthetic,
            "method": self.method,
            "source": self.source,
            "source_index": self.source_index,
            "origin": self.origin,
        }


COLUMNS = {
    "label": "number of the class",
    "class_name": "its name",
    "synthetic": "whether a generator made the image",
    "method": f"the generator that made it, or `{REAL}`",
    "source": "image table of the pipeline that it was taken from",
    "source_index": "its row there, from 0",
    "origin": "where that table has it from",
}
"""What the columns beside the image hold."""


@dataclass(frozen=True)
class Part:
    """Rows of one image table, of one method."""

    images: ImageSet
    places: Indices
    method: str
    source: str

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Row]:
        images = self.images
        for place in self.places.tolist():
            label, origin = int(images.labels[place]), str(images.origins[place])
            yield Row(images.images[place], label, images.class_names[label], self.method, self.source, place, origin)

    def counts(self) -> Indices:
        """Return the number of images of each class, int64 (K,)."""
        return np.bincount(self.images.labels[self.places], minlength=len(self.images.class_names))


@dataclass(frozen=True)
class Split:
    """Images that are used for one thing: `train`, `validation` or `test`; the real ones come first."""

    name: str
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Row]:
        for part in self.parts:
            yield from part

    def counts(self, synthetic: bool) -> list[int]:
        """Return how many real or how many synthetic images there are of each class."""
        own = [part.counts().tolist() for part in self.parts if (part.method != REAL) == synthetic]
        return [sum(counts) for counts in zip(*own, strict=True)] or [0] * len(self.parts[0].images.class_names)


@dataclass(frozen=True)
class Contents:
    """Everything that is exported, and what its card tells."""

    item: Item
    splits: tuple[Split, ...]
    """Those that have images, `train` first."""
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    draws: int
    """Of the table."""
    seed: int
    settings: Mapping[str, Any]
    """Blocks of the settings file by key, as in `scenarios.drop75`."""
    generator: Mapping[str, Any] | None
    """Settings that the generator was built with; None without one, or where its file is not there."""
    recorded: bool
    """Whether DVC's own record says that the images were made with these settings."""

    @property
    def name(self) -> str:
        """A name of letters, digits and `_`."""
        item = self.item
        return f"{item.dataset}_{item.scenario}_{item.method}_draw{item.draw + 1}"

    def __len__(self) -> int:
        return sum(map(len, self.splits))

    def count_synthetic(self) -> int:
        """Return how many images a generator made."""
        return sum(sum(split.counts(synthetic=True)) for split in self.splits)


def encode_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 (C, H, W) of 1 or 3 channels, as a PNG file, in which every pixel is as it was."""
    file = BytesIO()
    shown = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    Image.fromarray(shown).save(file, "png")
    return file.getvalue()
