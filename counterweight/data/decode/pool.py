"""Work on many images by all cores, in a stream: memory holds a few dozen of them at a time."""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from math import prod
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.forkserver import ensure_running
from threading import RLock, current_thread, main_thread
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from counterweight.core.process import die_with_parent
from counterweight.data.decode.facts import Ends, Facts, inspect
from counterweight.data.decode.images import BadFile, Picture, Target, decode_picture, try_image
from counterweight.data.decode.opening import Encoded, name_image

CHUNK = 64
CHUNK_BYTES = 2**20
WAITING = 6  # chunks per worker that are under way: enough to keep it busy while others are written
PATIENCE_SECONDS = 60  # with one image
STARTING = RLock()
"""One thread at a time changes the environment; of two at once the second would put back what the first had set."""
PRELOADED = ["counterweight.data.decode.images", "counterweight.data.decode.lifeline"]


class Decoded(NamedTuple):
    """Some images in the order in which they were given, uint8 (N, C, H, W), and of each why it is bad, or None.

    `several` are the places of those that have more frames than the one that is read, `clipped` of those that have
    values outside of black and white.
    """

    images: npt.NDArray[np.uint8]
    bad: list[BadFile | None]
    several: Sequence[int] = ()
    clipped: Sequence[int] = ()

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Which of the images could be read, bool (N,); the others have no pixels to speak of."""
        return np.array([bad is None for bad in self.bad], dtype=np.bool_)


Chunk = Sequence[Encoded]
Gathered = TypeVar("Gathered")


class Job(NamedTuple, Generic[Gathered]):
    """What is done with each image, and what becomes of the results of a chunk, bad files among them.

    `gather` takes the results as they come, so that it decides what is kept of them.
    """

    work: Callable[[Encoded], Any]
    gather: Callable[[Iterable[Any]], Gathered]


class Workers:
    """Processes that work on images: started when there is work for them, kept until the end of a `with`.

    An image that makes a decoder crash or hang ends one of them, and is a bad file and no more.
    """

    def __init__(self, most: int | None = None) -> None:
        """Start nothing yet; `most` processes at once are as many as there are cores unless told otherwise."""
        self.most = most or count_cores()
        self.pool = start_pool(self.most)

    def submit(self, chunk: Chunk, job: Job[Gathered]) -> Future[Gathered]:
        """Let a worker work on a chunk."""
        with starting_servers():
            try:
                return self.pool.submit(work_on, chunk, job)
            except BrokenProcessPool:  # one died while there was nothing to do
                self.replace()
                return self.pool.submit(work_on, chunk, job)

    def replace(self) -> None:
        """Start anew after one died; all that was under way is lost."""
        self.pool.shutdown()
        self.pool = start_pool(self.most)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(cancel_futures=True)


def decode_images(
    images: Iterable[Encoded], total: int, target: Target, label: str | None, workers: Workers
) -> Iterator[Decoded]:
    """Decode images in the order in which they come, a chunk at a time.

    Args:
        total: how many images there are.
        label: name of the progress bar, which shows itself in a terminal only; None for no bar.
    """
    size = max(1, min(CHUNK, CHUNK_BYTES // prod(target.shape)))  # Larger images travel in smaller chunks.
    job = Job(partial(decode_picture, target=target), partial(stack_images, shape=(size, *target.shape)))
    return process_images(images, total, job, label, size, workers)


def stack_images(results: Iterable[Picture | BadFile], shape: tuple[int, int, int, int]) -> Decoded:
    """Put up to N images into one array (N, C, H, W), in the worker, as one travels faster than many.

    Each goes there at once: kept until the last is there, they scatter over the memory that the next is decoded in,
    which measured a tenth of the time.
    """
    images, bad = np.zeros(shape, dtype=np.uint8), list[BadFile | None]()
    several, clipped = list[int](), list[int]()
    for image, result in zip(images, results, strict=False):  # The last chunk may be shorter than the array.
        bad.append(result if isinstance(result, BadFile) else None)
        if not isinstance(result, BadFile):
            image[...] = result.pixels
            several += [len(bad) - 1] if result.several else []
            clipped += [len(bad) - 1] if result.clipped else []
    return Decoded(images[: len(bad)], bad, several, clipped)


def inspect_images(
    images: Iterable[Encoded], total: int, label: str | None, ends: Ends | None = None
) -> Iterator[list[Facts | BadFile]]:
    """Look at images, a chunk at a time; arguments as of `decode_images` and `inspect`."""
    with Workers() as workers:
        yield from process_images(images, total, Job(partial(inspect, ends=ends), list), label, CHUNK, workers)


def process_images(
    images: Iterable[Encoded], total: int, job: Job[Gathered], label: str | None, size: int, workers: Workers
) -> Iterator[Gathered]:
    """Let all cores work on images, and yield what they make of each chunk of a size, in order."""
    waiting = iter(images)
    chunks: Iterator[Chunk] = iter(lambda: list(islice(waiting, size)), [])
    silent = True if label is None else None
    with tqdm(total=total, desc=label, unit="image", disable=silent) as bar:
        for gathered in process_in_order(chunks, job, workers):
            yield gathered
            bar.update(min(size, total - bar.n))


def process_in_order(chunks: Iterator[Chunk], job: Job[Gathered], workers: Workers) -> Iterator[Gathered]:
    """Let workers work on the chunks, and yield the results in their order."""
    under_way = deque[tuple[Chunk, Future[Gathered]]]()
    try:
        for chunk in islice(chunks, workers.most * WAITING):
            under_way.append((chunk, workers.submit(chunk, job)))
        while under_way:
            chunk, future = under_way.popleft()
            try:
                gathered = future.result()
            except BrokenProcessPool:
                workers.replace()
                # A pool that breaks loses all that it was given, also chunks that no worker had begun.
                lost = [other for other, _ in under_way]
                gathered = work_singly(chunk, job)
                under_way = deque((other, workers.submit(other, job)) for other in lost)
            yield gathered
            under_way += [(more, workers.submit(more, job)) for more in islice(chunks, 1)]
    finally:
        for _, future in under_way:
            future.cancel()


def warm_up() -> None:
    """Let the server of workers start while other things are done: it imports what they need."""
    get_context("forkserver").set_forkserver_preload(PRELOADED)
    with starting_servers():
        ensure_running()


def start_pool(most: int) -> ProcessPoolExecutor:
    """Return a pool of processes; the server they are forked from has no threads that a fork could catch at work."""
    get_context("forkserver").set_forkserver_preload(PRELOADED)
    with starting_servers():
        return ProcessPoolExecutor(most, get_context("forkserver"), initializer=die_with_stage)


@contextmanager
def starting_servers() -> Iterator[None]:
    """Let processes that are started within import from where this one does alone, and never see Ctrl-C.

    multiprocessing starts its servers by `python -c`, which looks into the current folder first: in a stranger's, their
    `socket.py` would run. And Ctrl-C, which reaches all processes of a terminal, ended the import of such a server in a
    traceback; they end with this process anyway.
    """
    own = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with STARTING, holding_signals():
        before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)
        resource_tracker.ensure_running()  # which lets Ctrl-C through again when it has started
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def holding_signals() -> Iterator[None]:
    """Let signals that Python handles be seen at the end, whichever thread they come to.

    An exception halfway through a worker's start took away what it still had to read, and it ended in a traceback.
    """
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: own for number, own in before.items() if callable(own)}
    if current_thread() is not main_thread():  # in which handlers run, and raise what they do
        before = {}
    try:
        for number in before:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, own in before.items():
            signal.signal(number, own)
        for late in came:
            signal.raise_signal(late)


def die_with_stage() -> None:
    """Tie a worker to the server that it was forked from, and thereby to the stage that it works for."""
    from counterweight.data.decode.lifeline import SERVER  # imported in the server, before this worker was

    die_with_parent()
    stage = parent_process()
    # Where one died while the next was starting, the kernel was asked too late, and this worker would wait for work for
    # ever: the stage while the server imported, or the server, which dies with the first thread of a killed stage while
    # others of it seem to live.
    if os.getppid() != SERVER or (stage is not None and not stage.is_alive()):
        os._exit(128 + signal.SIGKILL)


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    # May be fewer than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work_on(chunk: Chunk, job: Job[Gathered]) -> Gathered:
    """Work on a chunk, in a worker; the kernel ends a worker that an image keeps too long."""

    def results() -> Iterator[Any]:
        for image in chunk:
            signal.alarm(PATIENCE_SECONDS)  # Not caught: SIGALRM ends the process, however deep in C it is.
            yield try_image(job.work, image)

    gathered = job.gather(results())
    signal.alarm(0)
    return gathered


def work_singly(chunk: Chunk, job: Job[Gathered]) -> Gathered:
    """Work on a chunk of which some image ends its worker, one image at a time."""
    results = list[Any]()
    with Workers(1) as worker:
        for image in chunk:
            try:
                results += worker.submit([image], Job(job.work, list)).result()
            except BrokenProcessPool:
                worker.replace()
                fault = f"its decoder crashes, or takes over {PATIENCE_SECONDS} s"
                results.append(BadFile(name_image(image), "unreadable", fault))
    return job.gather(results)
