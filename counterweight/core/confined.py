"""Reading of strangers' tables in a fork of this process, which may take so much memory and time, and may crash.

A small file may say that it holds anything, in more ways than can be looked at before it is read: headers of pages, of
compressed buffers, texts that repeat parts of others.
"""

import contextlib
import faulthandler
import gc
import mmap
import os
import resource
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import pyarrow as pa

from counterweight.core.memory import GIB
from counterweight.core.process import die_with_parent

ROOM = 2**30
"""Bytes that reading may take beside what the file has."""
SECONDS, A_SECOND = 60, 2**20
"""Of a processor that reading may take, and bytes of the file for each of which it may take one more."""
BATCH, FAULT, WANT, BUG, END = b"R", b"F", b"W", b"B", b"E"
"""What a fork sends: rows, that a file is damaged, that memory is used up, a mistake of ours, and that all was sent."""
USE = Path("/proc/self/statm")

Read = Callable[[], Iterator[pa.RecordBatch]]


def read_confined(read: Read, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows that `read` yields, which is called in a fork; where no more are taken, it is ended.

    Args:
        read: opens its files itself, and uses no threads.
        size: bytes that reading may take beside ROOM: as many as the file has, or its copies. Time goes by them, too.

    Raises:
        pa.ArrowInvalid: what is read is damaged, takes more memory or time, or ends the process that reads it.
    """
    receiving, sending = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        child = os.fork()  # Python warns of threads: none of theirs is needed
    if child == 0:
        send(read, sending, size)
    os.close(sending)
    try:
        with os.fdopen(receiving, "rb") as pipe:
            yield from receive(pipe, size)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def receive(pipe: BinaryIO, size: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows that a fork sends; arguments and errors as of `read_confined`."""
    while (kind := pipe.read(1)) != END:
        length = int.from_bytes(pipe.read(8), "little")
        body = pipe.read(length)
        if kind == BUG:
            raise RuntimeError(body.decode())
        if kind == FAULT:
            raise pa.ArrowInvalid(body.decode())
        if kind != BATCH or len(body) < length:
            said = "" if kind == WANT else f" or {measure_time(size):,} s of a processor, or it is damaged"
            raise pa.ArrowInvalid(f"reading it takes more than {(size + ROOM) / GIB:.1f} GiB of memory{said}")
        with pa.ipc.open_stream(body) as stream:
            yield stream.read_next_batch()


def measure_time(size: int) -> int:
    """Return the seconds of a processor that reading so many bytes may take."""
    return SECONDS + size // A_SECOND


def send(read: Read, sending: int, size: int) -> NoReturn:
    """Send what `read` yields, or why it fails, in a process that may take no more than that needs, and end it."""
    try:
        confine(sending)
        limit(size)
        with os.fdopen(sending, "wb") as pipe:
            try:
                for batch in read():
                    sink = pa.BufferOutputStream()
                    with pa.ipc.new_stream(sink, batch.schema) as stream:
                        stream.write_batch(batch)
                    write(pipe, BATCH, sink.getvalue())
                pipe.write(END)
            except MemoryError:
                write(pipe, WANT, b"")
            except (pa.ArrowException, OSError, ValueError, LookupError) as error:
                write(pipe, FAULT, str(error).encode(errors="replace"))
            except Exception:
                write(pipe, BUG, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(0)


def write(pipe: BinaryIO, kind: bytes, body: bytes | pa.Buffer) -> None:
    """Send one thing."""
    pipe.write(kind + len(body).to_bytes(8, "little"))
    pipe.write(body)
    pipe.flush()  # who reads may want no more than this


def confine(sending: int) -> None:
    """Leave a fork one file alone, nothing to say when it crashes, and its parent's end."""
    die_with_parent()
    gc.disable()  # what other generators of the parent hold is not the fork's to end
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, too, and ends this process
    for ended in (signal.SIGTERM, signal.SIGXCPU):
        signal.signal(ended, signal.SIG_DFL)
    faulthandler.disable()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.closerange(3, sending)
    os.closerange(sending + 1, os.sysconf("SC_OPEN_MAX"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit(size: int) -> None:
    """Leave this process the memory and the time that reading so many bytes may take."""
    # Arrow's usual allocator takes addresses in advance: before it is measured what this process has, if it can be.
    with contextlib.suppress(NotImplementedError):
        pa.allocate_buffer(1, memory_pool=pa.mimalloc_memory_pool())
    pa.set_memory_pool(pa.system_memory_pool())
    lower(resource.RLIMIT_CPU, measure_time(size))
    if USE.is_file():
        # Not all addresses: Arrow's threads reserve some hundred MiB each, of which they use nothing.
        used = int(USE.read_text(encoding="ascii").split()[5]) * mmap.PAGESIZE
        lower(resource.RLIMIT_DATA, used + size + ROOM)


def lower(kind: int, most: int) -> None:
    """Limit this process to so much, or to what it is limited to if that is less."""
    known = [own for own in resource.getrlimit(kind) if own != resource.RLIM_INFINITY]
    least = min([most, *known])
    resource.setrlimit(kind, (least, least))
