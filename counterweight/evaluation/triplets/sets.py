"""The sets of triplets that the settings name, of every draw."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch

from counterweight.core.errors import UserError
from counterweight.core.identities import ANCHOR, LEARNED, TEST, TRAIN, VALIDATION, IdentityParts
from counterweight.core.images import ImageSet
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.triplets.rendering import describe_posteriors
from counterweight.evaluation.triplets.table import (
    Posteriors,
    Triplets,
    draw_real,
    reconstruct_members,
    sample_triplets,
)
from counterweight.generators.base.saved import load_generators
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.results.triplets import SetResult
from counterweight.settings.triplets import Real, Sampled, TripletSet
from counterweight.statistics.triplet_sampling import compare_moves

Autoencoders = Mapping[str, Sequence[VariationalAutoencoder]]
"""By the name of their run, one for each draw."""


class Source(NamedTuple):
    """What triplets are made of."""

    images: ImageSet
    parts: IdentityParts
    posteriors: Mapping[tuple[str, int], Posteriors]
    """Of the anchors, by the name of a run and the draw."""
    seed: int


def load_autoencoders(folder: Path, names: Sequence[str], draws: int, device: torch.device) -> Autoencoders:
    """Read the autoencoders of some runs.

    Raises:
        UserError: a run has none.
    """
    found: dict[str, list[VariationalAutoencoder]] = {}
    for name in names:
        found[name] = []
        for model in load_generators(folder / name, draws, device):
            assert isinstance(model, VariationalAutoencoder), "a run is of no other generator"
            found[name].append(model.eval())
    return found


def name_autoencoder(own: TripletSet) -> str | None:
    """Return the name of a set's run, None of real triplets."""
    return None if isinstance(own, Real) else own.autoencoder


def describe_all(
    images: ImageSet, parts: IdentityParts, autoencoders: Autoencoders
) -> dict[tuple[str, int], Posteriors]:
    """Return what autoencoders make of the anchors of each draw."""
    found = {}
    for name, models in autoencoders.items():
        for draw, model in enumerate(models):
            anchors, learned = (images.images[parts.find(draw, role)] for role in (ANCHOR, LEARNED))
            found[name, draw] = describe_posteriors(model, anchors, learned)
    return found


def draw_test(source: Source) -> Triplets:
    """Return the real triplets that recognition is tested on, which are the same in all draws."""
    seed = derive_seed(source.seed, source.parts.dataset, "triplets", "test")
    return draw_real(source.parts, source.images.labels, 0, (TEST,), seed)


def draw_set(name: str, own: TripletSet, source: Source) -> list[Triplets]:
    """Return the triplets of a set in every draw, to train on and to choose the epoch."""
    return [make_set(name, own, source, draw) for draw in range(len(source.parts))]


def make_set(name: str, own: TripletSet, source: Source, draw: int) -> Triplets:
    """Return the triplets of a set in a draw."""
    dataset, labels = source.parts.dataset, source.images.labels
    if not isinstance(own, Sampled):
        # Not of the set's name: what is reconstructed is what is real.
        seed = derive_seed(source.seed, dataset, "triplets", "real", str(draw))
        real = draw_real(source.parts, labels, draw, (TRAIN, VALIDATION), seed)
        return real if isinstance(own, Real) else reconstruct_members(real)
    seed = derive_seed(source.seed, dataset, "triplets", name, str(draw))
    anchors = source.parts.find(draw, ANCHOR)
    try:
        return sample_triplets(own, source.posteriors[own.autoencoder, draw], anchors, labels, seed)
    except UserError as error:
        raise UserError(f"params.yaml: recognition.{dataset}.triplets.sets.{name}.{error}") from error


def describe_set(own: TripletSet, draws: Sequence[Triplets], source: Source) -> SetResult:
    """Say how many triplets of what kind a set has, and where they lie."""
    counts = np.bincount(draws[0].part, minlength=3).tolist()
    moves = [found for draw, own_draw in enumerate(draws) if (found := measure_moves(own, own_draw, source, draw))]
    return SetResult(
        kind=own.kind,
        autoencoder=name_autoencoder(own),
        settings=own.model_dump(),
        train=counts[0],
        validation=counts[1],
        distance_ratio=fmean(ratio for ratio, _ in moves) if moves else None,
        cosine=fmean(cosine for _, cosine in moves) if moves else None,
    )


def measure_moves(own: TripletSet, triplets: Triplets, source: Source, draw: int) -> tuple[float, float] | None:
    """Return how positives and negatives lie to their anchors, where both were moved."""
    positive, negative = triplets.positive.latents, triplets.negative.latents
    if not isinstance(own, Sampled) or positive is None or negative is None:
        return None
    places = np.searchsorted(source.parts.find(draw, ANCHOR), triplets.anchor.index)
    return compare_moves(source.posteriors[own.autoencoder, draw].means[places], positive, negative)
