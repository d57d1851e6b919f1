"""Triplets of images: of real ones, and sampled from an autoencoder's latent space (log-ends thesis, 5.3)."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.identities import TEST, TRAIN, VALIDATION, IdentityParts
from counterweight.settings.triplets import Sampled
from counterweight.statistics.triplet_sampling import Move, move_latents

Indices = npt.NDArray[np.int64]
Source = Literal["image", "view", "latent"]

PARTS = ("train", "validation", "test")
REAL_ROLES = (TRAIN, VALIDATION, TEST)
"""Of the images of real triplets, in the order of `PARTS`."""
TRAINED = 0.85
"""Fraction of the anchors whose sampled triplets are to train on, so that as many as of the real ones choose."""
LEAST = 4
"""Identities of anchors: two to train on, two to choose the epoch, of which each is the other's negative."""
MEMBERS = ("anchor", "positive", "negative")


class Posteriors(NamedTuple):
    """What an autoencoder makes of anchors: means and log variances of their latents, float32 (A, D).

    `deviations` (D,) are those of the means of all that it learned.
    """

    means: npt.NDArray[np.float32]
    log_variances: npt.NDArray[np.float32]
    deviations: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Member:
    """What the anchors, positives or negatives of T triplets are made of.

    `index` int64 (T,) counts in an image table. They are these images (`image`), these images strongly changed, from
    random numbers of `seed` (`view`), or decoded from `latents` float32 (T, D), which lie near those of these images
    (`latent`). `decoded` says that what is not decoded yet is replaced by its reconstruction.
    """

    source: Source
    index: Indices
    seed: int = 0
    decoded: bool = False
    latents: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Triplets:
    """T triplets; `part` uint8 (T,) indexes `PARTS`.

    `identity` int64 (T,) is that of anchor and positive, `other` (T,) that of the negative; where it is the anchor
    moved, the identity is a new one, numbered on from those of the image table.
    """

    part: npt.NDArray[np.uint8]
    identity: Indices
    other: Indices
    anchor: Member
    positive: Member
    negative: Member

    def __len__(self) -> int:
        return len(self.part)

    @property
    def members(self) -> tuple[Member, Member, Member]:
        """Anchors, positives, negatives."""
        return self.anchor, self.positive, self.negative


def draw_real(parts: IdentityParts, labels: Indices, draw: int, roles: Sequence[int], seed: int) -> Triplets:
    """Make a triplet of every identity that has one of some roles in a draw.

    Two different images of the identity; where each image is an identity, the image and it strongly changed. The
    negative is of another identity of the same role, and changed as the positive is: else that alone would tell.

    Args:
        labels: identity of each image, int64 (N,).
        roles: those of real triplets, in the order of `PARTS`.
    """
    rng = np.random.default_rng(seed)
    found = [pick_images(parts.find(draw, role), labels, rng) for role in roles]
    part = [np.full(len(picked[0]), REAL_ROLES.index(role)) for role, picked in zip(roles, found, strict=True)]
    anchors, positives, negatives = (np.concatenate([picked[member] for picked in found]) for member in range(3))
    source: Source = "view" if parts.by_image else "image"
    return Triplets(
        part=np.concatenate(part).astype(np.uint8),
        identity=labels[anchors],
        other=labels[negatives],
        anchor=Member("image", anchors),
        positive=Member(source, anchors if parts.by_image else positives, seed + 1),
        negative=Member(source, negatives, seed + 2),
    )


def pick_images(own: Indices, labels: Indices, rng: np.random.Generator) -> tuple[Indices, Indices, Indices]:
    """Pick two images of every identity, if it has two, and one of another, given the indices of their images."""
    shuffled = rng.permutation(own)
    shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, start, count = np.unique(labels[shuffled], return_index=True, return_counts=True)
    anchors, positives = shuffled[start], shuffled[start + np.minimum(1, count - 1)]
    # The way to another identity, around the circle of all: any other is as likely, none is its own.
    others = (np.arange(len(start)) + rng.integers(1, len(start), len(start))) % len(start)
    return anchors, positives, shuffled[start[others] + rng.integers(count[others])]


def sample_triplets(
    settings: Sampled, posteriors: Posteriors, anchors: Indices, labels: Indices, seed: int
) -> Triplets:
    """Sample triplets around anchors, as the settings say.

    The first 85 % of the anchors' identities are to train on, the others, two at least, choose the epoch.

    Args:
        anchors: indices of the anchors' images, (A,), of four identities at least; they take turns, or some serve.
        labels: identity of each image, int64 (N,).
    """
    rng = np.random.default_rng(seed)
    order, rank = order_anchors(labels[anchors], settings.count, rng)
    place = np.arange(settings.count) % len(order)
    turns, identities = order[place], int(rank.max()) + 1
    index = anchors[turns]
    means, centre = posteriors.means[turns], posteriors.means.mean(axis=0)
    steps = posteriors.deviations if settings.step == "deviation" else posteriors.log_variances[turns]
    moves = [
        Move(radius, towards, settings.radius_spread)
        for radius, towards in (
            (settings.positive_radius, settings.positive_towards),
            (settings.negative_radius, settings.negative_towards),
        )
    ]
    positive, negative = (move_latents(means, steps, centre, move, rng) for move in moves)
    another, trained = settings.negative == "other", min(math.ceil(TRAINED * identities), identities - 2)
    other = anchors[order[pick_others(rank, place, trained, rng)]]
    return Triplets(
        part=np.where(rank[place] < trained, 0, 1).astype(np.uint8),
        identity=labels[index],
        other=labels[other] if another else labels.max() + 1 + labels[index],
        anchor=Member("image", index, decoded=settings.anchor == "decoded"),
        positive=Member("view", index, seed + 1)
        if settings.positive == "view"
        else Member("latent", index, latents=positive),
        negative=Member("image", other, decoded=True) if another else Member("latent", index, latents=negative),
    )


