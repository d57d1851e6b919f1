"""Images that tables list: CSV or Parquet with paths and labels, or Parquet that holds the image files themselves.

The latter is how Hugging Face's `datasets` keeps images: a column of structs of `bytes` and `path`, and one of whole
numbers whose names stand in the table's metadata.
"""

import os
import re
from collections.abc import Collection, Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import MinLen

from counterweight.core.errors import UserError
from counterweight.data.decode.images import Embedded, Encoded, walk
from counterweight.data.sources.base.columns import (
    DELIMITERS,
    SUFFIXES,
    Columns,
    Content,
    choose_column,
    holds_images,
    is_binary,
    list_fields,
    read_columns,
    read_contents,
    read_paths,
    read_texts,
)
from counterweight.data.sources.base.lazy_images import (
    NAMED_PART,
    PARTS,
    DatasetSplits,
    FileSettings,
    Indices,
    LazyImages,
    Validation,
    assign_parts,
    check_counts,
    check_same,
    name_setting,
    parse_part_name,
    wrap_files,
)

LAYOUT = "expected images and their labels"
IMAGE = ("image", "img", "path", "image_path", "file_name", "filename", "file")  # the first that is there
LABEL = ("label", "labels", "class", "class_name", "category", "target")
SPLIT = ("split", "subset", "partition")

Column = Annotated[str, MinLen(1)] | None


class Settings(FileSettings):
    """Settings of images that tables list."""

    path: Annotated[str, MinLen(1)] | None = None
    """A table or a folder of tables; null: `images/` and the dataset's name, which is all that the graph can watch:
    make that a symbolic link to the folder of tables and images, or to a Parquet file that holds the images."""
    image: Column = None
    """Column of the images, or of their paths, which are relative to the table's folder; null: `image`, `path`,
    `file_name`... whichever is there, or the only one that holds images."""
    label: Column = None
    """Column of the classes; null: `label`, `class`, `category`... whichever is there, or the only one of classes."""
    split: Column = None
    """Column that says `train`, `test` or `val` of each image; null: `split`, `subset` or `partition` if there is one,
    else the names of the tables, as in `train-00000-of-00002.parquet`, or of the folders they lie in."""
    links: Literal["refuse", "follow"] = "refuse"
    """What to do about paths that are absolute or lead out of the folder, by `..` or by symbolic links. Follow them
    only in tables that you trust; the graph does not notice what changes there."""
    validation: Validation = "use"
    """What becomes of `val`: it joins the training images, or is the test part where there is no `test`; or nothing."""


class PathResolver:
    """Turns the paths in a table into those of files, which lie in `root` unless links are to be followed."""

    def __init__(self, folder: Path, root: Path, follow: bool) -> None:
        self.folder, self.root, self.follow = os.fspath(folder), root, follow
        self.inside = Path(os.path.realpath(root))
        self.known: set[str] = set()

    def file(self, word: str) -> Path:
        """Return the path of a file, there or not.

        Raises:
            UserError: it is absolute or leads out of the folder.
        """
        path = os.path.join(self.folder, word)
        if self.follow:
            return Path(path)
        if os.path.isabs(word):
            raise UserError(f"{word}: an absolute path; write it relative to the table, or set links: follow")
        parent = os.path.dirname(path)
        if parent not in self.known:  # most files share their folder with others
            self.check(parent)
            self.known.add(parent)
        if os.path.islink(path):
            self.check(path)
        return Path(path)

    def check(self, path: str) -> None:
        """Refuse what lies outside."""
        if not (goal := Path(os.path.realpath(path))).is_relative_to(self.inside):
            raise UserError(f"{path} leads out of {self.root}, to {goal}; copy that there, or set links: follow")


class Table(NamedTuple):
    """What a table says of its rows: classes, parts (empty: of none), origins, and paths if it holds no images."""

    columns: Columns
    image: str
    place: PathResolver
    classes: list[str]
    parts: list[str]
    origins: list[str]
    paths: list[Path] | None


