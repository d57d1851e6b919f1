"""What the files of two sets differ in besides pictures: format, quality of JPEGs, size, colour mode, traces.

Each of them can be told from the pixels alone, once all images are brought to one size: a network that does so says
nothing of what the pictures show.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.data.decode.facts import PALETTE, Facts
from counterweight.data.decode.greys import are_floats, choose_range, list_tops
from counterweight.results.files import FileFacts, SideFiles

LEVEL = 0.001
"""Of the tests, sixteen of them: files of one kind are called different in at most 16 of 1,000 pairs of sets, by how
WebP, AVIF and JPEG 2000 are compressed in 3 more, and by a mix of classes in one."""
MARGIN = 0.02
"""Sides have to differ by more of their length, in some quantile: less is lost where images are brought to one size."""
STEP = 2
"""Qualities have to differ by so much in some; quantisation tables of neighbouring ones are all but the same."""
QUANTILES = (0.1, 0.5, 0.9)
PROPORTIONS, BARS, GRIDS = "proportions", "bars at two sides", "blocks of 8 x 8 pixels"
TABLES, MODES = "JPEG tables", "colour mode"
TRANSPARENCY, PROFILES = "transparency", "colour profile"
DITHERING, COLOURS, WHITES = "dithering", "colours of a palette", "range of greys"
PERCENT = 2
EXACT = 100  # numbers a side at most for the exact distribution of a statistic; of many it overflows

Numbers = npt.NDArray[np.int64]
Counts = Mapping[str, int]


class FileNumbers(NamedTuple):
    """What the files of one side are like: counts, and numbers of each file."""

    formats: Counter[str]
    subsampling: Counter[str]
    tables: Counter[str]
    """Of the JPEGs how many have the tables of the Independent JPEG Group's encoder, as most programs write them."""
    modes: Counter[str]
    shades: Counter[str]
    """How many are grey, and how many in colour."""
    bars: Counter[str]
    """How many have bars at two sides; of those that were stored without loss how many show a grid; and of those with a
    palette how many are dithered."""
    grids: Counter[str]
    dithering: Counter[str]
    transparency: Counter[str]
    """How many have a transparent pixel; and what their numbers stand for."""
    profiles: Counter[str]
    colours: Numbers
    """Of the palettes."""
    proportions: Numbers
    """Width in percent of the height."""
    qualities: Numbers
    widths: Numbers
    heights: Numbers


def compare_files(real: Sequence[Facts], synthetic: Sequence[Facts]) -> FileFacts:
    """Describe the files of both sides, each of which has some, and name what they differ in."""
    one, other = collect_numbers(real), collect_numbers(synthetic)
    named = {
        "formats": name_mix("format", one.formats, other.formats),
        "qualities": name_numbers("JPEG quality", one.qualities, other.qualities, STEP, ""),
        "subsampling": name_mix("JPEG subsampling", one.subsampling, other.subsampling),
        "tables": name_mix(TABLES, one.tables, other.tables),
        "widths": name_numbers("width", one.widths, other.widths, MARGIN * np.median(one.widths), " pixels"),
        "heights": name_numbers("height", one.heights, other.heights, MARGIN * np.median(one.heights), " pixels"),
        "modes": name_mix(MODES, one.modes, other.modes),
        "shades": name_mix("colours", one.shades, other.shades),
        "proportions": name_numbers(PROPORTIONS, one.proportions, other.proportions, PERCENT, " % of the height"),
        "bars": name_mix(BARS, one.bars, other.bars),
        "grids": name_mix(GRIDS, one.grids, other.grids),
        "dithering": name_mix(DITHERING, one.dithering, other.dithering),
        "transparency": name_mix(TRANSPARENCY, one.transparency, other.transparency),
        "profiles": name_mix(PROFILES, one.profiles, other.profiles),
        "whites": name_ranges(real, synthetic),
        "colours": name_numbers(COLOURS, one.colours, other.colours, MARGIN * PALETTE, ""),
    }
    sides = [
        describe_side(each, named).model_copy(update={"white": white})
        for each, white in zip((one, other), choose_whites(real, synthetic), strict=True)
    ]
    return FileFacts(real=sides[0], synthetic=sides[1], differences=[words for words in named.values() if words])


