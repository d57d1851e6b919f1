"""A model that is explored: its latents class by class, where sliders lead, and what stands beside an image."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterweight.core.errors import UserError
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import Labelled, to_bytes
from counterweight.explorer.axes import DECODED, IMAGES, MOST, find_principal_axes, find_sensitive_axes, order_inputs
from counterweight.explorer.folders import Model
from counterweight.explorer.latents import LatentSpace, find_space
from counterweight.explorer.models import read_model
from counterweight.explorer.real import RealImages, read_real_images
from counterweight.generators.base.generator import Generator, LearnedGenerator
from counterweight.generators.base.per_class import PerClass

Pixels = npt.NDArray[np.uint8]
DRAWN = 256  # latents that say how far sliders reach
PER_CLASS = 100  # training images by which latents of a class are drawn, at most
SMALLEST_SCALE = 1e-4


class Directions(NamedTuple):
    """What sliders move along: directions (M, D) of length 1, what a step is on each (M,), and their names.

    A step is the standard deviation of what the generator draws, within a class.
    """

    vectors: Tensor
    steps: Tensor
    names: list[str]


@dataclass(frozen=True)
class Latents:
    """The latents of a model: a place is the mean of what is drawn of a class (`centres`, (K, D)) plus an offset."""

    space: LatentSpace
    real: Labelled | None
    centres: Tensor
    principal: Directions
    inputs: Directions
    told: bool
    """Whether the same latents are another image under another label."""
    found: str
    """How the principal axes were found."""


@dataclass(frozen=True)
class Exploration:
    """A model and its real images; where these are not known, `missing` says why."""

    model: Model
    generator: Generator
    real: RealImages | None
    missing: str
    opened: dict[int, Latents] = field(default_factory=dict)

    @property
    def labels(self) -> list[int]:
        """The classes whose images the model makes; a single one if it knows none."""
        if not isinstance(self.generator, LearnedGenerator):
            return [*range(len(self.generator.class_names))]
        return [0] if self.is_unconditional else [*self.generator.trained_labels]

    @property
    def is_unconditional(self) -> bool:
        """Whether one model makes images of all classes, and of none that could be asked for."""
        return isinstance(self.generator, LearnedGenerator) and type(self.generator).is_unconditional(
            self.generator.settings
        )

    @property
    def has_model_per_class(self) -> bool:
        """Whether there is a model for each class, with latents of its own."""
        return isinstance(self.generator, PerClass)

    @property
    def first_label(self) -> int:
        """The class to begin with: the scenario's minority where it is known and the model makes images of it."""
        rare = self.real.minority if self.real is not None else []
        return next((label for label in rare if label in self.labels), self.labels[0])

    def name(self, label: int) -> str:
        """Return what a class is called."""
        return "all classes" if self.is_unconditional else self.generator.class_names[label]

    def own_label(self, label: int) -> int:
        """Return the label by which the class's model knows it: its only one, where there is a model for each class."""
        return 0 if self.has_model_per_class else label

    def latents(self, label: int) -> Latents | None:
        """Return the latents of a class's model, which are found once; None where there are none."""
        key = label if isinstance(self.generator, PerClass) else -1
        if key not in self.opened:
            model = self.generator.model_of(label) if isinstance(self.generator, PerClass) else self.generator
            if (space := find_space(model)) is None:
                return None
            self.opened[key] = open_latents(space, self.known_images(label), self.model.item)
        return self.opened[key]

    def known_images(self, label: int) -> Labelled | None:
        """Return training images by which latents are drawn, under the labels that the class's model knows."""
        if self.real is None:
            return None
        known = take_some(self.real.labelled, PER_CLASS)
        return self.generator.only(known, label) if isinstance(self.generator, PerClass) else known


def open_exploration(model: Model) -> Exploration:
    """Read a model and its real images.

    Raises:
        UserError: there is no model in the folder; images that are missing are no error.
    """
    generator = read_model(model.folder)
    try:
        return Exploration(model, generator, read_real_images(model, generator), "")
    except UserError as error:
        return Exploration(model, generator, None, str(error))


def take_some(real: Labelled, per_class: int) -> Labelled:
    """Return the first images of each class, in the order of the set."""
    places = [(real.labels == label).nonzero()[:per_class, 0] for label in real.labels.unique()]
    chosen = torch.cat(places).sort().values if places else torch.empty(0, dtype=torch.int64)
    return Labelled(real.images[chosen], real.labels[chosen])