class Rows(NamedTuple):
    """Some rows of some tables: the number of the table and the row in it of each, int64 (N,), and its class."""

    tables: list[Table]
    table: Indices
    row: Indices
    classes: list[str]


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the tables can be read and list images; return the names of their classes.

    Raises:
        UserError: it is not so, a column or a value is missing, a path leads out, or the classes of the parts differ.
    """
    return find(settings, name).train.class_names


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List the images in the order of the sorted tables and their rows; columns of images are not read yet.

    Raises:
        UserError: as in `precheck`.
    """
    where, root = name_setting(name, "path"), Path(settings.path or f"images/{name}").expanduser()
    try:
        tables = [read_table(file, root, settings) for file in find_table_files(root, settings)]
        words = choose_parts({word for table in tables for word in table.parts}, tables, settings, root)
        trained, tested = ([select_rows(tables, word) for word in own] for own in words)
        for word, rows in zip((*words[0], *words[1]), (*trained, *tested), strict=True):
            check_same({*trained[0].classes}, {*rows.classes}, word, str(root))
        names = order_rows({*trained[0].classes})
        return DatasetSplits(
            make_table_part(trained, names, settings, root),
            make_table_part(tested, names, settings, root) if tested else None,
        )
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def find_table_files(root: Path, settings: Settings) -> list[Path]:
    """Return the tables, sorted, of which there must be one, and all of one kind."""
    if root.is_file():
        files = [Path(os.path.realpath(root))]  # the link may have another name
    elif root.is_dir():
        every = walk(os.fspath(root), Path(os.path.realpath(root)), settings.links == "follow")
        files = [Path(path) for path in every if path]  # hidden ones are None
    else:
        raise UserError(f"{root}: no such table or folder of tables")
    tables = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not tables:
        raise UserError(f"{root}: no table there; expected {', '.join(SUFFIXES)}")
    for other in tables[1:]:
        if (other.suffix.lower() in DELIMITERS) != (tables[0].suffix.lower() in DELIMITERS):
            raise UserError(f"{root}: tables of two kinds, {tables[0].name} and {other.name}; leave one kind there")
    return tables


def read_table(file: Path, root: Path, settings: Settings) -> Table:
    """Read a table but for the images that it may hold."""
    columns = read_columns(file)
    image = name_column(columns, settings.image, "image", IMAGE)
    classes = read_texts(columns, name_column(columns, settings.label, "label", LABEL))
    folder = root if root.is_dir() else file.parent
    place, label = PathResolver(file.parent, folder, settings.links == "follow"), file.relative_to(folder).as_posix()
    if holds_images(columns, image):
        found, origins = None, [f"{label}:{row}" for row in range(1, len(classes) + 1)]
    else:
        words = read_paths(columns, image)
        prefix = file.relative_to(folder).parent
        found, origins = locate_images(words, place, file), [(prefix / word).as_posix() for word in words]
    parts = read_parts(columns, settings, folder, len(classes))
    return Table(columns, image, place, classes, parts, origins, found)


def name_column(columns: Columns, wanted: str | None, key: str, usual: tuple[str, ...]) -> str:
    """Return the name of the column of images or of labels."""

    def only(name: str) -> bool:
        kind = columns.kind(name)
        return (
            columns.class_names(name) is not None if key == "label" else is_binary(kind) or "bytes" in list_fields(kind)
        )

    if (found := choose_column(columns, wanted, usual, only)) is None:
        every = ", ".join(columns.names)
        raise UserError(f"{columns.file}: no column {', '.join(usual)}; it has {every}; set {key}: to one of them")
    return found


def locate_images(words: list[str], place: PathResolver, file: Path) -> list[Path]:
    """Return the files that paths lead to."""
    found = []
    for row, word in enumerate(words, 1):
        try:
            found.append(place.file(word))
        except UserError as error:
            raise UserError(f"{file}: row {row}: {error}") from error
    return found


