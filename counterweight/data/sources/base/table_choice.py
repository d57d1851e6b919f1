"""Which tables of a folder say what its images are, and which do something else: templates, tests without labels."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import LeftOut, find_ending, is_image
from counterweight.data.sources.base.columns import UnreadableError, list_usual, read_columns
from counterweight.data.sources.base.delimited_text import DELIMITERS
from counterweight.data.sources.base.group_columns import is_named
from counterweight.data.sources.base.layout_sets import offer_folders
from counterweight.data.sources.base.part_names import TESTS, guess_part_name
from counterweight.data.sources.base.table_columns import NoColumnError, NoLabelsError
from counterweight.data.sources.base.table_parts import SPLIT
from counterweight.data.sources.base.table_prefixes import TRIED
from counterweight.data.sources.base.table_rows import UNREAD, Table
from counterweight.data.sources.base.written_names import write_names

MANY = 20  # tables without labels or images, after which no more are looked at
TEMPLATE = "submission"  # in the names of tables that are to be filled in
NO_TABLE = "a table that labels no images"


class Chosen(NamedTuple):
    """The tables of labels, the account of those that are none, and what is to be said of these."""

    tables: list[Table]
    left_out: Counter[LeftOut]
    notes: list[str]


def choose_tables(
    tiers: Iterable[Sequence[Path]], read: Callable[[Path], Table], root: Path, read_as: Callable[[Path, str], Table]
) -> Chosen:
    """Read the tables that have images and labels, of the first kinds of which any has.

    Args:
        read: reads one.
        read_as: reads one whose images are in a column that is named.

    Raises:
        UserError: none has, they are of two kinds, or one cannot be read.
    """
    lacking: dict[Path, NoColumnError] = {}
    waiting = iter(tiers)
    for tier in waiting:
        if found := read_tier(tier, read, lacking):
            found += read_alike(found, lacking, read_as)
            found.sort(key=lambda table: tier.index(table.columns.file))
            break
    else:
        first = find_nearest(lacking)
        rest = "does the other table" if len(lacking) == 2 else f"do {len(lacking) - 1:,} more tables"
        more = f"; nor {rest} label images" if len(lacking) > 1 else ""
        raise type(first)(f"{first}{more}{offer_folders(root)}")
    check_template(found)
    said = {
        file: str(error).removeprefix(f"{file}: ").split(";")[0] + offer_parts(file) for file, error in lacking.items()
    }
    templates = find_templates(found)
    said |= {table.columns.file: why for table, why in templates}
    dropped = {table.columns.file for table, _ in templates}
    kept = [table for table in found if table.columns.file not in dropped]
    check_kinds([table.columns.file for table in kept], root)
    check_there(kept, root)
    left_out = Counter(LeftOut(NO_TABLE, find_ending(str(file)), find_place(file, root)) for file in said)
    later = [file for tier in waiting for file in tier]
    left_out.update(LeftOut(UNREAD, find_ending(str(file)), find_place(file, root)) for file in later)
    names = ", ".join(table.columns.file.name for table in kept[:2]) + (", ..." if len(kept) > 2 else "")
    notes = [f"{file.relative_to(root)} is not read beside {names}: {why}" for file, why in said.items()]
    return Chosen(kept, left_out, notes)


def read_tier(tier: Sequence[Path], read: Callable[[Path], Table], lacking: dict[Path, NoColumnError]) -> list[Table]:
    """Return the tables of one kind that have images and labels; what others lack is added to `lacking`.

    Raises:
        UserError: one cannot be read, or too many have neither.
    """
    found = list[Table]()
    for file in tier:
        try:
            found.append(read(file))
        except NoColumnError as error:
            lacking[file] = error
            check_few(lacking)
        except UnreadableError as error:
            ways = "" if len(tier) == 1 else "; mend it, or give the table of labels itself"
            raise UnreadableError(f"{error}{ways}") from error
    return found


def read_alike(
    found: Sequence[Table], lacking: dict[Path, NoColumnError], read_as: Callable[[Path, str], Table]
) -> list[Table]:
    """Return tables beside others that name images, some of which lack alone, and labels.

    They have the column of images that another has, too, or one that names images by their endings. Where no image is
    there and names have no endings, all columns are those of another, and classes recur, which they do in no table of
    the classes' names.

    Args:
        lacking: tables and what they seem to lack, which is mended.
    """
    alike = list[Table]()
    for file, error in [*lacking.items()]:
        if isinstance(error, NoLabelsError) or is_template(file):
            continue
        for image in list_candidates(file, {table.image for table in found}, error):
            try:
                table = read_as(file, image)
            except NoColumnError as other:
                lacking[file] = other if isinstance(other, NoLabelsError) else error
                continue
            if names_images(table) or any(is_written_alike(table, own) for own in found):
                alike.append(table)
                del lacking[file]
                break
    return alike


def list_candidates(file: Path, known: Collection[str], error: NoColumnError) -> list[str]:
    """Return which columns of a table may name images.

    Args:
        known: the columns that do so in other tables, whatever their case.
        error: what is said of the table.
    """
    try:
        names = [name for name in read_columns(file).names if name.casefold() in {own.casefold() for own in known}]
    except UserError:  # it is written as the settings say
        names = sorted(known)
    return [*names, *([error.absent] if error.absent else [])]


def names_images(table: Table) -> bool:
    """Say whether a table names images that are there, or would be by their endings."""
    paths = table.paths or []
    return any(map(os.path.lexists, paths)) or all(is_image(str(path)) for path in paths[:TRIED])


def is_written_alike(table: Table, other: Table) -> bool:
    """Say whether two tables have the same columns, and the first gives some label twice."""
    names = [{name.casefold() for name in own.columns.names} for own in (table, other)]
    labels = [name for name in table.classes if name is not None]
    return names[0] == names[1] and len({*labels}) < len(labels)


def take_tables(tiers: Iterable[Sequence[Path]], read: Callable[[Path], Table], root: Path) -> Chosen:
    """Read tables that are asked for, each of which must have images and labels; arguments as above.

    Raises:
        UserError: one has not, or cannot be read.
    """
    found = [read(file) for tier in tiers for file in tier]
    check_template(found)
    return Chosen(found, Counter(), [])


def offer_parts(file: Path) -> str:
    """Return what is to be done with a table without labels that may say the parts, or what belongs together.

    Empty where it says neither.
    """
    try:
        columns = read_columns(file)
    except UserError:  # it is written as the settings say
        return ""
    parts, groups = list_usual(columns, SPLIT), [name for name in columns.single_names if is_named(name)]
    said = f"; its column '{parts[0]}' may say which part each image is in" if parts else ""
    said += f"; its column '{groups[0]}' may say which images belong together" if groups else ""
    return f"{said}: write it into the table of labels to have it from there" if said else ""


def find_nearest(lacking: Mapping[Path, NoColumnError]) -> NoColumnError:
    """Return the first error of a table that has images, if any has, and is no template and not of a test part."""

    def rank(own: tuple[Path, NoColumnError]) -> tuple[bool, bool, bool]:
        tested = guess_part_name(own[0].stem) in TESTS
        return not isinstance(own[1], NoLabelsError), is_template(own[0]), tested

    return min(lacking.items(), key=rank)[1]


def is_template(file: Path) -> bool:
    """Say whether a table is called as one that is to be filled in is."""
    return TEMPLATE in file.stem.lower()


def check_template(tables: Sequence[Table]) -> None:
    """Refuse a template that is to be filled in where there is no other table: its one label is no class.

    Raises:
        UserError: it is so.
    """
    labels = {name for table in tables for name in table.classes} - {None}
    if len(labels) <= 1 and all(is_template(table.columns.file) for table in tables):
        said = f"gives all images the label {next(iter(labels), '')!r}, and is called as templates to be filled in are"
        ways = "sort the images into a folder of each class, or write a table of their paths and labels"
        raise NoLabelsError(f"{tables[0].columns.file}: it {said}; {ways}")


def check_few(lacking: Mapping[Path, NoColumnError]) -> None:
    """Refuse folders with many tables that label no images: there may be one for each image, of something else.

    Raises:
        UserError: it is so.
    """
    if len(lacking) > MANY:
        first = next(iter(lacking.values()))
        raise NoColumnError(f"{first}; nor have {MANY} tables after it, and more may be there; give the one of labels")


def find_place(file: Path, root: Path) -> str:
    """Return what the account calls the folder of a file."""
    parts = file.relative_to(root).parts if root.is_dir() else (file.name,)
    return parts[0] if len(parts) > 1 else "."


def check_kinds(files: Sequence[Path], root: Path) -> None:
    """Refuse tables of texts beside others, which may be the same once more."""
    for other in files[1:]:
        if (other.suffix.lower() in DELIMITERS) != (files[0].suffix.lower() in DELIMITERS):
            raise UserError(f"{root}: tables of two kinds, {files[0].name} and {other.name}; leave one kind there")


def check_there(tables: Sequence[Table], root: Path) -> None:
    """Refuse a table none of whose images is there, beside others whose images are.

    Raises:
        UserError: it is so.
    """
    gone = [table for table in tables if table.paths and not any(map(os.path.lexists, table.paths))]
    if 0 < len(gone) < len(tables):
        rest = [table.columns.file.relative_to(root).as_posix() for table in tables if table not in gone]
        first, paths = gone[0].columns.file, gone[0].paths or []
        said = f"{len(paths):,} of {len(paths):,} files missing, first: {paths[0]}"
        ways = f"paths are relative to the table; put them there, or set tables: {write_names(rest)} to do without"
        raise UserError(f"{first}: {said}; {ways}")


def find_templates(tables: Sequence[Table]) -> list[tuple[Table, str]]:
    """Return the tables that are to be filled in, with the reason: they give all images one label, beside other tables.

    That alone is no reason, as there may be a table for each class: such a one is called so, or none of its images is
    there, or it names no part where others do, and no other label than other such tables.
    """
    several = [table for table in tables if len({*table.classes} - {None}) > 1]
    parted = any(part for table in several for part in table.parts)
    bare = {name for table in tables if table not in several and not any(table.parts) for name in table.classes}
    parted = parted and len(bare - {None}) < 2
    found = []
    for table in tables if several else ():
        labels = {*table.classes} - {None}
        paths = (table.paths or [])[:TRIED]
        why = (
            "it is called so"
            if is_template(table.columns.file)
            else "none of its images is there"
            if paths and not any(map(os.path.lexists, paths))
            else "it names no part as others do"
            if parted and labels and not any(table.parts)
            else None
        )
        if len(labels) <= 1 and why:
            label = repr(next(iter(labels), ""))
            found.append((table, f"it gives all images the label {label}, and {why}: taken for a template"))
    return found
