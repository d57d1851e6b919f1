"""What reads strangers' tables may take so much memory, may crash, and may be left before it is done."""

import contextlib
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterweight.core import confined
from counterweight.core.confined import read_confined


def batch(values: list[object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"x": values})


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that are forked."""
    found, usual = list[int](), os.fork

    def fork() -> int:
        found.append(usual())
        return found[-1]

    monkeypatch.setattr(os, "fork", fork)
    return found


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@settings(deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.text(), st.binary()), max_size=5), max_size=5))
def test_rows_arrive_as_they_were_read(rows: list[list[object]]) -> None:
    kinds = [pa.array([None if own is None else str(own) for own in each], pa.string()) for each in rows]
    sent = [pa.RecordBatch.from_arrays([own], ["x"]) for own in kinds]
    assert [*read_confined(lambda: iter(sent), 0)] == sent


def test_texts_that_rows_share_stay_shared() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0]), pa.array(["y" * 2**16]))
    [found] = read_confined(lambda: iter([pa.RecordBatch.from_arrays([column], ["x"])]), 0)
    assert found.column(0).equals(column)


def test_threads_that_reserve_addresses_take_no_memory() -> None:
    def read() -> Iterator[pa.RecordBatch]:
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(mmap.mmap(-1, 2**30, prot=mmap.PROT_READ))
            yield batch([1])

    assert [*read_confined(read, 0)] == [batch([1])]


def test_more_memory_than_allowed_is_not_taken(forks: list[int]) -> None:
    def read() -> Iterator[pa.RecordBatch]:
        yield batch([1])
        yield batch([pa.allocate_buffer(2**32).size])

    found = read_confined(read, 0)
    assert next(found).column(0).to_pylist() == [1]
    with pytest.raises(pa.ArrowInvalid, match=r"^reading it takes more than 1.0 GiB of memory$"):
        next(found)
    assert [is_there(own) for own in forks] == [False]


def test_a_file_may_be_as_large_as_its_reading_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "ROOM", 2**20)

    def read() -> Iterator[pa.RecordBatch]:
        yield batch([pa.allocate_buffer(2**28).size])

    assert [*read_confined(read, 2**29)] == [batch([2**28])]
    with pytest.raises(pa.ArrowInvalid, match=r"takes more than 0\.0 GiB"):
        [*read_confined(read, 2**20)]


GROWTH = """
import {first}
import mmap
import pyarrow as pa
from counterweight.core import confined

def measure():
    return int(confined.USE.read_text().split()[5]) * mmap.PAGESIZE

def read():
    before = measure()
    kept = pa.allocate_buffer(1000, memory_pool=pa.mimalloc_memory_pool())
    yield pa.RecordBatch.from_pydict({{"grown": [measure() - before]}})

[found] = confined.read_confined(read, 0)
print(found.column(0)[0].as_py())
"""


@pytest.mark.parametrize("first", ["counterweight", "pyarrow"])
def test_what_arrow_takes_in_advance_leaves_room(first: str) -> None:
    """In a process that has taken none before; the first small block of its own allocator is as good as any."""
    code = GROWTH.format(first=first)
    own = {name: value for name, value in os.environ.items() if name != "MIMALLOC_ARENA_RESERVE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own)
    assert int(done.stdout) < confined.ROOM / 8


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_is_an_error_and_says_nothing_else(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    def read() -> Iterator[pa.RecordBatch]:
        os.write(2, b"terminate called")
        os.kill(os.getpid(), number)
        yield batch([1])

    with pytest.raises(
        pa.ArrowInvalid, match=r"more than 1\.0 GiB of memory or 60 s of a processor, or it is damaged$"
    ):
        next(read_confined(read, 0))
    assert capfd.readouterr().err == ""


def test_more_time_than_allowed_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "SECONDS", 1)

    def read() -> Iterator[pa.RecordBatch]:
        yield batch([1])
        while True:
            pass

    assert confined.measure_time(5 * 2**20) == 6
    found = read_confined(read, 0)
    assert next(found) == batch([1])
    with pytest.raises(pa.ArrowInvalid, match=r"or 1 s of a processor, or it is damaged"):
        next(found)


def test_errors_keep_their_words_and_mistakes_their_traceback() -> None:
    def damaged() -> Iterator[pa.RecordBatch]:
        raise OSError("no magic bytes")

    def mistaken() -> Iterator[pa.RecordBatch]:
        raise AssertionError("ours")

    with pytest.raises(pa.ArrowInvalid, match=r"^no magic bytes$"):
        next(read_confined(damaged, 0))
    with pytest.raises(RuntimeError, match=r"(?s)in mistaken.*AssertionError: ours"):
        next(read_confined(mistaken, 0))


def test_who_takes_no_more_ends_it_at_once(forks: list[int]) -> None:
    def read() -> Iterator[pa.RecordBatch]:
        yield batch([1])
        time.sleep(600)

    found = read_confined(read, 0)
    begun = time.monotonic()
    next(found)
    found.close()
    assert time.monotonic() - begun < 60
    assert [is_there(own) for own in forks] == [False]


def test_nothing_is_limited_or_closed_for_the_process_that_asks(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    with (tmp_path / "x").open("w") as file:
        assert [*read_confined(lambda: iter([batch([1])]), 0)] == [batch([1])]
        file.write("y")
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits
    assert (tmp_path / "x").read_text() == "y"
