"""An export from beginning to end: images, data card and Croissant metadata in a folder, whole or not at all."""

from collections.abc import Callable
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.core.outputs import atomic_output
from counterweight.export.card import describe, write_card
from counterweight.export.contents import Contents
from counterweight.export.croissant import write_croissant
from counterweight.export.formats.base import find_format


def write_export(
    contents: Contents, format_name: str, verdicts: list[str], folder: Path, advance: Callable[[], None]
) -> None:
    """Write an export into a new folder; the same contents give the same bytes.

    Args:
        verdicts: what the pipeline found of the images, a sentence each.
        advance: is called after each image.

    Raises:
        UserError: the folder is there and is not empty, or cannot be written, or a class cannot be written so.
    """
    check_folder(folder)
    format_ = find_format(format_name)
    with atomic_output(folder) as partial:
        partial.mkdir()
        format_.write(contents, partial, advance)
        write_croissant(contents, format_, describe(contents), partial)
        write_card(contents, format_, verdicts, partial)


def check_folder(folder: Path) -> None:
    """Refuse a folder that has something in it: a card that its owner has filled in is not to be lost.

    Raises:
        UserError: it is no folder, or is not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--to: {folder}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"--to: {folder}: is not empty; name another folder, or remove this one")
