"""Where networks live, and how several share a CPU."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    for name in imports:
        import_module(name)
    workers = 1 if device.type == "cuda" else max(1, min(len(items), len(os.sched_getaffinity(0))))
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
