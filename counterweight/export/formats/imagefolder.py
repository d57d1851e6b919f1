"""A folder for each class of each split, and beside these a `metadata.csv`, as Hugging Face's ImageFolder has it."""

import csv
from collections.abc import Callable
from pathlib import Path

from counterweight.export.contents import COLUMNS, Contents, Split, encode_png
from counterweight.export.folder_names import name_folders
from counterweight.export.formats.base import (
    Format,
    Json,
    Usage,
    describe_fields,
    list_features,
    make_field,
    make_file,
    make_files,
)

TABLE = "metadata.csv"
PNG = "image/png"


def write(contents: Contents, folder: Path, advance: Callable[[], None]) -> None:
    """Write SPLIT/CLASS/NAME.png and SPLIT/metadata.csv; a class without images has an empty folder."""
    names = name_folders(contents.class_names)
    for split in contents.splits:
        for name in names:
            # Readers that number classes by their folders count the same ones in every split.
            (folder / split.name / name).mkdir(parents=True)
        # Not `newline=""` alone: line ends are the same everywhere.
        with (folder / split.name / TABLE).open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, ["file_name", *COLUMNS], lineterminator="\n")
            table.writeheader()
            for row in split:
                path = f"{names[row.label]}/{row.key}.png"
                (folder / split.name / path).write_bytes(encode_png(row.pixels))
                table.writerow({"file_name": path, **row.list_facts()})
                advance()


def locate(split: str) -> str:
    """Return a pattern for the files of a split."""
    return f"{split}/**"


def describe_features(contents: Contents) -> list[Json]:
    """Return the columns as the header of a card lists them."""
    return list_features(contents.class_names)


def describe_files(contents: Contents, folder: Path) -> list[Json]:
    """Return Croissant's distribution: a table and a set of images for each split."""
    return [
        found
        for split in contents.splits
        for found in (
            make_file(folder, f"{split.name}/{TABLE}", "text/csv"),
            make_files(f"{split.name}-images", f"{split.name}/*/*.png", PNG),
        )
    ]


def describe_records(split: Split) -> list[Json]:
    """Return Croissant's fields of a split: those of its table, to which the images are joined by their names."""
    table, images = {"@id": f"{split.name}/{TABLE}"}, {"@id": f"{split.name}-images"}
    name = {"fileObject": table, "extract": {"column": "file_name"}, "transform": {"regex": "^(?:.*/)?([^/]+)$"}}
    key = make_field(split.name, "file_name", "sc:Text", "name of the image's file", name)
    key["references"] = {"fileSet": images, "extract": {"fileProperty": "filename"}}
    shown = {"fileSet": images, "extract": {"fileProperty": "content"}}
    facts = describe_fields(split.name, lambda column: {"fileObject": table, "extract": {"column": column}})
    return [key, make_field(split.name, "image", "sc:ImageObject", "the image", shown), *facts]


def describe_usage(contents: Contents) -> Usage:
    """Return how the files are read."""
    renamed = {
        name: folder
        for name, folder in zip(contents.class_names, name_folders(contents.class_names), strict=True)
        if name != folder
    }
    listed = ", ".join(f"`{folder}` is {name!r}" for name, folder in renamed.items())
    note = f"Folders whose class cannot be a folder's name: {listed}. `urllib.parse.unquote` gives the name back."
    return Usage(
        load='from datasets import load_dataset\n\ndata = load_dataset("PATH")',
        real_only=(
            'data["train"] = data["train"].filter(lambda synthetic: not synthetic, input_columns="synthetic")\n'
            "\n"
            "# or, without metadata.csv, as synthetic images' files are called synthetic_*.png:\n"
            "from pathlib import Path\n"
            "from torchvision.datasets import ImageFolder\n"
            "\n"
            'train = ImageFolder("PATH/train", is_valid_file=lambda path: Path(path).name.startswith("real_"))'
        ),
        note=note if renamed else "",
    )


FORMAT = Format(
    write=write,
    locate=locate,
    describe_features=describe_features,
    describe_files=describe_files,
    describe_records=describe_records,
    describe_usage=describe_usage,
    columns={"image": "the image, a PNG file"},
    has_guessed_columns=True,
)
