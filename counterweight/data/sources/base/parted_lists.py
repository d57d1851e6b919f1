"""Files from which the images of both parts are read: JSON, tables of paths and parts, and numbers of images."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import find_ending, is_image
from counterweight.data.sources.base.column_texts import find_part_columns, read_values
from counterweight.data.sources.base.columns import Columns, list_usual, read_columns
from counterweight.data.sources.base.json_parts import LARGEST, NamedImage, read_json_parts
from counterweight.data.sources.base.json_tables import JSON
from counterweight.data.sources.base.label_texts import IMAGE
from counterweight.data.sources.base.part_flags import find_flag_columns, is_flag, read_flags
from counterweight.data.sources.base.part_names import parse_part_name

TABLES = (".csv", ".tsv")
NUMBERS, NUMBERED = "train_test_split.txt", "images.txt"
TRAINED = {"1": "train", "0": "test"}


def read_parted(file: str) -> list[NamedImage]:
    """Return the images of parts that a file names; none where it does not, cannot be read or is too large."""
    if find_ending(file) == JSON:
        return read_json_parts(file)
    try:
        if os.path.getsize(file) > LARGEST:
            return []
        if os.path.basename(file) == NUMBERS:
            return read_numbered_parts(Path(file))
        return read_table_parts(read_columns(Path(file))) if find_ending(file) in TABLES else []
    except (OSError, ValueError, UserError):
        return []


def read_table_parts(columns: Columns) -> list[NamedImage]:
    """Return the images of a table's column of paths, with the words of its only column of parts, or of `is_train`.

    Raises:
        UserError: a column cannot be read.
    """
    image = next(iter(list_usual(columns, IMAGE)), None) or find_paths(columns)
    if image is None:
        return []
    named = find_part_columns(columns, [image], lambda word: parse_part_name(word) is not None)
    flags = [name for name in find_flag_columns(columns, [image, *named]) if is_flag(name)]
    if len(named) + len(flags) != 1:
        return []
    parts: Sequence[str | None]
    parts = (
        read_flags(columns, flags)
        if flags
        else [parse_part_name(word or "") for word in read_values(columns, named[0])]
    )
    pairs = zip(read_values(columns, image), parts, strict=True)
    return [NamedImage(text, part) for text, part in pairs if text and part]


def find_paths(columns: Columns) -> str | None:
    """Return the first column of texts all of which end as images do, by the first rows; None: there is none."""
    return next(iter(find_part_columns(columns, (), is_image)), None)


def read_numbered_parts(file: Path) -> list[NamedImage]:
    """Return the images that a text trains on, 1, or not, 0, by the numbers that `images.txt` beside it gives them.

    So are birds published: CUB-200-2011 (https://www.vision.caltech.edu/datasets/cub_200_2011/) and NABirds.

    Raises:
        OSError, ValueError: one of both is not there, or no such text.
    """
    paths = read_pairs(file.with_name(NUMBERED))
    found = [(paths.get(number), TRAINED.get(word)) for number, word in read_pairs(file).items()]
    return [NamedImage(path, part) for path, part in found if path and part]


def read_pairs(file: Path) -> Mapping[str, str]:
    """Return the rest of each line of a text by its first word.

    Raises:
        OSError, ValueError: it cannot be read, or a line has one word alone.
    """
    lines = [line.split(None, 1) for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    return {number: rest.strip() for number, rest in lines}
