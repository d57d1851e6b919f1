"""A device that is not there: tensors that say they are on `cuda:0`, and are computed on the CPU.

Nobody has to own a GPU to see that a tensor on the CPU meets one elsewhere, that a generator of random numbers belongs
to another device than what is drawn, that an array is made of a tensor before that was fetched, that a training waits
for the device between two steps: here that is an error, as it is on a GPU; and so is what one stream reads of another
too early (`tests.pretended_streams`). What kernels, memory and rounding do there is not pretended.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_leaves, tree_map

from tests.pretended_streams import Streams, find_memory, find_written

PRETENDED, CUDA = "pretended", "cuda"
"""Kinds of devices."""
CPU, FIRST = torch.device("cpu"), torch.device("cuda", 0)
RealGenerator = torch.Generator
FETCHING = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "bincount",
    "equal",
    "is_nonzero",
)
"""Operators whose result, or its size, the CPU waits for."""
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")
"""Operators that take indices on the CPU, too, and wait for them."""
OF_MEMORY = (Tensor.untyped_storage, Tensor.data_ptr)
SENDING = (torch.tensor, torch.as_tensor, torch.asarray)

waits_refused = Event()
streams = Streams()


@dataclass
class Device:
    """A CUDA device of either kind."""

    name: torch.device
    kind: str
    mode: "Pretending | None" = None

    def refuse_waits(self, refused: bool) -> None:
        """Let what waits for the device be an error, or not."""
        if self.mode is None:
            torch.cuda.set_sync_debug_mode("error" if refused else "default")
        elif refused:
            waits_refused.set()
        else:
            waits_refused.clear()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Do not pretend for a while."""
        assert self.mode is not None
        self.mode.__exit__(None, None, None)
        try:
            yield
        finally:
            self.mode.__enter__()


def wait(reason: str) -> None:
    """Say that the CPU waits for the device.

    Raises:
        RuntimeError: that is refused.
    """
    if waits_refused.is_set():
        raise RuntimeError(f"called a synchronizing operation: {reason}")
    streams.current().finish()


class Pretended(Tensor):
    """A tensor on the device."""

    inner: Tensor

    @staticmethod
    def __new__(cls: type["Pretended"], inner: Tensor) -> "Pretended":
        # To torch's core they are on the CPU, whose backward pass needs no thread of a device's own.
        facts = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        made = Tensor._make_wrapper_subclass(cls, inner.shape, device=CPU, **facts)  # type: ignore[attr-defined]
        made.inner = inner
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return FIRST

    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        streams.read("deepcopy", [self.inner])
        made = bring(self.inner.detach().clone()).requires_grad_(self.requires_grad)
        if getattr(self, "_is_param", False):
            made._is_param = True  # type: ignore[attr-defined]
        memo[id(self)] = made
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        named = dict(kwargs or {})
        given = [each for each in tree_leaves((args, named)) if isinstance(each, Tensor)]
        name = func.overloadpacket.__name__
        check_devices(name, args, given)
        inner = [each.inner for each in given if isinstance(each, Pretended)]
        streams.read(name, inner)
        args_inside, named_inside = tree_map(unwrap, args), tree_map(unwrap, named)
        made = func(*args_inside, **named_inside)
        if torch.Tag.inplace_view in func.tags:  # `unsqueeze_`: the outer tensor's shape changes, too
            with no_dispatch():
                func(*args, **named)
        streams.write(name, find_written(func, args_inside, named_inside) + list_new(made, inner))
        own = {id(each.inner): each for each in given if isinstance(each, Pretended)}
        if name == "copy_" and not isinstance(args[0], Pretended):
            return args[0]
        return tree_map(lambda each: own[id(each)] if id(each) in own else wrap(each), made)


def unwrap(value: Any) -> Any:  # noqa: ANN401
    return value.inner if isinstance(value, Pretended) else value


def wrap(value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, Tensor) or isinstance(value, Pretended):
        return value
    return Pretended(value.detach()).requires_grad_(value.requires_grad)


def bring(inner: Tensor) -> Tensor:
    """Return a tensor on the device that the current stream has just made."""
    streams.write("bring", [inner])
    return Pretended(inner)


def list_new(made: Any, inner: list[Tensor]) -> list[Tensor]:  # noqa: ANN401
    """Return the tensors that an operator made, but for views of what it was given."""
    known = {find_memory(each) for each in inner}
    return [each for each in tree_leaves(made) if isinstance(each, Tensor) and find_memory(each) not in known]


def check_devices(name: str, args: Any, given: list[Tensor]) -> None:  # noqa: ANN401
    """Refuse tensors of two devices where a GPU would, and what waits where that is refused."""
    others = [each for each in given if not isinstance(each, Pretended)]
    if name in FETCHING:
        wait(name)
    if name in INDEXING:
        if not isinstance(args[0], Pretended):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        indices = [each for each in args[1] if each is not None]
        masks = any(each.dtype in (torch.bool, torch.uint8) for each in indices)
        if masks and (name == "index" or args[2].numel() != 1):
            wait(f"{name} by a mask")
        if any(not isinstance(each, Pretended) for each in indices):
            wait(f"{name} by indices on the CPU")
        others = [each for each in others if not any(each is index for index in indices)]
    if name in ("_to_copy", "copy_"):
        if others:
            wait(f"{name} between devices")
        return
    if any(each.dim() for each in others):
        shapes = [tuple(each.shape) for each in others]
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, but found {shapes} on cpu")


