"""Several items at once on a GPU, each on a stream of its own."""

import threading
import time
from typing import Any

import pytest
import torch
from torch import Tensor

from counterweight.core.devices import map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.params_file import RunSettings
from counterweight.core.schema import parse_settings
from tests.pretended import PRETENDED, Device, streams
from tests.pretended_streams import SYNCHRONIZED, WAITED

PATIENCE = 30
CPU = torch.device("cpu")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139 GiB")
NO_HANDLE = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


def one_at_a_time(barrier: threading.Barrier) -> bool:
    """Say whether nobody else came within a moment."""
    try:
        barrier.wait(0.2)
    except threading.BrokenBarrierError:
        barrier.reset()
        return True
    return False


@pytest.mark.parametrize("count", [2, 3])
def test_so_many_items_are_under_way_at_once(count: int, device: Device) -> None:
    """Each waits for the others."""
    barrier = threading.Barrier(count, timeout=PATIENCE)
    places = map_in_parallel(lambda _: barrier.wait(), range(2 * count), device.name, None, streams=count)
    assert sorted(places) == sorted([*range(count)] * 2)


def test_one_stream_is_one_item_at_a_time_on_the_callers(device: Device) -> None:
    barrier, here = threading.Barrier(2), torch.cuda.current_stream(device.name)

    def look(_: int) -> tuple[bool, bool]:
        return one_at_a_time(barrier), torch.cuda.current_stream(device.name) == here

    assert map_in_parallel(look, range(3), device.name, None, streams=1) == [(True, True)] * 3


class Noting(torch.autograd.Function):
    """Notes in which thread its backward pass is."""

    @staticmethod
    def forward(context: Any, values: Tensor, noted: list[int]) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        context.noted = noted
        return values * 2

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]  # noqa: ANN401
        context.noted.append(threading.get_ident())
        return gradient * 2, None


def test_each_item_has_its_backward_pass_in_its_own_thread(device: Device) -> None:
    """Where torch would have them all in one."""

    def differentiate(_: int) -> tuple[bool, bool, list[float]]:
        noted: list[int] = []
        values = torch.ones(2, device=device.name, requires_grad=True)
        Noting.apply(values, noted).sum().backward()  # type: ignore[no-untyped-call]
        assert values.grad is not None
        return torch._C._is_multithreading_enabled(), noted == [threading.get_ident()], values.grad.tolist()

    found = map_in_parallel(differentiate, range(4), device.name, None, streams=2)
    assert found == [(False, True, [2.0, 2.0])] * 4
    assert map_in_parallel(differentiate, range(2), device.name, None)[0][0]
    assert torch._C._is_multithreading_enabled()


def test_a_cpu_has_as_many_items_under_way_as_it_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    barrier = threading.Barrier(2)
    assert map_in_parallel(lambda _: one_at_a_time(barrier), range(2), CPU, None, streams=8) == [True, True]


@pytest.mark.parametrize(("items", "wanted", "opened"), [(5, 2, 2), (2, 8, 2), (1, 8, 0), (5, 1, 0)])
def test_there_is_a_stream_for_each_item_that_is_under_way(
    items: int, wanted: int, opened: int, device: Device
) -> None:
    """Those of one stream follow one another."""
    seen = map_in_parallel(
        lambda _: torch.cuda.current_stream(device.name), range(items), device.name, None, streams=wanted
    )
    here = torch.cuda.current_stream(device.name)
    assert len({*seen} - {here}) <= opened
    assert (here in seen) == (opened == 0)
    if device.kind == PRETENDED:
        assert len(streams.opened) == opened


