"""What files of two sides are compressed with so that both have gone through the same."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.data.besides.sides import WHOLE, FileSide, Numbers, Sides, find_partners, match_lower, name_range
from counterweight.data.decode.changes import (
    CODECS,
    RATE,
    SUBSAMPLINGS,
    Changes,
    Codec,
    Tables,
    estimate_quality_by_size,
    is_reversible,
)
from counterweight.data.decode.facts import Facts
from counterweight.data.decode.images import make_opaque
from counterweight.data.decode.opening import load_upright, open_image

SAMPLE = 9  # files of a format and side whose quality is estimated; that of JPEGs stands in each
MOST = 1000
"""JPEG tables that are told apart, of more than that the commonest: 100 times as many are less than WHOLE."""
SAME = 1.1  # rates of JPEG 2000 that differ by a smaller factor are the same
HEADER = 4096  # bytes, in which it stands how a JPEG 2000 is coded
USUAL = 75  # quality of JPEGs that take the place of formats which lose something, and cannot be written at a quality


def is_compressed(fact: Facts) -> bool:
    """Say whether a file has lost something in being stored, or had before."""
    return fact.quality is not None or not fact.lossless


def leave_compressed(fact: Facts, changes: Changes) -> Changes:
    """Return changes without a first compression that a file has gone through already, if nothing is done before.

    The other side, which had none, goes through it once; noise of colours, of which a JPEG keeps a quarter, shows a
    second time. Where the other side was compressed otherwise before, by tables of the same kind, both go through two.
    """
    smaller = changes.shorter is not None and changes.shorter < min(fact.width, fact.height)
    known = fact.usual or fact.tables is not None
    if not known or smaller or changes._replace(shorter=None, codecs=(), palette=None) != Changes():
        return changes
    match changes.codecs:
        case (Codec("JPEG", fact.quality, way, fact.tables), *rest) if fact.mode == "L" or way == fact.subsampling:
            return changes._replace(codecs=tuple(rest))
        case _:
            return changes


def leave_rate(fact: Facts, changes: Changes) -> Changes:
    """Return changes in which a JPEG 2000 is not stored at about the rate once more that it has, if nothing is before.

    It would lose as much again of what a low rate has left.
    """
    smaller = changes.shorter is not None and changes.shorter < min(fact.width, fact.height)
    if fact.format != "JPEG2000" or smaller or changes._replace(shorter=None, codecs=()) != Changes():
        return changes
    kept = tuple(
        each for each in changes.codecs if each.format != "JPEG2000" or SAME * each.quality < measure_rate(fact)
    )
    return changes._replace(codecs=kept)


def plan_codecs(sides: Sides, orders: Sequence[Numbers], both: bool) -> list[list[tuple[Codec, ...]]]:
    """Return what each file of both sides is compressed with, one after the other.

    Args:
        both: whether JPEGs of the two sides have other tables, so that each file goes through either's, the coarser
            last: of one encoder's the coarser alone leaves little of the finer, of two encoders' it leaves much.
    """
    coarse = match_lower([side.measure(rank_subsampling) for side in sides], orders)
    planned: list[list[tuple[Codec, ...]]] = [[()] * len(side.files) for side in sides]
    tables = list_tables(sides)
    for kind in CODECS:
        own = [measure_qualities(side, kind, tables) for side in sides]
        partners = find_partners(own, orders)
        for place, (known, *values, ranks) in enumerate(zip(planned, own, partners, coarse, strict=True)):
            chains = [
                sorted({*each} - {WHOLE}, reverse=True) for each in zip(*(one.tolist() for one in values), strict=True)
            ]
            planned[place] = [
                (*each, *(make_codec(kind, value, rank, tables) for value in (chain if both else chain[-1:])))
                for each, chain, rank in zip(known, chains, ranks.tolist(), strict=True)
            ]
    return planned


def make_codec(kind: str, value: int, rank: int, tables: Sequence[Tables | None]) -> Codec:
    """Return a codec of what `measure_qualities` and `rank_subsampling` have."""
    quality, place = divmod(value, MOST)
    if kind == "JPEG2000":
        return Codec(kind, quality, reversible=bool(place))
    return Codec(kind, quality, name_subsampling(rank), tables[place])


def list_tables(sides: Sides) -> list[Tables | None]:
    """Return None, for those that Pillow writes, and the tables of JPEGs that are others, the commonest first.

    Cameras and Photoshop have such: pictures that are compressed with Pillow's instead can be told from theirs.
    """
    found = Counter(fact.tables for side in sides for fact in side.facts if fact.tables is not None)
    return [None, *(tables for tables, _ in found.most_common(MOST - 1))]


def rank_subsampling(fact: Facts) -> int:
    """Return a number that is lower where colours are fewer."""
    return WHOLE if fact.subsampling is None else -SUBSAMPLINGS.index(fact.subsampling)


def name_subsampling(rank: int) -> str:
    """Return the subsampling of such a number; that which loses nothing where there is none."""
    return SUBSAMPLINGS[0] if rank == WHOLE else SUBSAMPLINGS[-rank]


def measure_qualities(side: FileSide, kind: str, tables: Sequence[Tables | None]) -> Numbers:
    """Return the quality with which each file was compressed in a format, WHOLE where it was not, int64 (N,).

    Times MOST; and of JPEGs the place of its tables among those that are known, of JPEG 2000 1 where it is reversible.
    """
    if kind == "JPEG2000":
        rates = [
            MOST * measure_rate(fact) + find_wavelet(path) if fact.format == kind else WHOLE
            for path, fact in zip(*side, strict=True)
        ]
        return np.array(rates, dtype=np.int64)
    if kind == "JPEG":
        places = {own: place for place, own in enumerate(tables)}
        return side.measure(
            lambda fact: (
                MOST * fact.quality + places.get(fact.tables, 0)
                if fact.quality
                else (WHOLE if fact.lossless or fact.format in CODECS else MOST * USUAL)
            )
        )
    compressed = side.measure(lambda fact: fact.format == kind and not fact.lossless)
    there = np.flatnonzero(compressed)
    if not len(there):
        return np.full(len(side.files), WHOLE)
    some = there[np.unique(np.linspace(0, len(there) - 1, SAMPLE).round().astype(np.int64))]
    quality = int(np.median([estimate_quality(side.files[place], kind) for place in some.tolist()]))
    return np.where(compressed == 1, MOST * quality, WHOLE)


def measure_rate(fact: Facts) -> int:
    """Return the quality of a JPEG 2000: how many thousandths of its pixels' bytes it has."""
    pixels = fact.width * fact.height * (1 if fact.mode == "L" else 3)
    return min(RATE - 1, max(1, round(RATE * fact.length / pixels)))


