"""Choosing a device, and doing several things at once."""

import os
import signal
import threading
import time
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest
import torch

from counterweight.core import devices
from counterweight.core.devices import choose_device, map_in_parallel
from counterweight.core.errors import UserError
from tests.pretended import Device

CPU = torch.device("cpu")


@pytest.mark.parametrize(("name", "found"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("cuda:7", 2)])
def test_a_cuda_device_that_is_not_there_is_refused(name: str, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    with pytest.raises(UserError, match=f"device: '{name}' is not there; {found} CUDA devices found"):
        choose_device(name)


def test_a_cuda_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device("cuda") == torch.device("cuda")


@pytest.mark.parametrize(("there", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_cuda_where_it_is(there: bool, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("auto") == torch.device(device)
    assert choose_device("cpu") == CPU


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.03 * (5 - item))
        return item * item

    assert map_in_parallel(slow_first, range(5), CPU, "") == [0, 1, 4, 9, 16]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU does one thing at a time")
def test_items_run_at_the_same_time_on_the_cpu_and_one_by_one_on_a_gpu(device: Device) -> None:
    barrier = threading.Barrier(2, timeout=10)
    assert len(map_in_parallel(lambda item: barrier.wait(), [1, 2], CPU, "")) == 2
    running: list[int] = []

    def alone(item: int) -> int:
        running.append(item)
        time.sleep(0.01)
        seen = len(running)
        running.remove(item)
        return seen

    assert map_in_parallel(alone, range(4), device.name, "") == [1, 1, 1, 1]


def test_every_item_has_one_of_torchs_threads_and_ours_keep_their_number() -> None:
    torch.set_num_threads(2)
    assert map_in_parallel(lambda item: torch.get_num_threads(), range(4), CPU, "") == [1, 1, 1, 1]
    assert torch.get_num_threads() == 2


def test_an_exception_comes_through_and_what_has_not_begun_is_left() -> None:
    begun: list[int] = []

    def fails(item: int) -> None:
        begun.append(item)
        time.sleep(0.01)
        if item == 1:
            raise UserError("item 1 is not possible")

    with pytest.raises(UserError, match="item 1 is not possible"):
        map_in_parallel(fails, range(200), CPU, "")
    assert len(begun) < 200


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU does one thing at a time")
def test_a_failure_ends_what_began_before_it_and_goes_on() -> None:
    """Of two items side by side the second fails: the first would go on for a minute, but is told to stop."""
    stop = threading.Event()

    def endless_or_broken(item: int) -> None:
        if item == 1:
            raise UserError("item 1 is not possible")
        if not stop.wait(60):
            raise AssertionError("never told to stop")
        raise RuntimeError("stopped")

    began = time.monotonic()
    with pytest.raises(UserError, match="item 1 is not possible"):
        map_in_parallel(endless_or_broken, range(2), CPU, None, stop)
    assert time.monotonic() - began < 30


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU does one thing at a time")
@pytest.mark.usefixtures("interruptible")
def test_a_user_who_gives_up_ends_what_is_under_way() -> None:
    stop, begun = threading.Event(), threading.Barrier(2, timeout=30)
    main = threading.main_thread().ident or 0

    def endless(item: int) -> None:
        begun.wait()
        if item == 1:
            signal.pthread_kill(main, signal.SIGINT)
        if not stop.wait(60):
            raise AssertionError("never told to stop")

    with pytest.raises(KeyboardInterrupt):
        map_in_parallel(endless, range(9), CPU, None, stop)


def test_a_bar_is_shown_where_it_has_a_title_and_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool | None] = []

    def watched(items: Iterable[object], title: str | None, total: int, disable: bool | None, **_: object) -> object:
        seen.append(disable)
        assert total == 3
        return items

    monkeypatch.setattr(devices, "tqdm", watched)
    for title in ("a title", None):
        map_in_parallel(str, range(3), CPU, title)
    assert seen == [None, True]


def test_what_items_import_is_imported_before_the_threads_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that import at once may see each other's halves."""
    (tmp_path / "a_heavy_library.py").write_text("import threading\nthread = threading.current_thread()\n")
    monkeypatch.syspath_prepend(tmp_path)

    def use(item: int) -> threading.Thread:
        thread: threading.Thread = import_module("a_heavy_library").thread
        return thread

    assert map_in_parallel(use, range(2), CPU, None, imports=["a_heavy_library"]) == [threading.main_thread()] * 2
