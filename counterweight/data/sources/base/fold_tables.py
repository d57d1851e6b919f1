"""Tables of folds, by their names or those of their folders, as `fold3.csv`, `test_fold_03.csv`, `fold3/labels.csv`."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.sources.base.part_names import TESTS, VALIDATION, find_part_words
from counterweight.data.sources.base.table_rows import Table

FOLD = re.compile(r"(?:^|[^a-z])fold[ _-]?(\d+)")
NAMED = 3  # tables in a message


class Fold(NamedTuple):
    """The number of a table's fold, and what in its path has that: its name without ending, or a folder's."""

    number: str
    name: str

    def is_one_of(self, words: Sequence[str | int]) -> bool:
        """Say whether it is meant by some numbers or names."""
        return not {self.number, self.name}.isdisjoint(map(str, words))


def find_fold(path: Path) -> Fold | None:
    """Return the fold of a table, given its path below the dataset's folder; None: it is called as none."""
    for name in (path.stem, *reversed(path.parent.parts)):
        if match := FOLD.search(name.lower()):
            return Fold(str(int(match[1])), name)
    return None


def list_folds(paths: Sequence[Path]) -> list[Fold]:
    """Return the folds of tables if all of them are called as such, and there are several."""
    found = [fold for path in paths if (fold := find_fold(path))]
    return found if len(found) == len(paths) and len({fold.number for fold in found}) > 1 else []


def describe_fold_tables(paths: Sequence[Path]) -> list[str]:
    """Return a note if tables are of folds, each of one, and nothing says which is tested on."""
    folds = list_folds(paths)
    if not folds or len({fold.number for fold in folds}) < len(folds):
        return []
    ways = f"set test: [{folds[-1].number}] tests on one and trains on the others"
    return [f"{name_tables(paths)} look like folds, and are joined; {ways}"]


def train_on_folds(tables: Sequence[Table], root: Path) -> tuple[list[Table], list[str]]:
    """Return tables of which those of folds are trained on where all others are tested on or validate, and a note."""
    words = {part for table in tables for part in table.parts} - {None}
    bare = [table for table in tables if "" in table.parts]
    paths = [table.columns.file.relative_to(root) for table in bare] if root.is_dir() else []
    if not words <= {"", *TESTS, *VALIDATION} or words == {""} or not list_folds(paths):
        return [*tables], []
    parted = [table._replace(parts=["train" if part == "" else part for part in table.parts]) for table in tables]
    return parted, [f"{name_tables(paths)} look like folds of what is trained on, beside tables of other parts"]


def name_tables(paths: Sequence[Path]) -> str:
    """Return the names of tables, the first of many."""
    return ", ".join(path.as_posix() for path in paths[:NAMED]) + (", ..." if len(paths) > NAMED else "")


def check_tested_folds(paths: Sequence[Path], test: Sequence[str | int], root: Path) -> None:
    """Refuse folds that no table is of.

    Raises:
        UserError: there is such a one.
    """
    folds, every = list_folds(paths), ", ".join(path.as_posix() for path in paths)
    lacking = [str(word) for word in test if not any(fold.is_one_of([word]) for fold in folds)]
    if lacking:
        raise UserError(f"{root}: test: '{lacking[0]}' is none of the tables {every}")


def check_parted_folds(paths: Sequence[Path], root: Path) -> None:
    """Refuse tables of several folds that have parts each: what one trains on another tests on.

    Raises:
        UserError: it is so.
    """
    found: dict[str, dict[str, Path]] = {}
    for path, fold, part in name_parts(paths):
        found.setdefault(fold, {})[part] = path
    parted = {fold: list(own.values()) for fold, own in found.items() if "train" in own and len(own) > 1}
    if len(parted) > 1:
        first = ", ".join(path.as_posix() for path in next(iter(parted.values())))
        said = f"tables of {len(parted)} folds, each with parts of its own"
        raise UserError(f"{root}: {said}; set tables: [{first}] takes those of one")


def name_parts(paths: Sequence[Path]) -> Iterator[tuple[Path, str, str]]:
    """Yield the tables that are called as a part of a fold is, with the number of the fold and the part."""
    for path in paths:
        fold, words = find_fold(path), find_part_words(path.stem)
        if fold and words:
            yield path, fold.number, words[0]
