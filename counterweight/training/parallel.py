"""Several processes that train one model together, each on its share of every batch, to what one alone would learn.

Of a batch of B images, process r of P has those at r, r + P, r + 2 P, ... So shares of two batches one behind the other
are a share of both together, and of the first half of a batch, where P divides the sizes. Losses are means over images,
so that the mean of the processes' gradients is the gradient of the whole batch. What mixes images is made whole:

- random numbers are drawn for the whole batch by every process, which takes its share;
- batch normalisation takes mean and variance of the whole batch;
- sums that are no means, as the centres of features of `cvae_gan`, are added up (`layers.total_of_batch`).

All sums go with their gradients: each process differentiates the sum of all losses by what it computed itself.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from counterweight.networks.layers import total_of_batch

BUCKET = 2**23
"""Numbers, at most, that processes exchange at once, but for a larger tensor: 32 MiB of gradients."""

DRAWS: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint)


@dataclass(frozen=True)
class Processes:
    """One of several processes that train together; a single one has nothing to exchange."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes checkpoints, pictures and outputs, and shows progress."""
        return self.rank == 0

    def divide(self, sizes: Iterable[int]) -> bool:
        """Say whether each size is a whole number of equal parts, none empty."""
        return all(size > 0 and size % self.count == 0 for size in sizes)

    def share(self, rows: Tensor) -> Tensor:
        """Return this process's part of rows (B, ...)."""
        return rows[self.rank :: self.count]

    def whole_batches(self, rng: torch.Generator) -> AbstractContextManager[object]:
        """Return a context in which losses of a share are computed as of the whole batch, with numbers from `rng`."""
        return nullcontext() if self.count == 1 else WholeBatches(self, rng)

    def average(self, values: Tensor) -> Tensor:
        """Return the mean of all processes' values."""
        return values if self.count == 1 else Total.apply(values) / self.count

    def average_gradients(self, modules: Iterable[nn.Module]) -> None:
        """Replace gradients by their means over all processes."""
        if self.count == 1:
            return
        gradients = [each.grad for module in modules for each in module.parameters() if each.grad is not None]
        for bucket in fill_buckets(gradients):
            flat = self.average(torch.cat([gradient.flatten() for gradient in bucket]))
            parts = flat.split([gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view(gradient.shape))

    def align(self, module: nn.Module) -> None:
        """Give all processes the first one's parameters and buffers."""
        if self.count == 1:
            return
        for values in module.state_dict().values():
            same = values.contiguous()
            torch.distributed.broadcast(same, 0)
            values.copy_(same)

    def wait(self) -> None:
        """Wait until all processes have come this far."""
        if self.count > 1:
            torch.distributed.barrier()


ALONE = Processes()


def fill_buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors of one kind of numbers, in their order, in groups that are exchanged at once."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        full = sum(each.numel() for each in bucket) + tensor.numel() > BUCKET
        if bucket and (full or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket


class Total(torch.autograd.Function):
    """The sum of a tensor over all processes, as often differentiable as one likes.

    torch.distributed.nn.functional.all_reduce is the same, and is deprecated for one whose gradient is none.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401
        """Return the sum."""
        total = values.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # noqa: ANN401
        """Return the gradient of the sum of all processes' losses."""
        return Total.apply(gradient)


class WholeBatches(TorchFunctionMode):
    """Stands in for those functions of torch's whose result depends on all rows of a batch."""

    def __init__(self, processes: Processes, rng: torch.Generator) -> None:
        super().__init__()
        self.processes, self.rng = processes, rng

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Return what a function returns for the whole batch."""
        named = kwargs or {}
        if named.get("generator") is self.rng:
            return self.draw(func, args, named)
        if func is functional.batch_norm:
            return self.normalize(*args, **named)
        if func is total_of_batch:
            return Total.apply(*args)
        return func(*args, **named)

    def draw(self, func: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
        """Return this process's share of random rows; a single number, which has no rows, is the same for all."""
        count = self.processes.count
        if func is torch.randperm:
            return self.processes.share(torch.randperm(args[0] * count, **named))
        if func not in DRAWS:
            raise NotImplementedError(f"{func.__name__}: losses draw by rand, randn, randint or randperm alone")
        *limits, size = (args,) if isinstance(args[-1], int) else args  # rand(2, 3) or rand((2, 3))
        if len(size) == 0:
            single: Tensor = func(*limits, size, **named)
            return single
        return self.processes.share(func(*limits, (size[0] * count, *size[1:]), **named))

    def normalize(
        self,
        values: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Return values (B, C, ...) normalised by mean and variance of all processes' values (Ioffe and Szegedy 2015).

        nn.SyncBatchNorm does so on GPUs alone.
        """
        if not training:
            return functional.batch_norm(values, running_mean, running_var, weight, bias, False, momentum, eps)
        exact = values.to(torch.promote_types(values.dtype, torch.float32))
        mean, variance = self.measure(exact)
        if running_mean is not None and running_var is not None:
            count = self.processes.count * values.numel() / values.shape[1]
            with torch.no_grad():
                running_mean.lerp_(mean.to(running_mean.dtype), momentum)
                running_var.lerp_((variance * count / (count - 1)).to(running_var.dtype), momentum)
        scale = (variance + eps).rsqrt() if weight is None else weight * (variance + eps).rsqrt()
        shift = -mean * scale if bias is None else bias - mean * scale
        shape = (-1, *[1] * (values.dim() - 2))  # (C,) -> (C, 1, ...)
        return (exact * scale.view(shape) + shift.view(shape)).to(values.dtype)

    def measure(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance (C,) of all processes' values (B, C, ...), undistorted by their mean's size."""
        axes = [axis for axis in range(values.dim()) if axis != 1]
        variance, mean = torch.var_mean(values, axes, correction=0)
        own = torch.stack([mean, variance])
        # A row for each process, of which each fills its own, so that one sum tells all of all.
        rows = [own if rank == self.processes.rank else torch.zeros_like(own) for rank in range(self.processes.count)]
        means, variances = Total.apply(torch.stack(rows)).unbind(dim=1)  # (P, 2, C) -> two of (P, C)
        whole = means.mean(dim=0)
        # The variance of the whole is the mean variance within shares and the variance between their means.
        return whole, variances.mean(dim=0) + (means - whole).square().mean(dim=0)
