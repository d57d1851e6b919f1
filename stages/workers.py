"""Work on many images by all cores, in a stream: memory holds a few dozen of them at a time."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from math import prod
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from stages.decoding import BadFile, Encoded, Facts, Target, decode, inspect, name_of, result_or_bad
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


Result = TypeVar("Result")
Chunk = Sequence[Encoded]
Work = Callable[[Encoded], Result]


def decoded(images: Iterable[Encoded], total: int, target: Target, label: str | None) -> Iterator[Decoded]:
    """Decode images in the order in which they come, a chunk at a time.

    Args:
        total: how many images there are.
        label: name of the progress bar, which shows itself in a terminal only; None for no bar.
    """
    size = max(1, min(CHUNK, CHUNK_BYTES // prod(target.shape)))
    none = np.zeros(target.shape, dtype=np.uint8)
    for results in worked(images, total, partial(decode, target=target), label, size):
        bad = [result if isinstance(result, BadFile) else None for result in results]
        yield Decoded(np.stack([none if isinstance(result, BadFile) else result for result in results]), bad)


def inspected(images: Iterable[Encoded], total: int, label: str | None) -> Iterator[list[Facts | BadFile]]:
    """Look at images, a chunk at a time; arguments as of `decoded`."""
    return worked(images, total, inspect, label, CHUNK)


def worked(
    images: Iterable[Encoded], total: int, work: Work[Result], label: str | None, size: int
) -> Iterator[list[Result | BadFile]]:
    """Let all cores work on images, and yield what they make of each chunk of a size, in order.

    Workers are processes of their own: an image that makes a decoder crash or hang is a bad file and no more.
    """
    waiting = iter(images)
    chunks: Iterator[Chunk] = iter(lambda: list(islice(waiting, size)), [])
    silent = True if label is None else None
    with tqdm(total=total, desc=label, unit="image", disable=silent) as bar:
        for results in in_order(chunks, min(cores(), -(-total // size)), work):
            yield results
            bar.update(len(results))


def in_order(chunks: Iterator[Chunk], workers: int, work: Work[Result]) -> Iterator[list[Result | BadFile]]:
    """Let workers work on the chunks, and yield the results in their order."""
    if workers == 0:
        return
    pool, under_way = new_pool(workers), deque[tuple[Chunk, Future[list[Result | BadFile]]]]()
    try:
        for chunk in islice(chunks, workers * WAITING):
            under_way.append((chunk, pool.submit(work_on, chunk, work)))
        while under_way:
            chunk, future = under_way.popleft()
            try:
                results = future.result()
            except BrokenProcessPool:  # all that was under way is lost with the worker that died
                pool.shutdown()
                pool, lost = new_pool(workers), [other for other, _ in under_way]
                results = work_singly(chunk, work)
                under_way = deque((other, pool.submit(work_on, other, work)) for other in lost)
            yield results
            under_way += [(more, pool.submit(work_on, more, work)) for more in islice(chunks, 1)]
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


def work_on(chunk: Chunk, work: Work[Result]) -> list[Result | BadFile]:
    """Work on a chunk, in a worker; the kernel ends a worker that an image keeps too long."""
    results = []
    for image in chunk:
        signal.alarm(PATIENCE_SECONDS)
        results.append(result_or_bad(work, image))
    signal.alarm(0)
    return results


def work_singly(chunk: Chunk, work: Work[Result]) -> list[Result | BadFile]:
    """Work on a chunk of which some image ends its worker, one image at a time."""
    pool, results = new_pool(1), list[Result | BadFile]()
    for image in chunk:
        try:
            results += pool.submit(work_on, [image], work).result()
        except BrokenProcessPool:
            pool.shutdown()
            pool = new_pool(1)
            fault = f"its decoder crashes, or takes over {PATIENCE_SECONDS} s"
            results.append(BadFile(name_of(image), "unreadable", fault))
    pool.shutdown()
    return results
