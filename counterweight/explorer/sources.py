"""Where an image comes from that was made without a latent vector: its parents, or the steps of a diffusion."""

from typing import NamedTuple

import numpy as np
import torch

from counterweight.core.errors import UserError
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import to_bytes
from counterweight.explorer.exploration import Exploration, Pixels
from counterweight.generators.adasyn import ADASYN
from counterweight.generators.base.generator import NotApplicable, pick_sources
from counterweight.generators.collected import Collected
from counterweight.generators.cutpaste import CutPaste
from counterweight.generators.ddpm import DDPM
from counterweight.generators.geometric import Geometric
from counterweight.generators.oversample import Oversample
from counterweight.generators.smote import SMOTE
from counterweight.networks.generative.diffusion import ddim

EXACT = 1.0  # levels of 255: an interpolation is rounded to whole ones, which leaves a half at most
CANDIDATES = 2000  # pairs that are looked at closely, at most


class Picture(NamedTuple):
    """An image uint8 (C, H, W) and what it is."""

    image: Pixels
    caption: str


class Made(NamedTuple):
    """An image, the images that it was made of, and how, in a sentence; without an image, why there is none."""

    image: Pixels | None
    parents: list[Picture]
    how: str


class Parents(NamedTuple):
    """Places of two images, and how far an image lies from the first to the second."""

    first: int
    second: int
    fraction: float


class Denoising(NamedTuple):
    """Of each step of a diffusion the noisy image it begins with and the one that is predicted, uint8 (T, C, H, W)."""

    noisy: Pixels
    predicted: Pixels
    times: list[int]


def make_image(exploration: Exploration, label: int, seed: int) -> Made:
    """Make an image of a class by a generator without latents, and say of what."""
    if exploration.real is None:
        return Made(None, [], f"{exploration.model.generator} works on the training images, which are not known here.")
    real, rng = exploration.real.labelled, start_rng(exploration, label, seed)
    try:
        image = exploration.generator.sample(torch.tensor([label]), real, rng)[0].numpy()
    except (NotApplicable, UserError) as error:
        return Made(None, [], f"{error}.")
    return explain(exploration, label, seed, image)


def start_rng(exploration: Exploration, label: int, seed: int) -> torch.Generator:
    """Return the random generator of an image."""
    return torch.Generator().manual_seed(derive_seed(seed, "explore", exploration.model.item, str(label)))


def explain(exploration: Exploration, label: int, seed: int, image: Pixels) -> Made:
    """Say what an image was made of."""
    generator, real = exploration.generator, exploration.real
    assert real is not None, "made of real images"
    if isinstance(generator, SMOTE | ADASYN):
        return explain_interpolation(exploration, label, image)
    if isinstance(generator, Oversample | Geometric | CutPaste):
        rng = start_rng(exploration, label, seed)
        # All three begin with this choice, by the same random generator.
        place = int(pick_sources(torch.tensor([label]), real.labelled, rng)[0])
        parents = [Picture(real.train.images.images[place], describe_image(exploration, place))]
        if isinstance(generator, Oversample):
            return Made(image, parents, "A copy of a training image.")
        if isinstance(generator, Geometric):
            return Made(
                image, parents, "A training image after random flips, rotation, shift, crop, colours and noise."
            )
        behind = int(torch.randint(len(real.train.images), (1,), generator=rng)[0])
        parents.append(Picture(real.train.images.images[behind], describe_image(exploration, behind)))
        return Made(image, parents, "The foreground of the first training image on the background of the second.")
    if isinstance(generator, Collected):
        return Made(image, [], "An image that another program made, read from its folder.")
    return Made(image, [], f"{exploration.model.generator} has no latent vector; nothing more is known of its images.")


def describe_image(exploration: Exploration, place: int) -> str:
    """Return the class and the origin of a training image."""
    assert exploration.real is not None, "a place among the training images"
    images = exploration.real.train.images
    return f"{images.class_names[images.labels[place]]}: {images.origins[place]}"


def explain_interpolation(exploration: Exploration, label: int, image: Pixels) -> Made:
    """Say between which two training images of its class an image lies."""
    assert exploration.real is not None, "made of real images"
    train = exploration.real.train.images
    own = np.flatnonzero(train.labels == label)
    found = find_parents(image, train.images[own])
    if found is None:
        return Made(image, [], "Between two training images of its class, which could not be told.")
    places = int(own[found.first]), int(own[found.second])
    parents = [Picture(train.images[place], describe_image(exploration, place)) for place in places]
    return Made(image, parents, f"Between two neighbours of its class, {found.fraction:.0%} of the way to the second.")


def find_parents(image: Pixels, images: Pixels) -> Parents | None:
    """Return the two images between which another one lies in a straight line, None if it lies between no two.

    Looked for among all pairs: x lies between a and b where |x - a| + |x - b| = |a - b|, up to rounding.

    Args:
        image: uint8 (C, H, W).
        images: uint8 (N, C, H, W), N >= 2.
    """
    rows = images.reshape(len(images), -1).astype(np.float32)
    apart = image.reshape(-1).astype(np.float32) - rows  # (N, D): x - a
    lengths = np.linalg.norm(apart, axis=1)
    gram = apart @ apart.T
    # (x - a).(x - b) = -|x - a||x - b| where x lies between both; pairs of one image are none.
    excess = lengths[:, None] * lengths[None, :] + gram
    np.fill_diagonal(excess, np.inf)
    most = min(CANDIDATES, excess.size - len(images))
    best: tuple[float, Parents] | None = None
    for place in np.sort(np.argpartition(excess, most - 1, axis=None)[:most]):
        first, second = divmod(int(place), len(images))
        way = rows[second] - rows[first]
        fraction = float(np.clip(apart[first] @ way / max(1.0, float(way @ way)), 0, 1))
        error = float(np.abs(fraction * way - apart[first]).max())
        if best is None or error < best[0]:
            best = error, Parents(first, second, fraction)
    return best[1] if best is not None and best[0] <= EXACT else None


@torch.no_grad()
def denoise_stepwise(exploration: Exploration, label: int, seed: int, steps: int) -> Denoising:
    """Return what becomes of noise when the diffusion model removes it in so many steps.

    Args:
        exploration: of a diffusion model.
        label: of the class.
        seed: of the noise.
        steps: calls of the network.
    """
    model = exploration.generator
    assert isinstance(model, DDPM)
    rng, labels = start_rng(exploration, label, seed), torch.tensor([label])
    noisy: list[torch.Tensor] = []
    predicted: list[torch.Tensor] = []
    times: list[int] = []

    def predict(image: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        found = model.denoise(labels, image, time)
        noisy.append(to_bytes(image)[0])
        predicted.append(to_bytes(found)[0])
        times.append(int(time[0]))
        return found

    last = ddim(predict, model.draw((1, *model.shape), rng), model.levels, steps, model.settings.eta, rng)
    frames = torch.stack([*noisy, to_bytes(last)[0]]).numpy(), torch.stack([*predicted, to_bytes(last)[0]]).numpy()
    return Denoising(*frames, [*times, 0])
