"""Which images of a set form which batch."""

from collections.abc import Sequence

import torch
from torch import Tensor


def draw_batches(labels: Tensor, size: int, balanced: bool, rng: torch.Generator) -> list[Tensor]:
    """Return the batches of one epoch as indices, each int64 (B,), on the CPU.

    A shuffled epoch walks through the set once and leaves out an incomplete last batch; a balanced one
    has as many batches, each with every class as often as any other, give or take one image, drawn with
    replacement inside the class. A set smaller than a batch is one batch.
    """
    size = min(size, len(labels))
    count = len(labels) // size
    if not balanced:
        return list(torch.randperm(len(labels), generator=rng)[: count * size].split(size))
    classes = labels.unique()
    pools = [(labels == label).nonzero().squeeze(1) for label in classes]
    return [draw_balanced_batch(pools, size, rng) for _ in range(count)]


def send_batches(batches: Sequence[Tensor], device: torch.device) -> Sequence[Tensor]:
    """Return batches of indices on a device, to which all go at once: each copy would wait for what it is computing."""
    sent: Sequence[Tensor] = torch.cat([*batches]).to(device).split([len(batch) for batch in batches])
    return sent


def draw_balanced_batch(pools: list[Tensor], size: int, rng: torch.Generator) -> Tensor:
    """Return `size` indices spread evenly over the pools, the remainder over randomly chosen ones."""
    order = torch.randperm(len(pools), generator=rng).tolist()  # The remainder favours no class over many batches.
    sizes = [size // len(pools) + (place < size % len(pools)) for place in range(len(pools))]
    picks = [
        pools[pool][torch.randint(len(pools[pool]), (count,), generator=rng)]
        for pool, count in zip(order, sizes, strict=True)
    ]
    return torch.cat(picks)[torch.randperm(size, generator=rng)]  # a part of a batch is to have all classes, too