class Send(torch.autograd.Function):
    """A tensor goes from the CPU to the device."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        return bring(values.detach().clone())

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        return unwrap(gradient)  # type: ignore[no-any-return]


class Fetch(torch.autograd.Function):
    """A tensor goes from the device to the CPU."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        return unwrap(values).detach().clone()  # type: ignore[no-any-return]

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        return bring(gradient)


class PretendedGenerator(RealGenerator):
    """A generator of random numbers on the device, which draws what one on the CPU would."""

    def __new__(cls, device: torch.device | str = CPU) -> Any:  # noqa: ANN401
        return super().__new__(cls, CPU) if torch.device(device).type == "cuda" else RealGenerator(CPU)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return FIRST


class Pretending(TorchFunctionMode):
    """What is asked for on `cuda` is made by a pretended device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        named = dict(kwargs or {})
        if func is Tensor.cpu:
            return fetch(args[0])
        if func is Tensor.cuda:
            return send(args[0])
        if func in (Tensor.numpy, Tensor.__array__) and isinstance(args[0], Pretended):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
        if func is Tensor.tolist and isinstance(args[0], Pretended):
            streams.read("tolist", [args[0].inner])
            wait("tolist")
            return args[0].inner.tolist()
        if named.get("generator") is not None:
            check_generator(func, args, named)
        if func in OF_MEMORY:
            return func(unwrap(args[0]))
        if func is Tensor.to:
            return move(args, named)
        if func is functional.one_hot and isinstance(args[0], Pretended):  # made of parts
            return wrap(func(args[0].inner, *args[1:], **named))
        if named.get("device") is not None and torch.device(named["device"]).type == "cuda":
            if func in SENDING:
                wait(f"{func.__name__} on the device")
            made = func(*args, **named | {"device": CPU})
            return bring(made.detach()).requires_grad_(made.requires_grad)
        return func(*args, **named)


def send(values: Tensor) -> Tensor:
    """Bring a tensor to the device."""
    if isinstance(values, Pretended):
        return values
    wait("a copy to the device")
    return Send.apply(values)  # type: ignore[no-any-return,no-untyped-call]


def fetch(values: Tensor) -> Tensor:
    """Bring a tensor to the CPU."""
    if not isinstance(values, Pretended):
        return values
    streams.read("a copy to the CPU", [values.inner])
    wait("a copy to the CPU")
    return Fetch.apply(values)  # type: ignore[no-any-return,no-untyped-call]


def move(args: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    """Do what `Tensor.to` does: `to(device)`, `to(device, dtype)`, `to(dtype)`, `to(tensor)`, or with names."""
    values, *given = args
    other = given[0] if given and isinstance(given[0], Tensor) else named.get("other")
    if other is not None:
        where, given, named = other.device, [other.dtype], {}
    elif given and (given[0] is None or isinstance(given[0], (str, int, torch.device))):
        where, given = given[0], given[1:]
    else:
        where = named.pop("device", None)
    given = [each for each in given if isinstance(each, torch.dtype)]
    kept = {
        key: value for key, value in named.items() if key in ("dtype", "copy", "memory_format") and value is not None
    }
    changed = Tensor.to(values, *given, **kept) if given or kept else values
    if where is None:
        return changed
    return fetch(changed) if torch.device(where).type == "cpu" else send(changed)


def check_generator(func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Refuse a generator of another device than what it fills."""
    first = next((each for each in args if isinstance(each, Tensor)), None)
    where = named.get("device") or (CPU if first is None else first.device)
    if torch.device(where).type != named["generator"].device.type:
        wanted, found = torch.device(where).type, named["generator"].device.type
        raise RuntimeError(f"{func.__name__}: expected a '{wanted}' device type for generator but found '{found}'")


@contextmanager
def pretend_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """Let there be a CUDA device, in threads that are started meanwhile, too."""
    run = Thread.run

    def run_pretending(self: Thread) -> None:
        with Pretending():
            run(self)

    def autocast(device_type: str, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        return torch.amp.autocast("cpu" if device_type == "cuda" else device_type, *given, **named)

    # Else a module on its way to the device would keep its parameters, which are tensors of another kind.
    monkeypatch.setattr(torch.__future__, "_overwrite_module_params_on_conversion", True)
    # Of inference's tensors, which count no changes, none can be made of others.
    monkeypatch.setattr(torch.inference_mode, "__enter__", torch.no_grad.__enter__)
    monkeypatch.setattr(torch.inference_mode, "__exit__", torch.no_grad.__exit__)
    monkeypatch.setattr(torch, "autocast", autocast)
    monkeypatch.setattr(torch, "Generator", PretendedGenerator)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "pretended")
    monkeypatch.setattr(Thread, "run", run_pretending)
    streams.stand_in(monkeypatch)
    try:
        with Pretending() as mode:
            yield Device(torch.device("cuda"), PRETENDED, mode)
    finally:
        waits_refused.clear()
        streams.forget()
