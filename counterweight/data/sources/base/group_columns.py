"""Columns of tables that may say which images belong together, where no setting names one: they are offered."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.data.decode.tree import is_image
from counterweight.data.sources.base.column_texts import read_several
from counterweight.data.sources.base.columns import Columns, read_first_rows, translate_errors
from counterweight.data.sources.base.group_names import NEEDED, OFFER
from counterweight.data.sources.base.labels import is_missing, normalize_label
from counterweight.data.sources.base.part_flags import is_plain
from counterweight.data.sources.base.table_rows import DROPPED, Table
from counterweight.data.sources.base.text_lengths import is_text

WHO = "patient|subject|person|participant|volunteer|individual|identity|donor|lesion|nodule|specimen"
WHAT = "study|exam|session|slide|video|movie|clip|seq|sequence|burst|photographer"
WHICH = "animal|plant|tree|owner|case|series|visit|scene|track"
NAME, NUMBER = "id|uid|key|code|name", "no|nr|num|number"
NAMED = re.compile(
    rf"(?:\w+ )?(?:(?:{WHO}) ?(?:{NAME}|{NUMBER})?|(?:{WHAT})(?: instance)? ?(?:{NAME})?|(?:{WHICH}) ?(?:id|{NUMBER}))"
)
"""The name of a column of what images are of, in lower case, words apart: numbers there are no measures."""
NUMBERED = re.compile(r"(?:\w+ )*(?:id|uid)|(?:location|site|camera|trap|station)(?: (?:code|name))?")
"""Names of columns of something that has numbers."""
CLASSES = re.compile(r"class|categor|label|target|species|genus|breed|image|img|file|annotation")
"""In the name of a column of numbers that are of something else."""
WORD = re.compile(r"(?=.*\d)(?=.*[^\W\d_])[\w.:/-]+")
"""What names a thing, with letters and digits."""
MEASURE = re.compile(
    r"\d{1,4}[-/.:]\d{1,2}[-/.:]\d{1,4}([T_].*)?|\d{1,2}-?[a-z]{3,9}-?\d{2,4}|\d+x\d+|\d+([.,]\d+)?[a-z]{1,3}", re.I
)
"""Dates, sizes, and numbers with a unit."""
LONGEST = 64  # characters of a name, in the mean: what is longer is text
SHARED, ALWAYS_SHARED = 0.2, 0.5
"""Images that share a value with another, at least, as a part of all, by a name that says it and without."""
TIMES, FEWEST = 3, 10  # as many values as classes, at least, and values where no name says what they are
SIDE_BY_SIDE = 8
"""Tables that are read at the same time, at most."""
PURE = 0.9  # of the images that share a value have the class that most with that have, where no name says it


class Found(NamedTuple):
    """A column that may say which images belong together: how many values it has, and images that share theirs."""

    name: str
    values: int
    shared: int
    images: int
    missing: int

    def describe(self) -> str:
        """Say it in a few words."""
        said = f"column '{self.name}' has {self.values:,} values in {self.images:,} images, {self.shared:,} of which"
        lacking = f", and none in {self.missing:,} more" if self.missing else ""
        return f"{said} share theirs with others{lacking}"


def describe_group_columns(tables: Sequence[Table]) -> list[str]:
    """Return a note if columns seem to name patients, videos or the like, with the setting that keeps them together.

    Numbers are such by the name of their column alone, as ages and widths repeat, too; words by letters and digits in
    them, if nearly all images that share one are of one class, and more than by chance.
    """
    rows = [[row for row, part in enumerate(own.parts) if part not in (None, DROPPED)] for own in tables]
    classes = [str(own.classes[row]) for own, kept in zip(tables, rows, strict=True) for row in kept]
    codes = np.unique(np.array(classes, dtype=np.str_), return_inverse=True)[1]
    names = list_candidates(tables)
    read = zip(names, read_rows(tables, rows, names), strict=True)
    found = [own for name, words in read if words and (own := judge(name, words, codes))]
    if not found:
        return []
    file, widest = tables[0].columns.file.name, min(found, key=lambda own: own.values)
    every = "; ".join(own.describe() for own in found)
    way = widest.name if re.fullmatch(r"\w+", widest.name) else f"'{widest.name}'"
    lacking = " once each image has one" if widest.missing else ""
    said = f"if these are patients, videos or the like, {OFFER}{way} keeps the images of each on one side{lacking}"
    return [f"{file}: {every}: {said}"]


def list_candidates(tables: Sequence[Table]) -> list[str]:
    """Return the columns of all tables that may name groups, by their names and first rows."""
    columns, images = tables[0].columns, {own.image for own in tables}
    others = [{*own.columns.single_names} for own in tables]
    names = [name for name in columns.single_names if name not in images and all(name in own for own in others)]
    plain = [name for name in names if is_plain(columns.kind(name)) or is_named(name)]
    if not plain:
        return []
    with translate_errors(columns.file):
        batch = read_first_rows(columns, plain)
    return [name for name in plain if may_name(columns, name, batch.column(name).to_pylist())]


def may_name(columns: Columns, name: str, values: Sequence[object]) -> bool:
    """Say whether the first values of a column may name groups."""
    words = [normalize_label(str(value)) for value in values if value is not None]
    words = [word for word in words if not is_missing(word)]
    if not words or sum(map(len, words)) > LONGEST * len(words) or any(map(is_image, words)):
        return False
    if is_named(name):
        return True
    if all(WORD.fullmatch(word) and not MEASURE.fullmatch(word) for word in words):
        return is_text(columns.kind(name))
    plain = part_words(name)
    return bool(NUMBERED.fullmatch(plain)) and not CLASSES.search(plain) and all(word.isdecimal() for word in words)


def part_words(name: str) -> str:
    """Return the name of a column in lower case, its words apart: `patient id` of `patientId` and of `Patient_ID`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", " ", name).strip().lower()


