"""How two sets of image files are brought to the same in all that is not the picture, before they are compared.

Whatever the files of one side have gone through, those of the other go through, too, at the images' own size, since
that is where it left its traces: larger ones are made smaller first, then all are compressed again. Where images of a
side differ in it, in size, say, each gets the lower of its own and of what stands at its place in the other side's
order: so both sides have the same distribution afterwards, and nothing gets a size or a quality that it never had.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from counterweight.data.besides.codecs import is_compressed, leave_compressed, leave_rate, name_codecs, plan_codecs
from counterweight.data.besides.earlier import fill_in, find_earlier
from counterweight.data.besides.files import (
    BARS,
    COLOURS,
    DITHERING,
    GRIDS,
    MODES,
    PROFILES,
    PROPORTIONS,
    TABLES,
    TRANSPARENCY,
    WHITES,
)
from counterweight.data.besides.sides import WHOLE, FileSide, Numbers, Sides, match_lower, name_range
from counterweight.data.decode.changes import Changes, Codec
from counterweight.data.decode.greys import choose_range
from counterweight.data.decode.opening import open_image
from counterweight.data.decode.traces import Bars
from counterweight.results.files import FileFacts

GREY = 0
DOTS = 0  # of what is dithered
SIZES = frozenset({"width", "height"})
QUALITIES = frozenset({"JPEG quality", "WEBP quality", "AVIF quality", "JPEG2000 compression"})
COMPRESSION = frozenset({"format", "JPEG subsampling", TABLES, GRIDS}) | QUALITIES
PALETTES = frozenset({MODES, DITHERING, COLOURS})
OTHER_MODES = frozenset({"1", "CMYK", "LAB", "YCbCr", "HSV"})
"""Of colours that are no red, green and blue, or of black and white alone: in being stored so they lost something."""


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
        codecs = plan_codecs(sides, orders, TABLES in named)
        steps += name_codecs(codecs, "JPEG subsampling" in named)
    changes = [
        [Changes(*each, palette) for each in join_numbers(*own)]
        for own in zip(bars, shorter, shades, colours, dots, codecs, strict=True)
    ]
    for side, other, own in zip(sides, reversed(sides), changes, strict=True):
        own[:] = map(leave_rate, side.facts, own)
        if TABLES in named or not any(map(is_compressed, other.facts)):
            own[:] = leave_first(side, other, own)
    grey = all(map(all, (own == GREY for own in shades)))
    return Plan(changes, grey, cropped, steps, remaining + list_remaining(named, sides), whites)


def leave_first(side: FileSide, other: FileSide, changes: Sequence[Changes]) -> list[Changes]:
    """Return changes without first compressions that files have gone through, but for those with copies opposite.

    What is done to these and to their copies has to be the same, or a test that goes by pairs tells them apart.
    """
    shared = {fact.digest for fact in other.facts}
    pairs = zip(side.facts, changes, strict=True)
    return [each if fact.digest in shared else leave_compressed(fact, each) for fact, each in pairs]


def list_remaining(named: Collection[str], sides: Sides) -> list[str]:
    """Return what reaches the pixels, of what both sides are known to differ in, that nothing is done about."""
    facts = [fact for side in sides for fact in side.facts]
    remaining = [what for what in (TRANSPARENCY, PROFILES) if what in named]
    if MODES in named and any(fact.mode in OTHER_MODES for fact in facts):
        remaining.append(MODES)
    return remaining + (
        ["what HEIF loses"] if "format" in named and any(fact.format == "HEIF" for fact in facts) else []
    )


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
