"""Decoding of many images by all cores, in a stream: memory holds a few dozen of them at a time."""

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from math import prod
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from stages.decoding import BadFile, Encoded, Target, decoded_or_bad, name_of
from stages.process import die_with_parent

CHUNK = 64
CHUNK_BYTES = 4 * 2**20
WAITING = 3  # chunks per worker that are under way: enough to keep it busy
PATIENCE_SECONDS = 60  # with one image


class Decoded(NamedTuple):
    """Some images in the order in which they were given, uint8 (N, C, H, W), and of each why it is bad, or None."""

    images: npt.NDArray[np.uint8]
    bad: list[BadFile | None]

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Which of the images could be read, bool (N,); the others have no pixels to speak of."""
        return np.array([bad is None for bad in self.bad], dtype=np.bool_)


Chunk = Sequence[Encoded]


def decoded(images: Iterable[Encoded], total: int, target: Target, label: str | None) -> Iterator[Decoded]:
    """Decode images in the order in which they come, a chunk at a time.

    Workers are processes of their own: an image that makes a decoder crash or hang is a bad file and no more.

    Args:
        total: how many images there are.
        label: name of the progress bar, which shows itself in a terminal only; None for no bar.
    """
    size = max(1, min(CHUNK, CHUNK_BYTES // prod(target.shape)))
    waiting = iter(images)
    chunks: Iterator[Chunk] = iter(lambda: list(islice(waiting, size)), [])
    silent = True if label is None else None
    with tqdm(total=total, desc=label, unit="image", disable=silent) as bar:
        for result in in_order(chunks, min(cores(), -(-total // size)), target):
            yield result
            bar.update(len(result.bad))


def in_order(chunks: Iterator[Chunk], workers: int, target: Target) -> Iterator[Decoded]:
    """Let workers decode the chunks, and yield the results in their order."""
    if workers == 0:
        return
    pool, under_way = new_pool(workers), deque[tuple[Chunk, Future[Decoded]]]()
    try:
        for chunk in islice(chunks, workers * WAITING):
            under_way.append((chunk, pool.submit(decode_chunk, chunk, target)))
        while under_way:
            chunk, future = under_way.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:  # all that was under way is lost with the worker that died
                pool.shutdown()
                pool, lost = new_pool(workers), [other for other, _ in under_way]
                result = decode_singly(chunk, target)
                under_way = deque((other, pool.submit(decode_chunk, other, target)) for other in lost)
            yield result
            under_way += [(more, pool.submit(decode_chunk, more, target)) for more in islice(chunks, 1)]
    finally:
        pool.shutdown(cancel_futures=True)


def new_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes; the server they are forked from has no threads that a fork could catch at work."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["stages.decoding"])
    return ProcessPoolExecutor(workers, context, initializer=die_with_parent)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode_chunk(chunk: Chunk, target: Target) -> Decoded:
    """Decode a chunk, in a worker; the kernel ends a worker that an image keeps too long."""
    pixels = np.zeros((len(chunk), *target.shape), dtype=np.uint8)
    bad = []
    for image, out in zip(chunk, pixels, strict=True):
        signal.alarm(PATIENCE_SECONDS)
        bad.append(decoded_or_bad(image, target, out))
    signal.alarm(0)
    return Decoded(pixels, bad)


def decode_singly(chunk: Chunk, target: Target) -> Decoded:
    """Decode a chunk of which some image ends its worker, one image at a time."""
    pool, results = new_pool(1), []
    for image in chunk:
        try:
            results.append(pool.submit(decode_chunk, [image], target).result())
        except BrokenProcessPool:
            pool.shutdown()
            pool = new_pool(1)
            fault = BadFile(name_of(image), "unreadable", f"its decoder crashes, or takes over {PATIENCE_SECONDS} s")
            results.append(Decoded(np.zeros((1, *target.shape), dtype=np.uint8), [fault]))
    pool.shutdown()
    return Decoded(np.concatenate([one.images for one in results]), [bad for one in results for bad in one.bad])
