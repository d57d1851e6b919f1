"""Labels of images in JSON: rows, a label of each name, pairs of both, or images, annotations and categories apart."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from counterweight.core.memory import require_memory
from counterweight.data.sources.base.part_names import are_part_names

JSON = ".json"
COPIES = 12  # of a text that are in memory while it is read
CELLS = 2**26  # in all columns, most
APART = ("images", "annotations")  # and `categories`: as COCO has them, https://cocodataset.org/#format-data
PLAIN = (str, int, float, bool, type(None))


def read_json_table(file: Path, encoding: str) -> pa.Table:
    """Return the rows of a text of JSON, of which values that are no texts and numbers are left away.

    Raises:
        UserError: it needs more memory than there is.
        OSError, UnicodeDecodeError, LookupError: it cannot be read.
        pa.ArrowInvalid: it is no JSON, or holds nothing of the kind, or values of several types in a column.
    """
    require_memory(COPIES * file.stat().st_size, str(file))
    text = file.read_text(encoding).removeprefix("\ufeff")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits are refused, too
        raise pa.ArrowInvalid(f"no JSON: {error}") from error
    rows = list_rows(found)
    if not rows:
        ways = "rows with an image and its label, a label of each image, or images, annotations and categories"
        raise pa.ArrowInvalid(f"no labels of images: expected {ways}")
    names = dict.fromkeys(name for row in rows for name in row)
    if len(names) * len(rows) > CELLS:  # each row may have names of its own
        raise pa.ArrowInvalid(f"{len(names):,} names of columns in {len(rows):,} rows")
    try:
        return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    except (OverflowError, UnicodeEncodeError) as error:  # half a character, a number of more than 64 bits
        raise pa.ArrowInvalid(f"no texts and numbers: {error}") from error


def list_rows(found: object) -> list[dict[str, object]]:
    """Return the rows of what JSON holds, by the names of their columns; none where it holds no such thing."""
    if isinstance(found, Mapping):
        if all(isinstance(found.get(key), list) for key in APART):
            return join_annotations(*(found.get(key) or [] for key in (*APART, "categories")))
        if found and all(map(is_plain, found.values())):
            return [{"image": name, "label": value} for name, value in found.items()]
        inner = [value for value in found.values() if isinstance(value, Mapping)]
        if len(inner) == 1 and not any(isinstance(value, list) for value in found.values()):
            return list_rows(inner[0])
        lists = {str(name): value for name, value in found.items() if isinstance(value, list)}
        return list_rows(next(iter(lists.values()))) if len(lists) == 1 else join_lists(lists)
    if not isinstance(found, list):
        return []
    if all(isinstance(row, list) and len(row) == 2 and all(map(is_plain, row)) for row in found):
        return [{"image": name, "label": value} for name, value in found]
    if not all(isinstance(row, Mapping) for row in found):
        return []
    return [{name: value for name, value in row.items() if is_plain(value)} for row in found]


def join_lists(lists: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Return the rows of several lists: those of parts, by their names, or the files of classes."""
    if lists and all(isinstance(row, str) for rows in lists.values() for row in rows) and not are_part_names([*lists]):
        return [{"image": row, "label": name} for name, rows in lists.items() for row in rows]
    if not are_part_names([*lists]):
        return []
    return [{**row, "split": name} for name, rows in lists.items() for row in list_rows(rows)]


def join_annotations(
    images: Sequence[object], annotations: Sequence[object], categories: Sequence[object]
) -> list[dict[str, object]]:
    """Return a row for each annotation: the file that it is of, and the name of its category, or its number."""
    files, names = (
        {own.get("id"): own.get(key) for own in every if isinstance(own, Mapping) and is_plain(own.get("id"))}
        for every, key in ((images, "file_name"), (categories, "name"))
    )
    found = []
    for own in annotations:
        image, kind = (own.get(key) if isinstance(own, Mapping) else None for key in ("image_id", "category_id"))
        if is_plain(image) and is_plain(kind) and image in files:
            found.append({"image": files[image], "label": names.get(kind, kind)})
    return found


def is_plain(value: object) -> bool:
    """Say whether a value is a text, a number or nothing."""
    return isinstance(value, PLAIN)
