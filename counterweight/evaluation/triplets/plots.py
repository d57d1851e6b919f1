"""Pictures of triplets and of the latent spaces that they come from: of the first draw."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from counterweight.core.identities import ANCHOR
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.triplets.rendering import Images, decode, encode, render_triplets
from counterweight.evaluation.triplets.sets import Autoencoders, Source, name_autoencoder
from counterweight.evaluation.triplets.table import Triplets
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.generative.latents import slerp
from counterweight.plots.grid import save_grid
from counterweight.settings.triplets import Triplets as Settings
from counterweight.settings.views import ViewChange

SHOWN = 12
"""Triplets in a picture."""
PAIRS, STEPS = 4, 8
"""Pairs of anchors between which a picture interpolates, and images of each way."""


def draw_pictures(
    settings: Settings,
    made: Mapping[str, Sequence[Triplets]],
    source: Source,
    models: Autoencoders,
    folder: Path,
) -> None:
    """Draw twelve triplets of each set, and of each autoencoder ways between anchors and samples of the prior."""
    images = source.images.images
    for name, own in settings.sets.items():
        run = name_autoencoder(own)
        model = None if run is None else models[run][0]
        draw_triplets(made[name][0], images, settings.view, model, folder / f"{name}.png")
    anchors = source.parts.find(0, ANCHOR)
    seed = derive_seed(source.seed, source.parts.dataset, "triplets", "pictures")
    some = images[np.random.default_rng(seed).permutation(anchors)]
    for run, (first, *_) in models.items():
        draw_interpolations(first, some, folder / f"{run}_interpolations.png")
        draw_prior(first, seed, folder / f"{run}_prior.png")


def draw_triplets(
    triplets: Triplets, images: Images, change: ViewChange, model: VariationalAutoencoder | None, path: Path
) -> None:
    """Draw twelve triplets: the anchor's image, what stands for it, the positive, the negative.

    Views are drawn for all triplets in turn, so all are rendered.
    """
    rendered = render_triplets(triplets, images, change, model)[:SHOWN]
    real = torch.from_numpy(images[triplets.anchor.index[:SHOWN]])
    save_grid(torch.cat([real[:, None], rendered], dim=1).flatten(0, 1).numpy(), 4, path)


def draw_interpolations(model: VariationalAutoencoder, anchors: Images, path: Path) -> None:
    """Draw ways between pairs of anchors' means, in the upper half straight, in the lower the same along the sphere."""
    pairs = min(PAIRS, len(anchors) // 2)
    start, end = encode(model, torch.from_numpy(anchors[: 2 * pairs]))[0].chunk(2)
    fractions = torch.linspace(0, 1, STEPS)
    straight = torch.stack([start + fraction * (end - start) for fraction in fractions], dim=1)
    curved = torch.stack([slerp(start, end, fraction.expand(len(start), 1)) for fraction in fractions], dim=1)
    save_grid(decode(model, torch.cat([straight, curved]).flatten(0, 1)).numpy(), STEPS, path)


def draw_prior(model: VariationalAutoencoder, seed: int, path: Path) -> None:
    """Draw images decoded from latents of the prior."""
    latents = torch.randn((64, model.latent_dim), generator=torch.Generator().manual_seed(seed))
    save_grid(decode(model, latents).numpy(), 8, path)
