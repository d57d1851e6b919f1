"""The one exception whose message is meant for the person at the keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake that its maker can mend: reported as one line, without a traceback, exit code 2.

    The message says which file and key is meant, what was found there and what is allowed. What it quotes, a name in a
    table or what a library says, may break lines; it does not.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(filter(None, map(str.strip, message.splitlines()))))


WORKSPACE = "call it in a clone of Counterweight (git clone, then make setup)"
"""What to do where a file of the project's own is not there."""


def shorten(error: Exception) -> str:
    """Return the beginning of a message in one line: torch lists every key over many."""
    return " ".join(str(error).split())[:200]


@contextmanager
def errors_of(where: str) -> Iterator[None]:
    """Let what users did wrong in a block begin with where that stands."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