def find_wavelet(path: Path) -> bool:
    """Say whether a JPEG 2000 is reversible."""
    with path.open("rb") as stream:
        return is_reversible(stream.read(HEADER))


def estimate_quality(path: Path, kind: str) -> int:
    """Return the quality of a file of a format that does not say it."""
    with open_image(path) as file:
        load_upright(file, None)
        image = make_opaque(file, "RGB")
    return estimate_quality_by_size(image, kind, path.stat().st_size)


def name_codecs(planned: Sequence[Sequence[tuple[Codec, ...]]], subsampled: bool) -> list[str]:
    """Say what files are compressed with.

    Args:
        subsampled: whether the subsampling of JPEGs is to be said.
    """
    found = []
    for kind in CODECS:
        used = [[codec for each in own for codec in each if codec.format == kind] for own in planned]
        qualities = [np.array([codec.quality for codec in own], dtype=np.int64) for own in used]
        if not any(used):
            continue
        ways = sorted({codec.subsampling for own in used for codec in own})
        how = f" with {' and '.join(ways)}" if kind == "JPEG" and subsampled else ""
        if any(codec.tables for own in used for codec in own):
            how += ", by the files' own tables"
        share = min(np.mean([any(codec.format == kind for codec in each) for each in own]) for own in planned)
        part = "re-encoded" if share == 1 else f"{share:.0%} of either re-encoded"
        quality = f"quality {name_range(qualities)}{how}"
        if kind == "JPEG2000":
            quality = f"{name_range(qualities)} thousandths of the bytes"
        found.append(f"{part} as {kind} of {quality}")
    return found
