"""What DVC refuses, or cannot do here, in one line."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from counterweight.core.errors import UserError
from counterweight.core.params_file import read_params_file
from counterweight.core.process import USUAL

if TYPE_CHECKING:
    from dvc.repo import Repo

STATE = "DVC's database of files' checksums"
FULL = "make room on its disk, then call this again"
HELD = "another process has held it for a minute; wait until it ends"
ROOM = 2 * 2**20
"""Bytes that must be free for it: each of its files begins with 32 KiB and grows by a few for each stage."""
WAYS_OUT = {
    sqlite3.SQLITE_BUSY: HELD,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: "is its disk full, or the size of files limited (ulimit -f)? Then call this again",
    sqlite3.SQLITE_CANTOPEN: "this user needs the right to write there",
    sqlite3.SQLITE_READONLY: "this user needs the right to write there",
}
ANEW = "remove this folder, which DVC makes anew, then call this again; what was made is kept"


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Tell what DVC refuses in one line."""
    from dvc.exceptions import DvcException

    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: no such file or folder") from error
    except RecursionError as error:  # DVC calls itself more often for each level of a file than we do.
        if Path(USUAL).is_file():
            read_params_file(Path(USUAL))  # names the line that nobody follows
        raise UserError(f"{USUAL} or dvc.yaml: nested more deeply than DVC can follow") from error
    except DvcException as error:
        causes = [str(error), *([str(error.__cause__)] if error.__cause__ else [])]
        raise UserError("DVC: " + ": ".join(" ".join(cause.split()) for cause in causes)) from error


@contextmanager
def naming_state(repo: "Repo") -> Iterator[None]:
    """Tell of DVC's database of checksums, which is SQLite's, where it lies and what to do if it cannot be used.

    Raises:
        UserError: its disk is full, it is damaged, or another process does not let go of it.
    """
    from dvc_data.hashfile.cache import DiskError, Timeout  # type: ignore[attr-defined]  # diskcache's

    try:
        yield
    except (Timeout, sqlite3.DatabaseError, DiskError) as error:
        why = error.__context__ if isinstance(error, Timeout) else error  # It stands for whatever kept it from writing.
        code = getattr(why, "sqlite_errorcode", 0) & 0xFF  # without what it says of the kind of it
        raise UserError(f"{repo.site_cache_dir}: {STATE}: {why}; {WAYS_OUT.get(code, ANEW)}") from error


def check_room(repo: "Repo") -> None:
    """Refuse a disk that is full before DVC writes what it knows of files there: it would try that forever.

    Raises:
        UserError: as it says.
    """
    free = shutil.disk_usage(repo.site_cache_dir).free
    if free < ROOM:
        raise UserError(f"{repo.site_cache_dir}: {STATE}: {free:,} bytes are free; {FULL}")


def check_cache_path(path: str | Path) -> None:
    """Refuse a cache that DVC could put nothing into: it takes braces in the path for a format's.

    Raises:
        UserError: there are some.
    """
    if set("{}") & set(str(path)):
        way_out = "move the project, or name another folder: dvc cache dir --local FOLDER"
        raise UserError(f"{path}: the path of DVC's cache must hold no braces; {way_out}")
