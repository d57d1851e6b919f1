"""Where networks live, and how several share a CPU."""

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
) -> list[Result]:
    """Apply `function` to every item under a progress bar: one after another on a GPU, in threads on the CPU.

    Small networks gain little from several threads per operation. Each item has one thread to itself,
    which also makes the result independent of the number of cores; torch lets the threads run in parallel.

    Args:
        title: of the bar; None: none is shown.
        stop: set when an item fails or the user gives up, for others that are under way to end early.
        imports: modules that items import when they need them. They are imported before the threads start: of two that
            import libraries which import each other, one may see the other's half.

    Raises:
        Exception: what the item raised that was the first to fail; items that have not begun are left.
    """
    workers = prepare_workers(len(items), device, imports)
    disable = None if title is not None else True  # None: where nobody watches
    # Threads, not processes: nothing is copied, and torch lets go of Python's lock while it computes.
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            futures = [pool.submit(function, item) for item in items]
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
        ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool,
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


def prepare_workers(count: int, device: torch.device, imports: Iterable[str]) -> int:
    """Import modules that so many items need, before threads start, and return how many of these there should be."""
    for name in imports:
        import_module(name)
    return 1 if device.type == "cuda" else max(1, min(count, len(os.sched_getaffinity(0))))
