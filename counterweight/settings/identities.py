"""params.yaml, recognition.D.identities: which images of a dataset show the same thing, and what each is for.

Chapters and sections are those of the log-ends thesis (Image generation through feature extraction and learning).
"""

from typing import Annotated, Literal

from annotated_types import Ge, MinLen

from counterweight.core.schema import Positive, Settings

OF_TRIPLETS = (0.7, 0.15, 0.15)
"""Fractions of the real triplets to train on, to choose the epoch and to test (6.3)."""
OF_AUTOENCODERS = (0.8, 0.1, 0.1)
"""Fractions of the other images to learn from, to watch losses on, and to start triplets from (6.1)."""


class Identities(Settings):
    """Which images show one and the same thing, and which of them are for what."""

    by: Literal["image", "class", "column"] = "image"
    """What says that two images show the same thing: the class, as where each thing has a folder of its own; a column
    of a table of images; or nothing: then each image is a thing of its own, and seen a second time strongly changed."""
    column: Annotated[str, MinLen(1)] = "identity"
    """Of the table of images, under `by: column`."""
    draws: Positive = 3
    """All that is random is repeated so often, but for the triplets that are tested on."""
    real_triplets: Annotated[int, Ge(14)] = 1470
    """Identities that no autoencoder sees: of each, two images and one of another make a triplet. 70 % are to train
    on, 15 % each to choose the epoch and to test (6.3); of the other identities autoencoders learn."""
