"""What is said of DVC's database where it fails while stages run."""

import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from counterweight.core.errors import UserError
from counterweight.engines import refusals

pytest.importorskip("dvc", reason="DVC is not installed: it is the extra `pipeline`")
SAID = "DVC's database of files' checksums: "


@pytest.fixture
def repo(tmp_path: Path) -> Any:  # noqa: ANN401  stands for DVC's
    return SimpleNamespace(site_cache_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_FULL, "no luck; make room on its disk, then call this again"),
        (sqlite3.SQLITE_BUSY, "no luck; another process has held it for a minute; wait until it ends"),
        (sqlite3.SQLITE_CORRUPT, f"no luck; {refusals.ANEW}"),
    ],
)
@pytest.mark.parametrize("is_hidden", [False, True])
def test_an_error_of_the_database_is_one_line(repo: Any, code: int, said: str, is_hidden: bool) -> None:  # noqa: ANN401
    """Also where diskcache takes whatever it is for a lock that is held too long."""
    error = sqlite3.OperationalError("no luck")
    error.sqlite_errorcode = code
    with pytest.raises(UserError) as caught, refusals.naming_state(repo):
        meet(error, is_hidden)
    assert str(caught.value) == f"{repo.site_cache_dir}: {SAID}{said}"


def meet(error: sqlite3.OperationalError, is_hidden: bool) -> None:
    """Raise an error as SQLite does, or as diskcache hides it."""
    from diskcache import Timeout

    try:
        raise error
    except sqlite3.OperationalError:
        if is_hidden:
            raise Timeout from None
        raise


def test_a_full_disk_is_refused_before_the_database_waits_for_it(repo: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    refusals.check_room(repo)
    usage = shutil.disk_usage(repo.site_cache_dir)._replace(free=refusals.ROOM - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"checksums: 2,097,151 bytes are free; make room on its disk"):
        refusals.check_room(repo)
