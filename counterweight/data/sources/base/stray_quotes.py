"""Quotes in a table of texts that are not closed where they should be: they take rows with them, without an error."""

import pyarrow as pa
import pyarrow.compute as pc

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import NO_ENDING, find_ending
from counterweight.data.sources.base.columns import Columns, translate_errors
from counterweight.data.sources.base.delimited_text import BLOCK
from counterweight.data.sources.base.text_columns import read_text_columns

QUOTE = '"'


def check_quotes(columns: Columns, image: str) -> None:
    """Refuse a table of texts of which some text holds lines that look like rows; texts of several lines may be.

    Args:
        image: the column of images, whose names in such lines end as elsewhere.

    Raises:
        UserError: it is so; the row and how many it takes are named.
    """
    if not columns.delimiter or not has_quotes(columns):
        return
    with translate_errors(columns.file):
        batches = [*read_text_columns(columns.file, columns.reading, columns.names)]
    if not batches:  # where pyarrow crashes, before 26.0.1
        return
    read = pa.Table.from_batches(batches)
    place = columns.names.index(image)
    endings = {find_ending(word) for word in read.column(place).to_pylist() if word and "\n" not in word}
    for name, column in zip(columns.names, read.columns, strict=True):
        for row in pc.indices_nonzero(pc.fill_null(pc.match_substring(column, "\n"), False)).to_pylist():
            if taken := count_rows(str(column[row]), columns, place, endings):
                said = f"a quote that is not closed in '{name}' takes {taken:,} of the lines below with it"
                raise UserError(f"{columns.file}: row {row + 1}: {said}; remove the quote, or write it twice")


def has_quotes(columns: Columns) -> bool:
    """Say whether there is any quote in a table of texts."""
    with translate_errors(columns.file), columns.file.open(encoding=columns.encoding) as stream:
        return any(QUOTE in block for block in iter(lambda: stream.read(BLOCK), ""))


def count_rows(text: str, columns: Columns, place: int, endings: set[str]) -> int:
    """Return how many lines of a text but its first look like rows; of the last the quote may have taken a part.

    Args:
        place: of the column of images.
        endings: of their names.
    """
    lines = [line.split(columns.delimiter) for line in text.splitlines()[1:]]
    names = [cells[place].strip() for cells in lines if len(cells) == len(columns.names)]
    found = sum(is_name(name, endings) for name in names)
    if lines and place < len(lines[-1]) < len(columns.names):
        found += is_name(lines[-1][place].strip(), endings - {NO_ENDING})
    return found


def is_name(word: str, endings: set[str]) -> bool:
    """Say whether a word ends as names of images do; where these have no ending, blanks say that it is none."""
    ending = find_ending(word)
    return ending in endings and (ending != NO_ENDING or (bool(word) and " " not in word))
