"""Blocks put into a settings file, all of them or none, if the whole file is valid with them."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from counterweight.core.errors import UserError
from counterweight.core.outputs import atomic_output
from counterweight.settings.editing import Addition, insert_additions
from counterweight.settings.params import load_params


def check_writable(params: Path) -> None:
    """Refuse a settings file that may not be changed."""
    # Root may write everything: the mode decides, too.
    if not os.access(params, os.W_OK) or not params.stat().st_mode & 0o222:
        raise UserError(f"{params}: read-only; make it writable first")


def render_params(params: Path, additions: Sequence[Addition]) -> str:
    """Return the text of a settings file with blocks added, once all of it is valid."""
    from counterweight.evaluation.prechecks import check_blocks  # takes seconds, by torch; presets are listed without

    with params.open(encoding="utf-8", newline="") as file:  # Line ends stay as they are.
        added = insert_additions(file.read(), additions, str(params))
    with TemporaryDirectory() as folder:
        # Checked as a file, by the very code that the stages read it with.
        trial = Path(folder) / "params.yaml"
        trial.write_bytes(added.encode())
        try:
            check_blocks(load_params(trial))
        except UserError as error:
            raise UserError(str(error).replace(str(trial), str(params))) from error
    return added


def write_additions(params: Path, additions: Sequence[Addition]) -> None:
    """Add blocks to a settings file, or to what it is a link to."""
    file = Path(os.path.realpath(params))  # A rename onto a link would replace the link.
    with atomic_output(file) as partial:
        partial.write_bytes(render_params(params, additions).encode())
        partial.chmod(file.stat().st_mode)
