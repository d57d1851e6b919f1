"""How two sets of image files are brought to the same in all that is not the picture, before they are compared.

Whatever the files of one side have gone through, those of the other go through, too, at the images' own size, since
that is where it left its traces: larger ones are made smaller first, then all are compressed again. Where images of a
side differ in it, in size, say, each gets the lower of its own and of what stands at its place in the other side's
order: so both sides have the same distribution afterwards, and nothing gets a size or a quality that it never had.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.data.besides.earlier import fill_in, find_earlier
from counterweight.data.besides.files import BARS, COLOURS, DITHERING, GRIDS, PROPORTIONS, WHITES
from counterweight.data.decode.changes import CODECS, SUBSAMPLINGS, Changes, Codec, estimate_quality_by_size
from counterweight.data.decode.facts import Facts
from counterweight.data.decode.greys import choose_range
from counterweight.data.decode.images import make_opaque
from counterweight.data.decode.opening import load_upright, open_image
from counterweight.data.decode.traces import Bars
from counterweight.results.files import FileFacts

SAMPLE = 9  # files of a format and side whose quality is estimated; that of JPEGs stands in each
WHOLE = 1_000_000
"""Stands for the quality, or the number of colours, of what has lost none."""
USUAL = 75  # quality of JPEGs that take the place of formats which lose something, and cannot be written at a quality
GREY = 0
DOTS = 0  # of what is dithered
SIZES = frozenset({"width", "height"})
COMPRESSION = frozenset({"format", "JPEG quality", "JPEG subsampling", GRIDS})
PALETTES = frozenset({"colour mode", DITHERING, COLOURS})

Numbers = npt.NDArray[np.int64]


class FileSide(NamedTuple):
    """The readable files of one side, and what they are like."""

    files: Sequence[Path]
    facts: Sequence[Facts]

    def take(self, indices: Numbers) -> "FileSide":
        """Return the files at `indices`, int64 (K,), in that order."""
        places = indices.tolist()
        return FileSide([self.files[place] for place in places], [self.facts[place] for place in places])

    def cut_bars(self) -> "FileSide":
        """Return the same files, whose sizes are those without bars."""
        cut = [
            fact
            if fact.bars is None
            else fact._replace(width=fact.width - 2 * fact.bars.horizontal, height=fact.height - 2 * fact.bars.vertical)
            for fact in self.facts
        ]
        return FileSide(self.files, cut)

    def measure(self, number: Callable[[Facts], int]) -> Numbers:
        """Return a number of each file, int64 (N,)."""
        return np.array([number(fact) for fact in self.facts], dtype=np.int64)


Sides = tuple[FileSide, FileSide]


class Plan(NamedTuple):
    """What happens to each file of the real and of the synthetic side, and what that is in words."""

    changes: list[list[Changes]]
    grey: bool
    """Whether all become grey."""
    cropped: bool
    """Whether all are cut to the proportions that they are brought to, in place of being squeezed into them."""
    steps: list[str]
    remaining: list[str]
    """What both sides differ in and still will."""
    whites: tuple[float | None, float | None]
    """Which grey of more than 8 bits becomes white on either side."""


def plan_equalising(sides: Sides, found: FileFacts, rng: np.random.Generator) -> Plan:
    """Plan how the files of two sides become alike in what they are known to differ in."""
    named = {words.split(" (")[0] for words in found.differences}
    orders = [rng.permutation(len(side.files)) for side in sides]
    untouched = [np.full(len(side.files), WHOLE) for side in sides]
    shorter, shades, colours, dots, steps = untouched, untouched, untouched, untouched, list[str]()
    palette: bytes | None = None
    codecs: list[list[tuple[Codec, ...]]] = [[()] * len(side.files) for side in sides]
    bars = [[fact.bars if BARS in named else None for fact in side.facts] for side in sides]
    if BARS in named:
        sides, steps = (sides[0].cut_bars(), sides[1].cut_bars()), ["without bars"]
    cropped = bool(named & {PROPORTIONS, BARS})
    steps += ["cut in the middle to one shape"] if cropped else []
    whites, scaled = scale_ranges(sides, found)
    steps += scaled
    if named & (SIZES | {BARS}):
        shorter = match_lower([side.measure(lambda fact: min(fact.width, fact.height)) for side in sides], orders)
        steps.append(f"at a shorter side of {name_range(shorter)} pixels")
    if "colours" in named:
        shades = match_lower([side.measure(lambda fact: GREY if fact.grey else WHOLE) for side in sides], orders)
        share = min(float((own == GREY).mean()) for own in shades)
        steps.append("in grey" if share == 1 else f"{share:.0%} of either in grey")
    if named & PALETTES:
        colours = match_lower([side.measure(lambda fact: fact.colours or WHOLE) for side in sides], orders)
        dots = match_lower([side.measure(lambda fact: DOTS if fact.dithered else WHOLE) for side in sides], orders)
        palette = find_shared_palette(sides)
        steps += [name_palette(colours, dots, palette)] if is_any_lower(colours) else []
    sides, remaining = know_earlier(sides) if GRIDS in named else (sides, [])
    if named & (SIZES | COMPRESSION):
        codecs = plan_codecs(sides, orders)
        steps += name_codecs(codecs, "JPEG subsampling" in named)
    changes = [
        [Changes(*each, palette) for each in join_numbers(*own)]
        for own in zip(bars, shorter, shades, colours, dots, codecs, strict=True)
    ]
    for side, other, own in zip(sides, reversed(sides), changes, strict=True):
        if not any(map(is_compressed, other.facts)):
            own[:] = map(leave_compressed, side.facts, own)
    grey = all(map(all, (own == GREY for own in shades)))
    return Plan(changes, grey, cropped, steps, remaining, whites)


def scale_ranges(sides: Sides, found: FileFacts) -> tuple[tuple[float | None, float | None], list[str]]:
    """Return which grey of more than 8 bits becomes white on either side, and that in words: its own if they differ."""
    if not any(words.startswith(WHITES) for words in found.differences):
        return (found.real.white, found.synthetic.white), []
    own = choose_range(sides[0].facts), choose_range(sides[1].facts)
    return own, ["each in its own range of greys"]


def join_numbers(
    bars: Sequence[Bars | None],
    shorter: Numbers,
    shades: Numbers,
    colours: Numbers,
    dots: Numbers,
    codecs: Sequence[tuple[Codec, ...]],
) -> Iterator[tuple[Bars | None, int | None, bool, int | None, bool, tuple[Codec, ...]]]:
    """Yield what happens to each file of one side, as `Changes` has it, but for a palette that is shared."""
    sides, palettes = ([None if value == WHOLE else value for value in own.tolist()] for own in (shorter, colours))
    yield from zip(bars, sides, (shades == GREY).tolist(), palettes, (dots == DOTS).tolist(), codecs, strict=True)


def is_compressed(fact: Facts) -> bool:
    """Say whether a file has lost something in being stored, or had before."""
    return fact.quality is not None or not fact.lossless


def leave_compressed(fact: Facts, changes: Changes) -> Changes:
    """Return changes without a compression that a file has gone through already, if nothing is done to it before.

    The other side, which had none, goes through it once; noise of colours, of which a JPEG keeps a quarter, shows a
    second time. Where the other side was compressed otherwise before, both go through two. Of tables that Pillow would
    not write both sides are compressed with its own: one side twice, which is nearer than with other tables.
    """
    smaller = changes.shorter is not None and changes.shorter < min(fact.width, fact.height)
    if not fact.usual or smaller or changes._replace(shorter=None, codecs=(), palette=None) != Changes():
        return changes
    match changes.codecs:
        case (Codec("JPEG", fact.quality, subsampling),) if fact.mode == "L" or subsampling == fact.subsampling:
            return changes._replace(codecs=())
        case _:
            return changes


def know_earlier(sides: Sides) -> tuple[Sides, list[str]]:
    """Return both sides, whose files that were JPEGs before they were stored without loss have the facts of these.

    Beside them what remains if no file was one: blocks that something else left.
    """
    known = []
    for side in sides:
        places = [place for place, fact in enumerate(side.facts) if fact.grid is not None]
        facts = [*side.facts]
        for place, earlier in zip(places, fill_in(find_earlier([side.files[own] for own in places])), strict=True):
            if earlier is not None:
                subsampling = None if facts[place].grey else earlier.subsampling
                facts[place] = facts[place]._replace(quality=earlier.quality, subsampling=subsampling)
        known.append(FileSide(side.files, facts))
    seen = any(fact.grid is not None and fact.quality for own in known for fact in own.facts)
    return (known[0], known[1]), [] if seen else [GRIDS]


def find_shared_palette(sides: Sides) -> bytes | None:
    """Return the palette of all files that have one, if several have and it is the same; such are mostly dithered."""
    files = [
        (file, fact.palette)
        for side in sides
        for file, fact in zip(side.files, side.facts, strict=True)
        if fact.palette is not None
    ]
    if len(files) < 2 or len({palette for _, palette in files}) > 1:
        return None
    with open_image(files[0][0]) as opened:
        return bytes(opened.getpalette() or ())


def name_palette(colours: Sequence[Numbers], dots: Sequence[Numbers], palette: bytes | None) -> str:
    """Say which palette images get."""
    if palette is not None:
        return "with the same palette"
    return f"with a palette of {name_range(colours)} colours{', dithered' if is_any_lower(dots) else ''}"


def is_any_lower(values: Sequence[Numbers]) -> bool:
    """Say whether a value stands for a loss."""
    return any((own < WHOLE).any() for own in values)


def match_lower(values: Sequence[Numbers], orders: Sequence[Numbers]) -> list[Numbers]:
    """Return of each value of two sides the lower one of it and of that at the same quantile of the other side.

    Args:
        values: int64 (N,) and (M,).
        orders: which of equal values is the lower one: permutations of N and of M.
    """
    found = []
    for own, other, order in zip(values, reversed(values), orders, strict=True):
        places = order[np.argsort(own[order], kind="stable")]
        quantiles = (np.arange(len(own)) + 0.5) / len(own)
        partners = np.sort(other)[(quantiles * len(other)).astype(np.int64)]
        matched = np.empty_like(own)
        matched[places] = np.minimum(own[places], partners)
        found.append(matched)
    return found


def plan_codecs(sides: Sides, orders: Sequence[Numbers]) -> list[list[tuple[Codec, ...]]]:
    """Return what each file of both sides is compressed with, one after the other."""
    coarse = match_lower([side.measure(rank_subsampling) for side in sides], orders)
    planned: list[list[tuple[Codec, ...]]] = [[()] * len(side.files) for side in sides]
    for kind in CODECS:
        wanted = match_lower([measure_qualities(side, kind) for side in sides], orders)
        for place, (known, qualities, ranks) in enumerate(zip(planned, wanted, coarse, strict=True)):
            planned[place] = [
                each if quality == WHOLE else (*each, Codec(kind, quality, name_subsampling(rank)))
                for each, quality, rank in zip(known, qualities.tolist(), ranks.tolist(), strict=True)
            ]
    return planned


def rank_subsampling(fact: Facts) -> int:
    """Return a number that is lower where colours are fewer."""
    return WHOLE if fact.subsampling is None else -SUBSAMPLINGS.index(fact.subsampling)


def name_subsampling(rank: int) -> str:
    """Return the subsampling of such a number; that which loses nothing where there is none."""
    return SUBSAMPLINGS[0] if rank == WHOLE else SUBSAMPLINGS[-rank]


def measure_qualities(side: FileSide, kind: str) -> Numbers:
    """Return the quality with which each file was compressed in a format, WHOLE where it was not, int64 (N,)."""
    if kind == "JPEG":
        return side.measure(lambda fact: fact.quality or (WHOLE if fact.lossless or fact.format in CODECS else USUAL))
    compressed = side.measure(lambda fact: fact.format == kind and not fact.lossless)
    places = np.flatnonzero(compressed)
    if not len(places):
        return np.full(len(side.files), WHOLE)
    some = places[np.unique(np.linspace(0, len(places) - 1, SAMPLE).round().astype(np.int64))]
    quality = int(np.median([estimate_quality(side.files[place], kind) for place in some.tolist()]))
    return np.where(compressed == 1, quality, WHOLE)


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
        share = min(len(own) / len(every) for own, every in zip(used, planned, strict=True))
        part = "re-encoded" if share == 1 else f"{share:.0%} of either re-encoded"
        found.append(f"{part} as {kind} of quality {name_range(qualities)}{how}")
    return found


def name_range(values: Sequence[Numbers]) -> str:
    """Return the lowest and the highest of the values that are there, or the only one."""
    known = [value for own in values for value in own.tolist() if value != WHOLE]
    low, high = min(known), max(known)
    return f"{low}" if low == high else f"{low} to {high}"
