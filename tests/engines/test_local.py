"""Processes that an engine starts, waits for and ends."""

import os
import sys
import time
from pathlib import Path

import pytest

from counterweight.engines import local
from counterweight.engines.jobs import Ended, Job
from counterweight.engines.local import LocalEngine


def job(folder: Path, name: str, command: str, **environment: str) -> Job:
    return Job(name, ["/bin/sh", "-c", command], folder, {**os.environ, **environment}, folder / f"logs/{name}.log")


def wait_for_all(engine: LocalEngine) -> list[Ended]:
    found: list[Ended] = []
    while engine.running:
        found += engine.wait(5.0)
    return found


def test_codes_logs_folders_and_environments_are_the_jobs_own(tmp_path: Path) -> None:
    engine = LocalEngine([])
    engine.start(job(tmp_path, "good", "echo $WORD >&2; pwd", WORD="said"))
    engine.start(job(tmp_path, "bad", "exit 3"))
    engine.start(job(tmp_path, "killed", "kill -9 $$"))
    assert sorted(wait_for_all(engine)) == [Ended("bad", 3), Ended("good", 0), Ended("killed", -9)]
    assert (tmp_path / "logs/good.log").read_text() == f"said\n{tmp_path}\n"


def test_jobs_run_side_by_side(tmp_path: Path) -> None:
    """Each waits for what the other one writes."""
    engine = LocalEngine([])
    for own, other in (("a", "b"), ("b", "a")):
        engine.start(job(tmp_path, own, f"touch {own}; while [ ! -e {other} ]; do sleep 0.01; done"))
    assert sorted(wait_for_all(engine)) == [Ended("a", 0), Ended("b", 0)]


def test_nothing_ends_while_nothing_does(tmp_path: Path) -> None:
    engine = LocalEngine([])
    engine.start(job(tmp_path, "slow", "sleep 60"))
    assert engine.wait(0.05) == []
    engine.stop()
    assert engine.running == {}


def test_a_stop_ends_jobs_and_what_they_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PATIENCE", 0.5)
    engine = LocalEngine([])
    script = f"'{sys.executable}' -c 'import time; print(1, flush=True); time.sleep(60)' & echo $! > child; wait"
    engine.start(job(tmp_path, "stubborn", f"trap '' INT; {script}"))
    while not (tmp_path / "logs/stubborn.log").read_text():
        time.sleep(0.01)
    child = int((tmp_path / "child").read_text())
    engine.stop()
    for _ in range(500):  # The kernel takes a moment to reap an orphan.
        if not is_running(child):
            return
        time.sleep(0.01)
    pytest.fail("the job's child is running still")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
