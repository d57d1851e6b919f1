"""Images that tables list: CSV or Parquet with paths and labels, or Parquet that holds the image files themselves.

The latter is how Hugging Face's `datasets` keeps images: a column of structs of `bytes` and `path`, and one of whole
numbers whose names stand in the table's metadata.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import MaxLen, MinLen
from pydantic import Field

from counterweight.core.errors import UserError
from counterweight.data.decode import account
from counterweight.data.decode.opening import Encoded
from counterweight.data.decode.tree import LeftOut
from counterweight.data.sources.base.column_texts import read_groups
from counterweight.data.sources.base.columns import choose_column, describe_empty, read_columns
from counterweight.data.sources.base.embedded import holds_images, read_paths
from counterweight.data.sources.base.file_settings import MissingClasses, OwnFileSettings, name_setting
from counterweight.data.sources.base.fold_tables import (
    check_parted_folds,
    check_tested_folds,
    describe_fold_tables,
    list_folds,
    train_on_folds,
)
from counterweight.data.sources.base.group_columns import describe_group_columns
from counterweight.data.sources.base.hidden_labels import drop_hidden
from counterweight.data.sources.base.label_columns import find_labels
from counterweight.data.sources.base.labels import (
    describe_combined,
    describe_lookalikes,
    order_names,
)
from counterweight.data.sources.base.lazy_images import (
    DatasetSplits,
    Indices,
    LazyImages,
    agree_on_classes,
    check_counts,
    wrap_files,
)
from counterweight.data.sources.base.part_conflicts import (
    describe_both_parts,
    describe_contrary_tables,
    describe_unread_parts,
)
from counterweight.data.sources.base.part_flags import describe_marks
from counterweight.data.sources.base.part_names import Validation, describe_joined
from counterweight.data.sources.base.path_resolving import PathResolver
from counterweight.data.sources.base.row_counts import check_row_count
from counterweight.data.sources.base.stray_quotes import check_quotes
from counterweight.data.sources.base.table_choice import choose_tables, take_tables
from counterweight.data.sources.base.table_columns import Lookup, check_header, find_image_column
from counterweight.data.sources.base.table_files import describe_shards, find_table_files
from counterweight.data.sources.base.table_images import account_files
from counterweight.data.sources.base.table_parts import (
    WANTED,
    PartColumns,
    choose_parts,
    forget_parts,
    list_part_columns,
    part_by_folders,
    part_by_lists,
    read_parts,
)
from counterweight.data.sources.base.table_paths import check_near, locate_images, write_origins
from counterweight.data.sources.base.table_repeats import TwoLabels, drop_repeats
from counterweight.data.sources.base.table_rows import (
    DROPPED,
    Rows,
    Table,
    count_classes,
    keep_classes,
    leave_out_rows,
    list_groups,
    name_classes,
    select_rows,
    wrap_images,
)

Column = Annotated[str, MinLen(1)] | None


class Settings(OwnFileSettings):
    """Settings of images that tables list."""

    path: Annotated[str, MinLen(1)] | None = None
    """A table or a folder of tables; null: `images/` and the dataset's name, which is all that the graph can watch:
    make that a symbolic link to the folder of tables and images, or to a Parquet file that holds the images."""
    tables: list[str] = Field(default_factory=list)
    """Files in the folder that are its tables, all others being none, as `[Train.csv, Test.csv]`; texts, too, with a
    path and a label in a line, as `[train.txt, test.txt]`, and JSON; `[]`: all tables that are there."""
    image: Column = None
    """Column of the images, or of their paths, which are relative to the table's folder; null: `image`, `path`,
    `file_name`... whichever is there, or the only one that holds images."""
    label: Column = None
    """Column of the classes; null: `label`, `class`, `category`... whichever is there, or the only one of classes."""
    split: Column = None
    """Column that says `train`, `test` or `val` of each image; null: `split`, `subset` or `partition` if there is one,
    or the only other column with nothing but such words, or one of 0 and 1 such as `is_train`, else the names of the
    tables, as in `train-00000-of-00002.parquet`, or of the folders they lie in."""
    test: list[str | int] = Field(default_factory=list)
    """What that column says of the images that are tested on, where it names no parts, as `[4]` of folds 0 to 4; all
    others are trained on; or, of tables of folds such as `fold0.csv` to `fold4.csv`, the numbers of those."""
    train_lists: list[str] = Field(default_factory=list)
    """Texts in the folder with the path of an image in each line, as `[meta/train.txt]`, all of which are trained on.
    Files of both parts are named in both: JSON with a list of each, `[split.json]`, tables of paths and parts, or
    `[train_test_split.txt]` beside `images.txt`; `[]`: those that `test_lists` does not name."""
    test_lists: list[str] = Field(default_factory=list)
    """Texts with the paths of the images that are tested on, whatever tables say; images in no list are left out."""
    group_column: Column = None
    """Column that names the patient, video or camera of each image, whose images no split parts; null: none does."""
    image_folder: Column = None
    """Folder that paths and names in the table begin in, relative to the dataset's; null: the table's own folder, or
    the only one in it that has the images."""
    delimiter: Annotated[str, MinLen(1), MaxLen(1)] | None = None
    """What parts the columns of a CSV or TSV table; null: as its first line looks, of `,`, `;`, `|` and tab."""
    encoding: Column = None
    """Encoding of a CSV or TSV table, such as `cp1252`; null: UTF-8, or UTF-16 by its first bytes."""
    missing_labels: Literal["leave_out", "keep"] = "leave_out"
    """What becomes of rows whose label is empty, `nan`, `N/A`, `NA` or `null`, and of parts all of whose labels are
    `-1`, `?` or `unknown`, which no other has: left out and counted, or taken as labels as they are, of which none may
    be empty."""
    two_labels: TwoLabels = "refuse"
    """What becomes of paths that stand in several rows with different labels: `refuse` the dataset, or `leave_out` all
    of their rows. Those with one label count once."""
    missing_classes: MissingClasses = "refuse"
    """What becomes of classes that the training or the test part lacks: `refuse` the dataset, `leave_out` their images,
    or `split_anew`: join the parts and split all images here."""
    links: Literal["refuse", "follow"] = "refuse"
    """What to do about paths that are absolute or lead out of the folder, by `..` or by symbolic links. Follow them
    only in tables that you trust; the graph does not notice what changes there."""
    validation: Validation = "use"
    """What becomes of `val`: it joins the training images, or is the test part where there is no `test`; or nothing."""


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
        return find_in_tables(root, settings)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def find_in_tables(root: Path, settings: Settings, guess: bool = True) -> DatasetSplits:
    """Return the parts of a table or of a folder of tables.

    Args:
        guess: as of `find_labels`.
    """
    follow = settings.links == "follow"
    files = find_table_files(root, follow, settings.tables)

    def read(file: Path, image: str | None = settings.image) -> Table:
        return read_table(file, root, settings.model_copy(update={"image": image}), guess)

    choose = take_tables if settings.tables else partial(choose_tables, read_as=read)
    chosen = choose(files.tables, read, root)
    check_near([table.paths or [] for table in chosen.tables], root)
    named, renamed = name_classes(chosen.tables, settings.merge_labels)
    tables, repeated, words, said = part_tables(named, settings, root)
    trained, tested = ([select_rows(tables, word) for word in own] for own in words)
    notes = describe_shards(files.tables[0]) + [note for table in tables for note in table.notes]
    notes += chosen.notes + renamed + said
    classes = [name for rows in (*trained, *tested) for name in rows.classes]
    notes += describe_lookalikes(classes) + describe_combined(Counter(classes))
    notes += describe_group_columns(tables) if settings.group_column is None else []
    names = tuple(order_names({*classes}))
    left_out = leave_out_rows(tables, [*words[0], *words[1]])
    left_out.update(repeated + chosen.left_out)
    beside, said = account_files(files, tables, root)
    left_out.update(beside)
    notes += said
    if not tested:
        notes += describe_unread_parts(trained, files.others, root)
    else:
        common = agree_on_classes(count_classes(trained), count_classes(tested), settings.missing_classes, str(root))
        names, notes = common.names, notes + common.notes
        if common.joined:
            trained, tested = [*trained, *tested], []
        else:
            trained, tested = ([keep_classes(rows, names, left_out) for rows in own] for own in (trained, tested))
            notes += describe_both_parts(trained, tested)
            notes += [] if settings.test_lists else describe_contrary_tables(trained, tested, files.others, root)
    return DatasetSplits(
        make_table_part(trained, names, settings, root, left_out, notes),
        make_table_part(tested, names, settings, root, Counter(), []) if tested else None,
    )


class Parted(NamedTuple):
    """Tables whose rows are in parts, an account of repeated ones, the parts of training and of testing, and notes."""

    tables: list[Table]
    repeated: Counter[LeftOut]
    words: tuple[list[str], list[str]]
    notes: list[str]


def part_tables(read: Sequence[Table], settings: Settings, root: Path) -> Parted:
    """Return tables with the parts that lists, columns or folders say, without rows that are there twice or hidden."""
    lists = (settings.train_lists, settings.test_lists)
    parted, more = (forget_parts(read), []) if any(lists) else part_by_folders(read)
    files = [table.columns.file for table in read]
    paths = [file.relative_to(root) if root.is_dir() else Path(file.name) for file in files]
    if not any(lists):
        check_parted_folds(paths, root)
        parted, said = train_on_folds(parted, root)
        more += said
    parts = {part for table in parted for part in table.parts if part}
    if settings.test and settings.split is None and list_folds(paths):
        check_tested_folds(paths, settings.test, root)
    if settings.test and not any(lists) and len(parts) == 1:
        raise UserError(f"{root}: test: all rows are in part {parts.pop()}; name some of what is there")
    more += [] if parts else describe_fold_tables(paths)
    tables, repeated, said = drop_repeats(parted, settings.two_labels)
    if any(lists):
        tables, more = part_by_lists(tables, *lists, root, settings.links == "follow")
    tables, hidden = drop_hidden(tables) if settings.missing_labels == "leave_out" else (tables, [])
    present = {word for table in tables for word in table.parts if word is not None and word != DROPPED}
    words = choose_parts(present, tables, settings.validation, root)
    return Parted(tables, repeated, words, [*said, *more, *hidden, *describe_joined(*words)])


def read_table(file: Path, root: Path, settings: Settings, guess: bool) -> Table:
    """Read a table but for the images that it may hold; `guess` as of `find_labels`."""
    folder, follow = root if root.is_dir() else file.parent, settings.links == "follow"
    lookup = Lookup(folder, settings.image_folder, follow)
    columns, notes = check_header(read_columns(file, settings.delimiter, settings.encoding), lookup, settings.image)
    notes += describe_empty(columns)
    image, said = find_image_column(columns, settings.image, lookup)
    check_quotes(columns, image)
    check_row_count(columns, image)
    group = choose_column(columns, settings.group_column, (), lambda name: False)

    def others() -> list[str]:
        return [*list_part_columns(columns, settings.split, image), *([] if group is None else [group])]

    keep = settings.missing_labels == "keep"
    label, (labels, more) = find_labels(columns, settings.label, image, others, keep, guess)
    notes += said + more
    known = [name for name in (image, label) if name is not None]
    wanted = PartColumns(settings.split, settings.test, settings.group_column)
    parts, noted = read_parts(columns, wanted, folder, len(labels), known)
    place, prefix = PathResolver(file.parent, folder, follow), file.relative_to(folder)
    if holds_images(columns, image):
        found, origins = None, [f"{prefix.as_posix()}:{row}" for row in range(1, len(labels) + 1)]
    else:
        words = read_paths(columns, image)
        found, said = locate_images(words, file, folder, settings.image_folder, follow, columns.empty, parts)
        notes += said
        origins = write_origins(found, folder)
    if len(origins) != len(labels):
        raise UserError(f"{file}: cannot be read: {len(origins):,} images, but {len(labels):,} labels")
    notes += describe_marks(columns, [*known, settings.split or ""]) if label is not None else []
    kept = [None if name is None else part for name, part in zip(labels, parts, strict=True)]
    groups = None if group is None else read_groups(columns, group, keep)
    return Table(columns, image, place, labels, kept, origins, found, notes + noted, groups)


def make_table_part(
    listed: list[Rows],
    names: tuple[str, ...],
    settings: Settings,
    root: Path,
    left_out: Counter[LeftOut],
    notes: list[str],
) -> LazyImages:
    """Return rows as a part of the dataset."""
    tables = listed[0].tables
    table, row = (np.concatenate(column) for column in zip(*((rows.table, rows.row) for rows in listed), strict=True))
    places = {name: place for place, name in enumerate(names)}
    labels = np.array([places[word] for rows in listed for word in rows.classes], dtype=np.int64)
    check_counts(names, labels, str(root), WANTED, "or remove it")

    def fetch(indices: Indices) -> Iterator[Encoded]:
        return wrap_images(tables, table[indices], row[indices])

    part = wrap_files(
        fetch=fetch,
        labels=labels,
        class_names=names,
        origins=[tables[number].origins[place] for number, place in zip(table.tolist(), row.tolist(), strict=True)],
        provenance={
            "source": "table",
            "settings": describe_settings(settings),
            "tables": [own.columns.file.name for own in tables],
            "ignored_files": left_out.total(),
            "left_out": account.to_json(left_out),
            "notes": [*dict.fromkeys(notes)],
        },
        settings=settings,
    )
    paths = [tables[number].paths for number in range(len(tables))]
    files = [own[place] for number, place in zip(table.tolist(), row.tolist(), strict=True) if (own := paths[number])]
    return replace(part, files=files, groups=list_groups(tables, table, row))


def describe_settings(settings: Settings) -> dict[str, object]:
    """Return settings but for a folder, which may be one of this machine alone, and for some that are not used."""
    usual: dict[str, object] = {"group_column": None, "two_labels": "refuse", "merge_labels": False}
    usual |= {"white": None, "black": None}  # all of these are newer than tables that are there already
    usual |= {"tables": [], "test": [], "train_lists": [], "test_lists": []}
    values = settings.model_dump(exclude={"path"})
    return {name: value for name, value in values.items() if name not in usual or value != usual[name]}