def read_parts(columns: Columns, settings: Settings, folder: Path, count: int) -> list[str]:
    """Return the part of each row: what a column says, else the name of the table or of a folder above it."""
    if column := choose_column(columns, settings.split, SPLIT, lambda name: False):
        parts = []
        for row, word in enumerate(read_texts(columns, column), 1):
            part = parse_part_name(word.strip())
            if part is None:
                allowed = ", ".join(PARTS)
                raise UserError(f"{columns.file}: row {row}: '{column}' says '{word}'; allowed: {allowed}")
            parts.append(part)
        return parts
    stem, above = columns.file.stem.lower(), columns.file.relative_to(folder).parent.parts
    names = NAMED_PART.findall(stem) or [part for name in reversed(above) if (part := parse_part_name(name))] or [""]
    return [names[0]] * count


def choose_parts(
    words: Collection[str], tables: list[Table], settings: Settings, root: Path
) -> tuple[list[str], list[str]]:
    """Return the names of the parts that make the training part, and of those that make the test part."""
    if not words:
        raise UserError(f"{root}: tables without rows; {LAYOUT}")
    if len(words) == 1:  # one part alone is no split
        return [*words], []
    if "" in words:
        bare = next(table.columns.file for table in tables if "" in table.parts)
        raise UserError(f"{bare}: neither its name nor a column split says which part it is, as others do")
    if "train" not in words:
        raise UserError(f"{root}: no part train, only {', '.join(sorted(words))}")
    return assign_parts(words, settings.validation)


def select_rows(tables: list[Table], word: str) -> Rows:
    """Return the rows of one part."""
    own = [np.flatnonzero(np.array([part == word for part in table.parts], dtype=np.bool_)) for table in tables]
    numbers = np.repeat(np.arange(len(tables)), [len(rows) for rows in own])
    classes = [table.classes[row] for table, rows in zip(tables, own, strict=True) for row in rows.tolist()]
    return Rows(tables, numbers, np.concatenate(own), classes)


def order_rows(names: Collection[str]) -> tuple[str, ...]:
    """Sort class names, numbers by their size."""
    if all(re.fullmatch(r"-?\d+", name) for name in names):  # As texts, 10 would stand before 2.
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def make_table_part(listed: list[Rows], names: tuple[str, ...], settings: Settings, root: Path) -> LazyImages:
    """Return rows as a part of the dataset."""
    tables = listed[0].tables
    table, row = (np.concatenate(column) for column in zip(*((rows.table, rows.row) for rows in listed), strict=True))
    places = {name: place for place, name in enumerate(names)}
    labels = np.array([places[word] for rows in listed for word in rows.classes], dtype=np.int64)
    check_counts(names, labels, str(root), LAYOUT, "or remove it")

    def fetch(indices: Indices) -> Iterator[Encoded]:
        return wrap_images(tables, table[indices], row[indices])

    return wrap_files(
        fetch=fetch,
        labels=labels,
        class_names=names,
        origins=[tables[number].origins[place] for number, place in zip(table.tolist(), row.tolist(), strict=True)],
        provenance={
            "source": "table",
            "settings": settings.model_dump(exclude={"path"}),  # may be one of this machine alone
            "tables": [own.columns.file.name for own in tables],
        },
        settings=settings,
    )


def wrap_images(tables: list[Table], numbers: Indices, rows: Indices) -> Iterator[Encoded]:
    """Yield the images in some rows of some tables, reading no more of the tables than these need."""
    for number, places in groupby(range(len(rows)), key=lambda place: int(numbers[place])):
        own, table = rows[[*places]], tables[number]
        if table.paths is not None:
            yield from (table.paths[row] for row in own.tolist())
        else:
            yield from (find_image(table, content) for content in read_contents(table.columns, table.image, own))


def find_image(table: Table, found: Content) -> Encoded:
    """Return an image of a table as something that can be decoded."""
    label = f"{table.columns.file}: row {found.row + 1}"
    if found.content is None and found.path:
        try:
            return table.place.file(found.path)
        except UserError as error:
            raise UserError(f"{label}: {error}") from error
    return Embedded(f"{label} ({found.path})" if found.path else label, found.content or b"")
