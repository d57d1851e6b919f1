"""Tables as stages write them, at once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.core.features import FeatureFile, FeatureSet, FeatureWriter
from counterweight.core.images import ImageSet, ImageWriter


def write_draws(sets: Sequence[ImageSet], path: Path) -> None:
    """Write the sets of several draws, of one shape and with the same classes and provenance."""
    first = sets[0]
    with ImageWriter(path, first.shape, first.class_names) as writer:
        for draw, images in enumerate(sets):
            writer.add(images.images, images.labels, images.origins.tolist(), draw)
        writer.finish(first.provenance)


def write_features(features: FeatureSet, path: Path) -> None:
    """Write features as one row group."""
    with FeatureWriter(path) as writer:
        writer.add(features)


def read_features(path: Path) -> FeatureSet:
    """Read all features of a table."""
    file = FeatureFile(path)
    return file.take(np.arange(len(file)))
