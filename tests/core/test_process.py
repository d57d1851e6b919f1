"""What every stage relies on: one-line errors, outputs whole or not at all, one writer at a time, no orphans."""

import errno
import fcntl
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from counterweight.core import outputs, process
from counterweight.core.errors import UserError
from counterweight.core.outputs import atomic_output
from counterweight.core.process import name_settings

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from counterweight.core.outputs import atomic_output
with atomic_output(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import time
from counterweight.core.process import die_with_parent
die_with_parent()
print("ready", flush=True)
time.sleep(60)
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def run_stage(body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `body` as the main function of a stage in a process of its own."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    code = (
        "import errno, os\nfrom pathlib import Path\nfrom counterweight.core import outputs, process\n"
        "from counterweight.core.errors import UserError\nfrom counterweight.core.outputs import atomic_output\n"
        f"def main(argv):\n{lines}"
        "process.run(main)\n"
    )
    return python(code, *arguments)


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def running(pid: int) -> bool:
    """Say whether a process is there and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out" / "table.parquet"


@pytest.fixture
def holder(target: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process in the middle of writing the target."""
    words = [sys.executable, "-c", HOLD, str(target)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        yield other
        other.kill()


# Errors.


def test_a_users_mistake_is_one_line_and_exit_code_two() -> None:
    done = run_stage("raise UserError('params.yaml: seed:\\n  -1 is\\tnot allowed')")
    assert_one_line(done)
    assert done.stderr == "error: params.yaml: seed: -1 is not allowed\n"


@pytest.mark.parametrize("given", [["--params", "other.yaml"], ["--dataset", "pets", "--params=/my/other.yaml", "x"]])
def test_the_settings_file_is_called_as_it_was_given(given: list[str]) -> None:
    name = given[-2].removeprefix("--params=") if "pets" in given else given[-1]
    text = "params.yaml: seed: -1; set params.yaml: device: auto, and not in /my/params.yaml: or params.yaml itself"
    expected = text.replace("params.yaml: seed", f"{name}: seed").replace("set params.yaml", f"set {name}")
    assert name_settings(text, given) == expected
    assert name_settings(text, ["--seed", "1"]) == text
    done = run_stage("raise UserError('params.yaml: datasets.pets: no')", *given)
    assert done.stderr == f"error: {name}: datasets.pets: no\n"


def test_a_success_exits_with_zero_and_says_nothing() -> None:
    done = run_stage("assert argv == ['--seed', '1']", "--seed", "1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    done = run_stage("raise ZeroDivisionError('ours')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_interrupted_stage_says_so_by_its_exit_code() -> None:
    done = run_stage("raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(
    "after", ["raise AttributeError('half of a module')", "raise UserError('not a table')", "raise KeyboardInterrupt"]
)
def test_an_interrupt_that_a_library_swallows_is_one_all_the_same(after: str) -> None:
    """As pandas and pyarrow do, in C, while one imports the other."""
    swallow = "try:\n    signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt:\n    pass"
    done = run_stage(f"import signal\n{swallow}\n{after}")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_while_a_lock_of_the_import_is_taken_leaves_it_to_others() -> None:
    """It comes where Python has the lock and is not yet bound to give it back, and a library swallows it."""
    lines = """
import functools, importlib._bootstrap as bootstrap, signal, time
class Interrupted:
    def __getattr__(self, name):
        if name != "acquire_lock":
            return getattr(real, name)
        bootstrap._imp = real
        real.acquire_lock()
        return functools.partial(signal.raise_signal, signal.SIGINT)
real, bootstrap._imp = bootstrap._imp, Interrupted()
try:
    import colorsys
except KeyboardInterrupt:
    pass
print("locked" if real.lock_held() else "free", flush=True)
while time.process_time() < 10:
    pass
"""
    done = run_stage(lines)
    assert (done.returncode, done.stdout, done.stderr) == (130, "free\n", "")


def test_an_interrupt_while_an_object_is_freed_comes_again() -> None:
    """Python can only print an exception there."""
    lines = """
import signal, time
class Freed:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
Freed()
while time.process_time() < 10:
    pass
"""
    done = run_stage(lines)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    done = run_stage("class Freed:\n    def __del__(self):\n        raise ValueError('ours')\nFreed()")
    assert "ValueError: ours" in done.stderr


def test_an_interrupt_in_an_import_waits_for_its_end(tmp_path: Path) -> None:
    """Half a module would be left otherwise, and by some libraries the lock of all imports."""
    (tmp_path / "whole.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\ndone = True\n")
    lines = f"""
import sys, time
sys.path.insert(0, {str(tmp_path)!r})
import whole
print(whole.done, flush=True)
while time.process_time() < 10:
    pass
"""
    done = run_stage(lines)
    assert (done.returncode, done.stdout, done.stderr) == (130, "True\n", "")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_on_the_way_is_one_line(code: int) -> None:
    assert_one_line(run_stage(f"raise OSError({code}, os.strerror({code}), 'out.parquet')"), "out.parquet", "no space")
    assert_one_line(run_stage(f"raise OSError({code}, os.strerror({code}))"), "no space")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EIO, errno.EMFILE])
def test_a_place_that_cannot_be_written_is_one_line(code: int) -> None:
    done = run_stage(f"raise OSError({code}, os.strerror({code}), 'out.parquet')")
    assert_one_line(done, "out.parquet", os.strerror(code))


def test_other_system_errors_keep_their_traceback() -> None:
    for words in ("errno.EINVAL, 'invalid argument', 'out.parquet'", "errno.ENOENT, 'no such file', 'in'", "'odd'"):
        done = run_stage(f"raise OSError({words})")
        assert done.returncode == 1
        assert "Traceback" in done.stderr


@pytest.mark.parametrize("words", ["MemoryError()", 'RuntimeError("DefaultCPUAllocator: can\'t allocate memory")'])
def test_a_lack_of_memory_is_one_line(words: str) -> None:
    assert_one_line(run_stage(f"raise {words}"), "not enough memory")


def test_a_library_that_names_no_file_is_given_the_output(target: Path) -> None:
    """As Arrow, whose errors are those of the system without the file's name."""
    with pytest.raises(OSError, match="No space left") as raised, atomic_output(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert raised.value.filename == str(target)


# Outputs.


def test_a_file_appears_when_the_block_ends(target: Path) -> None:
    with atomic_output(target) as partial:
        partial.write_text("all of it")
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert names(target.parent) == ["table.parquet"]


def test_a_folder_appears_when_the_block_ends(target: Path) -> None:
    with atomic_output(target) as partial:
        partial.mkdir()
        (partial / "weights").write_text("all of it")
        assert not target.exists()
    assert (target / "weights").read_text() == "all of it"
    assert names(target.parent) == ["table.parquet"]


@pytest.mark.parametrize("error", [UserError, ZeroDivisionError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("folder", [False, True])
def test_an_error_in_the_block_leaves_nothing(target: Path, folder: bool, error: type[BaseException]) -> None:
    def fail() -> None:
        with atomic_output(target) as partial:
            if folder:
                partial.mkdir()
                (partial / "half").touch()
            else:
                partial.touch()
            raise error

    with pytest.raises(error):
        fail()
    assert names(target.parent) == []


def test_an_error_in_the_block_leaves_the_earlier_output_alone(target: Path) -> None:
    target.parent.mkdir()
    target.write_text("earlier")

    def fail() -> None:
        with atomic_output(target) as partial:
            partial.write_text("half")
            raise UserError("too bad")

    with pytest.raises(UserError, match="too bad"):
        fail()
    assert target.read_text() == "earlier"
    assert names(target.parent) == ["table.parquet"]


def test_a_block_that_writes_nothing_is_a_mistake_of_ours_and_keeps_the_earlier_output(target: Path) -> None:
    target.parent.mkdir()
    target.write_text("earlier")
    with pytest.raises(FileNotFoundError), atomic_output(target):
        pass
    assert names(target.parent) == ["table.parquet"]


@pytest.mark.parametrize("old", ["file", "folder"])
@pytest.mark.parametrize("new", ["file", "folder"])
def test_an_earlier_output_is_replaced(target: Path, old: str, new: str) -> None:
    for kind in (old, new):
        with atomic_output(target) as partial:
            if kind == "folder":
                partial.mkdir()
                (partial / kind).touch()
            else:
                partial.write_text(kind)
    assert names(target.parent) == ["table.parquet"]
    assert (names(target) if new == "folder" else target.read_text()) == ([new] if new == "folder" else new)


def test_an_earlier_folder_is_never_half_deleted_under_its_name(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.mkdir(parents=True)
    (target / "earlier").touch()
    deleted = []
    monkeypatch.setattr(outputs.shutil, "rmtree", lambda path: deleted.append(Path(path)))
    with atomic_output(target) as partial:
        partial.mkdir()
    assert target not in deleted
    assert len(deleted) == 1


def test_a_link_is_replaced_and_what_it_points_to_stays(target: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    target.parent.mkdir()
    target.symlink_to(elsewhere)
    with atomic_output(target) as partial:
        partial.write_text("new")
    assert not target.is_symlink()
    assert names(elsewhere) == ["precious"]


@pytest.mark.parametrize("folder", [False, True])
def test_what_a_killed_process_left_is_removed(target: Path, folder: bool) -> None:
    leftover = target.parent / ".table.parquet.partial"
    if folder:
        leftover.mkdir(parents=True)
        (leftover / "half").touch()
    else:
        target.parent.mkdir()
        leftover.write_text("half")
    (target.parent / ".table.parquet.lock").touch()
    with atomic_output(target) as partial:
        assert not partial.exists()
        partial.mkdir()
    assert names(target.parent) == ["table.parquet"]
    assert names(target) == []


# One writer at a time.


@pytest.mark.usefixtures("holder")
def test_a_second_process_is_refused_in_one_line(target: Path) -> None:
    done = run_stage(f"with atomic_output(Path({str(target)!r})):\n    raise AssertionError('two writers')")
    assert_one_line(done, str(target), "another process is writing it")
    assert (target.parent / ".table.parquet.partial").read_text() == "half"


@pytest.mark.usefixtures("holder")
def test_a_refused_process_does_not_free_the_lock(target: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="another process"), atomic_output(target):
            raise AssertionError("two writers")


def test_the_kernel_frees_the_lock_of_a_killed_process(target: Path, holder: "subprocess.Popen[str]") -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert names(target.parent) == [".table.parquet.lock", ".table.parquet.partial"]
    with atomic_output(target) as partial:
        partial.write_text("whole")
    assert names(target.parent) == ["table.parquet"]
    assert target.read_text() == "whole"


def test_other_targets_of_the_folder_are_free(target: Path, holder: "subprocess.Popen[str]") -> None:
    with atomic_output(target.with_name("test.parquet")) as partial:
        partial.touch()
    assert holder.poll() is None
    assert target.with_name("test.parquet").exists()


def test_a_lock_file_that_its_owner_has_just_removed_guards_nothing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = target.parent / ".table.parquet.lock"
    flock = fcntl.flock

    def removed_before_locked(descriptor: int, operation: int) -> None:
        lock.unlink()
        lock.touch()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_before_locked)
    with pytest.raises(UserError, match="another process"), atomic_output(target):
        raise AssertionError("two writers")


# Places without room or rights.


def test_too_little_room_is_refused_before_any_work(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(target.parents[1])._replace(free=outputs.MINIMUM_FREE_BYTES - 1)
    monkeypatch.setattr(outputs.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"table\.parquet: 64 MiB free on its disk, at least 64 MiB needed"):
        atomic_output(target).__enter__()
    assert names(target.parent) == []


def test_a_folder_without_write_permission_is_refused(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs.os, "access", lambda *_: False)
    with pytest.raises(UserError, match="read-only"):
        atomic_output(target).__enter__()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_refused(target: Path) -> None:
    target.parent.mkdir(mode=0o555)
    with pytest.raises(UserError, match=r"table\.parquet: its folder .* is read-only"):
        atomic_output(target).__enter__()


def test_a_file_where_a_folder_is_needed_is_one_line(target: Path) -> None:
    target.parent.touch()
    assert_one_line(run_stage(f"atomic_output(Path({str(target)!r})).__enter__()"), str(target), "cannot be written")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_real_disk_that_is_small_is_refused_before_any_work(tiny_disk: Path) -> None:
    done = run_stage(f"with atomic_output(Path({str(tiny_disk / 'out')!r})):\n    raise AssertionError('no room')")
    assert_one_line(done, "1 MiB free", "64 MiB needed")
    assert names(tiny_disk) == []


BIG = {
    "a plain file": "partial.write_bytes(bytes(2**22))",
    "an image table": (
        "import numpy as np\n"
        "from counterweight.core.images import ImageSet, write_images\n"
        "noise = np.random.default_rng(0).integers(0, 256, (512, 3, 64, 64), dtype=np.uint8)\n"
        "labels = np.zeros(512, np.int64)\n"
        "write_images(ImageSet(noise, labels, ('a',), labels.astype(str), {}), partial)"
    ),
    "weights": (
        "import torch\n"
        "from counterweight.training.checkpoint import save_checkpoint\n"
        "save_checkpoint(partial, torch.nn.Linear(1000, 1000), {}, {}, {})"
    ),
}


@pytest.mark.parametrize("work", BIG.values(), ids=BIG)
def test_a_real_disk_that_fills_up_is_one_line_and_leaves_nothing(tiny_disk: Path, work: str) -> None:
    body = f"outputs.MINIMUM_FREE_BYTES = 0\nwith atomic_output(Path({str(tiny_disk / 'out')!r})) as partial:\n"
    done = run_stage(body + "".join(f"    {line}\n" for line in work.splitlines()))
    assert_one_line(done, "no space left")
    assert names(tiny_disk) == []


def test_a_real_file_system_that_is_read_only_is_one_line(tiny_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    for place in (tiny_disk / "out", tiny_disk / "folder" / "out"):
        assert_one_line(run_stage(f"atomic_output(Path({str(place)!r})).__enter__()"), str(place))


# Orphans.


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells a process of its parent's death")
def test_a_stage_dies_with_its_parent() -> None:
    words = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        alive = running(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        gone = wait_until(lambda: not running(child), 1)
        if not gone:
            os.kill(child, signal.SIGKILL)
    assert alive
    assert gone


def test_a_users_mistake_is_one_line_whatever_it_quotes() -> None:
    assert str(UserError("a.csv: no column 'x\r\ny\u2028z'\n")) == "a.csv: no column 'x y z'"
    assert str(UserError("a  b.csv: as it is")) == "a  b.csv: as it is"
    assert str(pickle.loads(pickle.dumps(UserError("a\nb")))) == "a b"


def test_a_stage_by_name_is_the_stage() -> None:
    by_name = subprocess.run([sys.executable, "-m", "stages", "report", "--help"], cwd=ROOT, capture_output=True)
    itself = subprocess.run([sys.executable, "-m", "stages.report", "--help"], cwd=ROOT, capture_output=True)
    assert by_name.returncode == 0
    assert b"--scenario" in by_name.stdout
    assert by_name.stdout == itself.stdout


@pytest.mark.parametrize("words", [(), ("reprot",), ("re port",), (".",)])
def test_a_stage_that_does_not_exist_is_named(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", "stages", *words], cwd=ROOT, capture_output=True, text=True)
    assert_one_line(done, *words)


def test_a_stage_whose_parent_died_before_it_could_ask_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = iter([4711, 1])
    monkeypatch.setattr(process.os, "getppid", lambda: next(parents))
    monkeypatch.setattr(process.ctypes, "CDLL", lambda *_, **__: type("C", (), {"prctl": lambda *_: 0})())
    with pytest.raises(SystemExit) as stopped:
        process.die_with_parent()
    assert stopped.value.code == 137


@pytest.mark.parametrize(
    "words",
    [
        ("stages", "train", "--help"),
        ("counterweight", "add", "pets", "images", "--dry-run"),
        ("counterweight", "audit", "images", "images"),
        ("counterweight", "describe", "digits"),
        ("counterweight", "doctor"),
    ],
)
@pytest.mark.parametrize("limit", [2**29, 2**31, 3_300_000_000])
def test_libraries_that_a_limit_of_memory_keeps_out_are_one_line(words: tuple[str, ...], limit: int) -> None:
    """Of addresses, in bytes; torch for CUDA takes more, and of the last so little more that it would abort."""

    def restrict() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=restrict
    )
    if done.returncode == 0:
        pytest.skip("this torch needs less")
    assert_one_line(done, "not enough memory to load libraries: ")


LEAVING = r"""
import atexit, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from counterweight.core.process import leave

class Left:
    def __del__(self):
        print("taken apart")

def work(word):
    time.sleep(0.2)
    print(word + "\n", end="")  # at once: threads take turns between a word and the end of its line

left = Left()
atexit.register(print, "last")
ThreadPoolExecutor(1).submit(work, "pool")
threading.Thread(target=work, args=["thread"]).start()
print("no line", end="; ")
leave(int(sys.argv[1]))
"""


@pytest.mark.parametrize("code", [0, 2, 130])
def test_a_stage_leaves_when_its_threads_have_ended_and_takes_nothing_apart(code: int) -> None:
    words = [sys.executable, "-c", LEAVING, str(code)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith("no line; ")
    assert sorted(done.stdout.removeprefix("no line; ").split()) == ["last", "pool", "thread"]
    assert done.stdout.endswith("last\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_what_cannot_be_printed_is_told_by_the_exit_code() -> None:
    program = "from counterweight.core.process import leave; import sys; sys.stdout.write('lost'); leave()"
    own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=full, env=own, check=False)
    assert done.returncode == process.UNPRINTED
