"""Stages forked of a process that has imported libraries: they cannot tell that they were not started by themselves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from counterweight.engines import warm as warm_start
from counterweight.engines.jobs import Job
from counterweight.engines.local import MANY, LocalEngine
from counterweight.engines.warm import LIBRARIES, Warm, can_be_warm, find_arguments

pytestmark = pytest.mark.skipif(not can_be_warm(), reason="not on Linux, or threads are set")

WHERE = """\
import counterweight, json, os, stages, sys
facts = {"arguments": sys.argv[1:], "folder": os.getcwd(), "word": os.environ.get("WORD"), "main": __name__,
    "own": counterweight.__file__, "stages": stages.__file__, "first": sys.path[0],
    "leads": os.getpgid(0) == os.getpid(), "input": sys.stdin.read(), "library": "colorsys" in sys.modules}
print(json.dumps(facts, indent=1))
"""
SLOW = "import time; print(1, flush=True); time.sleep(60)"
DEADLINE = 60.0
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Import next to nothing once; what it is, no stage can tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm_start, "LIBRARIES", ("colorsys", "no_such_library"))
        yield


def write_project(folder: Path, program: str) -> Path:
    """Write a project of its own whose stages run a program."""
    for package in ("counterweight", "stages"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
    (folder / "stages/__main__.py").write_text(program)
    return folder


def job(folder: Path, name: str, command: str, devices: int = 1, **environment: str) -> Job:
    """Return a job; this Python comes first on its PATH, as where an environment is active."""
    own = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environment}
    return Job(name, ["/bin/sh", "-c", command], folder, own, folder / f"logs/{name}.log", devices=devices)


def wait_until_ready(engine: LocalEngine) -> Warm:
    """Start jobs until libraries are imported once, and wait for that."""
    folder = Path("/")
    deadline = time.monotonic() + DEADLINE
    while engine.warm is None:
        engine.start(job(folder, "nothing", ":")._replace(log=Path(os.devnull)))
        while engine.running:
            engine.wait(1.0)
    while not engine.warm.ready:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return engine.warm


def wait_for(engine: LocalEngine, name: str) -> int:
    """Wait for a job, and return its exit code."""
    while True:
        for ended in engine.wait(1.0):
            if ended.stage == name:
                return ended.code


@pytest.fixture(scope="module")
def warm() -> Iterator[LocalEngine]:
    """An engine that forks stages."""
    engine = LocalEngine([])
    wait_until_ready(engine)
    yield engine
    engine.stop()


def test_a_forked_stage_sees_what_one_sees_that_is_started(warm: LocalEngine, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "a b", WHERE)
    command = "exec python -m stages some --out x/y@z=1"
    cold, forked = job(folder, "cold", command, WORD="said"), job(folder, "forked", command, WORD="said")
    engine = LocalEngine([])
    engine.start(cold)
    warm.start(forked)
    assert (wait_for(engine, "cold"), wait_for(warm, "forked")) == (0, 0)
    engine.stop()
    before, now = cold.log.read_text(), forked.log.read_text()
    assert '"library": false' in before
    assert now == before.replace('"library": false', '"library": true')
    assert f'"own": "{folder}/counterweight/__init__.py"' in now


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("print(1)", 0, "1\n"),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('a word')", 1, "a word\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import os, signal; signal.raise_signal(signal.SIGTERM)", -15, ""),
    ],
)
def test_codes_and_words_are_the_stages_own(
    program: str, code: int, said: str, warm: LocalEngine, tmp_path: Path
) -> None:
    own = job(write_project(tmp_path, program), "own", "exec python -m stages own")
    warm.start(own)
    assert (wait_for(warm, "own"), own.log.read_text()) == (code, said)


LEAVING = """\
class Library:
    def __del__(self):
        print("freed")
library = Library()
library.itself = library
"""


def test_what_was_imported_once_is_freed_at_the_end_of_a_stage_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries in C complain at length, after the reason, of what is left."""
    (tmp_path / "leaving.py").write_text(LEAVING)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    monkeypatch.setattr(warm_start, "LIBRARIES", ("leaving",))
    engine = LocalEngine([])
    wait_until_ready(engine)
    folder = write_project(tmp_path / "project", "import sys; print('leaving' in sys.modules); sys.exit(2)")
    own = job(folder, "own", "exec python -m stages own")
    engine.start(own)
    assert (wait_for(engine, "own"), own.log.read_text()) == (2, "True\nfreed\n")
    engine.stop()


