"""The contract of a format, and what several of them have in common."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterweight.core.registry import load_module
from counterweight.export.contents import COLUMNS, Contents, Split

Json = dict[str, Any]
TYPES = {
    "label": "sc:Integer",
    "class_name": "sc:Text",
    "synthetic": "sc:Boolean",
    "method": "sc:Text",
    "source": "sc:Text",
    "source_index": "sc:Integer",
    "origin": "sc:Text",
}
"""Croissant's types of the columns."""
SHARD_BYTES = 256 * 2**20
"""Of pixels in one file, before they are compressed."""


@dataclass(frozen=True)
class Usage:
    """Lines of Python that read the images from the folder PATH, all of them, and the real ones alone."""

    load: str
    real_only: str
    note: str = ""
    """What else readers have to know, a paragraph."""


@dataclass(frozen=True)
class Format:
    """A way of writing images into files; a file of this folder defines one as `FORMAT`."""

    write: Callable[[Contents, Path, Callable[[], None]], None]
    """Write all splits into a folder that is there; the last argument is called after each image."""
    locate: Callable[[str], str]
    """Return a pattern for the files of a split, given its name."""
    describe_features: Callable[[Contents], list[Json]]
    """Return the columns as the header of a card lists them for Hugging Face's readers."""
    describe_files: Callable[[Contents, Path], list[Json]]
    """Return Croissant's distribution, given the folder that was written."""
    describe_records: Callable[[Split], list[Json]]
    """Return the fields of Croissant's record set of a split."""
    describe_usage: Callable[[Contents], Usage]
    """Return how the files are read."""
    columns: Mapping[str, str]
    """What readers find beside the columns that all formats have, and what each is."""
    has_guessed_columns: bool
    """Whether readers guess types from a table's text unless they are told: a class called `04` would be 4."""


def find_format(name: str) -> Format:
    """Return the format that the file `name`.py of this folder defines."""
    found = load_module("export/formats", name).FORMAT
    assert isinstance(found, Format)
    return found


def list_features(class_names: Sequence[str]) -> list[Json]:
    """Return the columns, the image first, as the header of a card lists them."""
    return [{"name": "image", "dtype": "image"}, *list_fact_features(class_names)]


def list_fact_features(class_names: Sequence[str]) -> list[Json]:
    """Return the columns beside the image as the header of a card lists them."""
    names = {str(label): name for label, name in enumerate(class_names)}
    kinds = {"sc:Text": "string", "sc:Integer": "int64", "sc:Boolean": "bool"}
    others = [{"name": key, "dtype": kinds[kind]} for key, kind in TYPES.items() if key != "label"]
    return [{"name": "label", "dtype": {"class_label": {"names": names}}}, *others]


def describe_fields(split: str, make_source: Callable[[str], Json]) -> list[Json]:
    """Return Croissant's fields of the columns beside the image.

    Args:
        make_source: returns where a column's values are found.
    """
    return [make_field(split, key, kind, COLUMNS[key], make_source(key)) for key, kind in TYPES.items()]


def make_field(split: str, name: str, kind: str, description: str, source: Json) -> Json:
    """Return one of Croissant's fields."""
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": source,
    }


def make_file(folder: Path, path: str, kind: str) -> Json:
    """Return Croissant's description of a file of a folder."""
    with (folder / path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{(folder / path).stat().st_size} B",
        "encodingFormat": kind,
        "sha256": digest,
    }


def make_files(name: str, pattern: str, kind: str, inside: Sequence[str] = ()) -> Json:
    """Return Croissant's description of files that a pattern matches, of a folder or inside of archives."""
    described: Json = {"@type": "cr:FileSet", "@id": name, "name": name, "includes": pattern, "encodingFormat": kind}
    return described | ({"containedIn": [{"@id": archive} for archive in inside]} if inside else {})


def list_shards(contents: Contents, split: Split) -> Iterator[tuple[int, int, int]]:
    """Yield which rows each file of a split holds: its number, the first row and the one after the last."""
    size = int(contents.shape[0] * contents.shape[1] * contents.shape[2])
    each = max(1, SHARD_BYTES // size)
    for number, start in enumerate(range(0, len(split), each)):
        yield number, start, min(start + each, len(split))


def find_files(folder: Path, pattern: str) -> list[str]:
    """Return the files of a folder that a pattern matches, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))