@torch.no_grad()
def open_latents(space: LatentSpace, real: Labelled | None, item: str) -> Latents:
    """Find the directions in a latent space and how far the generator's own draws reach along them."""
    rng = torch.Generator().manual_seed(derive_seed(0, "explore", item))
    present = sorted(set(range(space.classes)) & set(real.labels.tolist())) if real else [*range(space.classes)]
    labels = torch.tensor([present[place % len(present)] for place in range(DRAWN)])
    drawn, centres = space.draw(labels, real, rng), space.centres(real)
    if space.has_encoder and real is not None and len(real.labels) > 1:
        step = -(-len(real.labels) // IMAGES)  # Every step-th image, rounded up.
        encoded = space.encode(real.images[::step], real.labels[::step])
        axes, amounts = find_principal_axes(encoded)
        found = f"the principal axes of {len(encoded):,} encoded training images"
    elif space.dim <= MOST:
        count = min(16, max(1, DECODED // (2 * space.dim)))
        axes, amounts = find_sensitive_axes(space, drawn[:count], labels[:count])
        found = "the directions along which the image changes most"
    else:  # An encoder without an image to encode, and too many latents to try each.
        axes, amounts = find_principal_axes(drawn)
        found = "the principal axes of what is drawn"
    order, _ = order_inputs(axes, amounts)
    spread = drawn - centres[labels]
    own = torch.zeros(len(order), space.dim)
    own[torch.arange(len(order)), order] = 1.0
    return Latents(
        space,
        real,
        centres,
        make_directions(axes, spread, [f"axis {place + 1}" for place in range(len(axes))]),
        make_directions(own, spread, [f"latent {place + 1}" for place in order.tolist()]),
        space.is_told_the_label(drawn[:1]),
        found,
    )


def make_directions(vectors: Tensor, spread: Tensor, names: list[str]) -> Directions:
    """Return directions (M, D) with the deviations of draws (N, D) about their classes' means along them."""
    steps = (spread @ vectors.T).square().mean(dim=0).sqrt()
    return Directions(vectors, steps.clamp(min=SMALLEST_SCALE), names)


def read_sliders(offset: Tensor, directions: Directions, places: slice) -> list[float]:
    """Return where an offset (D,) lies on some of the directions, in their steps."""
    found: list[float] = ((directions.vectors[places] @ offset) / directions.steps[places]).tolist()
    return found


def move_slider(offset: Tensor, directions: Directions, place: int, value: float) -> Tensor:
    """Return an offset (D,) that lies at a value on one direction, and on all others where it was."""
    vector, step = directions.vectors[place], directions.steps[place]
    return offset + (value * step - vector @ offset) * vector


@torch.no_grad()
def draw_latents(exploration: Exploration, label: int, count: int, seed: int) -> Tensor:
    """Return latents (N, D) that are drawn as the generator draws those of a class."""
    latents, own = require_latents(exploration, label), exploration.own_label(label)
    rng = torch.Generator().manual_seed(derive_seed(seed, "explore", exploration.model.item, str(label)))
    return latents.space.draw(torch.full((count,), own), latents.real, rng)


def draw_offset(exploration: Exploration, label: int, seed: int) -> Tensor:
    """Return the offset (D,) of a latent that is drawn as the generator draws those of a class."""
    centre = require_latents(exploration, label).centres[exploration.own_label(label)]
    return draw_latents(exploration, label, 1, seed)[0] - centre


def find_latent(exploration: Exploration, label: int, offset: Tensor) -> Tensor:
    """Return the latent (D,) at an offset from a class's mean."""
    return require_latents(exploration, label).centres[exploration.own_label(label)] + offset


def decode_offset(exploration: Exploration, label: int, offset: Tensor) -> Pixels:
    """Return the image uint8 (C, H, W) at an offset (D,) from a class's mean."""
    image: Pixels = decode_latents(exploration, label, find_latent(exploration, label, offset)[None])[0]
    return image


@torch.no_grad()
def decode_latents(exploration: Exploration, label: int, latents: Tensor) -> Pixels:
    """Return the images uint8 (N, C, H, W) of latents (N, D) of a class."""
    space, own = require_latents(exploration, label).space, exploration.own_label(label)
    parts = [to_bytes(space.decode(part, torch.full((len(part),), own))) for part in latents.split(256)]
    return torch.cat(parts).numpy()


@torch.no_grad()
def encode_image(exploration: Exploration, label: int, image: Pixels) -> Tensor:
    """Return the offset (D,) of a real image uint8 (C, H, W) of a class, by a model that has an encoder."""
    latents, own = require_latents(exploration, label), exploration.own_label(label)
    found = latents.space.encode(torch.from_numpy(image.copy())[None], torch.tensor([own]))
    return found[0] - latents.centres[own]


def require_latents(exploration: Exploration, label: int) -> Latents:
    """Return the latents of a class's model, which is known to have some."""
    latents = exploration.latents(label)
    assert latents is not None, "asked of a generator without latents"
    return latents
