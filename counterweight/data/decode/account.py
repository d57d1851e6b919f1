"""The account of what was read: files found are images and those left out, by reason, ending and place."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from counterweight.data.decode.tree import (
    ASKED_FOR,
    COMPANION_OF,
    FAULTS,
    HEIF_ADVICE,
    HEIF_ENDINGS,
    OTHER_KIND,
    UNNAMED,
    LeftOut,
    Tree,
    can_read_heif,
    find_ending,
    is_image,
    looks_like_image,
)

Json = dict[str, Any]

FIRST = 2  # groups that an error's message names, and files with several frames
ROW = re.compile(r":\d+$")  # after the name of a table that holds images
BROKEN_HEIF = "convert them to JPEG, or copy them anew from where they come"
NAMED = 12  # groups of files that are named; the others are summed up
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")
ADVICE = {
    **dict.fromkeys(ARCHIVES, "unpack them to have what is in them read"),
    **dict.fromkeys(HEIF_ENDINGS, HEIF_ADVICE),
    **dict.fromkeys(
        (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".psd", ".svg", ".jxl", ".dcm", ".nii"),
        "convert them to PNG or JPEG",
    ),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save them as CSV to have labels read"),
    **dict.fromkeys(
        (".eps", ".pdf", ".ai", ".mp4", ".mov", ".avi", ".npy", ".npz", ".h5", ".hdf5", ".tfrecord"),
        "export their images as PNG",
    ),
    ".mat": "export images in them as PNG, labels as CSV",
}

LABELS = (".json", ".xml", ".txt")  # files that may have the labels of images beside them


def to_json(left_out: Counter[LeftOut]) -> list[Json]:
    """Return what was left out as plain JSON, the largest group first."""
    groups = sorted(left_out.items(), key=lambda group: (-group[1], group[0]))
    return [{**own._asdict(), "files": count} for own, count in groups if count]


def from_json(groups: Iterable[Mapping[str, Any]]) -> Counter[LeftOut]:
    """Return what `to_json` was given."""
    found: Counter[LeftOut] = Counter()
    for group in groups:
        found[LeftOut(group["reason"], group["ending"], group["place"])] += group["files"]
    return found


def render(left_out: Counter[LeftOut]) -> list[str]:
    """Return a line for each group of files that was left out, the largest first, and one for the rest."""
    groups = to_json(left_out)
    lines = [f"left out: {describe(group)}" for group in groups[:NAMED]]
    if rest := groups[NAMED:]:
        reasons = ", ".join(sorted({group["reason"] for group in rest}))
        lines.append(f"left out: {sum(group['files'] for group in rest):,} in {len(rest)} more groups: {reasons}")
    return lines


def describe(group: Mapping[str, Any]) -> str:
    """Return what is to be said of a group of files that was left out."""
    advice = find_advice(group["reason"], group["ending"])
    said = f"{group['files']:,} {group['ending']} in {group['place']}: {group['reason']}"
    return f"{said}; {advice}" if advice else said


def find_advice(reason: str, ending: str) -> str | None:
    """Return how files that were left out come to be read; None where nothing is known."""
    if reason == OTHER_KIND:
        return None if ending in HEIF_ENDINGS and can_read_heif() else ADVICE.get(ending)
    if ending in ARCHIVES and reason != ASKED_FOR:
        return ADVICE[ending]
    return {UNNAMED: "rename them to be read", COMPANION_OF: "leave_out: [] takes them"}.get(reason)


def describe_unread(tree: Tree) -> str:
    """Return which pictures a folder holds that are not read, to end an error's message with; empty if there are none.

    Args:
        tree: the folder above those that may be classes.
    """
    found: Counter[LeftOut] = Counter()
    for own in tree.walk():
        place = os.path.relpath(own.path, tree.path)
        for file in own.files:
            if not is_image(file) and (find_ending(file) in ADVICE or looks_like_image(file)):
                reason = OTHER_KIND if find_ending(file) in ADVICE else UNNAMED
                found[LeftOut(reason, find_ending(file), place)] += 1
    return "".join(f"; {describe(group)}" for group in to_json(found)[:FIRST])


def describe_frames(names: Sequence[str]) -> str:
    """Return how many files have frames that are not read, and name the first; what frames are, no program knows."""
    some = ", ".join(names[:FIRST]) + (", ..." if len(names) > FIRST else "")
    ways = "where frames are images of their own, store them as files of their own"
    return f"{len(names):,} files have several frames, of which the first is read: {some}; {ways}"


def describe_clipped(names: Sequence[str]) -> str:
    """Return how many images have values outside of black and white, and name the first."""
    some = ", ".join(names[:FIRST]) + (", ..." if len(names) > FIRST else "")
    return f"{len(names):,} images have values outside of black and white, which become the nearer one: {some}"


def find_broken(origin: str, fault: str, name: str) -> LeftOut:
    """Return what the account has of an image that cannot be read.

    Args:
        name: of its class.
    """
    return LeftOut(fault, find_origin_ending(origin), name)


def find_origin_ending(origin: str) -> str:
    """Return the ending of the file that an image comes from, a table's where that holds it."""
    return find_ending(ROW.sub("", origin))


def render_broken(broken: Counter[LeftOut]) -> list[str]:
    """Return a line for each group of images that cannot be read, the largest first, and one for the rest."""
    groups = to_json(broken)
    lines = []
    for group in groups[:NAMED]:
        advice = advise_broken(group["reason"], group["ending"])
        lines.append(f"broken: {describe(group)}{f'; {advice}' if advice else ''}")
    if rest := groups[NAMED:]:
        lines.append(f"broken: {sum(group['files'] for group in rest):,} in {len(rest)} more groups")
    return lines


def advise_broken(fault: str, ending: str) -> str | None:
    """Return what is to be done about images of a kind that cannot be read; None where nothing is known."""
    if fault in FAULTS:
        return FAULTS[fault]
    if ending not in HEIF_ENDINGS:
        return None
    return BROKEN_HEIF if can_read_heif() else HEIF_ADVICE


def describe_labels(tree: Tree) -> str:
    """Return which files of a folder may have labels and are not read, to end an error's message with; or nothing."""
    found: Counter[LeftOut] = Counter()
    for own in tree.walk():
        place = os.path.relpath(own.path, tree.path)
        found.update(LeftOut(OTHER_KIND, find_ending(file), place) for file in own.files if find_ending(file) in LABELS)
    said = [f"{group['files']:,} {group['ending']} in {group['place']}" for group in to_json(found)[:FIRST]]
    ways = (
        "labels are read of CSV, TSV, Parquet, JSON, and texts of a path and a label in each line: write them as such"
    )
    return f"; there are {', '.join(said)}: {ways}" if said else ""


def summarize(images: Mapping[str, int], left_out: Counter[LeftOut], noun: str = "files") -> str:
    """Return the sum in one line.

    Args:
        images: how many of each part are taken, those that cannot be read among them.
    """
    parts = " + ".join(f"{count:,} {word}" for word, count in images.items())
    total = sum(images.values()) + left_out.total()
    return f"{noun}: {total:,} found = {parts} + {left_out.total():,} left out"