def test_an_item_waits_for_what_was_made_before_and_ends_done(device: Device) -> None:
    """Its first operator follows the waiting, its last one is waited for; so for every item of a stream."""
    given = torch.arange(3.0, device=device.name)
    barrier = threading.Barrier(2, timeout=PATIENCE)

    def double(number: int) -> Tensor:
        if number < 2:
            barrier.wait()  # each takes one of the streams
        return given * 2 + number

    made = map_in_parallel(double, range(5), device.name, None, streams=2)
    assert [values.tolist() for values in made] == [[0.0 + n, 2.0 + n, 4.0 + n] for n in range(5)]
    if device.kind == PRETENDED:
        item = [WAITED, "mul", "add", SYNCHRONIZED]
        counts = [len(stream.log) // len(item) for stream in streams.opened]
        assert [stream.log for stream in streams.opened] == [item * count for count in counts]
        assert (len(counts), sum(counts), 0 in counts) == (2, 5, False)


def test_what_an_item_makes_is_there_for_every_stream(device: Device) -> None:
    """Also on that of an item that comes later, and of a later call."""
    made = map_in_parallel(
        lambda number: torch.full((2,), number, device=device.name), range(4), device.name, None, streams=2
    )
    sums = map_in_parallel(
        lambda number: sum(values.sum() for values in made) + number, range(4), device.name, None, streams=4
    )
    assert torch.stack(sums).tolist() == [12, 13, 14, 15]


def test_what_one_item_makes_for_another_is_not_there_yet(device: Device) -> None:
    """What items share has to be made before: the device that is pretended refuses what a GPU would get wrong."""
    if device.kind != PRETENDED:
        pytest.skip("a GPU is wrong now and then")
    shared: list[Tensor] = []
    lazy = threading.Barrier(2, timeout=PATIENCE)

    def share(number: int) -> Tensor:
        if number == 0:
            shared.append(torch.ones(2, device=device.name))
        lazy.wait()
        try:
            return shared[0] + 1
        finally:
            lazy.wait()  # before the first is synchronised

    with pytest.raises(RuntimeError, match="add: a stream reads what another may still be computing"):
        map_in_parallel(share, range(2), device.name, None, streams=2)


def test_threads_that_an_item_starts_go_on_on_its_stream(device: Device) -> None:
    def nest(_: int) -> bool:
        here = torch.cuda.current_stream(device.name)
        made = torch.ones(2, device=device.name)
        inside = map_in_parallel(lambda _: (torch.cuda.current_stream(device.name), made + 1), [0], device.name, None)
        return inside[0][0] == here and inside[0][1].sum().item() == 4

    assert map_in_parallel(nest, range(4), device.name, None, streams=2) == [True] * 4


def test_an_item_that_fails_is_waited_for_and_what_has_not_begun_is_left(device: Device) -> None:
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        time.sleep(0.01)
        torch.ones(2, device=device.name)
        raise UserError(f"item {number} is not possible")

    with pytest.raises(UserError, match=r"item \d+ is not possible"):
        map_in_parallel(fail, range(200), device.name, None, streams=2)
    assert len(begun) < 200
    if device.kind == PRETENDED:
        assert all(stream.log[-1] == SYNCHRONIZED for stream in streams.opened if stream.log)
        assert any(stream.log for stream in streams.opened)


@pytest.mark.parametrize("error", [FULL, NO_HANDLE], ids=["memory", "handle"])
def test_what_a_gpu_has_no_memory_for_is_told_in_a_line(error: RuntimeError, device: Device) -> None:
    def fill(number: int) -> None:
        raise error

    with pytest.raises(UserError) as caught:
        map_in_parallel(fill, range(5), device.name, None, streams=4)
    assert str(caught.value) == (
        "not enough memory on cuda:0 for several items at once (params.yaml: streams: 4); a lower number needs less"
    )
    for items, wanted in ((5, 1), (1, 4)):  # where a lower number would not help
        with pytest.raises(RuntimeError, match="CUDA"):
            map_in_parallel(fill, range(items), device.name, None, streams=wanted)


def test_another_error_is_not_taken_for_one_of_memory(device: Device) -> None:
    def fail(number: int) -> None:
        raise RuntimeError("expected scalar type Float")

    with pytest.raises(RuntimeError, match="expected scalar type Float"):
        map_in_parallel(fail, range(5), device.name, None, streams=4)


@pytest.mark.parametrize(("value", "allowed"), [(1, True), (32, True), (0, False), (33, False), (2.0, False)])
def test_a_gpu_has_from_one_stream_to_as_many_as_torch_keeps(value: object, allowed: bool) -> None:
    values = {"seed": 0, "device": "cpu", "streams": value}
    if allowed:
        assert parse_settings(RunSettings, values, "params.yaml").streams == value
        return
    with pytest.raises(UserError, match=rf"^params.yaml: streams: {value} is not allowed"):
        parse_settings(RunSettings, values, "params.yaml")
