"""Tar files of images, labels and facts, as the library WebDataset reads them one after the other."""

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from itertools import islice
from pathlib import Path

from counterweight.export.contents import Contents, Row, Split, encode_png
from counterweight.export.formats.base import (
    Format,
    Json,
    Usage,
    find_files,
    list_fact_features,
    list_shards,
    make_field,
    make_file,
    make_files,
)

TAR = "application/x-tar"
KINDS = {"cls": "text/plain", "json": "application/json", "png": "image/png"}
"""What lies in the archives, by ending."""


def write(contents: Contents, folder: Path, advance: Callable[[], None]) -> None:
    """Write SPLIT-NUMBER.tar with NAME.cls, NAME.json and NAME.png of each image."""
    for split in contents.splits:
        rows = iter(split)
        for number, start, end in list_shards(contents, split):
            path = folder / f"{split.name}-{number:06}.tar"
            with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
                for row in islice(rows, end - start):
                    add_row(archive, row)
                    advance()


def add_row(archive: tarfile.TarFile, row: Row) -> None:
    """Add an image's three files to an archive, in the order of their names."""
    facts = json.dumps(row.list_facts(), ensure_ascii=False)
    files = {"cls": str(row.label).encode(), "json": facts.encode(), "png": encode_png(row.pixels)}
    for ending, content in files.items():
        # A new header has no time, owner or rights of this machine.
        header = tarfile.TarInfo(f"{row.key}.{ending}")
        header.size = len(content)
        archive.addfile(header, BytesIO(content))


def locate(split: str) -> str:
    """Return a pattern for the files of a split."""
    return f"{split}-*.tar"


def describe_features(contents: Contents) -> list[Json]:
    """Return the columns as the header of a card lists them: WebDataset calls them by their files' endings."""
    first, *others = list_fact_features(contents.class_names)
    facts = [{"name": "label", "dtype": "int64"}, *others]
    keys = [{"name": key, "dtype": "string"} for key in ("__key__", "__url__")]
    return [{**first, "name": "cls"}, {"name": "json", "struct": facts}, {"name": "png", "dtype": "image"}, *keys]


def describe_files(contents: Contents, folder: Path) -> list[Json]:
    """Return Croissant's distribution: every archive with its checksum, and what lies in those of each split."""
    found: list[Json] = []
    for split in contents.splits:
        archives = find_files(folder, locate(split.name))
        found += [make_file(folder, path, TAR) for path in archives]
        found += [make_files(f"{split.name}-{ending}", f"*.{ending}", kind, archives) for ending, kind in KINDS.items()]
    return found


def describe_records(split: Split) -> list[Json]:
    """Return Croissant's fields of a split: what its images and their names tell.

    Labels and facts lie in files of their own, which Croissant has no way of joining to the images inside of archives.
    """
    images = {"@id": f"{split.name}-png"}
    name = {"fileSet": images, "extract": {"fileProperty": "filename"}}
    kind = {**name, "transform": {"regex": "^(real|synthetic)_.*$"}}
    shown = {"fileSet": images, "extract": {"fileProperty": "content"}}
    return [
        make_field(split.name, "file_name", "sc:Text", "name of the image's file", name),
        make_field(split.name, "kind", "sc:Text", "`real` or `synthetic`", kind),
        make_field(split.name, "image", "sc:ImageObject", "the image", shown),
    ]


def describe_usage(contents: Contents) -> Usage:
    """Return how the files are read."""
    count = sum(1 for _ in list_shards(contents, contents.splits[0]))
    last = f"train-{{000000..{count - 1:06}}}.tar" if count > 1 else "train-000000.tar"
    return Usage(
        load=(
            "import webdataset\n"
            "\n"
            f'data = webdataset.WebDataset("PATH/{last}", shardshuffle=False).shuffle(10_000).decode("pil")\n'
            'pairs = data.to_tuple("png", "cls")'
        ),
        real_only='real = data.select(lambda row: not row["json"]["synthetic"]).to_tuple("png", "cls")',
        note="Archives are read from front to back, and the real images come first: shuffle what you train on.",
    )


FORMAT = Format(
    write=write,
    locate=locate,
    describe_features=describe_features,
    describe_files=describe_files,
    describe_records=describe_records,
    describe_usage=describe_usage,
    columns={"png": "the image", "cls": "number of the class", "json": "all that follow"},
    has_guessed_columns=False,
)
