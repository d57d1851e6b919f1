"""Class names as names of folders that every file system and every reader takes, and back again."""

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote, unquote

from counterweight.core.errors import UserError

LONGEST = 255
"""Bytes that file systems allow a name."""
PLAIN = re.compile(r"[^\W_]|[ _+=@,()&'!~.-]")
"""What stands for itself, beside letters and digits of any script."""
SPLITS = ["train", "training", "validation", "valid", "dev", "val", "test", "testing", "eval", "evaluation"]
SPLIT_WORD = re.compile(rf"(?:^|(?<=[-._ 0-9]))(?:{'|'.join(SPLITS)})(?=[-._ 0-9]|$)")
"""Words in a folder's name by which Hugging Face's readers would move its images into another split."""
DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
"""Names that Windows keeps for itself."""


def name_folders(class_names: Sequence[str]) -> list[str]:
    """Return a folder's name for each class, different even where capitals and accents do not count.

    What cannot stand in a name is written as in an address, `%2F` for `/`: `urllib.parse.unquote` gives the class back.

    Raises:
        UserError: a name is too long, or empty.
    """
    taken: set[str] = set()
    folders = []
    for name in class_names:
        folder = escape_name(name)
        if fold(folder) in taken:
            folder = escape_all(name)
        assert unquote(folder) == name
        if not folder or len(folder.encode()) > LONGEST or fold(folder) in taken:
            raise UserError(f"class '{name[:40]}': no folder can be called so; --format parquet needs none")
        taken.add(fold(folder))
        folders.append(folder)
    return folders


def escape_name(name: str) -> str:
    """Return a class's name with as little escaped as has to be."""
    folder = "".join(part if PLAIN.fullmatch(part) else quote(part, safe="") for part in name)
    first, last = folder[:1] in (" ", ".", "-", "~"), folder[-1:] in (" ", ".")
    if last:
        folder = folder[:-1] + escape_all(folder[-1])
    if folder and (first or DEVICES.match(folder)):
        folder = escape_all(folder[0]) + folder[1:] if folder[0] != "%" else folder
    # The last letter: what is left of `eval` without its first one is such a word, too.
    return SPLIT_WORD.sub(lambda found: found[0][:-1] + escape_all(found[0][-1]), folder)


def escape_all(text: str) -> str:
    """Return a text with each of its bytes escaped."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def fold(name: str) -> str:
    """Return what a name is taken for where capitals and ways of writing accents do not count."""
    return unicodedata.normalize("NFC", name).casefold()