def collect_numbers(facts: Sequence[Facts]) -> FileNumbers:
    """Return what the files of one side are like."""
    return FileNumbers(
        formats=Counter(name_format(fact) for fact in facts),
        subsampling=Counter(fact.subsampling for fact in facts if fact.subsampling is not None),
        tables=Counter("other" if fact.tables else "usual" for fact in facts if fact.quality is not None),
        modes=Counter(fact.mode for fact in facts),
        shades=Counter("grey" if fact.grey else "in colour" for fact in facts),
        qualities=np.array([fact.quality for fact in facts if fact.quality is not None], dtype=np.int64),
        bars=Counter(name_presence(fact.bars is not None) for fact in facts),
        grids=Counter(name_presence(fact.grid) for fact in facts if fact.grid is not None),
        dithering=Counter(name_presence(fact.dithered) for fact in facts if fact.dithered is not None),
        transparency=Counter(name_presence(fact.transparent) for fact in facts),
        profiles=Counter(fact.profile or "none, or sRGB" for fact in facts),
        colours=np.array([fact.colours for fact in facts if fact.colours is not None], dtype=np.int64),
        proportions=np.array([round(100 * fact.width / fact.height) for fact in facts], dtype=np.int64),
        widths=np.array([fact.width for fact in facts], dtype=np.int64),
        heights=np.array([fact.height for fact in facts], dtype=np.int64),
    )


def name_format(fact: Facts) -> str:
    """Return the name of a file's format; WebP stores images in two ways."""
    return f"lossless {fact.format}" if fact.format == "WEBP" and fact.lossless else fact.format


def name_presence(there: bool) -> str:
    """Say whether something is there."""
    return "with" if there else "without"


def describe_side(found: FileNumbers, named: Mapping[str, str]) -> SideFiles:
    """Return what the files of one side are like."""
    return SideFiles(
        formats=dict(found.formats.most_common()),
        quality=int(np.median(found.qualities)) if len(found.qualities) else None,
        width=int(np.median(found.widths)),
        height=int(np.median(found.heights)),
        subsampling=dict(found.subsampling.most_common()) if named["subsampling"] else None,
        modes=dict(found.modes.most_common()) if named["modes"] else None,
        grey=found.shades["grey"] if named["shades"] else None,
    )


def name_mix(what: str, real: Counter[str], synthetic: Counter[str]) -> str:
    """Name the kinds of both sides if they are mixed differently."""
    if not are_mixed_differently(real, synthetic):
        return ""
    mixes = [", ".join(f"{count} {name}" for name, count in side.most_common()) for side in (real, synthetic)]
    return f"{what} ({mixes[0]} against {mixes[1]})"


def choose_whites(real: Sequence[Facts], synthetic: Sequence[Facts]) -> tuple[float | None, float | None]:
    """Return which grey of more than 8 bits becomes white on either side, as the files are: the same on both.

    So numbers count for what they are, and a darker side stays darker. Integers and floats have no range in common, and
    where one side has these and one those, each has its own.
    """
    own, other = choose_range(real), choose_range(synthetic)
    if own is None or other is None or are_floats(real) != are_floats(synthetic):
        return own, other
    return max(own, other), max(own, other)


def name_ranges(real: Sequence[Facts], synthetic: Sequence[Facts]) -> str:
    """Name the ranges of greys of more than 8 bits if they differ, and that is no chance.

    One side may be of another camera, or was converted otherwise; or its pictures are darker. That cannot be known from
    numbers alone.
    """
    own = choose_range(real), choose_range(synthetic)
    if own[0] is None or own[1] is None or own[0] == own[1]:
        return ""
    from scipy.stats import ks_2samp  # takes a second, and few images have more than 8 bits

    if ks_2samp(list_tops(real), list_tops(synthetic), method="asymp").pvalue >= LEVEL:
        return ""
    return f"{WHITES} (0...{own[0]:g} against 0...{own[1]:g})"


def are_mixed_differently(real: Counts, synthetic: Counts) -> bool:
    """Say whether kinds are mixed differently on both sides, by the chi-squared test."""
    kinds = sorted({name for side in (real, synthetic) for name, count in side.items() if count})
    table = [[side.get(name, 0) for name in kinds] for side in (real, synthetic)]
    if len(kinds) < 2 or not all(map(sum, table)):
        return False
    from scipy.stats import chi2_contingency  # takes a second, and most sets are of one kind

    return bool(chi2_contingency(table).pvalue < LEVEL)


def name_numbers(what: str, real: Numbers, synthetic: Numbers, margin: float, unit: str) -> str:
    """Name both medians, or ranges, if they differ by more than a margin, and by Kolmogorov and Smirnov's test."""
    if not len(real) or not len(synthetic):
        return ""
    quantiles = [np.quantile(side, QUANTILES).astype(np.int64) for side in (real, synthetic)]
    apart = np.abs(quantiles[0] - quantiles[1]) > margin
    if not apart.any():
        return ""
    from scipy.stats import ks_2samp  # takes a second, and most sets are of one size

    # A shift of quantiles alone is chance where sizes vary.
    way = "auto" if max(len(real), len(synthetic)) <= EXACT else "asymp"
    if ks_2samp(real, synthetic, method=way).pvalue >= LEVEL:
        return ""
    if apart[1]:
        return f"{what} ({quantiles[0][1]} against {quantiles[1][1]}{unit} in the median)"
    ranges = [f"{low}" if low == high else f"{low} to {high}" for low, _, high in quantiles]
    return f"{what} ({ranges[0]} against {ranges[1]}{unit}, but for a tenth at either end)"
