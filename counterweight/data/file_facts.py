"""What the files of two sets differ in besides pictures: format, quality of JPEGs, size.

Each of them can be told from the pixels alone, once all images are brought to one size: a network that does so says
nothing of what the pictures show.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2_contingency, mannwhitneyu

from counterweight.data.inspection import Findings
from counterweight.results.files import FileFacts, SideFiles

LEVEL = 0.001
"""Of the tests, four of them: files of one kind are called different in at most 4 of 1,000 pairs of sets."""
MARGIN = 0.02
"""Sides have to differ by more of their length, in the median: less is lost where images are brought to one size."""
STEP = 2
"""Qualities have to differ by so much in the median; quantisation tables of neighbouring ones are all but the same."""

Numbers = npt.NDArray[np.int64]


def compare_files(real: Findings, synthetic: Findings) -> FileFacts:
    """Describe the files of both sides, each of which has some, and name what they differ in."""
    sides = describe_side(real), describe_side(synthetic)
    found = [
        name_formats(sides),
        name_medians("JPEG quality", real.qualities, synthetic.qualities, STEP, ""),
        name_medians("width", real.widths, synthetic.widths, MARGIN * sides[0].width, " pixels"),
        name_medians("height", real.heights, synthetic.heights, MARGIN * sides[0].height, " pixels"),
    ]
    return FileFacts(real=sides[0], synthetic=sides[1], differences=[words for words in found if words])


def describe_side(found: Findings) -> SideFiles:
    """Return what the files of one side are like."""
    return SideFiles(
        formats=dict(found.formats.most_common()),
        quality=int(np.median(found.qualities)) if len(found.qualities) else None,
        width=int(np.median(found.widths)),
        height=int(np.median(found.heights)),
    )


def name_formats(sides: Sequence[SideFiles]) -> str:
    """Name the formats of both sides if they are mixed differently, by the chi-squared test."""
    formats = sorted({name for side in sides for name in side.formats})
    table = [[side.formats.get(name, 0) for name in formats] for side in sides]
    if len(formats) < 2 or chi2_contingency(table).pvalue >= LEVEL:
        return ""
    mixes = [", ".join(f"{count} {name}" for name, count in side.formats.items()) for side in sides]
    return f"format ({mixes[0]} against {mixes[1]})"


def name_medians(what: str, real: Numbers, synthetic: Numbers, margin: float, unit: str) -> str:
    """Name both medians if they differ by more than a margin, and by Mann and Whitney's test."""
    if not len(real) or not len(synthetic):
        return ""
    medians = int(np.median(real)), int(np.median(synthetic))
    # A shift of the median alone is chance where sizes vary.
    if abs(medians[0] - medians[1]) <= margin or mannwhitneyu(real, synthetic).pvalue >= LEVEL:
        return ""
    return f"{what} ({medians[0]} against {medians[1]}{unit} in the median)"
