"""What was found in a folder or table of images, as numbers, as JSON and for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.twins import Identical
from counterweight.data.decode import account
from counterweight.data.decode.facts import Facts
from counterweight.data.decode.images import BadFile
from counterweight.data.decode.tree import LeftOut
from counterweight.data.sources.base.group_names import GroupCounts
from counterweight.data.split.pictures import Mixed

NAMED = 3  # bad files of a kind
LONGEST = 41  # characters of a class's name in a table of texts

Results = list[Facts | BadFile]


class Findings(NamedTuple):
    """Readable images: sides in pixels int64 (N,), Pillow's modes and formats, how many are grey; and the others.

    `facts` has what each of them is like, `files` where it lies, of a folder that is inspected as it is.
    `counts` has the images of each class in each part; `left_out` what is beside them, and `notes` what is to be said
    of how all was read; `broken` has the bad files of a dataset by fault, ending and class; `identical` says which
    images of a dataset have the same pixels, None where none have, and `mixed` which of these are of several classes;
    `groups` how many patients or videos they are of, None where nothing says so.
    """

    counts: Mapping[str, Mapping[str, int]]
    widths: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int64]
    modes: Counter[str]
    formats: Counter[str]
    facts: Sequence[Facts]
    grey: int
    bad: list[BadFile]
    left_out: Counter[LeftOut]
    notes: Sequence[str] = ()
    identical: Identical | None = None
    mixed: Mixed | None = None
    files: Sequence[Path] = ()
    groups: GroupCounts | None = None
    broken: Counter[LeftOut] | None = None

    @property
    def total(self) -> int:
        """How many images can be read."""
        return len(self.widths)

    @property
    def others(self) -> int:
        """How many files are left out."""
        return self.left_out.total()

    @property
    def shorter_sides(self) -> npt.NDArray[np.int64]:
        """The shorter sides of the images."""
        return np.minimum(self.widths, self.heights)

    @property
    def has_colours(self) -> bool:
        """Say whether any image has colours; greys are often saved as such, and what the pixels are counts."""
        return self.grey < self.total

    def faults(self) -> dict[str, list[str]]:
        """Return the names of bad files by what is wrong with them."""
        found: dict[str, list[str]] = {}
        for file in self.bad:
            found.setdefault(file.fault, []).append(file.name)
        return dict(sorted(found.items()))


def summarize_findings(
    results: Results, counts: Mapping[str, Mapping[str, int]], left_out: Counter[LeftOut]
) -> Findings:
    """Sum up what was found."""
    facts = [result for result in results if isinstance(result, Facts)]
    return Findings(
        counts=counts,
        widths=np.array([fact.width for fact in facts], dtype=np.int64),
        heights=np.array([fact.height for fact in facts], dtype=np.int64),
        modes=Counter(fact.mode for fact in facts),
        formats=Counter(fact.format for fact in facts),
        facts=facts,
        grey=sum(fact.grey for fact in facts),
        bad=[result for result in results if isinstance(result, BadFile)],
        left_out=left_out,
    )


def to_json(found: Findings) -> dict[str, Any]:
    """Return findings as plain JSON."""
    median = [int(np.median(sides)) for sides in (found.widths, found.heights)]
    return {
        "images": found.total,
        "classes": found.counts,
        "sizes": {"smallest": find_extreme_size(found, 0), "median": median, "largest": find_extreme_size(found, -1)},
        "modes": dict(found.modes.most_common()),
        "formats": dict(found.formats.most_common()),
        "grey": found.grey,
        "other_files": found.others,
        "left_out": account.to_json(found.left_out),
        "notes": [*found.notes],
        "bad_files": found.faults(),
        "broken": account.to_json(found.broken or Counter()),
        "identical": None if found.identical is None else found.identical._asdict(),
        "mixed": None if found.mixed is None else found.mixed._asdict(),
        **({} if found.groups is None else {"groups": found.groups._asdict()}),
    }


def find_extreme_size(found: Findings, place: int) -> list[int]:
    """Return width and height of the image with the fewest pixels (0) or the most (-1)."""
    index = int(np.argsort(found.widths * found.heights, kind="stable")[place])
    return [int(found.widths[index]), int(found.heights[index])]


def render_findings(found: Findings) -> list[str]:
    """Return findings for people, a line each."""
    facts = to_json(found)
    sizes = ", ".join(f"{word} {width} x {height}" for word, (width, height) in facts["sizes"].items())
    lines = [*render_classes(found.counts), f"images: {found.total:,}", f"width x height: {sizes}"]
    lines += [f"{word}: {render_counts(facts[word])}" for word in ("modes", "formats")]
    taken = {"images": found.total, **({"broken": len(found.bad)} if found.bad else {})}
    lines += [account.summarize(taken, found.left_out), f"other files: {found.others:,}"]
    lines += account.render(found.left_out)
    lines += [f"note: {note}" for note in found.notes]
    if found.identical is not None:
        tested = f"; {found.identical.in_train:,} test images are in train, too" if len(found.counts) > 1 else ""
        lines.append(f"identical: {found.identical.describe()}{tested}")
    if found.mixed is not None:
        lines.append(f"two classes: {found.mixed.describe()}")
    if found.groups is not None:
        lines.append(f"groups: {found.groups.describe()}")
    for fault, names in found.faults().items():
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        lines.append(f"broken, {fault}: {len(names):,}: {', '.join(names[:NAMED])}{more}")
    return lines + (account.render_broken(found.broken) if found.broken else [])


def render_counts(counts: Mapping[str, int]) -> str:
    """Return counts in one line."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def shorten(name: str) -> str:
    """Return the name of a class for a table of texts: of a long one, whose end may tell it from others, both ends."""
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}"


def render_classes(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a table of classes and parts, in which long names are shortened."""
    if not counts:
        return []
    names = [*next(iter(counts.values()))]
    width = max(len("class"), *(len(shorten(name)) for name in names))
    rows = [(shorten(name), *(f"{part[name]:,}" for part in counts.values())) for name in names]
    head = ("class", *(counts if len(counts) > 1 else ["images"]))
    return [f"{first:{width}}" + "".join(f"{cell:>10}" for cell in cells) for first, *cells in (head, *rows)]
