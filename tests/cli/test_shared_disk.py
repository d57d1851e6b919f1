"""`counterweight repro` with a cache, or a workspace, on a disk of a network: slow, and without locks that work."""

import errno
import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import SoftFileLock

from campaigns.failing import EACH_ITS_OWN, find_compiler, share
from campaigns.project import Project
from counterweight.core.errors import UserError
from counterweight.engines import cache_lock
from counterweight.engines.objects import overlook_unwritten
from counterweight.engines.record import commit
from tests.small_graph import MAKES, lock, make_project, repro, said, start, wait_until

pytestmark = [
    pytest.mark.skipif(not shutil.which("dvc") or not shutil.which("git"), reason="DVC or git is not installed"),
    pytest.mark.skipif(find_compiler() is None, reason="no C compiler"),
]
DELAY = 2000
"""Microseconds of a call, as of a server in another room."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("shared") / "project")


@pytest.fixture
def both(fresh: Project, tmp_path: Path) -> list[Project]:
    """Two workspaces with one cache."""
    found = [fresh.copied(tmp_path / name) for name in ("one", "two")]
    (tmp_path / "shared").mkdir()
    for each in found:
        each.dvc("cache", "dir", "--local", str(tmp_path / "shared"))
    return found


@pytest.mark.parametrize("error", [0, errno.ENOLCK, errno.ENOSYS], ids=["locks", "ENOLCK", "ENOSYS"])
def test_two_workspaces_share_a_cache_at_the_same_time(both: list[Project], error: int, tmp_path: Path) -> None:
    own = share(tmp_path / "shared", tmp_path, error, DELAY)
    began = [start(each, "-j", "2", **own) for each in both]
    said_by = [process.communicate(timeout=120)[1] for process in began]
    assert [process.returncode for process in began] == [0, 0], said_by
    assert all("Traceback" not in text and "Warning" not in text for text in said_by)
    assert lock(both[0]) == lock(both[1])
    assert not (tmp_path / "shared/counterweight.held").exists()
    for each in both:
        assert json.loads(each.dvc("status", "--json")) == {}


def test_who_is_killed_holds_up_nobody(both: list[Project], tmp_path: Path) -> None:
    """A marker outlives who set it."""
    own, marker = share(tmp_path / "shared", tmp_path, errno.ENOLCK, DELAY), tmp_path / "shared/counterweight.held"
    with start(both[0], **own) as process:
        wait_until(marker.exists)
        process.send_signal(signal.SIGSTOP)
        if not marker.exists():  # It was given up a moment ago; what it would look like is known.
            marker.write_text(f"{process.pid}\n{socket.gethostname()}\n")
        process.kill()
    assert marker.exists()
    assert set(MAKES) <= set(said_with(both[1], own)["ran"])


def said_with(project: Project, variables: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(repro(project, "--json", **variables)[0])
    return found


def test_what_fails_where_each_machine_has_its_own_locks_goes_on_with_the_same_command(
    both: list[Project], tmp_path: Path
) -> None:
    own = share(tmp_path / "shared", tmp_path, EACH_ITS_OWN, DELAY)
    began = [start(each, "-j", "2", **own) for each in both]
    said_by = [process.communicate(timeout=120)[1] for process in began]
    assert not [text for text in said_by if "Traceback" in text], "".join(text[-3000:] for text in said_by)
    for each in both:
        said(each)
    assert lock(both[0]) == lock(both[1])


def test_a_workspace_needs_locks_which_is_said(fresh: Project, tmp_path: Path) -> None:
    project = fresh.copied(tmp_path / "project")
    own = share(project.root, tmp_path, errno.ENOLCK, 0)
    err = repro(project, code=2, **own)[1]
    assert err.count("\n") == 1
    assert f"no locks: {os.strerror(errno.ENOLCK)}" in err


def test_a_run_whose_record_is_being_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC itself fails at an empty folder, and removes what it takes for damaged."""
    monkeypatch.setattr("dvc.stage.cache._get_stage_hash", lambda stage: stage)
    runs: Any = SimpleNamespace(_get_cache_dir=tmp_path.joinpath, _load_cache=lambda key, name: (key, name))
    overlook_unwritten(runs)
    assert runs._load(None) is None
    assert runs._load("never") is None
    (tmp_path / "begun").mkdir()
    assert runs._load("begun") is None
    for number, name in enumerate(("old", "whole", ".partial.tmp")):
        (tmp_path / "begun" / name).touch()
        os.utime(tmp_path / "begun" / name, (number, number))
    assert runs._load("begun") == ("begun", "whole")


def test_an_output_that_another_machine_takes_from_the_cache_is_put_there_again() -> None:
    from dvc.exceptions import ConfirmRemoveError

    answers = iter([ConfirmRemoveError("made"), None, ConfirmRemoveError("made")])

    def answer() -> None:
        if error := next(answers, ConfirmRemoveError("made")):
            raise error

    stage: Any = SimpleNamespace(commit=answer)
    commit(stage)
    with pytest.raises(ConfirmRemoveError):
        commit(stage)


def test_for_what_a_command_waits_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cache_lock, "PATIENCE", 0.1)
    there = Event()

    def hold() -> None:
        with SoftFileLock(tmp_path / "cache.held"):
            there.set()
            time.sleep(0.5)

    other = Thread(target=hold)
    other.start()
    there.wait()
    lock = cache_lock.CacheLock(tmp_path / "cache.lock")
    lock.lock = lock.marker
    with lock.held(), lock.held():
        other.join()
    expected = (
        f"waiting for {tmp_path / 'cache.held'}, which another process holds; delete it if no `counterweight repro`"
    )
    assert capsys.readouterr().err == f"{expected} is running on any machine\n"


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache.lock").mkdir()
    with pytest.raises(UserError, match=r"cache.lock: "), cache_lock.CacheLock(tmp_path / "cache.lock").held():
        pytest.fail("it was held")
