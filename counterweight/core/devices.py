"""Where networks live, and how several share a CPU or a GPU."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from importlib import import_module
from threading import Event
from typing import TypeVar

import torch
from tqdm import tqdm

from counterweight.core.errors import UserError
from counterweight.core.process import is_out_of_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

OPTIMISERS = "torch._dynamo"
"""What torch itself imports when the first optimiser is built, for more than a second."""


def choose_device(name: str) -> torch.device:
    """Return the device called `name`, or for `auto` the first CUDA device and else the CPU.

    Raises:
        UserError: a CUDA device is asked for and there is none by that number.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():  # Without a number it is the first.
        raise UserError(f"params.yaml: device: '{name}' is not there; {torch.cuda.device_count()} CUDA devices found")
    return device


def map_in_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    device: torch.device,
    title: str | None,
    stop: Event | None = None,
    imports: Iterable[str] = (),
    streams: int = 1,
    most: int | None = None,
) -> list[Result]:
    """Apply `function` to every item under a progress bar: in threads on the CPU, so many at once on a GPU.

    Small networks gain little from several threads per operation. Each item has one thread to itself,
    which also makes the result independent of the number of cores; torch lets the threads run in parallel.
    On a GPU each thread has a stream, too. What all items share, networks and images, is made before: what one of them
    would make for the others, these might read on their streams too early.

    Args:
        title: of the bar; None: none is shown.
        stop: set when an item fails or the user gives up, for others that are under way to end early.
        imports: modules that items import when they need them. They are imported before the threads start: of two that
            import libraries which import each other, one may see the other's half.
        streams: items that a GPU computes at once, from 1 to 32, which is as many as torch has.
        most: items at once, where fewer fit into memory than would be computed; None: no matter.

    Raises:
        UserError: several items at once are more than a GPU has memory for.
        Exception: what the item raised that was the first to fail; items that have not begun are left.
    """
    workers = prepare_workers(len(items), device, imports, streams)
    workers = workers if most is None else min(workers, most)
    own = open_streams(device, workers)
    run = function if len(own) < 2 else compute_on_stream(function, torch.cuda.current_stream(device), streams)
    disable = None if title is not None else True  # None: where nobody watches
    # Threads, not processes: nothing is copied, and torch lets go of Python's lock while it computes.
    with ThreadPoolExecutor(workers, initializer=begin_thread, initargs=(own,)) as pool:
        try:
            futures = [pool.submit(run, item) for item in items]
            # As they end, not in their order: an item that fails is noticed while others before it go on.
            ended = as_completed(futures)
            for future in tqdm(ended, title, len(items), disable=disable, dynamic_ncols=True):
                future.result()
        except BaseException:
            if stop is not None:
                stop.set()  # Inside the block, whose end waits for them.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def iterate_in_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    device: torch.device,
    title: str,
    imports: Iterable[str] = (),
) -> Iterator[Result]:
    """Yield what `map_in_parallel` returns, in the items' order, with few results in memory: one more than workers.

    Raises:
        Exception: what an item raised, when its turn comes; items that have not begun are left, as they are where the
            caller takes no more.
    """
    workers = prepare_workers(len(items), device, imports)
    waiting: deque[Future[Result]] = deque()
    with (
        tqdm(None, title, len(items), disable=None, dynamic_ncols=True) as bar,
        ThreadPoolExecutor(workers, initializer=begin_thread, initargs=(open_streams(device, workers),)) as pool,
    ):
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
                    bar.update()
            while waiting:
                yield waiting.popleft().result()
                bar.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def prepare_workers(count: int, device: torch.device, imports: Iterable[str], streams: int = 1) -> int:
    """Import modules that so many items need, before threads start, and return how many of these there should be."""
    for name in imports:
        import_module(name)
    return count_workers(count, device, streams)


def count_workers(count: int, device: torch.device, streams: int = 1) -> int:
    """Return how many of so many items are computed side by side."""
    return max(1, min(count, streams if device.type == "cuda" else len(os.sched_getaffinity(0))))


def open_streams(device: torch.device, workers: int) -> list[torch.cuda.Stream]:
    """Return a stream of a GPU for each of several threads, for a single one the caller's; none for a CPU.

    A new thread is on the default stream, whatever that of the thread which starts it is waiting for.
    """
    if device.type != "cuda":
        return []
    return [torch.cuda.current_stream(device)] if workers == 1 else [torch.cuda.Stream(device) for _ in range(workers)]


def begin_thread(streams: list[torch.cuda.Stream]) -> None:
    """Let a new thread compute on one thread of the CPU, and on a stream of its own where there are any."""
    torch.set_num_threads(1)
    if streams:
        torch.cuda.set_stream(streams.pop())  # makes its device the thread's own, too


def compute_on_stream(
    function: Callable[[Item], Result], before: torch.cuda.Stream, streams: int
) -> Callable[[Item], Result]:
    """Return `function` for threads with streams of their own: it begins after what `before` has to do, and ends done.

    So what was made on `before` is there for the items, and what they make is there for any stream. Memory is safe for
    the same reason. Torch gives a freed block to the next who asks on the stream that it was made on, at once. A block
    of an item's stream that is freed later, while `before` may yet read it, goes to an item alone, which waits for
    `before` first. A block of `before` that an item frees goes to nobody as long as items run: who called them waits.
    """

    def run(item: Item) -> Result:
        own = torch.cuda.current_stream(before.device)
        own.wait_stream(before)
        try:
            # Backward passes would have to take turns in the one thread that torch has for those of a device.
            with torch.autograd.set_multithreading_enabled(False):
                return function(item)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            more = f"several items at once (params.yaml: streams: {streams}); a lower number needs less"
            raise UserError(f"not enough memory on {before.device} for {more}") from error
        finally:
            own.synchronize()

    return run