def is_named(name: str) -> bool:
    """Say whether a column is called as what images are of."""
    return bool(NAMED.fullmatch(part_words(name)))


def read_rows(tables: Sequence[Table], rows: Sequence[Sequence[int]], names: Sequence[str]) -> Iterator[list[str]]:
    """Yield what each column has in some rows of all tables, empty where that is nothing; none if it holds no texts."""
    # Each table has a process that reads it until all columns are: of many tables there would be too many.
    for own in [names] if len(tables) <= SIDE_BY_SIDE else [[name] for name in names]:
        for read in zip(*(read_several(table.columns, own) for table in tables), strict=True):
            whole = [(values, kept) for values, kept in zip(read, rows, strict=True) if values is not None]
            if len(whole) < len(tables):  # of fractions
                yield []
                continue
            words = [normalize_label(values[row] or "") for values, kept in whole for row in kept]
            yield ["" if is_missing(word) else word for word in words]


def judge(name: str, words: Sequence[str], classes: npt.NDArray[np.int64]) -> Found | None:
    """Return what a column has if its values may name groups, which a split can then be made by.

    Args:
        words: its value in each row, empty where there is none.
        classes: number of the class of each row (N,).
    """
    given = np.array([bool(word) for word in words], dtype=np.bool_)
    groups = np.unique(np.array(words, dtype=np.str_)[given], return_inverse=True)[1]
    labels, named = classes[given], is_named(name)
    if not len(groups):
        return None
    sizes, several = np.bincount(groups), int(classes.max()) + 1
    shared = int(sizes[sizes > 1].sum())
    pairs = np.unique(groups * several + labels)
    enough = np.bincount(pairs % several, minlength=several).min() >= NEEDED
    few = len(sizes) < TIMES * several or (not named and len(sizes) < FEWEST)
    if few or not enough or shared < (SHARED if named else ALWAYS_SHARED) * len(words):
        return None
    if not named and not are_pure(groups, labels):
        return None
    return Found(name, len(sizes), shared, len(groups), len(words) - len(groups))


def are_pure(groups: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> bool:
    """Say whether images that share a group nearly all share its class, at half the rate of exceptions of chance."""
    kept = np.bincount(groups)[groups] > 1
    shuffled = np.random.default_rng(0).permutation(labels)
    own, chance = (measure_purity(groups[kept], each[kept]) for each in (labels, shuffled))
    return own >= PURE and 1 - own <= (1 - chance) / 2


def measure_purity(groups: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> float:
    """Return the part of images that are of the class that most images of their group are of."""
    several = int(labels.max()) + 1
    pairs, counts = np.unique(groups * several + labels, return_counts=True)
    most = np.zeros(int(groups.max()) + 1, dtype=np.int64)
    np.maximum.at(most, pairs // several, counts)
    return float(most.sum() / len(groups))
