"""scikit-learn's handwritten digits: 1797 real images that ship with the library, no network needed."""

from typing import Literal

import numpy as np

from counterweight.core import schema
from counterweight.core.images import ImageSet
from counterweight.data.sources.base.file_settings import Size
from counterweight.data.sources.base.lazy_images import DatasetSplits, wrap_array

CLASSES = tuple("0123456789")
BRIGHTEST = 16  # ink is counted in blocks of 4 x 4 binary pixels


class Settings(schema.Settings):
    """Settings of the digits, whose original size is 8 x 8."""

    size: Size = 28
    """Side in pixels to which images are resized, or height and width."""
    channels: Literal[1, 3] = 1
    """1 for grey, 3 to repeat the grey in each colour."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Return the names of the classes; the digits are always there."""
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """Return the digits, classes `0` to `9`; they bring no split."""
    from sklearn.datasets import load_digits  # takes seconds to import, and settings are validated everywhere

    digits = load_digits()
    greys = np.rint(digits.images * (255 / BRIGHTEST)).astype(np.uint8)
    images = ImageSet(
        images=greys[:, None],  # (N, 8, 8) -> (N, 1, 8, 8)
        labels=digits.target.astype(np.int64),
        class_names=CLASSES,
        origins=np.array([f"digits/{number}" for number in range(len(greys))]),
        provenance={"source": "digits", "settings": settings.model_dump()},
    )
    return DatasetSplits(wrap_array(images, settings.size, settings.channels), None)
