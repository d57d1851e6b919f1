"""The device that is pretended refuses what a GPU refuses, and computes what the CPU computes."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.pretended import Device, Pretended, pretend_device, streams
from tests.pretended_streams import PretendedStream

CPU = torch.device("cpu")
ONES = torch.ones(3)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    with pretend_device(monkeypatch) as found:
        yield found


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda gpu: gpu + ONES, RuntimeError, "add: expected all tensors to be on the same device"),
        (lambda gpu: torch.cat([gpu, ONES]), RuntimeError, "cat: expected all tensors"),
        (lambda gpu: nn.Linear(3, 2)(gpu), RuntimeError, "expected all tensors"),
        (lambda gpu: ONES[gpu.long()], RuntimeError, "indices should be either on cpu or on the same device"),
        (lambda gpu: gpu.numpy(), TypeError, "can't convert cuda:0 device type tensor to numpy"),
        (lambda gpu: np.asarray(gpu), TypeError, "can't convert cuda:0"),
        (lambda gpu: torch.rand(3, generator=torch.Generator(), device=gpu.device), RuntimeError, "found 'cpu'"),
        (lambda gpu: torch.rand(3, generator=torch.Generator("cuda")), RuntimeError, "found 'cuda'"),
        (lambda gpu: torch.randperm(3, generator=torch.Generator(gpu.device)), RuntimeError, "found 'cuda'"),
        (lambda gpu: gpu.uniform_(generator=torch.Generator()), RuntimeError, "found 'cpu'"),
    ],
)
def test_what_a_gpu_refuses_is_refused(
    run: Callable[[Tensor], object], error: type[Exception], message: str, there: Device
) -> None:
    gpu = ONES.to(there.name)
    assert str(gpu.device) == "cuda:0"
    with pytest.raises(error, match=message):
        run(gpu)


@pytest.mark.parametrize(
    "run",
    [
        lambda gpu: gpu.cpu(),
        lambda gpu: gpu.to("cpu"),
        lambda gpu: float(gpu.sum()),
        lambda gpu: bool(gpu.any()),
        lambda gpu: gpu.tolist(),
        lambda gpu: gpu.nonzero(),
        lambda gpu: gpu[gpu > 0],
        lambda gpu: gpu[torch.tensor([0, 1])],
        lambda gpu: ONES.to(gpu.device),
        lambda gpu: gpu.copy_(ONES),
        lambda gpu: torch.tensor([1.0], device=gpu.device),
        lambda gpu: gpu.unique(),
    ],
)
def test_what_waits_for_a_gpu_can_be_refused(run: Callable[[Tensor], object], there: Device) -> None:
    gpu = ONES.to(there.name)
    run(gpu)
    there.refuse_waits(True)
    with pytest.raises(RuntimeError, match="called a synchronizing operation"):
        run(gpu)
    there.refuse_waits(False)
    run(gpu)


@pytest.mark.parametrize(
    "run",
    [
        lambda gpu: gpu + 1,
        lambda gpu: gpu * torch.tensor(2.0),
        lambda gpu: gpu[torch.zeros(2, dtype=torch.int64, device=gpu.device)],
        lambda gpu: torch.where(gpu > 0, gpu, 1),
        lambda gpu: torch.randn(3, generator=torch.Generator(gpu.device), device=gpu.device),
        lambda gpu: nn.functional.one_hot(gpu.long(), 2),
        lambda gpu: gpu.new_zeros(3),
        lambda gpu: torch.arange(3, device=gpu.device),
    ],
)
def test_what_stays_on_a_gpu_does_not_wait(run: Callable[[Tensor], Tensor], there: Device) -> None:
    gpu = ONES.to(there.name)
    there.refuse_waits(True)
    made = run(gpu)
    there.refuse_waits(False)
    assert isinstance(made, Pretended)
    assert type(made.cpu()) is Tensor


@pytest.fixture
def beside(there: Device) -> tuple[Tensor, PretendedStream]:
    """A tensor that the default stream is computing, and another stream that this thread is on."""
    gpu, other = ONES.to(there.name) * 2, torch.cuda.Stream(there.name)
    torch.cuda.set_stream(other)
    assert torch.cuda.current_stream(there.name) is other
    return gpu, other


READINGS: list[Callable[[Tensor], object]] = [
    lambda gpu: gpu + 1,
    lambda gpu: gpu[1:].sum(),
    lambda gpu: gpu.add_(1),
    lambda gpu: gpu.cpu(),
    lambda gpu: gpu.tolist(),
    lambda gpu: torch.zeros(3, device=gpu.device).copy_(gpu),
    deepcopy,
]


@pytest.mark.parametrize("run", READINGS)
def test_what_a_stream_reads_of_another_too_early_is_refused(
    run: Callable[[Tensor], object], beside: tuple[Tensor, PretendedStream]
) -> None:
    gpu, _ = beside
    with pytest.raises(RuntimeError, match="a stream reads what another may still be computing"):
        run(gpu)


@pytest.mark.parametrize("ready", ["waited", "synchronized", "fetched"])
@pytest.mark.parametrize("run", READINGS)
def test_what_is_done_may_be_read(
    run: Callable[[Tensor], object], ready: str, beside: tuple[Tensor, PretendedStream]
) -> None:
    gpu, other = beside
    if ready == "waited":
        other.wait_stream(streams.default)
    elif ready == "synchronized":
        streams.default.synchronize()
    else:
        torch.cuda.set_stream(streams.default)
        gpu.sum().item()
        torch.cuda.set_stream(other)
    run(gpu)


@pytest.mark.parametrize("write", [lambda gpu: gpu.add_(1), lambda gpu: gpu[0].zero_(), lambda gpu: gpu[:2].mul_(2)])
def test_what_is_written_in_place_is_computed_anew(
    write: Callable[[Tensor], object], beside: tuple[Tensor, PretendedStream]
) -> None:
    gpu, other = beside
    other.wait_stream(streams.default)
    write(gpu)
    torch.cuda.set_stream(streams.default)
    with pytest.raises(RuntimeError, match="may still be computing"):
        gpu.sum()
    streams.default.wait_stream(other)
    gpu.sum()


def test_a_view_is_not_written(beside: tuple[Tensor, PretendedStream]) -> None:
    gpu, other = beside
    other.wait_stream(streams.default)
    gpu[1:].view(2, 1)
    torch.cuda.set_stream(streams.default)
    gpu.sum()


def test_gradients_reach_what_came_from_the_cpu_and_back(there: Device) -> None:
    here = ONES.clone().requires_grad_()
    (here.to(there.name).square().cpu() * 3).sum().backward()
    assert type(here.grad) is Tensor
    assert here.grad.tolist() == [6.0, 6.0, 6.0]


def test_nothing_is_pretended_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pretend_device(patch) as device:
        assert isinstance(torch.zeros(1, device=device.name), Pretended)
    assert type(torch.zeros(1)) is Tensor
    assert torch.Generator(CPU).device == CPU
    assert type(torch.nn.Linear(1, 1).double().weight.data) is Tensor
