"""What the files of two sides differ in besides pictures, that included which needs a look at more than each file."""

import numpy as np

from counterweight.data.besides.codecs import MOST, measure_qualities
from counterweight.data.besides.files import LEVEL, WHITES, compare_files
from counterweight.data.besides.sides import Numbers, Sides
from counterweight.data.decode.changes import CODECS
from counterweight.data.sources.base.file_settings import FileSettings
from counterweight.results.files import FileFacts

MARGIN = 0.1
"""Bytes a pixel have to differ by this fraction before it is asked whether pictures or qualities do."""
APART = 5  # qualities, of 100, that do
RATES = 1.25  # and by what factor rates do


def compare_sides(sides: Sides) -> FileFacts:
    """Describe the files of both sides, each of which has some, and name what they differ in."""
    found = compare_files(sides[0].facts, sides[1].facts)
    named = [words for kind in CODECS if kind != "JPEG" and (words := name_compression(sides, kind))]
    return found.model_copy(update={"differences": [*found.differences, *named]})


def use_range(found: FileFacts, settings: FileSettings) -> FileFacts:
    """Return what was found with the range of greys that is asked for, if one is: it is that of both sides then."""
    target = settings.target
    if target.white is None:
        return found
    ends = {"white": target.white, "black": target.black}
    sides = {
        name: side if side.white is None else side.model_copy(update=ends)
        for name, side in (("real", found.real), ("synthetic", found.synthetic))
    }
    kept = [words for words in found.differences if not words.startswith(WHITES)]
    return found.model_copy(update={**sides, "differences": kept})


def name_compression(sides: Sides, kind: str) -> str:
    """Name the qualities of both sides' files of a format that does not say them, if they differ."""
    own = []
    for side in sides:
        there = np.flatnonzero(side.measure(lambda fact: fact.format == kind and not fact.lossless))
        own.append(side.take(there))
    if not all(len(side.files) for side in own):
        return ""
    densities = [side.measure(lambda fact: 8000 * fact.length // (fact.width * fact.height)) for side in own]
    if not are_apart(*densities):
        return ""
    one, other = (int(np.median(measure_qualities(side, kind, [None]) // MOST)) for side in own)
    if kind == "JPEG2000":
        low, high = sorted((one, other))
        return f"{kind} compression ({one / 10:g} against {other / 10:g} % left)" if high > RATES * low else ""
    return f"{kind} quality (about {one} against {other})" if abs(one - other) >= APART else ""


def are_apart(real: Numbers, synthetic: Numbers) -> bool:
    """Say whether the medians of numbers differ by more than a margin, and the numbers by no chance."""
    low, high = sorted((float(np.median(real)), float(np.median(synthetic))))
    if high <= (1 + MARGIN) * low:
        return False
    from scipy.stats import ks_2samp  # takes a second, and few sets are of such formats

    return bool(ks_2samp(real, synthetic, method="asymp").pvalue < LEVEL)
