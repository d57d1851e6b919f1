"""Processes that an engine starts, waits for and ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
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


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    made = LocalEngine([])
    yield made
    made.stop()


def test_codes_logs_folders_and_environments_are_the_jobs_own(engine: LocalEngine, tmp_path: Path) -> None:
    engine.start(job(tmp_path, "good", "echo $WORD >&2; pwd", WORD="said"))
    engine.start(job(tmp_path, "bad", "exit 3"))
    engine.start(job(tmp_path, "killed", "kill -9 $$"))
    assert sorted(wait_for_all(engine)) == [Ended("bad", 3), Ended("good", 0), Ended("killed", -9)]
    assert (tmp_path / "logs/good.log").read_text() == f"said\n{tmp_path}\n"


def test_jobs_run_side_by_side(engine: LocalEngine, tmp_path: Path) -> None:
    """Each waits for what the other one writes."""
    for own, other in (("a", "b"), ("b", "a")):
        engine.start(job(tmp_path, own, f"touch {own}; while [ ! -e {other} ]; do sleep 0.01; done"))
    assert sorted(wait_for_all(engine)) == [Ended("a", 0), Ended("b", 0)]


def test_nothing_ends_while_nothing_does(engine: LocalEngine, tmp_path: Path) -> None:
    engine.start(job(tmp_path, "slow", "sleep 60"))
    assert engine.wait(0.05) == []
    engine.stop()
    assert engine.running == {}


def test_a_stop_ends_jobs_and_what_they_started(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE", 0.5)
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


DRIVER = """\
import os, sys, time
from pathlib import Path
from counterweight.engines.jobs import Job
from counterweight.engines.local import LocalEngine
folder, engine = Path(sys.argv[1]), LocalEngine([])
for name, command in (("over", "sleep 60 & echo $! > left"), ("on", "sh -c 'echo $$ > child; sleep 60'; echo no")):
    engine.start(Job(name, ["/bin/sh", "-c", command], folder, os.environ, folder / f"{name}.log"))
    if name == "over":
        while not engine.wait(1.0):
            pass
time.sleep(60)
"""


def test_a_killed_driver_leaves_no_command_running(tmp_path: Path) -> None:
    """Nor what a command started; but what one left behind that has ended is its own affair."""
    with subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)]) as driver:
        while not (tmp_path / "child").is_file() or not (tmp_path / "child").read_text().endswith("\n"):
            time.sleep(0.01)
        driver.kill()
    child, left = (int((tmp_path / name).read_text()) for name in ("child", "left"))
    for _ in range(3000):
        if not is_running(child):
            break
        time.sleep(0.01)
    try:
        assert not is_running(child)
        assert is_running(left)
    finally:
        os.kill(left, signal.SIGKILL)
