"""Decoding by several processes: order, bad images, decoders that crash or hang, and a memory that stays small."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Thread, get_ident
from typing import Any

import numpy as np
import pytest
from PIL import Image

from counterweight.data.decode import pool
from counterweight.data.decode.facts import Facts, inspect
from counterweight.data.decode.images import BadFile, Target, decode
from counterweight.data.decode.opening import Embedded, Encoded
from counterweight.data.decode.pool import (
    Job,
    Workers,
    decode_images,
    inspect_images,
    starting_servers,
    work_on,
    work_singly,
)

TARGET = Target((2, 3), 1, "stretch")


def encoded(grey: int) -> Embedded:
    buffer = BytesIO()
    Image.new("L", (5, 4), grey).save(buffer, "PNG")
    return Embedded(f"image {grey}", buffer.getvalue())


def test_images_come_in_order_whatever_worker_decodes_them() -> None:
    greys = [*range(200), *range(100)]
    chunks = list(decode_images(map(encoded, greys), len(greys), TARGET, None, Workers()))
    images = np.concatenate([chunk.images for chunk in chunks])
    assert images.shape == (300, 1, 2, 3)
    assert images[:, 0, 0, 0].tolist() == greys
    assert all(chunk.good.all() for chunk in chunks)
    assert max(len(chunk.bad) for chunk in chunks) == pool.CHUNK


def test_bad_images_are_told_apart() -> None:
    (chunk,) = decode_images([encoded(1), Embedded("broken", b"?"), encoded(3)], 3, TARGET, None, Workers())
    assert chunk.good.tolist() == [True, False, True]
    assert chunk.bad[1] is not None
    assert chunk.bad[1].name == "broken"
    assert chunk.images[chunk.good][:, 0, 0, 0].tolist() == [1, 3]


def test_no_images_are_no_chunks() -> None:
    assert list(decode_images([], 0, TARGET, None, Workers())) == []


def test_images_are_taken_as_they_are_wanted() -> None:
    taken = 0

    def endless() -> Iterator[Encoded]:
        nonlocal taken
        while True:
            taken += 1
            yield encoded(taken % 256)

    stream = decode_images(endless(), 10**9, TARGET, None, Workers())
    next(stream)
    stream.close()
    assert taken <= (pool.count_cores() * pool.WAITING + 1) * pool.CHUNK


def test_large_images_come_in_small_chunks() -> None:
    chunks = list(decode_images(map(encoded, range(3)), 3, Target((2048, 2048), 3, "stretch"), None, Workers()))
    assert [len(chunk.bad) for chunk in chunks] == [1, 1, 1]


# Decoders that crash or hang: real processes, but chunks that end them in place of images.


DEADLY = """
import os, signal
from pathlib import Path
from counterweight.data.decode.opening import Embedded
class Deadly(Embedded):
    def __getattribute__(self, name):
        if name == "content":
            Path(self.name).touch()
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().__getattribute__(name)
"""


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    """An image whose reading ends its process, as a decoder with a fault in C does.

    Its class lies in a module that workers find: one that they cannot unpickle would end them before it is read.
    """
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("deadly").Deadly(str(tmp_path / "read"), b"")
    assert (tmp_path / "read").exists(), "what ended the worker was something else"
    del sys.modules["deadly"]


def test_an_image_that_crashes_its_decoder_is_a_bad_file_and_the_others_are_read(deadly: Embedded) -> None:
    images = [encoded(number % 256) for number in range(300)]
    images[70] = deadly
    chunks = list(decode_images(images, 300, TARGET, None, Workers()))
    bad = [fault for chunk in chunks for fault in chunk.bad]
    assert [number for number, fault in enumerate(bad) if fault] == [70]
    assert bad[70] == BadFile(deadly.name, "unreadable", "its decoder crashes, or takes over 60 s")
    greys = np.concatenate([chunk.images for chunk in chunks])[:, 0, 0, 0]
    assert np.delete(greys, 70).tolist() == [number % 256 for number in range(300) if number != 70]


def test_an_image_that_takes_too_long_ends_its_worker(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")  # nobody ever writes into it
    script = f"""
from pathlib import Path
from counterweight.data.decode import pool as workers
from counterweight.data.decode.facts import inspect
workers.PATIENCE_SECONDS = 1
workers.work_on([Path({str(tmp_path / "x.png")!r})], workers.Job(inspect, list))
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, check=False)
    assert ended.returncode == -signal.SIGALRM


def test_the_clock_stops_with_the_last_image() -> None:
    work_on([encoded(1)], Job(inspect, list))
    assert signal.alarm(0) == 0


def test_one_at_a_time_gives_the_same(deadly: Embedded) -> None:
    chunk = [encoded(1), deadly, encoded(3)]
    first, bad, last = work_singly(chunk, Job(partial(decode, target=TARGET), list))
    assert bad == BadFile(deadly.name, "unreadable", "its decoder crashes, or takes over 60 s")
    assert [image[0, 0, 0] for image in (first, last) if not isinstance(image, BadFile)] == [1, 3]


