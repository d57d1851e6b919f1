"""params.yaml, discriminate: the style classifier."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import Field

from counterweight.core.schema import Fraction, Positive, Settings


class Discriminate(Settings):
    """The style classifier (distributions thesis, 4.1.1), which is to tell synthetic images from real ones."""

    sizes: Annotated[list[Annotated[int, Ge(4), Le(1024)]], MinLen(1)] = Field(default=[224, 128, 64, 32])
    """Sides in pixels to which images are brought, a network each."""
    enlarge: Annotated[float, Ge(1)] = 2.0
    """Sizes are left out that would blow the images up further than this; if all would, their own size is taken."""
    epochs: Positive = 10
    steps: Annotated[int, Ge(0)] = 1000
    """Small sets get more epochs, until so many steps are made; 0: the thesis's ten epochs, come what may."""
    batch_size: Positive = 16
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-4
    test_fraction: Fraction = 0.3
    seeds: Positive = 3
    """Trainings for each size, each with a split and first weights of its own."""
    images: Annotated[int, Ge(10)] = 2000
    """At most so many images of either side, drawn at random."""
