"""How a table of texts is written: its encoding, what parts its columns, and rows at its end that hold nothing."""

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
OTHER_DELIMITERS = (",", ";", "\t", "|")
SAID = re.compile(r'\ufeff?"?sep=(?P<mark>.)"?')  # what spreadsheets write above a table
BLOCK = 2**20  # bytes that are looked at together
TAIL = 2**16  # bytes at the end that are looked at first


def count_blank_rows(file: Path, encoding: str, delimiter: str) -> int:
    """Return how many rows at the end of a table of texts have nothing in any column, as spreadsheets write them."""
    size, tail = file.stat().st_size, TAIL
    while True:
        with file.open("rb") as stream:
            stream.seek(max(0, size - tail) // 4 * 4)  # no letter of UTF-16 is cut
            lines = stream.read().decode(encoding, "replace").splitlines()
        blank = 0
        for line in reversed(lines[0 if tail >= size else 1 :]):
            if line.strip(f"{delimiter}\"' \t") or line.count('"') % 2:  # the end of a quoted text is no row
                return blank
            blank += bool(line)  # an empty line is no row
        if tail >= size:
            return blank
        tail *= 16


def detect_encoding(file: Path) -> str:
    """Return the encoding of a table of texts: UTF-8, or UTF-16 or UTF-32 by its first bytes.

    Raises:
        UserError: it is another.
    """
    with file.open("rb") as stream:
        first = stream.read(64)
        if wide := find_wide_encoding(first):
            return wide
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while first:
                decoder.decode(first)
                first = stream.read(BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            ways = "set encoding: cp1252, or what it was written in"
            raise UserError(f"{file}: cannot be read: {error.reason}: not UTF-8; {ways}") from error
    return "utf-8"


def find_wide_encoding(first: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if the first bytes of a text say so."""
    if first.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # the former begins as UTF-16 does
        return "utf-32"
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if first and len(first) % 2 == 0 and first.count(0) >= len(first) // 3:  # without a mark at its beginning
        return "utf-16-le" if first[1] == 0 else "utf-16-be"
    return None


def number_row(place: int, empty: Sequence[int]) -> int:
    """Return the number of a row in its file, from 1, given its place among those that are read.

    Args:
        empty: rows that are not read, increasing, counted from 0.
    """
    for row in empty:
        if row > place:
            break
        place += 1
    return place + 1


def read_head(file: Path, encoding: str) -> str:
    """Return the first line of a table of texts.

    Raises:
        UnicodeDecodeError: it is in another encoding.
        LookupError: there is no such encoding.
    """
    with file.open(encoding=encoding) as stream:
        return stream.readline()


def choose_delimiter(file: Path, head: str) -> str:
    """Return what parts the columns in a first line: what the ending says, unless others are there more often."""
    usual = DELIMITERS.get(file.suffix.lower(), ",")
    return max((usual, *OTHER_DELIMITERS), key=re.sub(r'"[^"]*"', "", head).count)


def check_blank_before_quotes(file: Path, head: str, delimiter: str) -> None:
    """Refuse a table in whose first line names are in quotes behind blanks: the quotes would be part of all texts.

    Raises:
        UserError: it is so.
    """
    if re.search(rf'{re.escape(delimiter)} +"[^"]*"(?:{re.escape(delimiter)}|\s*$)', head):
        said = f"a blank stands between '{delimiter}' and a quote, which would be part of the text then"
        raise UserError(f"{file}: cannot be read: {said}; remove the blanks")
