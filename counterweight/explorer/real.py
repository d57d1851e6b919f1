"""The real images that belong to a model, and which of them are nearest to an image."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.draws import FITTED, read_draws
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, read_images
from counterweight.core.tensors import Labelled, to_labelled
from counterweight.evaluation.comparison.memorization import make_thumbnails
from counterweight.explorer.folders import Model
from counterweight.generators.base.generator import Generator

Floats = npt.NDArray[np.float32]


class Keys(NamedTuple):
    """Images, their thumbnails as rows (N, D), and the squared lengths of these (N,)."""

    images: ImageSet
    rows: Floats
    squares: Floats


@dataclass(frozen=True)
class RealImages:
    """What the generator learned from in its draw; what it never saw; the test part, which is among the latter.

    `minority` says which labels the scenario's scores are of.
    """

    train: Keys
    unseen: Keys
    test: ImageSet
    minority: list[int]

    @property
    def labelled(self) -> Labelled:
        """The images that were learned from, as generators take them."""
        return to_labelled(self.train.images.images, self.train.images.labels)


class Neighbour(NamedTuple):
    """An image's place among the keys, and how far it is: root mean square of pixels' differences, in levels of 255."""

    place: int
    distance: float


def read_real_images(model: Model, generator: Generator) -> RealImages:
    """Read the images of a model's dataset and draw.

    Raises:
        UserError: they are not there, or are others than the model's.
    """
    if model.data is None:
        raise UserError(
            f"{model.folder}: not in a folder models/DATASET/SCENARIO/NAME, so that its images are not known"
        )
    train, test = (read_images(model.data / f"{part}.parquet") for part in ("train", "test"))
    draws = read_draws(model.data / model.scenario / "draws.parquet", train)
    if model.draw >= len(draws):
        raise UserError(f"{model.data / model.scenario}: {len(draws)} draws, but the model is of draw {model.draw + 1}")
    if (train.shape, train.class_names) != (generator.shape, generator.class_names):
        raise UserError(f"{model.data}: of other classes or another shape than the model {model.folder}")
    others = train.take(np.flatnonzero(draws.roles[model.draw] != FITTED))
    return RealImages(
        make_keys(draws.fitted(train, model.draw)), make_keys(others.concatenate(test)), test, draws.minority
    )


def make_keys(images: ImageSet) -> Keys:
    """Return images with what is needed to find the nearest of them."""
    rows = make_thumbnails(images.images) if len(images) else np.empty((0, 1), dtype=np.float32)
    return Keys(images, rows, np.einsum("nd,nd->n", rows, rows))


def find_neighbours(image: npt.NDArray[np.uint8], keys: Keys, count: int) -> list[Neighbour]:
    """Return the nearest images, nearest first, by the pixels of thumbnails (evaluation/comparison/memorization.py).

    Args:
        image: uint8 (C, H, W).
        count: how many, or as many as there are.
    """
    if len(keys.rows) == 0:
        return []
    (row,) = make_thumbnails(image[None])
    # |k|^2 - 2 q.k orders images as the distance does; the few that are shown get the exact one.
    order = np.argsort(keys.squares - 2 * (keys.rows @ row), kind="stable")[: count + 4]
    distances = np.sqrt(np.square(keys.rows[order] - row).mean(axis=1, dtype=np.float64))
    nearest = np.argsort(distances, kind="stable")[:count]
    return [Neighbour(int(order[place]), float(distances[place])) for place in nearest]
