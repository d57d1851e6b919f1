"""Where networks live, and how several share a CPU."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from tqdm import tqdm

from counterweight.core.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    function: Callable[[Item], Result], items: Sequence[Item], device: torch.device, title: str
) -> list[Result]:
    """Apply `function` to every item under a progress bar: one after another on a GPU, in threads on the CPU.

    Small networks gain little from several threads per operation. Each item has one thread to itself,
    which also makes the result independent of the number of cores; torch lets the threads run in parallel.
    """
    workers = 1 if device.type == "cuda" else max(1, min(len(items), len(os.sched_getaffinity(0))))
    # Threads, not processes: nothing is copied, and torch lets go of Python's lock while it computes.
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(tqdm(pool.map(function, items), title, len(items), disable=None, dynamic_ncols=True))
