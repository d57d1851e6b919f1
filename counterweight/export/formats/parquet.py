"""Parquet files with the images inside, as Hugging Face's `datasets` writes them."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.export.contents import Contents, Row, Split, encode_png
from counterweight.export.formats.base import (
    TYPES,
    Format,
    Json,
    Usage,
    describe_fields,
    find_files,
    list_features,
    list_shards,
    make_field,
    make_file,
    make_files,
)

KINDS = {"sc:Text": pa.string(), "sc:Integer": pa.int64(), "sc:Boolean": pa.bool_()}
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
ROWS = 500  # of a group: readers have to take in all of one
PARQUET = "application/x-parquet"  # as readers of Croissant know it


def make_schema(contents: Contents) -> pa.Schema:
    """Return the columns, and as metadata what `datasets` reads them as: images, and labels with names."""
    label: Json = {"names": [*contents.class_names], "_type": "ClassLabel"}
    plain = {"sc:Text": "string", "sc:Integer": "int64", "sc:Boolean": "bool"}
    features: Json = {"image": {"_type": "Image"}, "label": label}
    features |= {key: {"dtype": plain[kind], "_type": "Value"} for key, kind in TYPES.items() if key != "label"}
    fields = {"image": IMAGE, **{key: KINDS[kind] for key, kind in TYPES.items()}}
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def write(contents: Contents, folder: Path, advance: Callable[[], None]) -> None:
    """Write data/SPLIT-NUMBER-of-COUNT.parquet."""
    schema = make_schema(contents)
    (folder / "data").mkdir()
    for split in contents.splits:
        shards, rows = [*list_shards(contents, split)], iter(split)
        for number, start, end in shards:
            path = folder / f"data/{split.name}-{number:05}-of-{len(shards):05}.parquet"
            # Of pictures and single paths a dictionary, and the smallest and largest, are bytes for nothing.
            few = ["label", "class_name", "synthetic", "method", "source"]
            with pq.ParquetWriter(path, schema, use_dictionary=few, write_statistics=few) as writer:
                mine = islice(rows, end - start)
                while group := [to_values(row) for row in islice(mine, ROWS)]:
                    writer.write_table(pa.Table.from_pylist(group, schema=schema))
                    for _ in group:
                        advance()


def to_values(row: Row) -> dict[str, Any]:
    """Return a row of the table."""
    return {"image": {"bytes": encode_png(row.pixels), "path": f"{row.key}.png"}, **row.list_facts()}


def locate(split: str) -> str:
    """Return a pattern for the files of a split."""
    return f"data/{split}-*.parquet"


def describe_features(contents: Contents) -> list[Json]:
    """Return the columns as the header of a card lists them."""
    return list_features(contents.class_names)


def describe_files(contents: Contents, folder: Path) -> list[Json]:
    """Return Croissant's distribution: every file with its checksum, and those of each split as a set."""
    files = [make_file(folder, path, PARQUET) for path in find_files(folder, "data/*.parquet")]
    return files + [make_files(f"{split.name}-files", locate(split.name), PARQUET) for split in contents.splits]


def describe_records(split: Split) -> list[Json]:
    """Return Croissant's fields of a split."""
    files = {"@id": f"{split.name}-files"}
    shown = {"fileSet": files, "extract": {"column": "image"}, "transform": {"jsonPath": "bytes"}}
    facts = describe_fields(split.name, lambda column: {"fileSet": files, "extract": {"column": column}})
    return [make_field(split.name, "image", "sc:ImageObject", "the image", shown), *facts]


def describe_usage(contents: Contents) -> Usage:
    """Return how the files are read."""
    return Usage(
        load='from datasets import load_dataset\n\ndata = load_dataset("PATH")',
        real_only=(
            'data["train"] = data["train"].filter(lambda synthetic: not synthetic, input_columns="synthetic")\n'
            "\n"
            "# or as a table, without reading the synthetic images:\n"
            "import pyarrow.dataset\n"
            "\n"
            'table = pyarrow.dataset.dataset("PATH/data").to_table(filter=~pyarrow.dataset.field("synthetic"))'
        ),
    )


FORMAT = Format(
    write=write,
    locate=locate,
    describe_features=describe_features,
    describe_files=describe_files,
    describe_records=describe_records,
    describe_usage=describe_usage,
    columns={"image": "the image, a PNG file"},
    has_guessed_columns=False,
)