def order_anchors(identity: Indices, most: int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Draw an order of anchors, those of an identity one after the other.

    Args:
        identity: of each anchor, (A,).
        most: so many serve, at most. With more, the last ones, which choose the epoch, would be in no triplet.

    Returns:
        The order, (min(A, most),), and the number of the identity at each of its places, increasing from 0.

    Raises:
        UserError: those that serve are of fewer than four identities.
    """
    order = rng.permutation(len(identity))[:most]
    _, first, inverse = np.unique(identity[order], return_index=True, return_inverse=True)
    if len(first) < LEAST:
        said = f"these anchors are of {len(first)} identities, and {LEAST} are needed"
        raise UserError(f"count: {most} is not allowed: {said}; more triplets have more anchors")
    gathered = np.argsort(first[inverse], kind="stable")
    return order[gathered], np.argsort(np.argsort(first))[inverse][gathered]


def pick_others(rank: Indices, place: Indices, trained: int, rng: np.random.Generator) -> Indices:
    """Return the places of anchors of another identity of the same part, any of which is as likely.

    Args:
        rank: number of the identity at each place of an order, increasing from 0.
        place: of the triplets' anchors in it, (T,).
        trained: identities below it are to train on, the others choose the epoch; two at least are either.
    """
    sizes, identities = np.bincount(rank), int(rank.max()) + 1
    own = rank[place]
    start = np.where(own < trained, 0, trained)
    length = np.where(own < trained, trained, identities - trained)
    others = start + (own - start + rng.integers(1, length)) % length
    found: Indices = np.searchsorted(rank, others) + rng.integers(sizes[others])
    return found


def reconstruct_members(triplets: Triplets) -> Triplets:
    """Return triplets whose images are replaced by their reconstructions."""
    anchor, positive, negative = (replace(member, decoded=True) for member in triplets.members)
    return replace(triplets, anchor=anchor, positive=positive, negative=negative)


def write_triplets(draws: Sequence[Triplets], path: Path) -> None:
    """Write the triplets of several draws, a row each; what their members are made of is metadata."""
    tables = [tabulate(triplets, draw) for draw, triplets in enumerate(draws)]
    facts = [
        {
            name: {"source": member.source, "seed": member.seed, "decoded": member.decoded}
            for name, member in zip(MEMBERS, triplets.members, strict=True)
        }
        for triplets in draws
    ]
    table = pa.concat_tables(tables).replace_schema_metadata({"members": json.dumps(facts)})
    pq.write_table(table, path, compression="zstd", use_dictionary=["draw", "part"])


def tabulate(triplets: Triplets, draw: int) -> pa.Table:
    """Return the triplets of a draw as a table."""
    columns = {
        "draw": np.full(len(triplets), draw),
        "part": triplets.part,
        "identity": triplets.identity,
        "other": triplets.other,
    }
    for name, member in zip(MEMBERS, triplets.members, strict=True):
        columns[name] = member.index
        if member.latents is not None:
            columns[f"{name}_latents"] = pa.FixedSizeListArray.from_arrays(
                pa.array(member.latents.ravel()), member.latents.shape[1]
            )
    return pa.table(columns)


def read_triplets(path: Path) -> list[Triplets]:
    """Read what `write_triplets` wrote.

    Raises:
        UserError: there is no such file, or it is something else.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; it is a table of triplets that the triplets stage writes")
    try:
        table = pq.read_table(path, partitioning=None)
        facts = json.loads(table.schema.metadata[b"members"])
        draws = table.column("draw").to_numpy()
        return [restore(table.filter(pa.array(draws == draw)), own) for draw, own in enumerate(facts)]
    except (pa.ArrowException, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a table of triplets of this project: {error}") from error


def restore(table: pa.Table, facts: dict[str, dict[str, Any]]) -> Triplets:
    """Return the triplets of a draw from its rows."""
    members = []
    for name in MEMBERS:
        latents = None
        if f"{name}_latents" in table.column_names:
            column = table.column(f"{name}_latents").combine_chunks()
            latents = column.flatten().to_numpy().reshape(len(column), -1)
        members.append(Member(index=table.column(name).to_numpy(), latents=latents, **facts[name]))
    part, identity, other = (table.column(name).to_numpy() for name in ("part", "identity", "other"))
    return Triplets(part, identity, other, *members)