def test_an_interrupted_stream_leaves_no_worker(tmp_path: Path) -> None:
    stream = decode_images(map(encoded, [1] * 1000), 1000, TARGET, None, Workers())
    next(stream)
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_images_are_inspected_by_the_same_workers() -> None:
    images = [*map(encoded, range(70)), Embedded("broken", b""), encoded(1)]
    results = [result for chunk in inspect_images(images, 72, None) for result in chunk]
    assert results[70] == BadFile("broken", "empty", "0 bytes")
    facts = [result for result in results if isinstance(result, Facts)]
    assert {fact._replace(digest=b"") for fact in facts} == {Facts(5, 4, "L", "PNG", True)}
    assert len({fact.digest for fact in facts}) == 70, "of 71, the last of which is the second"
    assert len(results) == 72


def test_nothing_stays_of_a_killed_process(tmp_path: Path) -> None:
    """Workers hang on their server, and that on whom it works for, even where a signal leaves no time to say so."""
    script = tmp_path / "endless.py"
    script.write_text(
        "from itertools import repeat\n"
        "from counterweight.data.decode.images import Target\n"
        "from counterweight.data.decode.opening import Embedded\n"
        "from counterweight.data.decode.pool import Workers, decode_images\n"
        "if __name__ == '__main__':\n"
        "    target = Target((2, 2), 1, 'stretch')\n"
        "    stream = decode_images(repeat(Embedded('x', b'?')), 10**9, target, None, Workers())\n"
        "    for number, _ in enumerate(stream):\n"
        "        if number == 20:\n"
        "            print('working', flush=True)\n"
    )
    root = Path(pool.__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        family = descendants(process.pid)
        assert len(family) >= 3  # the server, the tracker of its resources, a worker
        process.kill()
    for _ in range(100):
        if not any(alive(pid) for pid in family):
            break
        time.sleep(0.1)
    assert [pid for pid in family if alive(pid)] == []


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and that these did."""
    found = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return found + [deeper for child in found for deeper in descendants(child)]


def alive(pid: int) -> bool:
    """Say whether there is a process of that number that is not just waiting to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("server", "stage", "code"),
    [
        ("os.getppid()", "None", 0),
        ("os.getppid()", "types.SimpleNamespace(is_alive=lambda: True)", 0),
        ("os.getppid()", "types.SimpleNamespace(is_alive=lambda: False)", 137),
        ("os.getppid() + 1", "types.SimpleNamespace(is_alive=lambda: True)", 137),
    ],
)
def test_a_worker_ends_whose_server_or_stage_died_while_it_started(server: str, stage: str, code: int) -> None:
    """Of a killed stage the thread that started the server may be the first to go; or all, while the server imports."""
    script = (
        "import os, sys, types\n"
        f"sys.modules['counterweight.data.decode.lifeline'] = types.SimpleNamespace(SERVER={server})\n"
        "from counterweight.data.decode import pool\n"
        f"pool.parent_process = lambda: {stage}\n"
        "pool.die_with_stage()\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == code


def test_the_environment_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PYTHONPATH", "mine")
    with starting_servers():
        assert os.environ["PYTHONSAFEPATH"] == "1"
        assert os.environ["PYTHONPATH"].split(os.pathsep) == [path for path in sys.path if path]
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert "PYTHONSAFEPATH" not in os.environ
    assert os.environ["PYTHONPATH"] == "mine"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_signal_in_the_middle_of_a_start_is_seen_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes to another thread as the pool hands over the first chunk; masks of the first do not hold it then."""
    seen: list[bool] = []
    handed = ProcessPoolExecutor.submit

    def submit(pool: ProcessPoolExecutor, *call: Any) -> Future[Any]:  # noqa: ANN401  whatever is handed over
        sender = Thread(target=lambda: signal.pthread_kill(get_ident(), signal.SIGTERM))
        sender.start()
        sender.join()
        seen.append(False)
        return handed(pool, *call)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(True))
    own = signal.getsignal(signal.SIGTERM)
    try:
        with Workers(1) as workers:
            decoded = workers.submit([encoded(1)], Job(partial(decode, target=TARGET), list)).result()
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [False, True]
    assert len(decoded) == 1


def test_threads_that_start_servers_at_once_leave_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    inside = Barrier(2, timeout=0.2)

    def start() -> None:
        with starting_servers(), suppress(BrokenBarrierError):
            inside.wait()  # for the other one, which must not be there as well

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(start) for _ in range(2)]:
            future.result()
    assert inside.broken
    assert not {"PYTHONPATH", "PYTHONSAFEPATH"} & {*os.environ}


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.3])
def test_a_server_that_imports_does_not_see_an_interrupt(delay: float) -> None:
    """Ctrl-C reaches all processes of a group, at any moment of the half second that it takes."""
    code = f"""
import os, signal, sys, time
from multiprocessing import forkserver
from counterweight.data.decode.pool import warm_up
signal.signal(signal.SIGINT, lambda number, frame: None)
warm_up()
time.sleep({delay})
os.killpg(0, signal.SIGINT)
time.sleep(0.2)
sys.exit(os.waitpid(forkserver._forkserver._forkserver_pid, os.WNOHANG) != (0, 0))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
