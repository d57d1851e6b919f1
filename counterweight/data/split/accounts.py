"""The account of images that were read: what their source holds, and what became of each image and each other file."""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import numpy as np

from counterweight.data.decode import account
from counterweight.data.decode.tree import LeftOut
from counterweight.data.sources.base.lazy_images import DatasetSplits, LazyImages
from counterweight.data.split.reading import Subset, WrittenPart
from counterweight.results.ingest import Account, FileGroup

APART = 0.1
"""By which the tested part of images may differ from what it was to be without a word."""


def name_parts(found: DatasetSplits) -> dict[str, LazyImages]:
    """Return the parts that a source brings, by name."""
    return {word: part for word, part in (("train", found.train), ("test", found.test)) if part is not None}


def report_account(
    parts: Mapping[str, LazyImages],
    where: str,
    split: Mapping[str, WrittenPart] | None = None,
    fraction: float = 0.0,
    broken: int = 0,
) -> list[str]:
    """Say on standard error what is read and what is left out beside it, where a source gives an account.

    Args:
        parts: of one source, which gives one account of all of them.
        where: file and key of the dataset.
        split: what was written of the images where they were split here, and not by the source.
        fraction: that was to be tested on there.
        broken: images that could not be read, of a single part.

    Returns:
        What was said of the images themselves.
    """
    facts = next(iter(parts.values())).provenance
    if "left_out" not in facts:
        return []
    left_out, notes = account.from_json(facts["left_out"]), list[str](facts["notes"])
    if (white := facts["settings"].get("white")) is not None:
        black = facts["settings"].get("black") or 0
        notes.append(f"values of more than 8 bits: {black:g}...{white:g} become 0...255 in all files")
    counts = {word: len(part) - broken for word, part in parts.items()} | ({"broken": broken} if broken else {})
    said = [account.summarize(counts if split is None else {"images": sum(counts.values())}, left_out)]
    if split is not None:
        made = " + ".join(f"{len(own.images.labels):,} {word}" for word, own in split.items())
        said.append(f"split here: {made}")
        written = {word: len(own.images.labels) for word, own in split.items()}
        groups = [name for part in parts.values() for name in part.groups or ()]
        notes += describe_uneven(groups, written["test"] / max(1, sum(written.values())), fraction)
    say([*said, *account.render(left_out), *notes], where)
    return notes


def describe_uneven(groups: Collection[str], tested: float, fraction: float) -> list[str]:
    """Say that another fraction of images is tested on than was to be, as no group is split.

    Args:
        groups: of each image; none where images have none.
    """
    if not groups or abs(tested - fraction) <= APART:
        return []
    said = f"{tested:.0%} of the images are tested on, not {fraction:.0%} (test_fraction), as no group is split"
    return [f"{said}, the largest of {max(Counter(groups).values()):,} images"]


def say(lines: Iterable[str], where: str) -> None:
    """Write lines on standard error, each after the dataset's file and key."""
    print(*(f"{where}: {line}\n" for line in lines), sep="", end="", file=sys.stderr)


def make_account(
    parts: Mapping[str, LazyImages], written: Mapping[str, WrittenPart], notes: list[str], not_drawn: int = 0
) -> Account:
    """Return the account of a source.

    Args:
        parts: all that it holds, of one class each or of several.
        written: what was read of them, into the same parts or others.
        notes: what was said beside what `written` has.
        not_drawn: images that are not wanted.
    """
    names, facts = (first := next(iter(parts.values()))).class_names, first.provenance
    left_out = account.from_json(facts["left_out"]) if "left_out" in facts else None
    counts = {part: np.bincount(own.images.labels, minlength=len(names)).tolist() for part, own in written.items()}
    broken = sum((own.broken for own in written.values()), Counter[LeftOut]())
    said = [f"{part}: {line}" for part, own in written.items() for line in own.notes]
    return Account(
        found=sum(len(part) for part in parts.values()) + (left_out.total() if left_out else 0),
        images={part: dict(zip(names, own, strict=True)) for part, own in counts.items()},
        not_drawn=not_drawn,
        broken=list_broken(broken),
        left_out=None if left_out is None else list_left_out(left_out),
        notes=[*said, *notes],
    )


def list_left_out(groups: Counter[LeftOut]) -> list[FileGroup]:
    """Return what was left out, the largest group first, with advice."""
    return [
        FileGroup(**group, advice=account.find_advice(group["reason"], group["ending"]))
        for group in account.to_json(groups)
    ]


def list_broken(groups: Counter[LeftOut]) -> list[FileGroup]:
    """Return images that cannot be read, the largest group first, with advice."""
    return [
        FileGroup(**group, advice=account.advise_broken(group["reason"], group["ending"]))
        for group in account.to_json(groups)
    ]


def account_side(chosen: Subset, written: WrittenPart, where: str, side: str) -> Account:
    """Say what a side of a pair holds, of which some images may not be wanted, and return it.

    Args:
        where: file and key of the pair.
    """
    found = {side: chosen.part}
    return make_account(
        found, {side: written}, report_account(found, where), not_drawn=len(chosen.part) - len(chosen.indices)
    )
