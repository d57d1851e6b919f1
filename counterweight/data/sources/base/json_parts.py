"""Which images are in which part, as JSON says it: lists of the images of each part, or the part of each image."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.data.sources.base.label_texts import IMAGE
from counterweight.data.sources.base.part_names import TESTS, VALIDATION, parse_part_name

LARGEST = 2**26  # bytes of a file that is looked at whole


class NamedImage(NamedTuple):
    """What stands for an image in a file, as its path, and the part that it is in."""

    text: str
    part: str


def read_json_parts(file: str) -> list[NamedImage]:
    """Return the images of parts in JSON; none where it holds no such thing, cannot be read or is too large.

    They are lists by the names of parts, as `{"train": [...], "test": [...]}`, of paths, of lists that begin with one,
    as those of CoOp are (https://github.com/KaiyangZhou/CoOp), or of rows with one; or a part by each image's path.
    """
    try:
        if os.path.getsize(file) > LARGEST:
            return []
        found = json.loads(Path(file).read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return []
    return [*list_json_parts(found)] if isinstance(found, Mapping) else []


def list_json_parts(found: Mapping[str, object]) -> Iterator[NamedImage]:
    """Yield the images of parts in an object of JSON."""
    for name, value in found.items():
        if isinstance(value, str) and (part := parse_part_name(value)):
            yield NamedImage(name, part)
        elif isinstance(value, list) and (part := parse_part_name(name)):
            yield from (NamedImage(text, part) for text in map(find_text, value) if text)


def find_text(row: object) -> str:
    """Return what names the image in a row of JSON; empty if nothing does."""
    if isinstance(row, Mapping):
        row = next((row[name] for name in IMAGE if name in row), "")
    elif isinstance(row, Sequence) and not isinstance(row, str):
        row = row[0] if row else ""
    return row if isinstance(row, str) else ""


def choose_tested(named: Iterable[NamedImage]) -> set[str]:
    """Return the parts that are tested on of those that a file names: those of tests, else of validation."""
    words = {image.part for image in named}
    return words & {*TESTS} or words & {*VALIDATION}


def has_both(named: Sequence[NamedImage]) -> bool:
    """Say whether a file names images to train on and others to test on."""
    return "train" in {image.part for image in named} and bool(choose_tested(named))