def test_forked_stages_run_side_by_side_and_code_is_that_of_their_start(warm: LocalEngine, tmp_path: Path) -> None:
    """The second stage runs what was written after the first had begun, and each waits for the other."""
    folder = write_project(tmp_path, "import pathlib, time\npathlib.Path('a').touch()\nother = 'b'\n")
    program = folder / "stages/__main__.py"
    rest = "while not pathlib.Path(other).exists(): time.sleep(0.01)\nprint(other)\n"
    program.write_text(program.read_text() + rest)
    first, second = job(folder, "first", "exec python -m stages x"), job(folder, "second", "exec python -m stages x")
    warm.start(first)
    while not (folder / "a").exists():
        time.sleep(0.01)
    changed = program.read_text().replace("'b'", "'a'").replace("Path('a').touch", "Path('b').touch")
    program.write_text(f"{changed}# longer: Python takes code of the same length and second for what it has compiled\n")
    warm.start(second)
    assert (wait_for(warm, "second"), second.log.read_text()) == (0, "a\n")
    while warm.running:
        warm.wait(1.0)
    assert first.log.read_text() == "b\n"


def test_a_stop_ends_stages_and_what_they_are_forked_of(tmp_path: Path) -> None:
    engine = LocalEngine([])
    server = wait_until_ready(engine).process
    slow = job(write_project(tmp_path, SLOW), "slow", "exec python -m stages slow")
    engine.start(slow)
    pid = engine.running["slow"].pid
    assert pid is not None
    while not slow.log.read_text():
        time.sleep(0.01)
    engine.stop()
    assert engine.running == {}
    assert "KeyboardInterrupt" in slow.log.read_text()
    assert server.returncode == -signal.SIGKILL
    assert not is_running(pid)


def test_where_that_process_dies_its_stages_are_lost_and_others_start_by_themselves(tmp_path: Path) -> None:
    engine = LocalEngine([])
    server = wait_until_ready(engine)
    folder = write_project(tmp_path, SLOW)
    slow = job(folder, "slow", "exec python -m stages slow")
    engine.start(slow)
    while not slow.log.read_text():
        time.sleep(0.01)
    server.process.kill()
    assert wait_for(engine, "slow") == -9
    (folder / "stages/__main__.py").write_text("import sys; print('colorsys' in sys.modules)")
    after = job(folder, "after", "exec python -m stages after")
    engine.start(after)
    assert (wait_for(engine, "after"), after.log.read_text()) == (0, "False\n")
    engine.stop()


def test_nothing_outlives_a_driver_that_is_killed(tmp_path: Path) -> None:
    folder = write_project(tmp_path, SLOW)
    own = job(folder, "slow", "exec python -m stages slow")
    script = f"""if True:
        import time
        from pathlib import Path
        from counterweight.engines import warm
        from counterweight.engines.jobs import Job
        warm.LIBRARIES = ()
        server = warm.Warm(Path({str(ROOT)!r}), print)
        while not server.ready:
            time.sleep(0.01)
        path = Path({str(own.log)!r})
        own = Job("slow", {[*own.command]!r}, Path({str(folder)!r}), {dict(own.environment)!r}, path)
        print(server.process.pid, server.start(own), flush=True)
        time.sleep(60)
    """
    own.log.parent.mkdir()
    own.log.touch()
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as driver:
        assert driver.stdout is not None
        pids = [*map(int, driver.stdout.readline().split())]
        while not own.log.read_text():
            time.sleep(0.01)
        driver.kill()
    deadline = time.monotonic() + DEADLINE
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(pids) == 2


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("exec python -m stages check --out data/checked", ["check", "--out", "data/checked"]),
        ("exec python -m stages check --out 'a b'", None),
        ("exec python -m stages check > log", None),
        ("exec python -m stages check; exec python -m stages report", None),
        ("exec python -m stages $NAME", None),
        ("python -m stages check", None),
        ("exec python -m other check", None),
    ],
)
def test_only_plain_commands_of_stages_are_forked(command: str, expected: list[str] | None, tmp_path: Path) -> None:
    assert find_arguments(job(tmp_path, "name", command)) == expected
    assert find_arguments(job(tmp_path, "name", command, devices=2)) is None
    assert find_arguments(job(tmp_path, "name", command, PATH="/nowhere")) is None


def test_few_jobs_import_nothing_for_others(tmp_path: Path) -> None:
    engine = LocalEngine([])
    for number in range(MANY - 1):
        engine.start(job(tmp_path, str(number), ":"))
    assert engine.warm is None
    engine.stop()


def test_what_is_imported_once_is_installed_here() -> None:
    assert [name for name in LIBRARIES if find_spec(name) is None] == []


ASKING = """\
import sys, torch
asked = []
for module, name in [(torch._C, "_cuda_getDeviceCount"), (torch._C, "_cuda_init"), (torch.cuda, "is_available")]:
    if hasattr(module, name):
        setattr(module, name, lambda name=name: asked.append(name) or 0)
for library in sys.argv[1:]:
    __import__(library)
assert asked == [], asked
torch.cuda.is_available()
assert asked == ["is_available"]
"""


def test_no_import_asks_for_a_gpu_which_forks_could_not_use_then() -> None:
    """CUDA works in a process that is forked of one that has not begun with it."""
    subprocess.run([sys.executable, "-c", ASKING, *LIBRARIES], check=True)
